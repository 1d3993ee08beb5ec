"""A flow with a polling trigger, as the engine of Power Automate and Logic Apps runs it.

- It keeps the Location of the last 200 or 202 and nothing else; without one it asks its first address again.
- 200: one run for each item of `value` (split-on). Any other status starts none.
- 408, 429, 5xx and broken connections go to the retry policy (four more tries), waiting as long as Retry-After says or
  exponentially; then, and after any other 4xx, the next recurrence asks the same Location again.
- Behind a connector's gateway it asks addresses on the gateway's prefix, which adds the connection's key and tells the
  backend the prefix; an address on any other host gets no key.

Sources: "Create custom APIs for Azure Logic Apps" (polling triggers), "Workflow actions and triggers reference",
"Handle errors and exceptions". Waits are noted and not waited.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import requests

from tests.functional.conftest import Stage

PREFIX = "https://env.01.common.europe.azure-apihub.net/apim/gateway/0123456789abcdef"
_RETRIED = {408, 429}
_RETRIES = 4
_FIRST_WAIT = 7.5
_AT_ONCE = 1  # Retry-After of an answer that has more behind it


@dataclass
class Poll:
    """One answer, as the trigger's history shows it."""

    status: int  # 0: the connection broke
    items: int = 0
    retry_after: int | None = None
    was_reset: bool = False


@dataclass
class Flow:
    """One flow: where it asks, how often it ran, what it saw."""

    stage: Stage
    path: str
    query: dict[str, Any]
    prefix: str | None = PREFIX
    location: str | None = None
    runs: list[dict[str, Any]] = field(default_factory=list)
    history: list[Poll] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    lose: Callable[[], bool] = lambda: False  # whether the next answer gets lost on its way

    @property
    def home(self) -> str:
        """Where addresses of this connection begin."""
        return self.prefix or f"{self.stage.base_url}/api"

    def recur(self) -> list[dict[str, Any]]:
        """Let one recurrence come, and those that answers ask for at once; return the items that start runs."""
        ran: list[dict[str, Any]] = []
        while True:
            answer = self._ask_stubbornly()
            if answer is None or answer.status_code not in (200, 202):
                return ran
            self.location = answer.headers.get("Location")
            if answer.status_code == 200:
                ran += answer.json()["value"]
                self.runs += answer.json()["value"]
            if int(answer.headers.get("Retry-After", "60")) > _AT_ONCE:
                return ran

    def _ask_stubbornly(self) -> requests.Response | None:
        answer = None
        for attempt in range(_RETRIES + 1):
            answer = self._ask()
            if answer is not None and answer.status_code not in _RETRIED and answer.status_code < 500:
                return answer
            told = answer.headers.get("Retry-After") if answer is not None else None
            self.waits.append(float(told) if told else _FIRST_WAIT * 2**attempt)
        return answer

    def _ask(self) -> requests.Response | None:
        address = self.location or f"{self.home}/{self.path}?{urlencode(self.query)}"
        assert address.startswith(f"{self.home}/"), f"{address} gets no key"
        assert len(address) < 2048
        headers = {"x-functions-key": self.stage.key, "User-Agent": "azure-logic-apps/1.0 microsoft-flow/1.0"}
        if self.prefix:
            headers |= {"X-MS-APIM-Referrer-Prefix": self.prefix, "X-MS-APIM-Referrer": address}
        below = address.removeprefix(self.home)
        answer = self.stage.http.get(f"{self.stage.base_url}/api{below}", headers=headers, timeout=60)
        if self.lose():
            self.history.append(Poll(0))
            return None
        items = answer.json()["value"] if answer.status_code == 200 else []
        wait = answer.headers.get("Retry-After")
        was_reset = answer.headers.get("x-state-reset") == "true"
        self.history.append(Poll(answer.status_code, len(items), int(wait) if wait else None, was_reset))
        self._check(answer, len(items))
        return answer

    @staticmethod
    def _check(answer: requests.Response, items: int) -> None:
        """Hold an answer against the protocol."""
        if answer.status_code in (200, 202):
            assert "Location" in answer.headers
            assert int(answer.headers["Retry-After"]) >= 1
        if answer.status_code == 200:
            assert 1 <= items <= 100
            assert [name for name, value in answer.json().items() if isinstance(value, list)] == ["value"]
        if answer.status_code == 202:
            assert answer.content == b""
        if answer.status_code in (429, 503):
            assert int(answer.headers["Retry-After"]) >= 1
