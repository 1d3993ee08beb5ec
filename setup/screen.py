"""What the person reads. Every line of the command goes through here, so that tests read all there is to read."""

import sys
from collections.abc import Callable


class Screen:
    """Writes lines to standard output, and asks for what must not be an argument."""

    def __init__(self, write: Callable[[str], object] = sys.stdout.write) -> None:
        self._write = write

    def say(self, text: str = "") -> None:
        """Write a line."""
        self._write(f"{text}\n")

    def ask_hidden(self, question: str) -> str:
        """Ask for a password without showing it."""
        import getpass  # noqa: PLC0415 - needs a terminal, which most runs do not

        return getpass.getpass(question)
