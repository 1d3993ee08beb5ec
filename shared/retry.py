"""Retry policies. There is no default: every call names its policy."""

import logging
import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from shared import context
from shared.errors import GatewayError, OutcomeUnknown, Unavailable

_log = logging.getLogger("gateway.retry")

_FIRST_WAIT = 0.4
_LONGEST_WAIT = 8.0
_LONGEST_ASKED_FOR = 24 * 3600.0  # by another side: "inf" is a number, too
_FIRST_WAIT_FOR_ROW = 0.01
_LONGEST_WAIT_FOR_ROW = 0.5


@dataclass(frozen=True)
class RetryPolicy:
    """At most `attempts` tries within `within` seconds, and only after one of the errors in `on`.

    After an unknown outcome there are at most `attempts_unknown` tries: Bookings answers 500 to bad input, to a broken
    rule and in an outage, so another try helps less often than after a plain "later".
    """

    attempts: int
    within: float
    on: tuple[type[GatewayError], ...]
    attempts_unknown: int = 1

    def attempts_after(self, error: BaseException | None) -> int:
        """Return how many tries there may be in all after this error."""
        return self.attempts_unknown if isinstance(error, OutcomeUnknown) else self.attempts


READ = RetryPolicy(attempts=5, within=25, on=(Unavailable, OutcomeUnknown), attempts_unknown=3)
WRITE = RetryPolicy(attempts=3, within=20, on=(Unavailable,))
ONCE = RetryPolicy(attempts=1, within=25, on=())


def call_with_retry[T](policy: RetryPolicy, action: Callable[[], T]) -> T:
    """Call `action` until it succeeds, or the policy or the time budget of the current call is used up.

    Waits at least the error's `retry_after`, and gives up if that is longer than the time left. Raises the last error
    unchanged.
    """
    began = time.monotonic()
    try:
        return action()
    except policy.on as error:
        first = error
    return _repeat(policy, action, first, began)


def _repeat[T](policy: RetryPolicy, action: Callable[[], T], first: GatewayError, began: float) -> T:
    """Go on after the first failure. Most calls succeed at once, and are spared the import."""
    import tenacity

    failures = [first]

    def try_again() -> T:
        if failures:
            raise failures.pop()
        return action()

    jitter = tenacity.wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT)

    def find_wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_for = error.retry_after if isinstance(error, Unavailable) else None
        return max(asked_for or 0.0, jitter(state))

    def is_spent(state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        time_left = min(policy.within - (time.monotonic() - began), context.remaining())
        return state.attempt_number >= policy.attempts_after(error) or state.upcoming_sleep >= time_left

    def log_attempt(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        _log.warning("attempt %d failed, next in %.1f s: %s", state.attempt_number, state.upcoming_sleep, error)

    retrying = tenacity.Retrying(
        stop=is_spent,
        wait=find_wait,
        retry=tenacity.retry_if_exception_type(policy.on),
        before_sleep=log_attempt,
        reraise=True,
    )
    return retrying(try_again)


def space_tries(most: int) -> Iterator[int]:
    """Yield the numbers of the tries of a write that fails if another worker has changed the same row meanwhile.

    Waits a random time, whose bound doubles, before each try but the first: workers that try again at once fail each
    other so often that the slowest of many spends all its tries.
    """
    for number in range(most):
        if number:
            bound = min(_LONGEST_WAIT_FOR_ROW, _FIRST_WAIT_FOR_ROW * 2**number)
            time.sleep(random.uniform(0, bound))  # noqa: S311 - spreads load, guards nothing
        yield number


def read_retry_after(text: str | None) -> float | None:
    """Return the seconds a Retry-After header asks for, a day at most: a number or an HTTP date."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return None if math.isnan(seconds) else max(0.0, min(seconds, _LONGEST_ASKED_FOR))
