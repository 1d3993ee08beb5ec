"""The command's output. Every line goes through Console, so that tests can read all of it."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setup.plan import Plan
    from setup.tenant import Tenant


class Console:
    """Writes lines to standard output, and asks for passwords."""

    def say(self, text: str = "") -> None:
        """Write a line."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def hand_over(self, text: str) -> None:
        """Write the heading of lines that somebody runs later, elsewhere."""
        self.say(text)

    def plan_exchange(self, tenant: "Tenant", plan: "Plan") -> None:
        """Plan what an Exchange administrator does: here nothing, because only the commands can be printed."""

    def ask_hidden(self, question: str) -> str:
        """Ask for a password without showing it."""
        import getpass  # noqa: PLC0415 - only few runs ask for a password

        return getpass.getpass(question)


class _Lines(logging.Handler):
    """A log handler that writes the messages to a console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.say(f"    {record.getMessage()}")


@contextmanager
def quiet_logs(console: Console) -> Iterator[None]:
    """Show the log lines of retries and no others: a refusal that the command retries would look like a failure."""
    shown = (logging.getLogger("gateway.retry"), _Lines(console))
    hidden = (logging.getLogger(), logging.NullHandler())
    for logger, handler in (shown, hidden):
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, handler in (shown, hidden):
            logger.removeHandler(handler)
