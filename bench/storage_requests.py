"""Counts the requests that an app sends to the storage emulator, from the emulator's own access log.

What the Functions host itself asks for is left out: it receives and deletes queue messages, and keeps the state of its
timers in the container `azure-webjobs-hosts`.
"""

import re
import threading
import time
from collections import Counter

_REQUEST = re.compile(r'"(?P<request>[A-Z]+ /devstoreaccount1/\S*) HTTP/')
_QUIET_SECONDS = 0.5
_OF_THE_HOST = ""
# The first that matches the method and the path behind the account names the kind.
_KINDS = [
    (re.compile(rf"(?:{pattern})"), kind)
    for pattern, kind in (
        (r"[A-Z]+ azure-webjobs-hosts\b", _OF_THE_HOST),
        (r"POST [^/?]+/messages\b", "messages"),
        (r"[A-Z]+ [^/?]+/messages\b", _OF_THE_HOST),
        (r"POST \$batch", "table transactions"),
        (r"POST Tables|[A-Z]+ \S*\brestype=container|PUT [^/?(]+$", "made"),
        (r"GET [^/?]+\(", "table reads"),
        (r"[A-Z]+ [^/?]+\(|POST [^/?]+$", "table writes"),
        (r"GET [^/?]+\?", "queue lengths"),
        (r"PUT \S*\bcomp=lease\b", "blob leases"),
        (r"(GET|HEAD) ", "blob reads"),
        (r"", "blob writes"),
    )
]


def name_request(line: str) -> str | None:
    """Return the kind of the request in a line of the access log; None for the host's own, and for other lines."""
    if (found := _REQUEST.search(line)) is None:
        return None
    request = found["request"].replace("/devstoreaccount1/", "", 1)
    return next(kind for pattern, kind in _KINDS if pattern.match(request)) or None


class StorageRequests:
    """The requests so far, by kind. Give `note` to the emulator."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._last = 0.0

    def note(self, line: str) -> None:
        """Count one line of the access log."""
        kind = name_request(line)
        if kind is not None:
            with self._lock:
                self._counts[kind] += 1
                self._last = time.monotonic()

    def take(self) -> Counter[str]:
        """Return the requests since the last time, once the app has sent none for half a second."""
        while time.monotonic() - self._last < _QUIET_SECONDS:
            time.sleep(_QUIET_SECONDS / 5)
        with self._lock:
            taken, self._counts = self._counts, Counter()
        return taken
