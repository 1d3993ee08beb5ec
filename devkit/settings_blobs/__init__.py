"""Reads, checks and writes the blobs that MAILBOXES and SINKS name, with a history."""
