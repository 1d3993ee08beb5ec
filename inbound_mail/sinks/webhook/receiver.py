"""Sends signed events to the receiver of a webhook, and reads its answer. A secret address is in no log or error."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from inbound_mail.sinks._statuses import StatusError
from inbound_mail.sinks.protocol import UnclearRefusalError
from shared.errors import (
    AnswerTooLarge,
    ConfigurationError,
    GatewayError,
    OutcomeUnknown,
    Refused,
    Throttled,
    TimedOut,
    Unavailable,
)
from shared.key_vault import RememberedSecret
from shared.redirects import is_redirect, redirect_refused
from shared.retry import read_retry_after
from shared.secret_addresses import hide_host
from shared.transport import Transport
from shared.web_address import HTTPS_ADDRESS
from shared.webhook_signature import KEY_BYTES, KEY_PREFIX, read_key, sign

_LARGEST_ANSWER = 1024 * 1024
_SHOWN = re.compile(r"[^\w .:/#-]+")
_RELOAD_SECRETS = frozenset({401, 403, 404, 410})  # a new version of the key or address may help


_REFUSED = StatusError(
    Refused, "The receiver refused this event. Look into its own log for the reason.", code="ReceiverRefused"
)
_UNCLEAR = StatusError(
    UnclearRefusalError,
    "The receiver refuses this event, and does not say why. Check its address, the preset and its firewall.",
    code="ReceiverClosed",
)
_NO_SIGN_IN = StatusError(
    ConfigurationError,
    "The receiver refuses the gateway's signature or address. Check url and signing_keys.",
    code="ReceiverClosed",
)
_LATER = StatusError(Unavailable, "The receiver is not available just now. Try again later.")
_TIMED_OUT = StatusError(TimedOut, "The receiver did not answer in time. Try again later.")
_FAILED = StatusError(
    OutcomeUnknown, "The receiver answered with an error of its own. Look into its own log for the reason."
)
_CLOSED = StatusError(
    ConfigurationError,
    "There is no receiver at this address, or it is turned off. Check the address.",
    code="ReceiverClosed",
)
# What Logic Apps and Power Automate answer with 400 for a flow that is turned off, whatever the event is.
_TURNED_OFF = "WorkflowTriggerIsNotEnabled"
_BY_STATUS: Mapping[int, StatusError] = {
    HTTPStatus.UNAUTHORIZED: _NO_SIGN_IN,
    HTTPStatus.NOT_FOUND: _CLOSED,
    HTTPStatus.GONE: StatusError(
        ConfigurationError,
        "The receiver accepts no more events (410). Check the address, or remove the sink.",
        code="ReceiverClosed",
    ),
    HTTPStatus.BAD_REQUEST: _REFUSED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _REFUSED,
    HTTPStatus.UNPROCESSABLE_ENTITY: _REFUSED,
    HTTPStatus.CONFLICT: StatusError(Unavailable, "The receiver is still busy with this event. Try again later."),
    HTTPStatus.TOO_EARLY: _LATER,
    HTTPStatus.SERVICE_UNAVAILABLE: _LATER,
    HTTPStatus.TOO_MANY_REQUESTS: StatusError(Throttled, "The receiver asks to slow down. Try again later."),
    HTTPStatus.REQUEST_TIMEOUT: _TIMED_OUT,
    HTTPStatus.GATEWAY_TIMEOUT: _TIMED_OUT,
}


class Receiver:
    """Sends events to one address."""

    def __init__(
        self,
        *,
        url: str | None,
        url_secret: RememberedSecret | None,
        keys: Sequence[RememberedSecret],
        content_type: str,
        timeout: float,
        wants_answer: bool,
    ) -> None:
        self._url = url
        self._url_secret = url_secret
        self._keys = keys
        self._content_type = content_type
        self._wants_answer = wants_answer
        self._transport = Transport(read_seconds=timeout)
        self.secrets = [*keys, *([url_secret] if url_secret else [])]

    def check_secrets(self) -> None:
        """Raise ConfigurationError for a secret that is missing or wrong."""
        self._read_url()
        for key in self._keys:
            _read_key(key)

    def send(self, event_id: str, body: bytes) -> bytes:
        """POST an event; return the answer's body. The errors that it raises (shared.errors) never show the address."""
        try:
            used = [(one, one()) for one in self.secrets]
            status, error, answer = self._exchange(event_id, body)
            may_help = status in _RELOAD_SECRETS or (error is not None and error.code == _CLOSED.code)
            renewed = [one for one, value in used if may_help and one.renew(value)]
            if renewed:
                status, error, answer = self._exchange(event_id, body)
        except GatewayError as failure:
            raise failure from None  # its cause, an error of the HTTP library, shows the address
        if error:
            raise error
        return answer

    def _exchange(self, event_id: str, body: bytes) -> tuple[int, GatewayError | None, bytes]:
        url, moment = self._read_url(), datetime.now(UTC)
        headers = {
            "Content-Type": self._content_type,
            "Idempotency-Key": f'"{event_id}"',
            **sign(event_id, moment, body, [_read_key(key) for key in self._keys]),
        }
        with self._transport.open("POST", url, headers=headers, data=body) as answer:
            is_good = answer.status in range(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES)
            try:
                content = answer.read(_LARGEST_ANSWER)
            except AnswerTooLarge:
                content = b""
            except OutcomeUnknown:
                if not is_good or self._wants_answer:
                    raise
                content = b""  # the status is all that is needed
            return answer.status, None if is_good else _read_error(answer.status, answer.headers, content), content

    def _read_url(self) -> str:
        if self._url_secret is None:
            return self._url or ""
        url = self._url_secret().strip()
        found = HTTPS_ADDRESS.fullmatch(url)
        if found is None:
            raise ConfigurationError(
                f"The secret {self._url_secret.name} is no address. Store one that begins with https."
            )
        hide_host(found["host"].lower())
        return url


def _read_key(secret: RememberedSecret) -> bytes:
    """Return the bytes of a signing key. Raises ConfigurationError."""
    key = read_key(secret().strip())
    if key is None:
        raise ConfigurationError(
            f"The secret {secret.name} is no signing key. Store {KEY_PREFIX} and {KEY_BYTES[0]} to {KEY_BYTES[-1]} "
            "bytes in Base64."
        )
    return key


def _read_error(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    if is_redirect(status):
        return redirect_refused("The receiver", status)
    wait = read_retry_after(headers.get("Retry-After"))
    fallback = _FAILED if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _UNCLEAR
    said = _describe(status, headers, body)
    error = _CLOSED if _TURNED_OFF in said else _BY_STATUS.get(status, fallback)
    if issubclass(error.kind, OutcomeUnknown) and wait is not None:
        error = _LATER  # an event may always be sent again, and this error has a time to wait
    more: dict[str, Any] = {"code": error.code, "detail": said}
    if issubclass(error.kind, Unavailable):
        more["retry_after"] = wait
    return error.kind(error.message, **more)


def _describe(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """Return what may be logged of an error: type and title of a problem (RFC 9457), or the code of Logic Apps."""
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        found = json.loads(body) if kind.endswith("json") else None
    except ValueError:
        found = None
    words = []
    if isinstance(found, dict):
        inner = found.get("error")
        is_problem = kind == "application/problem+json"
        parts = [found.get("type"), found.get("title")] if is_problem else []
        parts += [inner.get("code")] if isinstance(inner, dict) else []
        words = [_SHOWN.sub(" ", str(part))[:100] for part in parts if part]
    return " ".join([f"HTTP {status}", *words])
