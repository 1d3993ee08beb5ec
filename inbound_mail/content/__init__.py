"""The content of a mail: its model, its text, the quoted history in it, and whether a machine sent it."""
