"""A flow with a polling trigger, as the engine of Power Automate and Logic Apps runs it.

- It keeps the Location of the last 200 or 202 and nothing else; without one it asks its first address again.
- 200: one run for each item of `value` (split-on); Retry-After says when to ask again. 202: no run; the longer of the
  recurrence and Retry-After passes. Any other status starts no run and changes no Location.
- 408, 429, 5xx and broken connections go to the retry policy (four more tries), waiting as long as Retry-After says or
  exponentially; then, and after any other 4xx, the next recurrence asks the same Location again.
- Behind a connector's gateway it asks addresses on the gateway's prefix, which adds the connection's key and tells the
  backend the prefix; an address on any other host gets no key.
- Delivery is at least once: an engine that runs what came and then loses the Location gets the same items again.

Sources: "Create custom APIs for Azure Logic Apps" (polling triggers), "Workflow actions and triggers reference",
"Handle errors and exceptions".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import requests

PREFIX = "https://env.01.common.europe.azure-apihub.net/apim/gateway/0123456789abcdef"
RECURRENCE = 60.0
_RETRIED = {408, 429}
_RETRIES = 4
_FIRST_WAIT, _SHORTEST_WAIT, _LONGEST_WAIT = 7.5, 5.0, 45.0
_AT_ONCE = 1  # Retry-After of an answer that has more behind it
_LONGEST_ADDRESS = 2048
_MOST_ITEMS = 100
_TIMEOUT = 120.0


class ProtocolError(AssertionError):
    """An answer violates the protocol of triggers."""


@dataclass
class Backend:
    """How flows reach the app: its current address, its key, and the base of its links."""

    base_url: str
    key: str
    links: str = ""

    @property
    def home(self) -> str:
        """The base of addresses that lead to the app without a connector gateway."""
        return self.links or f"{self.base_url}/api"


@dataclass
class Poll:
    """One answer, as the trigger's history shows it."""

    status: int  # 0: the connection broke
    items: int = 0
    retry_after: int | None = None
    was_reset: bool = False


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


@dataclass
class Flow:
    """One flow: the address that it polls, its runs, its history.

    `lose`: whether the next answer gets lost on its way; `forget`: whether the engine loses the next Location after it
    ran what came. `wait` passes so many seconds; usually waits are noted in `waits` and not waited. `headers` say which
    flow it is.
    """

    backend: Backend
    path: str
    query: Mapping[str, Any]
    prefix: str | None = PREFIX
    location: str | None = None
    runs: list[dict[str, Any]] = field(default_factory=list)
    history: list[Poll] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    lose: Callable[[], bool] = lambda: False
    forget: Callable[[], bool] = lambda: False
    wait: Callable[[float], object] = lambda _: None
    headers: Mapping[str, str] = field(default_factory=dict)
    http: requests.Session = field(default_factory=_session)
    recurrence: float = RECURRENCE
    next_check: float = 0.0
    is_asking: bool = False

    @property
    def home(self) -> str:
        """The base of addresses of this connection."""
        return self.prefix or self.backend.home

    @property
    def address(self) -> str:
        """The address of the next poll."""
        return self.location or f"{self.home}/{self.path}?{urlencode(self.query)}"

    def recur(self) -> list[dict[str, Any]]:
        """Run one recurrence, with the polls that answers ask for at once; return the items that start runs."""
        ran = self.check()
        while self.next_check <= _AT_ONCE:
            ran += self.check()
        return ran

    def check(self) -> list[dict[str, Any]]:
        """Poll once, with the retry policy; return the items that start runs. Sets `next_check` (seconds)."""
        self.next_check = self.recurrence
        answer = self._ask_stubbornly()
        if answer is None or answer.status_code not in (200, 202):
            return []
        retry_after = float(answer.headers["Retry-After"])
        items: list[dict[str, Any]] = answer.json()["value"] if answer.status_code == requests.codes.ok else []
        self.next_check = retry_after if items else max(self.recurrence, retry_after)
        self.runs += items
        if not (items and self.forget()):
            self.location = answer.headers["Location"]
        return items

    def live(self, is_over: Callable[[], bool]) -> None:
        """Poll until the block ends."""
        while not is_over():
            self.check()
            self.wait(self.next_check)

    def _ask_stubbornly(self) -> requests.Response | None:
        answer = self._ask()
        for attempt in range(_RETRIES):
            if (
                answer is not None
                and answer.status_code not in _RETRIED
                and answer.status_code < requests.codes.server_error
            ):
                break
            given = answer.headers.get("Retry-After") if answer is not None else None
            wait = float(given) if given else min(_LONGEST_WAIT, max(_SHORTEST_WAIT, _FIRST_WAIT * 2**attempt))
            self.waits.append(wait)
            self.wait(wait)
            answer = self._ask()
        return answer

    def _ask(self) -> requests.Response | None:
        address = self.address
        _hold(address.startswith(f"{self.home}/"), f"{address} gets no key")
        _hold(len(address) < _LONGEST_ADDRESS, f"{address} is too long")
        headers = {"x-functions-key": self.backend.key, "User-Agent": "azure-logic-apps/1.0 microsoft-flow/1.0"}
        if self.prefix:
            headers |= {"X-MS-APIM-Referrer-Prefix": self.prefix, "X-MS-APIM-Referrer": address}
        headers |= self.headers
        below = address.removeprefix(self.home)
        self.is_asking = True
        try:
            answer = self.http.get(f"{self.backend.base_url}/api{below}", headers=headers, timeout=_TIMEOUT)
        except requests.RequestException:
            answer = None
        finally:
            self.is_asking = False
        if answer is None or self.lose():
            self.history.append(Poll(0))
            return None
        items = answer.json()["value"] if answer.status_code == requests.codes.ok else []
        wait = answer.headers.get("Retry-After")
        was_reset = answer.headers.get("x-state-reset") == "true"
        self.history.append(Poll(answer.status_code, len(items), int(wait) if wait else None, was_reset))
        self._hold_against_protocol(answer, len(items))
        return answer

    def _hold_against_protocol(self, answer: requests.Response, items: int) -> None:
        _check_answer(answer, items)


