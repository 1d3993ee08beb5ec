"""Bodies in chunks: the platform's host hands them on empty, and an empty body may mean something else."""

import json
import re
from collections.abc import Iterator

import pytest

from devkit.connector.answers import load_definition
from tests.functional.conftest import Gateway, read_error
from tests.house.source import ROOT
from twin.seeds import sample

VALUES = {"business": "ithelpdesk@contoso.com", "mailbox": "support", "key": "a" * 40}
MAIL = {
    "MAILBOXES": json.dumps([{"name": "support", "address": "support@contoso.com", "sinks": ["flow"]}]),
    "SINKS": json.dumps({"flow": {"kind": "storage-queue", "queue": "tickets"}}),
}


def operations() -> list[tuple[str, str]]:
    """The method and path of every route that takes a body."""
    paths = load_definition().document["paths"]
    return [
        (method, path)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if any(parameter.get("in") == "body" for parameter in operation.get("parameters", ()))
    ]


@pytest.fixture(scope="module")
def writing(gateway_process: Gateway) -> Gateway:
    gateway_process.begin(sample.seed, BOOKINGS_WRITES="on", **MAIL)
    return gateway_process


def call(gateway: Gateway, method: str, path: str, *, is_chunked: bool) -> int | tuple[int, str, str]:
    for name, value in VALUES.items():
        path = path.replace(f"{{{name}}}", value)

    def chunks() -> Iterator[bytes]:
        yield from ()  # what a body in chunks is on the platform: nothing

    headers = {"x-functions-key": gateway.key}
    body = chunks() if is_chunked else b""
    query = {"id": "AAMkAGI1"} if "/appointment/" in f"{path}/" else {}
    answer = gateway.http.request(
        method, f"{gateway.base_url}/api{path}", params=query, data=body, headers=headers, timeout=60
    )
    assert answer.request.headers.get("transfer-encoding") == ("chunked" if is_chunked else None)
    if answer.ok:
        return answer.status_code
    error = read_error(answer)
    return error["status"], error["code"], error.get("target", "")


def test_a_body_that_was_lost_on_the_way_is_never_taken_for_no_body(writing: Gateway) -> None:
    """Cancelling would else send no message, and a redelivery would begin at every sink."""
    found = operations()
    assert len(found) > 10
    answers = {(method, path): call(writing, method, path, is_chunked=True) for method, path in found}
    assert answers == dict.fromkeys(found, (411, "LengthRequired", "body"))


def test_no_body_is_still_no_body(writing: Gateway) -> None:
    for method, path in operations():
        assert call(writing, method, path, is_chunked=False) != (411, "LengthRequired", "body")


def test_bodies_are_read_in_one_place() -> None:
    """A route that read the platform's bytes itself would take a lost body for none."""
    readers = {
        path.name: len(re.findall(r"\.get_(?:body|json)\(", path.read_text()))
        for path in (ROOT / "blueprints").glob("*.py")
    }
    queues, answers = {"mail_work.py": 4, "subscriptions_work.py": 1}, {"signed_in.py": 1}
    assert {name: number for name, number in readers.items() if number} == {"_http.py": 1} | queues | answers
