"""Repeats an action until a change has reached every server: for a limited time, and with lines that say so."""

from collections.abc import Callable
from time import sleep

from setup.console import Console
from shared.errors import GatewayError

PAUSE = 5.0  # seconds between two tries
TRIES = 24
_TRIES_PER_LINE = 6


def retry_until_success[T](
    action: Callable[[], T],
    *,
    on: tuple[type[GatewayError], ...],
    console: Console,
    sentence: str,
    tries: int | None = None,
) -> T:
    """Call `action` until it does not raise an error of `on`. Before the first repetition, print `sentence`.

    While it waits it says twice a minute for how long it will at most. After `tries` tries the last error is raised
    unchanged.
    """
    most = tries or TRIES
    for tried in range(1, most + 1):
        try:
            return action()
        except on:
            if tried == most:
                raise
            if tried == 1:
                console.say(f"    {sentence}")
                console.say(f"    Waiting, for {_describe(most - tried)} at most. Ctrl-C ends it; what is done stays.")
            elif tried % _TRIES_PER_LINE == 0:
                console.say(f"    Still waiting, for {_describe(most - tried)} at most.")
            sleep(PAUSE)
    raise AssertionError("the last try raises")


def _describe(tries: int) -> str:
    seconds = tries * PAUSE
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"  # noqa: PLR2004 - two minutes
