"""What the person reads. Every line of the command goes through here, so that tests read all there is to read."""

import sys


class Screen:
    """Writes lines to standard output, and asks for what must not be an argument."""

    def say(self, text: str = "") -> None:
        """Write a line."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def ask_hidden(self, question: str) -> str:
        """Ask for a password without showing it."""
        import getpass  # noqa: PLC0415 - needs a terminal, which most runs do not

        return getpass.getpass(question)
