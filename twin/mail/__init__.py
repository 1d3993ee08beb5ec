"""Mailboxes on Graph: folders, delta, messages, attachments, MIME, changes, and their failures."""
