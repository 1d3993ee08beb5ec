"""One POST to a target over HTTPS, and what is known after it; for targets that are judged by status and error code."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from event_subscriptions.targets.protocol import SendOutcome, Verdict
from shared.errors import AnswerTooLarge, OutcomeUnknown, Unreachable
from shared.retry import read_retry_after
from shared.transport import Streamed, Transport

_MOST_BYTES = 64 * 1024
_SUCCESS = range(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES)
_PLAIN = re.compile(r"[^\w .:-]+")
_LONGEST_CODE = 80


@dataclass(frozen=True)
class Refusal:
    """An answer that is no success. `code` and `message` are the error's own, or empty."""

    status: int
    code: str
    message: str


def post(
    transport: Transport,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    is_gone: Callable[[Refusal], bool],
    authorization: str | None = None,
) -> SendOutcome:
    """Send an event once. The outcome's text shows neither address nor body; `is_gone` judges refusals.

    Raises GatewayError if the gateway could not try: no time is left.
    """
    try:
        with transport.open("POST", url, headers=headers, data=body, authorization=authorization) as answer:
            status, wait = answer.status, read_retry_after(answer.headers.get("Retry-After"))
            if status in _SUCCESS:
                return SendOutcome(Verdict.ACCEPTED, f"HTTP {status}", status)
            refusal = _read_refusal(answer)
    except Unreachable as error:
        return SendOutcome(Verdict.UNAVAILABLE, f"No connection ({error.detail})")
    except OutcomeUnknown as error:
        return SendOutcome(Verdict.UNKNOWN, f"No answer ({error.detail})")
    verdict = Verdict.GONE if is_gone(refusal) else Verdict.UNAVAILABLE
    said = f"HTTP {status} {refusal.code}".strip()
    return SendOutcome(verdict, said, status, wait)


def never_gone(refusal: Refusal) -> bool:
    """Return False: for targets that an administrator allows, and whose absence is a mistake of settings."""
    del refusal
    return False


def _read_refusal(answer: Streamed) -> Refusal:
    """Read the error of a JSON answer, in the shape that Microsoft's services share."""
    try:
        found: Any = json.loads(answer.read(_MOST_BYTES))
    except (ValueError, AnswerTooLarge, OutcomeUnknown):
        found = None
    error = found.get("error") if isinstance(found, dict) else None
    if not isinstance(error, dict):
        return Refusal(answer.status, "", "")
    code = _PLAIN.sub(" ", str(error.get("code") or ""))[:_LONGEST_CODE]
    return Refusal(answer.status, code, str(error.get("message") or ""))
