"""Flows with instant triggers subscribe and end subscriptions as the platform's engine does."""

import json
from typing import Any

import pytest
import requests

from devkit.flow_engine import PREFIX, Backend, ProtocolError
from devkit.flows.connectors import Connector
from devkit.instant_flows import DELETED, DISABLED, ENABLED, InstantFlow, is_known

_CALLBACK = {"type": "string", "x-ms-visibility": "internal", "x-ms-notification-url": True}
_BODY = {"type": "object", "required": ["callback"], "properties": {"callback": _CALLBACK}}
CONNECTOR = Connector(
    "shared_gateway",
    {
        "info": {"title": "Gateway"},
        "paths": {
            "/hooks/created": {
                "x-ms-notification-content": {"description": "One.", "schema": {"type": "object"}},
                "post": {
                    "operationId": "OnCreated",
                    "x-ms-trigger": "single",
                    "parameters": [
                        {"name": "business", "in": "query", "type": "string", "required": True},
                        {"name": "details", "in": "query", "type": "boolean"},
                        {"name": "body", "in": "body", "required": True, "schema": _BODY},
                    ],
                    "responses": {"201": {"description": "Made."}},
                },
            },
            "/hooks/{id}": {"delete": {"operationId": "End", "parameters": [], "responses": {}}},
        },
    },
)


class Places:
    """Callbacks in memory."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}

    def open(self, workflow: str, trigger: str, version: str) -> str:
        return f"https://callbacks.example/{workflow}/{trigger}/{version}?sig=s"

    def set_state(self, workflow: str, state: str) -> None:
        self.states[workflow] = state

    def runs(self, workflow: str) -> list[Any]:
        return [workflow]


class Line:
    """Answers one status after the other (0: the connection breaks), and notes what was asked."""

    def __init__(self, *statuses: int, location: str | None = f"{PREFIX}/hooks/1") -> None:
        self.statuses, self.location = list(statuses), location
        self.asked: list[tuple[str, str, Any, bool]] = []

    def request(self, method: str, url: str, **sent: Any) -> requests.Response:
        self.asked.append((method, url, sent["json"], "x-functions-key" in sent["headers"]))
        made = requests.Response()
        made.status_code = self.statuses.pop(0) if self.statuses else (201 if method == "POST" else 204)
        if made.status_code == 0:
            raise requests.ConnectionError
        if made.status_code == 201 and self.location:
            made.headers["Location"] = self.location
        made._content = json.dumps({"error": {"code": "C"}}).encode() if made.status_code >= 400 else b""
        return made


def flow(line: Line, **more: Any) -> InstantFlow:
    backend = Backend("http://127.0.0.1:1", "k")
    given = {"business": "desk@contoso.com", "details": True}
    return InstantFlow(backend, CONNECTOR, "OnCreated", given, Places(), line, **more)  # type: ignore[arg-type]  # stands in for a session


def test_it_subscribes_with_its_callback_and_ends_it_at_its_location() -> None:
    line = Line()
    one = flow(line)
    assert one.turn_on()
    one.turn_off()
    address = one.callbacks.open(one.workflow, "OnCreated", str(one.version))
    assert line.asked == [
        ("POST", "http://127.0.0.1:1/api/hooks/created", {"callback": address}, True),
        ("DELETE", "http://127.0.0.1:1/api/hooks/1", None, True),
    ]
    assert not one.is_on
    assert one.answers == [201, 204]
    assert one.callbacks.states == {one.workflow: DISABLED}  # type: ignore[attr-defined]  # of the callbacks in memory


@pytest.mark.parametrize(("first", "order"), [(False, ["POST", "DELETE", "POST"]), (True, ["POST", "POST", "DELETE"])])
def test_a_change_ends_the_old_subscription_and_makes_one_with_a_new_callback(first: bool, order: list[str]) -> None:
    line = Line()
    one = flow(line, subscribes_first=first)
    one.turn_on()
    assert one.change(details=False)
    assert [method for method, *_ in line.asked] == order
    callbacks = {body["callback"] for _, _, body, _ in line.asked if body}
    assert len(callbacks) == 2
    assert one.given == {"business": "desk@contoso.com", "details": False}


def test_what_may_heal_is_repeated_and_a_refusal_leaves_it_off() -> None:
    line = Line(503, 0, 429)
    one = flow(line)
    assert one.turn_on()
    assert one.answers == [503, 0, 429, 201]
    refused = flow(Line(403))
    assert not refused.turn_on()
    assert (refused.answers, refused.refusal) == ([403], {"error": {"code": "C"}})
    assert refused.callbacks.states == {refused.workflow: DISABLED}  # type: ignore[attr-defined]  # as above


def test_an_answer_that_gets_lost_is_asked_for_again() -> None:
    line = Line()
    one = flow(line, lose=1)
    assert one.turn_on()
    assert [method for method, *_ in line.asked] == ["POST", "POST"]
    assert one.answers == [0, 201]


def test_a_copy_is_another_flow_that_is_off() -> None:
    line = Line()
    one = flow(line)
    one.turn_on()
    other = one.copy()
    assert (other.is_on, other.location, other.given) == (False, None, one.given)
    other.turn_on()
    assert line.asked[0][2] != line.asked[1][2]


def test_deleted_flows_say_so_and_those_that_vanish_do_not() -> None:
    line = Line()
    one, other = flow(line, has_key_at_the_end=False), flow(line)
    one.turn_on()
    one.delete()
    assert line.asked[-1] == ("DELETE", "http://127.0.0.1:1/api/hooks/1", None, False)
    other.turn_on()
    assert other.callbacks.states == {other.workflow: ENABLED}  # type: ignore[attr-defined]  # as above
    other.vanish()
    assert [method for method, *_ in line.asked] == ["POST", "DELETE", "POST"]
    assert other.callbacks.states == {other.workflow: DELETED}  # type: ignore[attr-defined]  # as above


@pytest.mark.parametrize("location", [None, "http://127.0.0.1:1/api/hooks/1", f"{PREFIX}-other/hooks/1"])
def test_a_location_that_gets_no_key_is_a_fault(location: str | None) -> None:
    with pytest.raises(ProtocolError):
        flow(Line(location=location)).turn_on()


def test_a_location_that_the_definition_does_not_know_is_a_fault() -> None:
    one = flow(Line(location=f"{PREFIX}/hooks/1/2"))
    one.turn_on()
    with pytest.raises(ProtocolError):
        one.turn_off()
    assert is_known(CONNECTOR, "DELETE", "/hooks/1")
    assert not is_known(CONNECTOR, "DELETE", "/hooks/")


def test_an_operation_without_a_property_for_the_callback_is_a_fault() -> None:
    with pytest.raises(ProtocolError):
        InstantFlow(Backend("http://x", "k"), CONNECTOR, "End", {}, Places(), Line()).turn_on()  # type: ignore[arg-type]  # as above
