"""What this process knows, from its own calls, of the services that it depends on: whether they serve it, since when.

The clients note here what became of each call. Nothing is asked for this: a process that does nothing knows nothing.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from shared.errors import GatewayError


class Service(StrEnum):
    """The services that are noted; the first two for each connection."""

    SIGN_IN = "sign-in"
    GRAPH = "graph"
    VAULT = "vault"
    STORAGE = "storage"


@dataclass(frozen=True)
class Failure:
    """What callers may see of an error; the error itself would keep alive what its call held."""

    code: str
    message: str
    members: Mapping[str, str]


@dataclass(frozen=True)
class Known:
    """How the last call ended, since when all calls ended like it, well or not, and when the last one was."""

    failure: Failure | None
    since: datetime
    seen: datetime


_known: dict[tuple[Service, str], Known] = {}
_checks: list[float] = []  # when somebody checked; only the last one counts
_lock = threading.Lock()


def as_failure(error: GatewayError) -> Failure:
    """Return what callers may see of an error."""
    return Failure(error.code, error.message, error.members)


def note(service: Service, about: str = "", *, error: GatewayError | None = None) -> None:
    """Note that the service served this process, or failed it with an error. `about` is the connection, if any."""
    now, before = datetime.now(UTC), _known.get((service, about))
    failure = as_failure(error) if error else None
    is_new = before is None or (before.failure is None) != (failure is None)
    _known[service, about] = Known(failure, now if before is None or is_new else before.since, now)


def recall(service: Service, about: str = "") -> Known | None:
    """Return what is known of a service, or None before its first call."""
    return _known.get((service, about))


def claim_check(seconds: float) -> bool:
    """Return whether the caller may call all services in order to learn about them: nobody did for some seconds."""
    with _lock:
        if _checks and time.monotonic() - _checks[-1] < seconds:
            return False
        _checks[:] = [time.monotonic()]
        return True


def forget() -> None:
    """Forget everything, as at a start."""
    _known.clear()
    _checks.clear()
