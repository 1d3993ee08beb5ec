"""The history of all mailboxes, kept small: figures of each hour and day, and lines that a search looks through."""
