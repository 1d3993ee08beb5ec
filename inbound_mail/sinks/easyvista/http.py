"""HTTP requests to EasyVista: sign-in, a limit of concurrent requests, and errors of shared.errors for its answers.

Sources: the EasyVista wiki, "WebService REST" and its pages, and for behaviour that was only measured, on one instance,
the public Python client baraline/easyvista_python_client (vendor-api-reference).

- Any 2xx is success: writes answer 201 in the wiki and 200 in measurements.
- 401 also stands for a wrong account number, 403 also for a path that does not exist.
- 590 is EasyVista's own status for a refusal. After a create, the row may have been written nevertheless.
- An error's JSON has its code under `error_code` or `code`, its text under `error`, `error_message` or `message`. The
  value of `message` may be JSON again.
"""

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from typing import Any

from inbound_mail.sinks._statuses import StatusError
from inbound_mail.sinks.protocol import UnclearRefusalError
from shared import context
from shared.errors import (
    ConfigurationError,
    GatewayError,
    NotFound,
    OutcomeUnknown,
    Rejected,
    Throttled,
    TimedOut,
    Unavailable,
)
from shared.json_text import Json
from shared.key_vault import RememberedSecret
from shared.redirects import is_redirect, redirect_refused
from shared.retry import RetryPolicy, call_with_retry, read_retry_after
from shared.transport import Answer, Body, Transport

type MakeBody = Callable[[], bytes | Body]

REJECTED = 590
# EasyVista's own time limit is 60 s (wiki, REST API - View). Waiting less would leave writes with unknown outcomes.
READ_SECONDS = 70.0
_READ = RetryPolicy(attempts=3, within=60, on=(Unavailable, OutcomeUnknown), attempts_unknown=2)
# EasyVista's SOAP interface ran out of connections in practice, so requests are limited; REST documents no limit.
_AT_ONCE = 2
_LONGEST_DETAIL = 200
_TIMEOUT = re.compile(
    r"time-?\s?(?:d )?out", re.IGNORECASE
)  # the error code of EasyVista's own time limit is not documented
_TOKEN = re.compile(r"[\x21-\x7e]+")
# What EasyVista's error texts may quote from a mail: addresses, and text in quotation marks unless it is one word.
_FOREIGN = re.compile(r"""[^\s@<>"']+@[^\s@<>"']+|(?<!\w)'[^']*'?|(?<!\w)"[^"]*"?""")
_NAME = re.compile(r"""(['"])\w{1,40}\1""")


