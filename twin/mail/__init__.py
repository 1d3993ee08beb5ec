"""Mailboxes on Graph: folders, delta, messages, attachments, MIME, changes, and all that can go wrong with them."""
