"""Explains what the gateway would do with mails: it runs the gateway's own code, and writes nothing anywhere."""