_TIMED_OUT = StatusError(TimedOut, "EasyVista did not answer in time. Try again later.")
_FAILED = StatusError(OutcomeUnknown, "EasyVista answered with an error of its own. Try again later.")
_REFUSED = StatusError(
    Rejected,
    "EasyVista refused the mail's ticket, comment or file. Give what its catalog entry requires in the sink's options.",
    code="TicketRefused",
)
_BY_STATUS: Mapping[int, StatusError] = {
    HTTPStatus.UNAUTHORIZED: StatusError(
        ConfigurationError,
        "EasyVista refuses the sign-in. Check the secret, and the account number in the settings.",
        code="TicketLoginRefused",
    ),
    HTTPStatus.FORBIDDEN: StatusError(
        UnclearRefusalError,
        "EasyVista does not allow this. Check the rights of the account's profile, the address, and the firewall.",
        code="TicketRightMissing",
    ),
    HTTPStatus.NOT_FOUND: StatusError(
        NotFound,
        "EasyVista does not find the ticket, or there is no EasyVista at this address. Check the number, and the url.",
        code="TicketNotFound",
    ),
    HTTPStatus.NOT_ACCEPTABLE: StatusError(
        Rejected,
        "EasyVista does not know this person. Add the person there, or set unknown_sender.",
        code="UnknownSender",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: StatusError(Throttled, "EasyVista asks to slow down. Try again later."),
    HTTPStatus.REQUEST_TIMEOUT: _TIMED_OUT,
    HTTPStatus.GATEWAY_TIMEOUT: _TIMED_OUT,
}


class SignIn:
    """Signs in with an access token or with "user:password", whichever the secret holds."""

    def __init__(self, secret: RememberedSecret, *, is_login: bool) -> None:
        self.secret = secret
        self._is_login = is_login

    def header(self, value: str) -> str:
        """Return the Authorization header for the secret's value. Raises ConfigurationError if it is malformed."""
        value = value.strip()
        if self._is_login:
            if ":" not in value:
                raise ConfigurationError(f"The secret {self.secret.name} is malformed. Store user:password.")
            return f"Basic {base64.b64encode(value.encode()).decode()}"
        if not _TOKEN.fullmatch(value):
            raise ConfigurationError(
                f"The secret {self.secret.name} is no access token. Store the token and nothing else."
            )
        return f"Bearer {value}"


class Http:
    """Sends requests to one instance, two at a time for all its sinks. Repeats reads after errors, but no writes."""

    def __init__(self, root: str, sign_in: SignIn, transport: Transport) -> None:
        self._root = root
        self._sign_in = sign_in
        self._transport = transport
        self._gate = _find_gate(root)

    def read(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """GET a path below the account; return the JSON with names in lower case. Raises errors of shared.errors."""
        return call_with_retry(_READ, lambda: self._send("GET", path, query=query))

    def write(self, method: str, path: str, make_body: MakeBody, content_type: str = "application/json") -> Json:
        """Send a body once; a second time only if the sign-in was refused and the secret has a new version."""
        return self._send(method, path, make_body=make_body, content_type=content_type)

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        make_body: MakeBody | None = None,
        content_type: str | None = None,
    ) -> Json:
        headers = {"Accept": "application/json"} | ({"Content-Type": content_type} if content_type else {})

        def exchange(value: str) -> Answer:
            with self._limit_requests():
                return self._transport.send(
                    method,
                    f"{self._root}{path}",
                    authorization=self._sign_in.header(value),
                    query=query,
                    headers=headers,
                    data=make_body() if make_body else None,
                )

        value = self._sign_in.secret()
        answer = exchange(value)
        if answer.status == HTTPStatus.UNAUTHORIZED and self._sign_in.secret.renew(value):
            answer = exchange(self._sign_in.secret())
        return _read(answer)

    @contextmanager
    def _limit_requests(self) -> Iterator[None]:
        left = context.remaining()
        if not self._gate.acquire(timeout=None if left == float("inf") else max(0.0, left)):
            raise Unavailable(
                "Other mails kept EasyVista busy until the time ran out. Try again later.", code="OutOfTime"
            )
        try:
            yield
        finally:
            self._gate.release()


@cache
def _find_gate(root: str) -> threading.BoundedSemaphore:  # noqa: ARG001 - the key of the cache
    return threading.BoundedSemaphore(_AT_ONCE)


def _read(answer: Answer) -> Json:
    if answer.status not in range(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES):
        raise _read_error(answer)
    if not answer.body.strip():
        return {}
    body = _parse(answer.body)
    if body is None:
        raise OutcomeUnknown("EasyVista's answer is not JSON. Check the url of the sink.", code="UpstreamBadAnswer")
    return body


def _parse(text: bytes | str) -> Json | None:
    try:
        body = json.loads(text)
    except ValueError:
        return None
    return _lower(body) if isinstance(body, dict) else None


def _lower(value: Any) -> Any:
    """Return the JSON with names in lower case, because EasyVista's answers use any letter case."""
    if isinstance(value, dict):
        return {str(name).lower(): _lower(inner) for name, inner in value.items()}
    return [_lower(inner) for inner in value] if isinstance(value, list) else value


def _read_error(answer: Answer) -> GatewayError:
    code, text = read_error_text(answer.body)
    status = answer.status
    if is_redirect(status):
        return redirect_refused("EasyVista", status)
    fallback = _FAILED if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != REJECTED else _REFUSED
    error = _TIMED_OUT if _TIMEOUT.search(text) else _BY_STATUS.get(status, fallback)
    more: dict[str, Any] = {"code": error.code, "detail": f"HTTP {answer.status} {code} {text}".strip()}
    if error.kind is Throttled:
        more["retry_after"] = read_retry_after(answer.headers.get("Retry-After"))
    return error.kind(error.message, **more)


def read_error_text(body: bytes) -> tuple[str, str]:
    """Return code and shortened text of an error, without what it may quote from a mail; ("", "") if it is not JSON."""
    found = _parse(body) or {}
    inner = _parse(found["message"]) if isinstance(found.get("message"), str) else None
    found |= inner or {}
    code = str(found.get("error_code") or found.get("code") or "")
    text = next((str(found[name]) for name in ("error", "error_message", "message") if found.get(name)), "")
    return code[:20], " ".join(_FOREIGN.sub(_cut, text).split())[:_LONGEST_DETAIL]


def _cut(found: re.Match[str]) -> str:
    return found[0] if _NAME.fullmatch(found[0]) else "(cut)"
