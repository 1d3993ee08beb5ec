"""Runs in the foreign environment: what schemathesis needs beyond the definition.

Values that exist, how many requests are enough, and checks that are stricter here than in the field.
"""
# mypy: ignore-errors

import json
import threading
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.generation import GenerationMode
from schemathesis.openapi.checks import UndefinedContentType

from devkit.connector.answers import Definition
from devkit.fuzzing.values import Values, Whole, blend, twist

_FIRST_PLACES, _LAST_PLACES = 20, 30  # from an old place more is new
_WHOLE_SHARE, _ODD_SHARE, _PLACE_SHARE, _DICE = 40, 6, 20, 100
_ERROR = 400
_NO_OPERATION = ("UnknownPath", "WrongMethod")
_MAY_WAIT = frozenset({429, 503})
_sending = threading.Lock()
_ERROR_FIELDS = frozenset({"code", "message", "requestId"})
_MORE_FIELDS = frozenset({"target", "entraError", "entraCorrelationId"})


class Run:
    """What the hooks share: how many were sent, what the world holds, and places that earlier answers led to."""

    def __init__(self, limit: int, definition: Definition) -> None:
        self.limit = limit
        self.definition = definition
        self.sent = 0
        self.values = Values({}, {}, 0)
        self.stream: Any = None
        self.templates = {name: path for name, (_, path, _) in definition.operations().items()}
        self._places: dict[str, list[Whole]] = {}

    def register(self) -> None:
        """Make hooks and checks known. Once in a process: schemathesis keeps them for good."""
        for hook in (
            self.before_generate_case,
            self.before_call,
            self.after_call,
            self.after_network_error,
            self.filter_failure,
        ):
            schemathesis.hook(hook.__name__)(partial(hook))  # it wants to set attributes, which a method has not

        @schemathesis.check
        def is_described(_context: Any, response: Response, case: Case) -> None:
            self.check_description(case, response)

        @schemathesis.check
        def has_error_shape(_context: Any, response: Response, case: Case) -> None:
            check_error(case, response)

    def before_generate_case(self, context: HookContext, strategy: st.SearchStrategy) -> st.SearchStrategy:
        """Let some cases hold values that belong together, an odd text, or a place that an answer led to."""
        name = context.operation.definition.raw["operationId"]

        def change(drawn: tuple[Case, int, int]) -> Case:
            case, dice, index = drawn
            if is_ordinary(case):
                self._change(case, name, dice, index)
            return case

        return st.tuples(strategy, st.integers(0, _DICE - 1), st.integers(0, 9_999)).map(change)

    def _change(self, case: Case, name: str, dice: int, index: int) -> None:
        whole, places = self.values.whole.get(name, []), self._places.get(name, [])
        if whole and dice < _WHOLE_SHARE:
            use(case, whole[index % len(whole)])
        if isinstance(case.body, dict) and dice < _ODD_SHARE:
            case.body = twist(case.body, index)
        if places and dice >= _DICE - _PLACE_SHARE:
            use(case, places[index % len(places)])

    def before_call(self, _context: HookContext, _case: Case, _kwargs: dict[str, Any]) -> None:
        """Count a request. Nothing more is sent once there are enough."""
        self.sent += 1
        if self.sent >= self.limit:
            self.stream.stop()

    def after_call(self, _context: HookContext, case: Case, response: Response) -> None:
        """Tell an answer, and keep where it leads to."""
        body = read_json(response)
        for link in (body.get("nextLink"), *response.headers.get("location", [])):
            if isinstance(link, str):
                self._remember(link)
        code = str(read_error(response).get("code", ""))
        send_line(
            kind="answer", operation=name_of(case), status=response.status_code, code=code, meant=is_ordinary(case)
        )

    def after_network_error(self, _context: HookContext, case: Case, request: Any) -> None:
        """Tell that no answer came."""
        send_line(kind="answer", operation=name_of(case), status=0, code="", meant=is_ordinary(case))
        send_line(kind="trouble", text=f"no answer to {request.method} {request.url}"[:500])

    def filter_failure(self, _context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
        """Drop what the definition cannot say: answers of the platform itself, the type of a file or of an error."""
        if is_the_platforms(response):
            return False
        if not isinstance(failure, UndefinedContentType):
            return True
        success = next(schema for code, schema in case.operation.definition.raw["responses"].items() if code[0] == "2")
        is_file = success.get("schema", {}).get("format") == "binary"
        return not is_file and response.status_code < _ERROR  # of errors the type is checked below

    def check_description(self, case: Case, response: Response) -> None:
        """Fail if the answer holds anything that the definition does not describe."""
        path = urlsplit(response.request.url).path.removeprefix("/api")
        media_type = response.headers.get("content-type", [""])[0]
        found = self.definition.complaints(case.method, path, response.status_code, media_type, response.content)
        if found:
            fail(case, "Something is not as described", "\n".join(found[:5]))

    def _remember(self, link: str) -> None:
        """Keep the next page, or a trigger's state, for the operation that the link belongs to."""
        parts = urlsplit(link)
        path = unquote(parts.path).removeprefix("/api")
        operation = self.definition.find("GET", path)
        if operation is None:
            return
        name = operation["operationId"]
        pairs = zip(self.templates[name].split("/"), path.split("/"), strict=True)
        values = {part[1:-1]: given for part, given in pairs if part.startswith("{")}
        places = self._places.setdefault(name, [])
        places.append(Whole(values, dict(parse_qsl(parts.query)), alone=True))
        del places[_FIRST_PLACES:-_LAST_PLACES]


def check_error(case: Case, response: Response) -> None:
    """Fail if an error does not have the shape of all errors: a sentence, an id, and when to come again."""
    if response.status_code < _ERROR:
        return
    error = read_error(response)
    if not (
        response.headers.get("content-type") == ["application/json"]
        and _ERROR_FIELDS <= set(error) <= _ERROR_FIELDS | _MORE_FIELDS
        and [error["requestId"]] == response.headers.get("x-request-id")
        and error["message"].endswith((".", "?"))
        and (response.status_code not in _MAY_WAIT or "retry-after" in response.headers)
    ):
        fail(case, "An error does not have the shape of all errors", response.content[:500].decode(errors="replace"))


def name_of(case: Case) -> str:
    """Return the operation's id."""
    return case.operation.definition.raw["operationId"]


def is_ordinary(case: Case) -> bool:
    """Tell whether the case keeps to the definition; others break it on purpose."""
    return case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE


def is_the_platforms(response: Response) -> bool:
    """Tell whether no operation answered: there was no key, or no such path or method."""
    is_the_hosts = not response.content and "x-request-id" not in response.headers  # the app always sends an id
    return (response.status_code in {401, 404} and is_the_hosts) or read_error(response).get("code") in _NO_OPERATION


def read_json(response: Response) -> dict[str, Any]:
    """Return the answer's JSON object, or an empty one."""
    try:
        found = json.loads(response.content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def read_error(response: Response) -> dict[str, Any]:
    """Return what an answer says of its error, or an empty object."""
    found = read_json(response).get("error") if response.status_code >= _ERROR else None
    return found if isinstance(found, dict) else {}


def use(case: Case, whole: Whole) -> None:
    """Put values into a case."""
    case.path_parameters = case.path_parameters | whole.path
    case.query = dict(whole.query) if whole.alone else case.query | whole.query
    if whole.body is not None:
        case.body = blend(case.body, whole.body)
        case.media_type = "application/json"


def fail(case: Case, title: str, message: str) -> None:
    """Raise schemathesis's failure."""
    raise Failure(operation=case.operation.label, title=title, message=message)


def send_line(**line: Any) -> None:
    """Print one whole line for the process that started this one; two threads send lines."""
    with _sending:
        print(json.dumps(line), flush=True)
