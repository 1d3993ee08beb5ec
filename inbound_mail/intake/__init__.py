"""Reads support mailboxes: polls, attachments, write-back."""
