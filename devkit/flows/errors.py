"""What keeps flows from being read or built."""


class FlowFileError(ValueError):
    """A file is not a flow; the message names the file and what is missing."""


class WishError(ValueError):
    """The options do not allow a build; the message says why."""
