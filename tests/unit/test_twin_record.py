import json
from collections.abc import Mapping

from twin.core.record import BODY_LIMIT, REDACTED, Record, redact
from twin.core.wire import Body, Call, Reply


def make_call(body: bytes = b"", query: str = "", api: str = "entra", headers: Mapping[str, str] | None = None) -> Call:
    return Call("host", "POST", "/p", "/p", query, headers or {}, body, api=api)


def keep(record: Record, call: Call, answer: Body = None, secret_fields: frozenset[str] = frozenset()) -> None:
    exchange = record.open(call, secret_fields)
    reply = Reply(200, answer, {"set-cookie": "hidden", "request-id": "shown"})
    record.close(exchange, reply, outcome="answered", size=len(reply.encode()[0]), secret_fields=secret_fields)


def test_secrets_are_gone_from_headers_forms_queries_and_bodies() -> None:
    record = Record()
    form = b"client_secret=hidden&password=hidden&refresh_token=hidden&client_assertion=hidden&username=shown"
    headers = {
        "authorization": "Bearer hidden",
        "x-identity-header": "hidden",
        "x-functions-key": "hidden",
        "cookie": "hidden",
        "content-type": "application/x-www-form-urlencoded",
        "accept": "shown",
    }
    keep(record, make_call(form, "code=hidden&sig=hidden&start=shown", headers=headers), {"access_token": "hidden"})
    keep(record, make_call(b'{"value": "hidden", "list": [{"VALUE": "hidden"}]}'), None, frozenset({"value"}))

    text = json.dumps([exchange.to_json() for exchange in record.all()])

    assert "hidden" not in text
    assert text.count("shown") == 5


def test_the_name_of_an_error_is_no_secret() -> None:
    body = {"error": {"code": "Forbidden", "innererror": {"code": "ForbiddenByRbac"}}, "code": "plain"}

    assert redact(body) == body


def test_lists_and_objects_under_a_secret_name_are_looked_into() -> None:
    assert redact({"value": [{"value": "x", "id": 1}]}, {"value"}) == {"value": [{"value": REDACTED, "id": 1}]}


def test_the_record_is_bounded_and_numbers_go_on() -> None:
    record = Record(keep=3)
    for _ in range(5):
        keep(record, make_call())

    assert [exchange.seq for exchange in record.all()] == [3, 4, 5]
    assert [exchange.seq for exchange in record.all(since=4)] == [5]
    assert record.counts["entra"] == 5

    record.clear()
    keep(record, make_call())

    assert [exchange.seq for exchange in record.all()] == [6]


def test_old_exchanges_are_deleted_when_bodies_are_too_large() -> None:
    record = Record(total_limit=1000)
    for number in range(10):
        keep(record, make_call(b'"%d"' % number), ["x" * 200])

    assert [exchange.seq for exchange in record.all()] == [7, 8, 9, 10]
    assert record.counts["entra"] == 10


def test_a_record_that_keeps_nothing_still_counts() -> None:
    record = Record(keep=0)
    keep(record, make_call(b'"x"'), ["x"])

    assert (record.all(), record.counts["entra"]) == ([], 1)

    record.keep = 1
    keep(record, make_call(b'"x"'), ["x"])

    assert [exchange.request_json for exchange in record.all()] == ["x"]


def test_what_overlaps_is_counted() -> None:
    record = Record()
    first = record.open(make_call(), frozenset())
    second = record.open(make_call(), frozenset())
    record.close(first, None, outcome="dropped", size=0, secret_fields=frozenset())
    third = record.open(make_call(), frozenset())

    assert [first.in_flight, second.in_flight, third.in_flight] == [1, 2, 2]
    assert record.peaks["entra"] == 2
    assert (first.status, first.outcome) == (0, "dropped")


def test_big_and_unreadable_bodies_are_recorded_by_size() -> None:
    record = Record()
    keep(record, make_call(b"\xff\xfe{"), "<html>")
    keep(record, make_call(), ["x" * BODY_LIMIT])

    first, second = record.all()

    assert first.request_json == {"omitted": "3 bytes of unknown type"}
    assert first.response_json == {"omitted": "6 bytes of str"}
    assert second.response_json == {"omitted": f"{BODY_LIMIT + 4} bytes of list"}
