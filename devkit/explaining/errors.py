"""What cannot be explained."""


class CannotExplainError(Exception):
    """Nothing can be explained; the message says why."""


class BadFileError(Exception):
    """One file cannot be explained; the message says why."""
