"""One HTTP exchange on `requests`: pooled, timed, with errors of the family. No retries here.

What an exception says about the request decides its class: no connection -> `Unreachable` (nothing was sent); sent
but no whole answer -> `OutcomeUnknown`; sent and silent -> `TimedOut`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from shared import context
from shared.direct_session import DirectSession, find_layers, is_unsent
from shared.errors import AnswerTooLarge, ConfigurationError, OutcomeUnknown, TimedOut, Unavailable, Unreachable

_CONNECT_SECONDS = 3.05
_READ_SECONDS = 20.0
_LARGEST_BODY = 64 * 1024 * 1024
_CHUNK = 256 * 1024
_MOST_DIGITS = 15  # of a length; Python reads no number of 5,000
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer: status, headers (names case-insensitive) and the body's bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Streamed:
    """An answer whose body is still on its way."""

    def __init__(self, response: requests.Response, host: str) -> None:
        self._response = response
        self._host = host
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it comes. Raises OutcomeUnknown or TimedOut when it breaks off."""
        try:
            for chunk in self._response.iter_content(_CHUNK):
                if context.remaining() <= 0:
                    raise TimedOut("The answer did not arrive in time. Try again later.")
                yield chunk
        except requests.exceptions.RequestException as error:
            raise _translate(error, self._host) from error

    def read(self, most_bytes: int) -> bytes:
        """Return the whole body. Raises AnswerTooLarge, before reading it if the length is announced."""
        length = self.headers.get("Content-Length", "")
        too_large = AnswerTooLarge("The answer is larger than the gateway reads. Ask for less.")
        if length.isdecimal() and (len(length) > _MOST_DIGITS or int(length) > most_bytes):
            raise too_large
        body = bytearray()
        for chunk in self.chunks():
            body += chunk
            if len(body) > most_bytes:
                raise too_large
        return bytes(body)


class Body(Protocol):
    """A body that is read while it is sent; its length is known before."""

    def __len__(self) -> int:
        """Return the length in bytes."""
        ...

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, b"" at the end."""
        ...


class Transport:
    """Sends single requests; all threads share the connections.

    `read_seconds` is how long the other side may be silent. Redirects are not followed.
    """

    def __init__(self, *, read_seconds: float = _READ_SECONDS, session: DirectSession | None = None) -> None:
        self._read_seconds = read_seconds
        self._session = session or DirectSession()

    def send(
        self,
        method: str,
        url: str,
        *,
        authorization: str | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: bytes | Body | None = None,
        most_bytes: int | None = None,
    ) -> Answer:
        """Send one request (`authorization` is that header's value) and read the whole answer, whatever its status.

        Raises Unreachable, OutcomeUnknown or TimedOut as the module says, Unavailable when no time is left to begin,
        AnswerTooLarge past `most_bytes`, and ConfigurationError rather than use plain http to another machine.
        """
        with self.open(
            method, url, authorization=authorization, query=query, headers=headers, json=json, data=data
        ) as streamed:
            return Answer(streamed.status, streamed.headers, streamed.read(most_bytes or _LARGEST_BODY))

    @contextmanager
    def open(
        self,
        method: str,
        url: str,
        *,
        authorization: str | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: bytes | Body | None = None,
    ) -> Iterator["Streamed"]:
        """Send one request and hand over the answer while it comes in. Raises as `send` does, also while it is read."""
        _require_safe(url)
        time_left = context.remaining()
        if time_left <= 0:
            raise Unavailable(
                "The time for this call ran out before the request was sent. Try again.", code="OutOfTime"
            )
        host = urlsplit(url).hostname or ""
        try:
            response = self._session.request(
                method,
                url,
                params=query,
                headers={**(headers or {}), "Authorization": authorization} if authorization is not None else headers,
                json=json,
                data=data,
                timeout=(min(_CONNECT_SECONDS, time_left), min(self._read_seconds, time_left)),
                stream=True,
            )
        except requests.exceptions.RequestException as error:
            raise _translate(error, host) from error
        with response:
            yield Streamed(response, host)


def _require_safe(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise ConfigurationError("Plain http is allowed to this machine only. Correct the address in the settings.")


def _translate(error: requests.exceptions.RequestException, host: str) -> Unreachable | OutcomeUnknown:
    kind = type(error).__name__
    if is_unsent(error):
        return Unreachable(f"No connection to {host} could be made. Try again later.", detail=kind)
    if any(isinstance(layer, urllib3.exceptions.ReadTimeoutError) for layer in find_layers(error)):
        return TimedOut(f"{host} did not answer in time. Try again later.", detail=kind)
    return OutcomeUnknown(
        f"The connection to {host} broke before its answer was complete. Try again later.", detail=kind
    )
