"""Waiting until a change has reached every server, within bounds and not in silence."""

import time
from collections.abc import Callable

from setup.screen import Screen
from shared.errors import GatewayError

PAUSE = 5.0
TRIES = 24


def wait_out[T](
    action: Callable[[], T],
    *,
    on: tuple[type[GatewayError], ...],
    screen: Screen,
    sentence: str,
    tries: int | None = None,
) -> T:
    """Call `action` until it does not raise one of `on`; say `sentence` once. Raises the last error unchanged."""
    most = tries or TRIES
    for tried in range(1, most + 1):
        try:
            return action()
        except on:
            if tried == most:
                raise
            if tried == 1:
                screen.say(f"    {sentence} Waiting, up to {most * PAUSE / 60:.0f} minutes.")
            time.sleep(PAUSE)
    raise AssertionError("the last try raises")
