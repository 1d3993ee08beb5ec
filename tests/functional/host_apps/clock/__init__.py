"""A sample function app."""