@dataclass
class CursorFlow(Flow):
    """A flow without a polling trigger: by a Recurrence it asks the change feed with the HTTP action.

    It keeps the feed's cursor where a flow keeps things; `wanted` are the kinds of events that it has work for.
    """

    wanted: frozenset[str] = frozenset()
    cursor: str | None = None
    since: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    @property
    def address(self) -> str:
        """Where it asks next: behind the cursor, or from the moment on at which it was switched on."""
        place = {"cursor": self.cursor} if self.cursor else {"since": self.since}
        return f"{self.home}/{self.path}?{urlencode({**self.query, **place})}"

    def check(self) -> list[dict[str, Any]]:
        """Ask once, with the retry policy; return the events that there is work for."""
        self.next_check = self.recurrence
        answer = self._ask_stubbornly()
        if answer is None or answer.status_code != requests.codes.ok:
            return []
        items = [item for item in answer.json()["value"] if item["eventKind"] in self.wanted]
        self.runs += items
        self.cursor = answer.json()["cursor"]
        return items

    def _hold_against_protocol(self, answer: requests.Response, items: int) -> None:
        """Ignore the protocol of triggers."""


def _check_answer(answer: requests.Response, items: int) -> None:
    """Check an answer against the protocol."""
    retry_after = answer.headers.get("Retry-After", "0")
    if answer.status_code in (200, 202):
        _hold("Location" in answer.headers, "there is no Location to go on from")
    if answer.status_code in (200, 202, 429, 503):
        _hold(int(retry_after) >= 1, f"{answer.status_code} with Retry-After {retry_after}")
    if answer.status_code == requests.codes.ok:
        _hold(1 <= items <= _MOST_ITEMS, f"{items} items in one answer")
        lists = [name for name, value in answer.json().items() if isinstance(value, list)]
        _hold(lists == ["value"], f"split-on finds several lists: {lists}")
    if answer.status_code == requests.codes.accepted:
        _hold(answer.content == b"", "202 has a body")


def _hold(is_right: bool, otherwise: str) -> None:  # noqa: FBT001 - as assert takes it
    if not is_right:
        raise ProtocolError(otherwise)
