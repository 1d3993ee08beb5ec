"""HTTP in the form in which msal asks Entra ID for tokens.

msal's own sessions would follow a redirect with the credential in the body, and sit out the Retry-After of a throttled
discovery while callers wait for the lock. Here each request has a time limit, is sent once more if no answer came, and
an answer is given back as it is.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import requests

from shared import context
from shared.direct_session import DirectSession

type Check = Callable[[requests.Response], None]


class TokenSession:
    """Sends what msal wants sent. `who` is the subject of a sentence; `check` raises for answers msal must not see."""

    def __init__(self, who: str, timeout: tuple[float, float], check: Check) -> None:
        self._session = DirectSession(who=who)
        self._timeout = timeout
        self._check = check
        self._ahead: dict[str, Future[requests.Response]] = {}

    @contextmanager
    def asking_ahead(self, url: str) -> Iterator[None]:
        """Ask for this address on another thread while the block runs: the next `get` of it has that answer."""
        future = self._ahead[url] = Future[requests.Response]()

        def ask() -> None:
            try:
                future.set_result(self._send("GET", url))
            except Exception as error:  # noqa: BLE001 - whoever wants the answer gets the error
                future.set_exception(error)

        threading.Thread(target=context.in_this_call(ask), name="token-session", daemon=True).start()
        yield

    def get(self, url: str, *, params: Mapping[str, str] | None = None, headers: Any = None, **_: Any) -> Any:
        """Send a GET. Raises the errors of `requests`, and ConfigurationError for a redirect."""
        if not params and (ahead := self._ahead.pop(url, None)) is not None:
            return ahead.result()
        return self._send("GET", url, params=params, headers=headers)

    def post(self, url: str, *, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> Any:
        """Send a form. Raises as `get` does."""
        return self._send("POST", url, params=params, data=data, headers=headers)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _send(self, method: str, url: str, **request: Any) -> requests.Response:
        try:
            answer = self._session.request(method, url, **request, timeout=self._timeout)
        except requests.exceptions.RequestException:
            answer = self._session.request(method, url, **request, timeout=self._timeout)
        self._check(answer)
        return answer
