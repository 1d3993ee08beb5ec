"""Bad input gets a 4xx with a stable code, a sentence that says what to do, and the field; nothing is sent to Graph."""

from typing import Any

import pytest

from tests.functional.conftest import Gateway, read_error
from twin.seeds import tiny

PAGE = f"bookings/businesses/{tiny.BUSINESS}"
RANGE = {"start": "2026-05-04", "end": "2026-05-05"}
SLOTS = RANGE | {"service": tiny.VISIT}


@pytest.mark.parametrize(
    ("path", "query", "code", "target"),
    [
        (f"{PAGE}/appointments", {"end": "2026-05-05"}, "MissingParameter", "start"),
        (f"{PAGE}/appointments", {"start": "2026-05-05"}, "MissingParameter", "end"),
        (f"{PAGE}/appointments", RANGE | {"start": "soon"}, "InvalidDate", "start"),
        (f"{PAGE}/appointments", RANGE | {"end": "2026-02-30"}, "InvalidDate", "end"),
        (f"{PAGE}/appointments", {"start": "2026-05-05", "end": "2026-05-04"}, "EndBeforeStart", "end"),
        (f"{PAGE}/appointments", {"start": "2026-05-05", "end": "2026-05-05"}, "EndBeforeStart", "end"),
        (f"{PAGE}/appointments", {"start": "2026-05-05", "end": "2027-06-05"}, "RangeTooLong", "end"),
        (f"{PAGE}/appointments", RANGE | {"timeZone": "Mars/Olympus"}, "UnknownTimeZone", "timeZone"),
        (f"{PAGE}/appointments", RANGE | {"limit": "0"}, "InvalidNumber", "limit"),
        (f"{PAGE}/appointments", RANGE | {"limit": "501"}, "InvalidNumber", "limit"),
        (f"{PAGE}/appointments", RANGE | {"limit": "101", "details": "true"}, "InvalidNumber", "limit"),
        (f"{PAGE}/appointments", RANGE | {"limit": "ten"}, "InvalidNumber", "limit"),
        (f"{PAGE}/appointments", RANGE | {"limit": "٣"}, "InvalidNumber", "limit"),
        (f"{PAGE}/appointments", RANGE | {"limit": "9" * 40}, "InvalidNumber", "limit"),
        (f"{PAGE}/appointments", RANGE | {"expand": "everything"}, "InvalidChoice", "expand"),
        (f"{PAGE}/appointments", RANGE | {"details": "everything"}, "InvalidChoice", "details"),
        (f"{PAGE}/appointments", RANGE | {"staff": "../x"}, "InvalidId", "staff"),
        (f"{PAGE}/appointments", RANGE | {"service": "a' or 1 eq 1"}, "InvalidId", "service"),
        (f"{PAGE}/appointments", RANGE | {"customer": "x" * 2000}, "InvalidParameter", "customer"),
        (f"{PAGE}/appointments", RANGE | {"cursor": "made-up"}, "InvalidCursor", "cursor"),
        (f"{PAGE}/appointments", RANGE | {"$filter": "x"}, "UnknownParameter", "$filter"),
        (f"{PAGE}/appointments", {"Start": "2026-05-04", "end": "2026-05-05"}, "UnknownParameter", "Start"),
        (f"{PAGE}/appointments", RANGE | {"connection": "moon"}, "UnknownConnection", "connection"),
        (f"{PAGE}/appointment", {}, "MissingParameter", "id"),
        (f"{PAGE}/appointment", {"id": "../../users"}, "InvalidId", "id"),
        (f"{PAGE}/appointment", {"id": "x" * 1500}, "InvalidParameter", "id"),
        (f"{PAGE}/slots", RANGE, "MissingParameter", "service"),
        (f"{PAGE}/slots", SLOTS | {"end": "2026-09-05"}, "RangeTooLong", "end"),
        (f"{PAGE}/slots", SLOTS | {"staff": "a,b c"}, "InvalidId", "staff"),
        (f"{PAGE}/agenda", {}, "MissingParameter", "date"),
        (f"{PAGE}/agenda", {"date": "2026-05-04T09:00:00"}, "InvalidDate", "date"),
        (f"{PAGE}/agenda", {"date": "0186-08-20"}, "InvalidDate", "date"),
        (f"{PAGE}/agenda", {"date": "9999-12-31"}, "InvalidDate", "date"),
        (f"{PAGE}/agenda", {"date": "0001-01-01", "timeZone": "Asia/Kolkata"}, "InvalidDate", "date"),
        (f"{PAGE}/appointments", {"start": "0999-12-31", "end": "1000-01-02"}, "InvalidDate", "start"),
        (f"{PAGE}/changes", {"since": "9999-12-31T23:59:59Z"}, "InvalidDate", "since"),
        (f"{PAGE}/services", {"top": "5"}, "UnknownParameter", "top"),
        ("bookings/businesses", {"query": "x"}, "UnknownParameter", "query"),
        ("bookings/businesses/desk", {}, "InvalidId", "business"),
        ("bookings/businesses/..%2F..%2Fusers", {}, "InvalidId", "business"),
        ("bookings/businesses/a%20b@contoso.com", {}, "InvalidId", "business"),
    ],
)
def test_bad_query_is_reported_by_field(
    gateway: Gateway, path: str, query: dict[str, str], code: str, target: str
) -> None:
    refused = gateway.refused(path, **query)
    assert (refused["status"], refused["code"], refused["target"]) == (400, code, target)
    assert gateway.graph_calls() == []


