"""The record of all exchanges, without secrets."""

import json
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

from twin.core.wire import Call, Json, Reply, Stream

REDACTED = "***"
BODY_LIMIT = 512 * 1024
"""Bodies above this many bytes are noted by size only."""
TOTAL_LIMIT = 32 * 1024 * 1024
"""When the bodies kept exceed this many bytes, the oldest exchanges are forgotten."""

_SECRET_FIELDS = frozenset(
    {
        "access_token",
        "assertion",
        "authorization",
        "client_assertion",
        "client_info",
        "client_secret",
        "id_token",
        "password",
        "refresh_token",
        "secrettext",
        "subject_token",
    },
)
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie", "x-identity-header"})
_SECRET_HEADER_PARTS = ("-key", "secret", "token", "signature")
_SECRET_OPTIONS = _SECRET_FIELDS | {"code", "sig"}
"""In forms and queries these two are keys; in JSON "code" is the name of an error."""


@dataclass(slots=True)
class Exchange:
    """One request and its outcome. Times are seconds since the epoch; `ended` is 0 while it is under way.

    outcome   "answered", "dropped", "hung", "cut", or "" while under way
    in_flight how many exchanges of the API were under way when this one began, including itself
    status    0 when no status was sent
    fault     id of the last fault that fired, or None
    size      bytes of both bodies
    kept      bytes of the bodies that were kept; old exchanges are deleted by it
    """

    seq: int
    api: str
    host: str
    method: str
    path: str
    query: list[tuple[str, str]]
    request_headers: dict[str, str]
    request_json: Any
    in_flight: int
    started: float
    ended: float = 0.0
    status: int = 0
    response_headers: dict[str, str] = field(default_factory=dict)
    response_json: Any = None
    outcome: str = ""
    fault: int | None = None
    size: int = 0
    kept: int = 0

    def option(self, name: str) -> str | None:
        """Return the first query option of this name."""
        return next((value for key, value in self.query if key == name), None)

    def to_json(self) -> Json:
        """All fields, as the control path shows them."""
        return asdict(self)


class Record:
    """The newest exchanges, at most `keep` of them, and counters since the last `clear`.

    With `keep` at 0 only the counters are kept, so that a benchmark does not pay for records.
    """

    def __init__(self, keep: int = 5000, *, total_limit: int = TOTAL_LIMIT) -> None:
        self.keep = keep
        self._total_limit = total_limit
        self._total = 0
        self._exchanges: deque[Exchange] = deque()
        self._numbers = count(1)
        self._flying: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.peaks: Counter[str] = Counter()

    def open(self, call: Call, secret_fields: frozenset[str]) -> Exchange:
        """Record a request, before any work is done."""
        self._flying[call.api] += 1
        self.counts[call.api] += 1
        self.peaks[call.api] = max(self.peaks[call.api], self._flying[call.api])
        exchange = Exchange(
            seq=next(self._numbers),
            api=call.api,
            host=call.host,
            method=call.method,
            path=call.path,
            query=[],
            request_headers={},
            request_json=None,
            in_flight=self._flying[call.api],
            started=time.time(),
            size=len(call.body),
        )
        if self.keep:
            exchange.query = [(name, _hide(name, value, secret_fields)) for name, value in call.query]
            exchange.request_headers = _clean_headers(call.headers)
            exchange.request_json = _clean_request(call, secret_fields)
            self._exchanges.append(exchange)
            self._weigh(exchange, len(call.body))
            self._forget_oldest()
        return exchange

    def close(
        self,
        exchange: Exchange,
        reply: Reply | None,
        *,
        outcome: str,
        size: int,
        secret_fields: frozenset[str],
    ) -> None:
        """Record the answer, whose body has `size` bytes, or that there was none."""
        self._flying[exchange.api] -= 1
        exchange.ended = time.time()
        exchange.outcome = outcome
        if reply is not None:
            exchange.status = reply.status
        if reply is not None and self.keep:
            exchange.size += size
            self._weigh(exchange, size)
            exchange.response_headers = _clean_headers(reply.headers)
            exchange.response_json = _clean_answer(reply, size, secret_fields)
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        while len(self._exchanges) > self.keep or (self._total > self._total_limit and len(self._exchanges) > 1):
            self._total -= self._exchanges.popleft().kept

    def _weigh(self, exchange: Exchange, size: int) -> None:
        kept = size if size <= BODY_LIMIT else 0
        exchange.kept += kept
        self._total += kept

    def all(self, *, api: str | None = None, since: int = 0) -> list[Exchange]:
        """Return exchanges in order of arrival: of one API if given, with numbers above `since`."""
        return [seen for seen in tuple(self._exchanges) if seen.seq > since and api in (None, seen.api)]

    def count(self, api: str, *, method: str | None = None, path: str = "") -> int:
        """How many kept exchanges of an API have this method and this text in their path."""
        return sum(1 for seen in self.all(api=api) if method in (None, seen.method) and path in seen.path)

    def clear(self) -> None:
        """Delete exchanges and counters; numbers go on, so an old `since` stays valid."""
        self._exchanges.clear()
        self._total = 0
        self.counts.clear()
        self.peaks.clear()


def redact(value: Any, secret_fields: Iterable[str] = ()) -> Any:
    """Return a copy of JSON data without the values of secret fields, at any depth."""
    return _redact(value, _SECRET_FIELDS | frozenset(secret_fields))


def _redact(value: Any, secrets: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {
            name: REDACTED
            if name.lower() in secrets and not isinstance(inner, dict | list | None)
            else _redact(inner, secrets)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_redact(inner, secrets) for inner in value]
    return value.as_base64().whole().decode() if isinstance(value, Stream) else value


def _hide(name: str, value: str, secret_fields: frozenset[str]) -> str:
    return REDACTED if name.lower() in _SECRET_OPTIONS | secret_fields else value


def _clean_headers(headers: Mapping[str, str]) -> dict[str, str]:
    def is_secret(name: str) -> bool:
        low = name.lower()
        return low in _SECRET_HEADERS or any(part in low for part in _SECRET_HEADER_PARTS)

    return {name: REDACTED if is_secret(name) else value for name, value in headers.items()}


def _clean_request(call: Call, secret_fields: frozenset[str]) -> Any:
    content_type = call.headers.get("content-type", "")
    if not call.body:
        return None
    if len(call.body) > BODY_LIMIT:
        return _omit(len(call.body), content_type)
    text = call.body.decode(errors="replace")
    if "form-urlencoded" in content_type:
        return {name: _hide(name, value, secret_fields) for name, value in parse_qsl(text, keep_blank_values=True)}
    try:
        return redact(json.loads(text), secret_fields)
    except ValueError:
        return _omit(len(call.body), content_type)


def _clean_answer(reply: Reply, size: int, secret_fields: frozenset[str]) -> Any:
    if reply.body is None or size == 0:
        return None
    if isinstance(reply.body, dict | list) and size <= BODY_LIMIT:
        return redact(reply.body, secret_fields)
    return _omit(size, type(reply.body).__name__)


def _omit(size: int, kind: str) -> Json:
    return {"omitted": f"{size} bytes of {kind or 'unknown type'}"}
