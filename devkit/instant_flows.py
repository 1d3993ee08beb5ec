"""A flow with an instant trigger, as Power Automate and Logic Apps turn it on and off.

- At turn-on the engine calls the subscribing operation with what the maker chose and the address of its callback, in
  the property marked `x-ms-notification-url`. It expects 201 and `Location`, and keeps that. 408, 429, 5xx and broken
  connections are repeated; after any other answer the flow stays off.
- At turn-off, at deletion and at each change it sends DELETE to that address; what it is answered changes nothing.
  Behind a connector's gateway the connection's key comes along, unless the gateway loses it, as makers report
  (microsoft/PowerPlatformConnectors#3678). A change subscribes anew with the callback of the new version; in which
  order the two happen is not documented, so flows here do either.
- A copy is a flow of its own that is off at first and knows nothing of the original's Location.
- A POST to the callback begins one run with its body as the trigger's, and is answered 202. What else callbacks answer
  is the twin's (`twin/webhook/flow.py`).

Sources: "Create custom APIs for Azure Logic Apps" (webhook triggers), "Use a webhook as a trigger" of custom
connectors.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import requests

from devkit.flow_engine import PREFIX, Backend, ProtocolError
from devkit.flows.calls import Request, build_request
from devkit.flows.connectors import Connector, Operation

_RETRIES = 4
_TIMEOUT = 120.0
_CREATED, _SERVER_ERROR = int(HTTPStatus.CREATED), int(HTTPStatus.INTERNAL_SERVER_ERROR)
_REPEATED = {int(HTTPStatus.REQUEST_TIMEOUT), int(HTTPStatus.TOO_MANY_REQUESTS)}
ENABLED, DISABLED, DELETED = "Enabled", "Disabled", "Deleted"
_FIRST_VERSION = 8585330776762131491


class Callbacks(Protocol):
    """Where callbacks are: the service of the platform that starts runs."""

    def open(self, workflow: str, trigger: str, version: str) -> str:
        """Let a workflow be in this version; return the address of its callback, which the earlier one is no more."""

    def set_state(self, workflow: str, state: str) -> None:
        """Turn a workflow on or off, or delete it."""

    def runs(self, workflow: str) -> list[Any]:
        """Return what the trigger of each run brought."""


_numbers = itertools.count(1)


@dataclass
class InstantFlow:
    """One flow: what its maker chose, whether it is on, what it was answered, and its runs.

    `given`: values under the names that flows use. `lose`: how many of the next answers to a subscription get lost.
    `subscribes_first`: whether a change makes the new subscription before it ends the old one.
    """

    backend: Backend
    connector: Connector
    operation: str
    given: Mapping[str, Any]
    callbacks: Callbacks
    http: requests.Session
    prefix: str | None = PREFIX
    has_key_at_the_end: bool = True
    subscribes_first: bool = False
    lose: int = 0
    location: str | None = None
    is_on: bool = False
    answers: list[int] = field(default_factory=list)  # to subscriptions and their ends; 0: none came
    refusal: Any = None  # the body of the last answer that was no success
    workflow: str = ""
    version: int = _FIRST_VERSION

    def __post_init__(self) -> None:
        """Give it an id of its own."""
        self.workflow = self.workflow or f"{next(_numbers):032x}"

    @property
    def runs(self) -> list[Any]:
        """What the trigger of each run brought."""
        return self.callbacks.runs(self.workflow)

    def turn_on(self) -> bool:
        """Turn it on; return whether it is."""
        address = self.callbacks.open(self.workflow, self.operation, str(self.version))
        self.callbacks.set_state(self.workflow, ENABLED)
        self.location = self._subscribe(address)
        self.is_on = self.location is not None
        if not self.is_on:
            self.callbacks.set_state(self.workflow, DISABLED)
        return self.is_on

    def turn_off(self) -> None:
        """Turn it off."""
        self._end(self.location)
        self._leave(DISABLED)

    def delete(self) -> None:
        """Delete it."""
        self._end(self.location)
        self._leave(DELETED)

    def vanish(self, state: str = DELETED) -> None:
        """Be gone, or off, without a word: the platform could not end the subscription."""
        self._leave(state)

    def change(self, **given: Any) -> bool:
        """Save it with other choices; return whether it is on."""
        self.given = {**self.given, **given}
        self.version += 1
        old = self.location
        if not self.subscribes_first:
            self._end(old)
        is_on = self.turn_on()
        if self.subscribes_first:
            self._end(old)
        return is_on

    def copy(self) -> "InstantFlow":
        """Save it as another one, which is off."""
        return InstantFlow(
            self.backend, self.connector, self.operation, self.given, self.callbacks, self.http, self.prefix
        )

    def _leave(self, state: str) -> None:
        self.callbacks.set_state(self.workflow, state)
        self.is_on, self.location = False, None

    def _subscribe(self, address: str) -> str | None:
        operation = self.connector.operations[self.operation]
        given = {**self.given, **fill_internal(self.connector, operation, address)}
        request = build_request(self.connector, operation, given, _escape)
        for _ in range(_RETRIES + 1):  # nothing waits between them
            answer = self._ask(request, f"{self._home}{request.path}", with_key=True)
            if answer is not None and self.lose:
                self.lose -= 1
                answer = None
            self.answers.append(answer.status_code if answer is not None else 0)
            if answer is not None and not _may_heal(answer.status_code):
                break
        if answer is None or answer.status_code != _CREATED:
            self.refusal = answer.json() if answer is not None and answer.content else None
            return None
        location = str(answer.headers.get("Location", ""))
        if not location.startswith(f"{self._home}/"):
            raise ProtocolError(f"{location or 'no Location'} gets no key, and no connector knows it")
        return location

    def _end(self, location: str | None) -> None:
        if location is None:
            return
        answer = self._ask(Request("DELETE", location), location, with_key=self.has_key_at_the_end)
        self.answers.append(answer.status_code if answer is not None else 0)

    @property
    def _home(self) -> str:
        return self.prefix or self.backend.home

    def _ask(self, request: Request, address: str, *, with_key: bool) -> requests.Response | None:
        """Send a request as the connector's gateway does, which knows the definition's paths only."""
        below = address.removeprefix(self._home)
        if not is_known(self.connector, request.method, urlsplit(below).path):
            raise ProtocolError(f"the connector has no {request.method} {below}")
        headers = {"User-Agent": "azure-logic-apps/1.0 microsoft-flow/1.0"}
        headers |= {"x-functions-key": self.backend.key} if with_key else {}
        headers |= {"X-MS-APIM-Referrer-Prefix": self.prefix, "X-MS-APIM-Referrer": address} if self.prefix else {}
        queries = {name: _as_query(value) for name, value in request.queries.items() if value is not None}
        try:
            return self.http.request(
                request.method,
                f"{self.backend.base_url}/api{below}",
                params=queries,
                json=request.body,
                headers=headers,
                timeout=_TIMEOUT,
            )
        except requests.RequestException:
            return None


def fill_internal(connector: Connector, operation: Operation, address: str) -> dict[str, Any]:
    """Return what the engine adds to a subscription: the address of the callback, and constants."""
    internal = {name: known.schema for name, known in connector.list_inputs(operation).items() if known.is_internal}
    found = {name: schema.get("default") for name, schema in internal.items()}
    found |= {name: address for name, schema in internal.items() if schema.get("x-ms-notification-url") is True}
    if address not in found.values():
        raise ProtocolError(f"{operation.id} has no property for the callback")
    return {name: value for name, value in found.items() if value is not None}


def is_known(connector: Connector, method: str, path: str) -> bool:
    """Return whether one of a connector's operations has this method and path."""
    segments = path.strip("/").split("/")
    for operation in connector.operations.values():
        wanted = operation.path.strip("/").split("/")
        if operation.method == method.lower() and len(wanted) == len(segments):
            pairs = zip(wanted, segments, strict=True)
            if all(own == given or (own.startswith("{") and given) for own, given in pairs):
                return True
    return False


def _may_heal(status: int) -> bool:
    return status in _REPEATED or status >= _SERVER_ERROR


def _as_query(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escape(value: Any, times: int) -> str:
    text = str(value)
    for _ in range(times):
        text = quote(text, safe="")
    return text
