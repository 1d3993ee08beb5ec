"""Answers on the wire, and log lines."""

import asyncio
import logging
from typing import Any

import pytest

from devkit.host.logs import InvocationFilter
from devkit.host.web import BodyTooLargeError, Message, Request, Response, read_body


def send(response: Response, extra: list[tuple[str, str]] | None = None) -> tuple[int, dict[str, str], bytes]:
    messages: list[Message] = []

    async def collect(message: Message) -> None:
        messages.append(message)

    asyncio.run(response.send(collect, extra or []))
    headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
    return messages[0]["status"], headers, messages[1]["body"]


def make_scope(**changes: Any) -> dict[str, Any]:
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"",
        "headers": [(b"Host", b"localhost:7071")],
    }
    return scope | changes


def test_an_answer_states_its_own_length_and_no_other() -> None:
    response = Response(200, (("content-length", "99"), ("Transfer-Encoding", "chunked"), ("X-A", "1")), b"body")
    assert send(response, [("X-B", "2")]) == (200, {"X-A": "1", "X-B": "2", "Content-Length": "4"}, b"body")


@pytest.mark.parametrize("status", [204, 304])
def test_answers_that_may_not_have_a_body_have_none(status: int) -> None:
    assert send(Response(status, (), b"body")) == (status, {}, b"")


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\0", "日本"])
def test_a_header_that_http_cannot_carry_is_refused_before_anything_is_sent(value: str) -> None:
    with pytest.raises(ValueError, match=r"control character|latin-1"):
        send(Response(200, (("X-A", value),)))


def test_a_request_shows_functions_what_the_platform_shows() -> None:
    request = Request.read(
        make_scope(
            query_string=b"a=1&A=2&b=&c=%20x+y&&d",
            headers=[(b"Host", b"h"), (b"X-Many", b"1"), (b"x-many", b"2"), (b"X-Empty", b"")],
        )
    )
    assert request.url == "http://h/a%20b?a=1&A=2&b=&c=%20x+y&&d"
    assert request.query == {"a": "1,2", "c": " x y"}
    assert request.headers == {"host": "h", "x-many": "1,2", "x-empty": ""}


def test_a_request_without_host_and_raw_path_still_has_a_url() -> None:
    request = Request.read(make_scope(headers=[], raw_path=None, server=("127.0.0.1", 7071)))
    assert request.url == "http://127.0.0.1:7071/a%20b"


@pytest.mark.parametrize("announced", ["11", None])
def test_a_body_over_the_limit_is_refused_announced_or_not(announced: str | None) -> None:
    headers = [(b"content-length", announced.encode())] if announced else []
    messages: list[Message] = [{"body": b"123456", "more_body": True}, {"body": b"78901"}]
    parts = iter(messages)

    async def receive() -> Message:
        return next(parts)

    with pytest.raises(BodyTooLargeError):
        asyncio.run(read_body(Request.read(make_scope(headers=headers)), receive, 10))


def show(
    name: str, level: int, levels: dict[str, str], function: str | None, *, system: bool = False
) -> logging.LogRecord | None:
    record = logging.LogRecord(name, level, __file__, 1, "line", None, None)
    return record if InvocationFilter(levels, lambda _: function, system=system).filter(record) else None


@pytest.mark.parametrize("name", ["azure.functions", "azure.functions.shop", "azure_functions_runtime", "proxy_worker"])
def test_system_loggers_are_hidden_unless_asked_for(name: str) -> None:
    assert show(name, logging.ERROR, {}, None) is None
    assert show(name, logging.ERROR, {}, None, system=True) is not None


def test_a_library_is_forwarded_as_the_app_itself() -> None:
    assert show("azure.core.pipeline.policies.http_logging_policy", logging.INFO, {}, "poll") is not None


@pytest.mark.parametrize("name", ["shop", "azure.core", "devkitchen"])
def test_what_the_app_logs_outside_a_running_function_is_lost(name: str) -> None:
    assert show(name, logging.ERROR, {}, None) is None


@pytest.mark.parametrize(("level", "shown"), [("information", True), ("warning", False)])
def test_the_hosts_lines_about_a_function_obey_its_level(level: str, *, shown: bool) -> None:
    record = logging.LogRecord("devkit.host", logging.INFO, __file__, 1, "Executing", None, None)
    record.function = "poll"
    levels = {"Function": "information", "Function.poll": level, "Function.poll.User": "information"}
    assert InvocationFilter(levels, lambda _: None).filter(record) is shown


def test_lines_outside_invocations_are_marked_with_a_dash() -> None:
    record = show("devkit.host", logging.INFO, {"default": "error"}, None)
    assert record is not None
    assert record.__dict__["invocation"] == "-"


@pytest.mark.parametrize(
    ("levels", "shown"),
    [
        ({}, True),
        ({"default": "warning"}, False),
        ({"default": "warning", "Function": "information"}, True),
        ({"Function": "information", "Function.poll": "error"}, False),
        ({"Function.poll": "error", "Function.poll.User": "debug"}, True),
        ({"Function.pol": "error"}, True),
        ({"default": "none"}, False),
    ],
)
def test_a_functions_lines_obey_the_longest_matching_level(levels: dict[str, str], *, shown: bool) -> None:
    assert (show("shop", logging.INFO, levels, "poll") is not None) is shown
