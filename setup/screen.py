"""What the person reads. Every line of the command goes through here, so that tests read all there is to read."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager


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


class _Lines(logging.Handler):
    """Shows log lines on a screen."""

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        self._screen.say(f"    {record.getMessage()}")


@contextmanager
def quiet_logs(screen: Screen) -> Iterator[None]:
    """Show what is waited for, and no other log line: a refusal that is waited out would look like a failure."""
    shown = (logging.getLogger("gateway.retry"), _Lines(screen))
    hidden = (logging.getLogger(), logging.NullHandler())
    for logger, handler in (shown, hidden):
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, handler in (shown, hidden):
            logger.removeHandler(handler)
