"""Answers on the wire, and log lines."""

import asyncio
import logging

import pytest

from devkit.host.logs import InvocationFilter
from devkit.host.web import Message, Response


def test_a_functions_own_header_goes_before_one_of_host_json() -> None:
    messages: list[Message] = []

    async def collect(message: Message) -> None:
        messages.append(message)

    response = Response(200, (("X-Frame", "own"), ("X-A", "1")), b"body")
    asyncio.run(response.send(collect, [("x-frame", "of host.json"), ("X-B", "2")]))
    assert messages[0]["headers"] == [(b"X-Frame", b"own"), (b"X-A", b"1"), (b"X-B", b"2")]
    assert messages[1]["body"] == b"body"


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
