"""Registers the gateway's app in Entra ID from the command line. Run by a person, never deployed."""
