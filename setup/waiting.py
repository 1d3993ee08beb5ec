"""Repeats an action until a change has reached every server: for a limited time, and with a line that says so."""

import time
from collections.abc import Callable

from setup.console import Console
from shared.errors import GatewayError

PAUSE = 5.0  # seconds between two tries
TRIES = 24


def retry_until_success[T](
    action: Callable[[], T],
    *,
    on: tuple[type[GatewayError], ...],
    console: Console,
    sentence: str,
    tries: int | None = None,
) -> T:
    """Call `action` until it does not raise an error of `on`. Before the first repetition, print `sentence`.

    After `tries` tries the last error is raised unchanged.
    """
    most = tries or TRIES
    for tried in range(1, most + 1):
        try:
            return action()
        except on:
            if tried == most:
                raise
            if tried == 1:
                console.say(f"    {sentence} Waiting, up to {most * PAUSE / 60:.0f} minutes.")
            time.sleep(PAUSE)
    raise AssertionError("the last try raises")
