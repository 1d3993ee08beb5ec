"""The connections of a flow: our own connector over HTTP, and doubles of the others.

Each operation's inputs become a request by the connector's definition. The connector's gateway adds the connection's
key and says where it stands (`X-MS-APIM-Referrer-Prefix`), and links on it lead back to the app.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests

from devkit.flow_engine import PREFIX, Backend
from devkit.flow_runs.bodies import decode_body, encode_body
from devkit.flow_runs.doubles.base import Double, nest_error, time_out
from devkit.flow_runs.host import LONGEST_CALL, Answer, Call, HttpCall
from devkit.flow_runs.texts import as_text
from devkit.flows.calls import Request, build_request
from devkit.flows.connectors import GATEWAY, Connector, Operation, load_connectors

_SHOWN = ("Content-Type", "Retry-After", "Location", "Idempotency-Replayed", "x-request-id")


class Connections:
    """Answers the calls of runs; `http` is used for our own app and must accept its certificate, if it has one.

    What a GET of our own app answered is asked once only: nothing changes between the runs of one set of connections,
    except by their own writes, after which everything is asked anew.
    """

    def __init__(self, app: Backend, doubles: Iterable[Double], http: requests.Session) -> None:
        self._app, self._http = app, http
        self._doubles = {double.name: double for double in doubles}
        self._connectors = load_connectors()
        self._known: dict[tuple[str, ...], Answer] = {}

    def call(self, call: Call) -> Answer:
        """Call an operation of a connector."""
        connector = self._connectors[call.connector]
        operation = connector.operations[call.operation]
        try:
            request = _build(connector, operation, call.parameters)
        except KeyError as error:
            return nest_error(HTTPStatus.BAD_REQUEST, "MissingParameter", f"The parameter {error} has no value.")
        if call.connector == GATEWAY:
            address = f"{self._app.base_url}/api{request.path}"
            return self._send(request.method, address, request, self._gateway_headers())
        return self._doubles[call.connector].answer(call.operation, call.parameters, request)

    def follow(self, call: Call, link: str) -> Answer:
        """Get the next page; a link that does not lead through the connection would get no key."""
        if call.connector != GATEWAY or not link.startswith(f"{PREFIX}/"):
            raise AssertionError(f"{link} does not lead through the connection")
        address = f"{self._app.base_url}/api{link.removeprefix(PREFIX)}"
        return self._send("GET", address, Request("GET", link), self._gateway_headers())

    def http(self, call: HttpCall) -> Answer:
        """Send a request; only our own app can be reached."""
        if not call.uri.startswith(f"{self._app.base_url}/"):
            return Answer(0)
        return self._send(call.method, call.uri, Request(call.method, call.uri, body=call.body), call.headers)

    def refuse(self, connector: str, status: int, message: str) -> Answer:
        """Return a refusal in the form of a connector."""
        if connector in self._doubles:
            return self._doubles[connector].refuse(status, message)
        return nest_error(status, "NotAuthorized", message)

    def _gateway_headers(self) -> dict[str, str]:
        return {"x-functions-key": self._app.key, "X-MS-APIM-Referrer-Prefix": PREFIX}

    def _send(self, method: str, address: str, request: Request, headers: Mapping[str, str]) -> Answer:
        queries = {name: as_text(value) for name, value in request.queries.items() if value is not None}
        given = {name: as_text(value) for name, value in request.headers.items() if value is not None}
        key = (address, *sorted(f"{name}={value}" for name, value in (queries | given | dict(headers)).items()))
        if method == "GET" and key in self._known:
            return self._known[key]
        content, media_type = encode_body(request.body)
        sent = {**headers, **given} | ({"Content-Type": media_type} if media_type else {})
        try:
            answer = self._http.request(
                method, address, params=queries, data=content or None, headers=sent, timeout=LONGEST_CALL
            )
        except requests.RequestException:
            return time_out()
        shown = {name: answer.headers[name] for name in _SHOWN if name in answer.headers}
        body = decode_body(answer.content, answer.headers.get("Content-Type", ""))
        found = Answer(answer.status_code, body, shown)
        if method == "GET":
            self._known[key] = found
        else:
            self._known.clear()
        return found


def _build(connector: Connector, operation: Operation, given: Mapping[str, Any]) -> Request:
    """Return the request of an operation. Raises KeyError for a required input without a value."""
    for name, wanted in connector.list_inputs(operation).items():
        if wanted.is_required and not wanted.is_internal and given.get(name) is None:
            raise KeyError(name)
    inputs = connector.list_inputs(operation)
    if unknown := [name for name in given if name not in inputs and not _is_below(name, inputs)]:
        raise AssertionError(f"{operation.id} has no input {', '.join(unknown)}")
    return build_request(connector, operation, given, _escape)


def _is_below(name: str, inputs: Mapping[str, Any]) -> bool:
    return any(one.is_open and name.startswith(f"{one.name}/") for one in inputs.values())


def _escape(value: Any, times: int) -> str:
    text = as_text(value)
    for _ in range(times):
        text = quote(text, safe="")
    return text