BODY = {"start": "2026-05-04", "end": "2026-05-05"}


@pytest.mark.parametrize(
    ("body", "code", "target"),
    [
        ([], "WrongType", "body"),
        ("text", "WrongType", "body"),
        ({}, "MissingParameter", "start"),
        (BODY | {"start": 5}, "WrongType", "start"),
        (BODY | {"start": None}, "MissingParameter", "start"),
        (BODY | {"end": "2026-05-03"}, "EndBeforeStart", "end"),
        (BODY | {"end": "2026-12-03"}, "RangeTooLong", "end"),
        (BODY | {"timeZone": "Moon"}, "UnknownTimeZone", "timeZone"),
        (BODY | {"timeZone": {}}, "WrongType", "timeZone"),
        (BODY | {"staffIds": 5}, "WrongType", "staffIds"),
        (BODY | {"staffIds": [5]}, "WrongType", "staffIds"),
        (BODY | {"staffIds": [None]}, "WrongType", "staffIds"),
        (BODY | {"staffIds": {"a": 1}}, "WrongType", "staffIds"),
        (BODY | {"staffIds": ["../x"]}, "InvalidId", "staffIds"),
        (BODY | {"staff": []}, "UnknownParameter", "staff"),
    ],
)
def test_a_bad_body_is_reported_by_field(gateway: Gateway, body: Any, code: str, target: str) -> None:
    refused = read_error(gateway.post(f"{PAGE}/availability", body))
    assert (refused["status"], refused["code"], refused["target"]) == (400, code, target)
    assert gateway.graph_calls() == []


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"start=2026", b"[" * 30000])
def test_what_is_no_json_is_refused(gateway: Gateway, raw: bytes) -> None:
    refused = read_error(gateway.post(f"{PAGE}/availability", raw=raw))
    assert (refused["status"], refused["code"], refused["target"]) == (400, "InvalidJson", "body")


@pytest.mark.parametrize("raw", [rb'{"staffIds":["\ud83d"]}', rb'{"\udc00":1}', rb'{"timeZone":{"a":"x\ud83dx"}}'])
def test_an_unpaired_surrogate_is_refused_before_anything_is_sent(gateway: Gateway, raw: bytes) -> None:
    refused = read_error(gateway.post(f"{PAGE}/availability", raw=raw))
    assert (refused["status"], refused["code"], refused["target"]) == (400, "InvalidJson", "body")
    assert refused["message"] == "A text in the body holds half of a surrogate pair. Send whole characters."


def test_an_oversized_body_is_refused(gateway: Gateway) -> None:
    refused = read_error(gateway.post(f"{PAGE}/availability", BODY | {"staffIds": ["a" * 40] * 2000}))
    assert (refused["status"], refused["code"], refused["target"]) == (413, "BodyTooLarge", "body")


def test_a_business_that_is_allowed_and_does_not_exist_is_not_found(gateway: Gateway) -> None:
    gateway.begin(tiny.seed, BOOKINGS_BUSINESSES="*")
    for route in ("", "/services", "/staff", "/customers", "/questions"):
        refused = gateway.refused(f"bookings/businesses/nobody@contoso.com{route}")
        assert (refused["status"], refused["code"], refused["target"]) == (404, "BusinessNotFound", "business")


def test_a_wrong_key_is_refused_by_the_host_without_a_word(gateway: Gateway) -> None:
    for key in ("wrong", ""):
        answer = gateway.get(PAGE, key=key)
        assert (answer.status_code, answer.content) == (401, b"")
    assert gateway.graph_calls() == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_reading_route_knows_no_other_method(gateway: Gateway, method: str) -> None:
    answer = gateway.http.request(
        method, f"{gateway.base_url}/api/{PAGE}", headers={"x-functions-key": gateway.key}, timeout=9
    )
    assert answer.status_code == 405


def test_a_plus_that_a_query_turned_into_a_blank_is_understood(gateway: Gateway) -> None:
    answer = gateway.http.get(
        f"{gateway.base_url}/api/{PAGE}/appointments?start=2026-05-04T00:00:00+02:00&end=2026-05-05T00:00:00+02:00",
        headers={"x-functions-key": gateway.key}, timeout=9,
    )  # fmt: skip
    assert answer.status_code == 200
    asked = dict(gateway.graph_calls()[0].query)
    assert (asked["start"], asked["end"]) == ("2026-05-03T22:00:00Z", "2026-05-04T22:00:00Z")
