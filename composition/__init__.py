"""Builds the app from its settings: clients and use cases."""
