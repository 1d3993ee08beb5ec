import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from shared.challenges import read_challenge
from shared.errors import (
    ConfigurationError,
    Conflict,
    Forbidden,
    GatewayError,
    NotFound,
    OutcomeUnknown,
    Rejected,
    ServerFailed,
    Throttled,
    TimedOut,
    Unavailable,
)
from shared.graph.answers import read_error, read_json
from shared.retry import read_retry_after
from shared.transport import Answer


def error_body(code: str, inner: object = None) -> bytes:
    return json.dumps({"error": {"code": code, "message": "secret words of Graph", "innerError": inner}}).encode()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "ErrorInvalidRequest", Rejected),
        (401, "InvalidAuthenticationToken", Rejected),
        (403, "ErrorAccessDenied", Forbidden),
        (404, "ErrorItemNotFound", NotFound),
        (409, "", Conflict),
        (412, "ErrorIrresolvableConflict", Conflict),
        (429, "ApplicationThrottled", Throttled),
        (500, "UnknownError", ServerFailed),
        (500, "", ServerFailed),
        (501, "", ServerFailed),
        (502, "", ServerFailed),
        (503, "serviceNotAvailable", Unavailable),
        (504, "UnknownError", TimedOut),
        (509, "", Unavailable),
        (301, "", ConfigurationError),
        (403, "ErrorNonExistentMailbox", NotFound),
        (500, "ErrorFolderNotFound", NotFound),
    ],
)
def test_a_status_says_what_happened(status: int, code: str, kind: type[GatewayError]) -> None:
    error = read_error(status, {}, error_body(code))
    assert type(error) is kind
    assert "secret words" not in str(error)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_2xx_is_a_success(status: int) -> None:
    assert read_error(status, {}, b"") is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b'{"error": 1}', b'{"error": {"innerError": []}}'])
def test_an_error_without_a_proper_body_is_read_by_its_status(body: bytes) -> None:
    assert type(read_error(503, {"Retry-After": "7"}, body)) is Unavailable


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (410, b""),
        (410, error_body("SyncStateNotFound")),
        (400, error_body("syncStateNotFound")),
        (404, error_body("ErrorInvalidRequest", {"code": "resyncRequired"})),
        (400, error_body("x", {"code": "y", "innerError": {"code": "SyncStateInvalid"}})),
    ],
)
def test_a_forgotten_cursor_is_known_by_status_or_by_code_at_any_depth(status: int, body: bytes) -> None:
    error = read_error(status, {}, body)
    assert error is not None
    assert error.code == "CursorLost"


def test_graphs_request_id_is_kept_from_the_body_or_the_header() -> None:
    inner = {"request-id": "abc", "innerError": {"code": "deep"}}
    from_body = read_error(400, {"request-id": "other"}, error_body("x", inner))
    from_header = read_error(400, {"Request-Id": "other"}, b"")
    assert from_body is not None
    assert from_header is not None
    assert (from_body.upstream_id, from_header.upstream_id) == ("abc", "other")
    assert "deep" in (from_body.detail or "")


def test_retry_after_is_a_number_of_seconds_or_a_date() -> None:
    assert read_retry_after("7") == 7
    assert read_retry_after(None) is None
    assert read_retry_after("soon") is None
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 85 < (read_retry_after(later) or 0) <= 90
    assert read_retry_after(format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True)) == 0


def test_a_throttled_answer_carries_its_wait_in_any_case_of_the_header() -> None:
    error = read_error(429, {"retry-after": "12"}, b"")
    assert isinstance(error, Throttled)
    assert error.retry_after == 12


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"{", b'"text"', b"\xff"])
def test_what_is_no_json_object_is_no_answer(body: bytes) -> None:
    with pytest.raises(OutcomeUnknown) as raised:
        read_json(Answer(200, {}, body))
    assert raised.value.code == "UpstreamBadAnswer"


def test_an_answer_without_body_is_an_empty_object() -> None:
    assert read_json(Answer(204, {}, b"")) == {}


def challenge(claims: bytes, *, url_safe: bool, padded: bool) -> str:
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
    text = encode(claims).decode()
    return text if padded else text.rstrip("=")


@pytest.mark.parametrize("url_safe", [True, False])
@pytest.mark.parametrize("padded", [True, False])
def test_the_claims_of_a_challenge_are_decoded_from_either_alphabet(url_safe: bool, padded: bool) -> None:
    claims = b'{"access_token":{"nbf":{"essential":true,"value":"1~~~???"}}}'
    text = challenge(claims, url_safe=url_safe, padded=padded)
    header = f'Bearer realm="", error="invalid_token", Bearer error="insufficient_claims", claims="{text}"'
    assert read_challenge({"www-authenticate": header}) == claims.decode()


@pytest.mark.parametrize(
    "header",
    [
        "",
        'Bearer error="invalid_token"',
        'Bearer error="insufficient_claims"',
        'Bearer error="insufficient_claims", claims="a"',
    ],
)
def test_a_401_without_readable_claims_is_no_challenge(header: str) -> None:
    assert read_challenge({"WWW-Authenticate": header}) is None
