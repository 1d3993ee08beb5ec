"""Reads Graph's answers: JSON, errors, and continuous-access challenges."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from shared.errors import (
    Conflict,
    Forbidden,
    GatewayError,
    Invalid,
    NotFound,
    OutcomeUnknown,
    Rejected,
    ServerFailed,
    Throttled,
    TimedOut,
    Unavailable,
)
from shared.json_text import parse_json
from shared.redirects import is_redirect, redirect_refused
from shared.retry import read_retry_after
from shared.transport import Answer

type Expected = dict[str, Any] | GatewayError

_REFUSED = (Rejected, None, "Microsoft Graph refused the gateway's request. Send its administrator the requestId.")
_SERVER_FAILED = (ServerFailed, None, "Microsoft Graph failed to answer. Try again later.")
_FORBIDDEN = (
    Forbidden,
    "ConsentMissing",
    "Microsoft Graph refuses: the app registration lacks a permission. An administrator can grant it.",
)
# Bookings has calls for one kind of token only, and says which one it got (microsoft-graph-docs-contrib issue 8874).
_TOKEN_KIND = re.compile(r"does not support the token type: (\w+)")
_FOR_APPS_ONLY = (
    Forbidden,
    "AppsOnly",
    "Microsoft Graph allows this call to apps only, not to users. Use a connection that signs in as an app.",
)
_FOR_USERS_ONLY = (
    Forbidden,
    "UsersOnly",
    "Microsoft Graph allows this call to users only, not to apps. Use a connection that signs in as a user.",
)
_NOT_THERE = (
    NotFound,
    None,
    "Microsoft Graph has no item with this id. It may have been moved or deleted. List the items again.",
)
_MAILBOX_NOT_THERE = (
    NotFound,
    "MailboxNotFound",
    "Exchange has no such mailbox, or it has no licence any more. An administrator can check its address and licence.",
)
_NO_TIME = (TimedOut, None, "Microsoft Graph did not answer in time. Try again later.")
_CHANGED = (
    Conflict,
    None,
    "The item was changed by somebody else at the same time. Read it again first.",
)
_AWAY = (Unavailable, None, "Microsoft Graph is not available. Try again later.")
_LOST = (
    Rejected,
    "CursorLost",
    "Microsoft Graph forgot up to where this folder was read. Wait until it is read from the beginning.",
)
_BANDWIDTH_EXCEEDED = 509  # Graph's own use of a number that HTTP does not name
_BY_STATUS: Mapping[int, tuple[type[GatewayError], str | None, str]] = {
    HTTPStatus.UNAUTHORIZED: (
        Rejected,
        "TokenRejected",
        "Microsoft Graph does not accept the gateway's token. Check that the app is enabled in Entra ID.",
    ),
    HTTPStatus.FORBIDDEN: _FORBIDDEN,
    HTTPStatus.NOT_FOUND: _NOT_THERE,
    HTTPStatus.CONFLICT: _CHANGED,
    HTTPStatus.PRECONDITION_FAILED: _CHANGED,
    HTTPStatus.GONE: _LOST,
    HTTPStatus.TOO_MANY_REQUESTS: (Throttled, None, "Microsoft Graph limits the number of calls. Try again later."),
    HTTPStatus.FAILED_DEPENDENCY: _AWAY,
    HTTPStatus.SERVICE_UNAVAILABLE: _AWAY,
    HTTPStatus.INSUFFICIENT_STORAGE: _AWAY,  # a full mailbox says so to reads as well
    _BANDWIDTH_EXCEEDED: _AWAY,
    HTTPStatus.REQUEST_TIMEOUT: _NO_TIME,
    HTTPStatus.GATEWAY_TIMEOUT: _NO_TIME,
}
# Exchange's codes for things that are not there come with several statuses; these speak of the whole mailbox.
_NO_MAILBOX = frozenset(
    {
        "ErrorNonExistentMailbox",
        "ErrorFolderNotFound",
        "ErrorInvalidUser",
        "MailboxNotEnabledForRESTAPI",  # inactive, soft-deleted, without a licence or on the customer's own servers
        "extensionError",
    }
)
_NO_ITEM = frozenset({"ErrorItemNotFound"})
# Listing businesses, known issue of Graph since 2026-02-06: it asks callers to narrow the list with `query`.
_TOO_MANY_FOUND = "ErrorExceededFindCountLimit"
# A delta link that Graph has forgotten: 410, or one of these under another status; they may be nested.
_CURSOR_LOST = frozenset({"syncstatenotfound", "syncstateinvalid", "resyncrequired"})
_SEARCH_TOO_WIDE = (
    Invalid,
    "SearchTooWide",
    "Microsoft Graph finds more than it can list. Narrow the search: ask with a part of the name.",
)
# With these statuses, Retry-After says when Graph wants the next call; "later" of other kinds is said of one request.
_PAUSING = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, _BANDWIDTH_EXCEEDED)
# Outlook names the limit in its message only. That of open requests is the app's, others are of an app and a mailbox.
_LIMIT_OF_APP = re.compile(r"\bMailboxConcurrency\b")
_FRONT_IS_BUSY = "TooManyRequests"  # the code of Graph's own front, which knows no mailboxes
_FORBIDDING = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_LONGEST_REASON = 300
_FIRST_OK, _FIRST_REDIRECT = 200, 300


def read_json(answer: Answer) -> dict[str, Any]:
    """Return the JSON object of a good answer, {} for none. Raises OutcomeUnknown for anything else."""
    if not answer.body:
        return {}
    try:
        body = parse_json(answer.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise OutcomeUnknown("Microsoft Graph did not answer in JSON. Try again later.", code="UpstreamBadAnswer")
    return body


def is_success(status: int) -> bool:
    """Return whether a status means success."""
    return _FIRST_OK <= status < _FIRST_REDIRECT


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError | None:
    """Return the error that a status stands for, or None for a success.

    Graph's code and message may be empty, and Bookings says 500 UnknownError for bad input, broken rule and outage
    alike: so a 500 leaves the outcome unknown. Texts of Graph stay out of the message, its code goes to the log; what
    it says about a request that it calls wrong (400) is kept as the `reason`.
    """
    if is_success(status):
        return None
    if is_redirect(status):
        return redirect_refused("Microsoft Graph", status)
    graph_code, inner_codes, request_id = _read_error_body(body)
    if graph_code in _NO_MAILBOX | _NO_ITEM:
        status = HTTPStatus.NOT_FOUND
    fallback = _SERVER_FAILED if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _REFUSED
    kind, code, message = _BY_STATUS.get(status, fallback)
    if _CURSOR_LOST & {name.lower() for name in (graph_code, *inner_codes)}:
        kind, code, message = _LOST
    if graph_code in _NO_MAILBOX:
        kind, code, message = _MAILBOX_NOT_THERE
    if graph_code == _TOO_MANY_FOUND:
        kind, code, message = _SEARCH_TOO_WIDE
    if status in _FORBIDDING and (token := _TOKEN_KIND.search(_read_reason(body) or "")):
        kind, code, message = _FOR_USERS_ONLY if token[1] == "App" else _FOR_APPS_ONLY
    known: dict[str, Any] = {
        "code": code,
        "detail": f"HTTP {status} {'/'.join((graph_code, *inner_codes))}",
        "upstream_id": request_id or _header(headers, "request-id"),
    }
    if issubclass(kind, Unavailable):
        known["retry_after"] = read_retry_after(_header(headers, "Retry-After"))
    elif status == HTTPStatus.BAD_REQUEST:
        known["reason"] = _read_reason(body)
    return kind(message, **known)


@dataclass(frozen=True)
class Pause:
    """How long Graph wants no call: of the whole app in this tenant, or of the mailbox that was asked."""

    seconds: float
    is_of_app: bool


def read_pause(status: int, headers: Mapping[str, str], body: bytes) -> Pause | None:
    """Return how long Graph wants no further call, and of whom; None if it does not say."""
    if status not in _PAUSING or not (seconds := read_retry_after(_header(headers, "Retry-After"))):
        return None
    graph_code, _, _ = _read_error_body(body)
    is_of_app = (
        status == _BANDWIDTH_EXCEEDED
        or graph_code == _FRONT_IS_BUSY
        or _header(headers, "x-ms-throttle-scope") is not None  # Application, Tenant_Application or Tenant
        or _LIMIT_OF_APP.search(_read_reason(body) or "") is not None
    )
    return Pause(seconds, is_of_app)


def _read_error_body(body: bytes) -> tuple[str, list[str], str | None]:
    """Return code, nested codes and request id of {"error": {"code", "innerError": {…}}}; each may be missing."""
    try:
        error = json.loads(body)["error"]
        code = str(error.get("code") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", [], None
    inner = error.get("innerError") or error.get("innererror")
    codes: list[str] = []
    request_id = None
    while isinstance(inner, dict):
        codes += [str(inner["code"])] if inner.get("code") else []
        request_id = request_id or inner.get("request-id")
        inner = inner.get("innerError") or inner.get("innererror")
    return code, codes, request_id


def _read_reason(body: bytes) -> str | None:
    """Return the message of Graph's error as one short line, or None."""
    try:
        text = json.loads(body)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return None
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in str(text or "")).split())
    return line[:_LONGEST_REASON] or None


def _header(headers: Mapping[str, str], name: str) -> str | None:
    """Look a header up in any case: batch answers carry theirs in a plain object."""
    return next((value for key, value in headers.items() if key.lower() == name.lower()), None)
