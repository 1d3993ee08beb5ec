"""The connections of a flow: our own connector over HTTP, and doubles of the others.

Each operation's inputs become a request by the connector's definition. The connector's gateway adds the connection's
key and says where it stands (`X-MS-APIM-Referrer-Prefix`), and links on it lead back to the app.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

import requests

from devkit.flow_engine import PREFIX, Backend
from devkit.flow_runs.bodies import decode_body, encode_body
from devkit.flow_runs.doubles.base import Double, nest_error, time_out
from devkit.flow_runs.host import LONGEST_CALL, Answer, Call, HttpCall
from devkit.flow_runs.texts import as_text
from devkit.flows.calls import Request, build_request
from devkit.flows.connectors import GATEWAY, Connector, Operation, load_connectors

_SHOWN = ("Content-Type", "Retry-After", "Location", "Idempotency-Replayed", "x-request-id")


class App:
    """Our own app, as the connector's gateway and the HTTP action reach it.

    With `remembers`, what a GET was answered is asked once only, until something is written: right for many runs
    between which nothing else changes.
    """

    def __init__(self, backend: Backend, http: requests.Session, *, remembers: bool = False) -> None:
        self.backend, self._http, self._remembers = backend, http, remembers
        self._known: dict[tuple[str, ...], Answer] = {}
        self.requests = 0

    def ask_through_gateway(self, request: Request) -> Answer:
        """Send a request as the connector's gateway does; its path is below the connector's base path."""
        headers = {"x-functions-key": self.backend.key, "X-MS-APIM-Referrer-Prefix": PREFIX}
        return self.ask(request, f"{self.backend.base_url}/api{request.path}", headers)

    def ask(self, request: Request, address: str, headers: Mapping[str, str]) -> Answer:
        """Send a request."""
        queries = {name: _list_texts(value) for name, value in request.queries.items() if value is not None}
        given = {name: as_text(value) for name, value in request.headers.items() if value is not None}
        key = (address, *sorted(f"{name}={value}" for name, value in ({**queries, **given, **headers}).items()))
        if request.method != "GET":
            self._known.clear()
        elif key in self._known:
            return self._known[key]
        content, media_type = encode_body(request.body)
        sent = {**headers, **given} | ({"Content-Type": media_type} if media_type else {})
        self.requests += 1
        try:
            answer = self._http.request(
                request.method, address, params=queries, data=content or None, headers=sent, timeout=LONGEST_CALL
            )
        except UnicodeEncodeError:
            return nest_error(
                HTTPStatus.BAD_REQUEST, "BadRequest", "Request headers must contain only ASCII characters."
            )
        except requests.RequestException:
            return time_out()
        shown = {name: answer.headers[name] for name in _SHOWN if name in answer.headers}
        body = decode_body(answer.content, answer.headers.get("Content-Type", ""))
        found = Answer(answer.status_code, body, shown)
        if request.method == "GET" and self._remembers:
            self._known[key] = found
        return found


class Connections:
    """Answers the calls of runs."""

    def __init__(self, app: App, doubles: Iterable[Double]) -> None:
        self._app = app
        self._doubles = {double.name: double for double in doubles}

    def call(self, call: Call) -> Answer:
        """Call an operation of a connector."""
        connector = _load()[call.connector]
        if call.request is not None:
            return self._call_service(connector, call.request)
        operation = connector.operations[call.operation]
        try:
            request = _build(connector, operation, call.parameters)
        except KeyError as error:
            return nest_error(HTTPStatus.BAD_REQUEST, "MissingParameter", f"The parameter {error} has no value.")
        if call.connector == GATEWAY:
            return self._app.ask_through_gateway(request)
        return self._doubles[call.connector].answer(call.operation, call.parameters, request)

    def _call_service(self, connector: Connector, request: Request) -> Answer:
        """Answer a request whose path is escaped as the definition says, and unescaped once on its way."""
        if connector.name == GATEWAY:
            return self._app.ask_through_gateway(request)
        for operation in connector.operations.values():
            if operation.method != request.method.lower():
                continue
            template = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(operation.path))
            if (found := re.fullmatch(template, request.path)) is not None:
                given = {name: _unescape(operation, name, value) for name, value in found.groupdict().items()}
                return self._doubles[connector.name].answer(operation.id, given, request)
        return nest_error(HTTPStatus.NOT_FOUND, "NotFound", f"There is no {request.method} {request.path}.")

    def follow(self, call: Call, link: str) -> Answer:
        """Get the next page; a link that does not lead through the connection would get no key."""
        if call.connector != GATEWAY or not link.startswith(f"{PREFIX}/"):
            raise AssertionError(f"{link} does not lead through the connection")
        return self._app.ask_through_gateway(Request("GET", link.removeprefix(PREFIX)))

    def http(self, call: HttpCall) -> Answer:
        """Send a request; only our own app can be reached."""
        if not call.uri.startswith(f"{self._app.backend.base_url}/"):
            return Answer(0)
        return self._app.ask(Request(call.method, call.uri, body=call.body), call.uri, call.headers)

    def refuse(self, connector: str, status: int, message: str) -> Answer:
        """Return a refusal in the form of a connector."""
        if connector in self._doubles:
            return self._doubles[connector].refuse(status, message)
        return nest_error(status, "NotAuthorized", message)


@cache
def _load() -> Mapping[str, Connector]:
    return load_connectors()


def _build(connector: Connector, operation: Operation, given: Mapping[str, Any]) -> Request:
    """Return the request of an operation. Raises KeyError for a required input without a value."""
    inputs = connector.list_inputs(operation)
    for name, wanted in inputs.items():
        if wanted.is_required and not wanted.is_internal and given.get(name) is None:
            raise KeyError(name)
    if unknown := [name for name in given if name not in inputs and not _is_below(name, inputs)]:
        raise AssertionError(f"{operation.id} has no input {', '.join(unknown)}")
    return build_request(connector, operation, given, _escape)


def _list_texts(value: Any) -> list[str]:
    """Return a query's values: an array is sent as several."""
    return [as_text(one) for one in value] if isinstance(value, list) else [as_text(value)]


def _is_below(name: str, inputs: Mapping[str, Any]) -> bool:
    return any(one.is_open and name.startswith(f"{one.name}/") for one in inputs.values())


def _unescape(operation: Operation, name: str, value: str) -> str:
    known = next(each for each in operation.parameters if each["name"] == name)
    return unquote(unquote(value) if known.get("x-ms-url-encoding") == "double" else value)


def _escape(value: Any, times: int) -> str:
    text = as_text(value)
    for _ in range(times):
        text = quote(text, safe="")
    return text
