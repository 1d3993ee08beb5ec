"""Ask until an answer is final: the retry policy of an action, with waits that pass on the run's own clock.

By default four more tries after 7.5, 15, 30 and 45 seconds. Of a range that the platform draws a wait from, the longest
is taken. 408, 429, 5xx and a broken connection are tried again; a `Retry-After` decides how long the wait is at least.
A time limit (`limit.timeout`) ends the tries, not a call that is under way: that one has the platform's 120 seconds.
Sources: "Handle errors and exceptions", "Limits and configuration".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from devkit.flow_runs.host import Answer
from devkit.flows.durations import read_seconds

_RETRIED = {0, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_DEFAULT_COUNT, _DEFAULT_INTERVAL = 4, 7.5
_SHORTEST, _LONGEST = 5.0, 45.0
_A_DAY = 86_400.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often an action asks again, and after which waits, in seconds."""

    count: int = _DEFAULT_COUNT
    interval: float = _DEFAULT_INTERVAL
    shortest: float = _SHORTEST
    longest: float = _LONGEST
    is_fixed: bool = False

    def wait(self, number: int) -> float:
        """Return the wait before a retry; 0 is the first."""
        grown = self.interval if self.is_fixed else self.interval * 2**number
        return max(self.shortest, min(grown, self.longest))


@dataclass(frozen=True)
class Asked:
    """The last answer, when it came, and whether the time limit ended the tries before."""

    answer: Answer
    end: datetime
    tries: int
    is_timed_out: bool = False


def read_policy(given: Mapping[str, Any] | None) -> RetryPolicy:
    """Return the policy of an action's inputs. Raises ValueError for an unknown one."""
    kind = str((given or {}).get("type", "default")).lower()
    if given is None or kind == "default":
        return RetryPolicy()
    if kind == "none":
        return RetryPolicy(count=0)
    if kind not in ("fixed", "exponential"):
        raise ValueError(f"there is no retry policy {kind}")
    interval = read_seconds(given["interval"])
    shortest = read_seconds(given.get("minimumInterval", f"PT{_SHORTEST:g}S")) if kind == "exponential" else 0.0
    longest = read_seconds(given["maximumInterval"]) if "maximumInterval" in given else _A_DAY
    return RetryPolicy(int(given["count"]), interval, shortest, longest, is_fixed=kind == "fixed")


def ask(once: Callable[[], Answer], start: datetime, policy: RetryPolicy, limit: float | None) -> Asked:
    """Ask once and again; `limit` is the action's time limit in seconds."""
    now = start
    for number in range(policy.count + 1):
        answer = once()
        now += timedelta(seconds=answer.seconds)
        if not _is_retried(answer) or number == policy.count:
            break
        given = answer.headers.get("Retry-After", "")
        wait = max(policy.wait(number), float(given) if given.isdecimal() else 0.0)
        if limit is not None and (now - start).total_seconds() + wait > limit:
            return Asked(answer, start + timedelta(seconds=limit), number + 1, is_timed_out=True)
        now += timedelta(seconds=wait)
    return Asked(answer, now, number + 1)


def _is_retried(answer: Answer) -> bool:
    return answer.status in _RETRIED or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
