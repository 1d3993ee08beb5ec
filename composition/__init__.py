"""Puts the app together: settings, clients, use cases."""
