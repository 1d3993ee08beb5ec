"""What a mail says: its model, text, quotations, and whether a machine wrote it."""
