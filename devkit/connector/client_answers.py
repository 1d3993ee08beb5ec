"""Compare answers of the running app with the OpenAPI 3.1 text, by a JSON Schema 2020-12 validator, in both directions.

What the text does not describe is a complaint, too: a property, a header of ours, a code of an error.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from devkit.connector.answers import Definition, shape_of
from devkit.connector.files import CLIENT_DESCRIPTION
from shared.issues import KINDS

type Json = dict[str, Any]

_BASE = "urn:description"
_JSON = "application/json"
_ERROR = 400


@cache
def load_description() -> "Description":
    """Return the text that the app serves, without the app's address."""
    return Description(json.loads(CLIENT_DESCRIPTION.read_text(encoding="utf-8")))


class Description:
    """The text, with questions about calls."""

    def __init__(self, document: Json) -> None:
        self.document = document
        self._finder = Definition(document)
        resource = DRAFT202012.create_resource(_close(document))
        self._registry: Registry[Any] = Registry().with_resource(_BASE, resource)
        self._enumerated = frozenset(_find(document, "enum"))
        self._patterns = tuple(sorted(set(_find(document, "pattern"))))
        self._good: set[tuple[str, Any]] = set()
        components = document["components"]
        self._headers = {name.lower(): each for name, each in components["headers"].items()}
        codes = components["schemas"]["FailureDetails"]["properties"]["code"]["examples"]
        self._codes = frozenset((*codes, *KINDS))  # of errors, and of issues

    def complaints(self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> list[str]:
        """Return the differences between an answer and the text; none for routes that are not described."""
        operation = self._finder.find(method, unquote(path))
        given = {header.lower(): value for header, value in headers.items()}
        is_json = given.get("content-type", "").startswith(_JSON)
        if operation is None or (status == HTTPStatus.INTERNAL_SERVER_ERROR and not is_json):
            return []  # such a 500 is the server's own word about an app that was killed in the middle
        name = f"{operation['operationId']} {status}"
        response = operation["responses"].get(str(status))
        if response is None:
            return [f"{name} is not listed"]
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        found = [f"{name}: {each}" for each in self._check_headers(response, set(given))]
        schema = response.get("content", {}).get(_JSON, {}).get("schema")
        if schema is None:
            empty = status in (204, 304) or "content" in response or not body
            return found if empty else [*found, f"{name}: there is a body, and none is described"]
        if not is_json:
            return [*found, f"{name}: the answer is no JSON"]
        answer = json.loads(body)
        if status >= _ERROR:
            unknown = sorted(set(_list_codes(answer)) - self._codes)
            found += [f"{name}: docs/errors.md does not list {code} with a status" for code in unknown]
        return found + self._check_body(name, schema, answer)

    def _check_headers(self, response: Json, given: set[str]) -> Iterator[str]:
        described = {header.lower() for header in response.get("headers", {})}
        yield from (f"the header {each} is not described" for each in sorted((given & set(self._headers)) - described))
        needed = {each for each in described if self._headers[each].get("required")}
        yield from (f"the header {each} is missing" for each in sorted(needed - given))

    def _check_body(self, name: str, schema: Json, answer: Any) -> list[str]:
        shape = (name, shape_of(answer, self._enumerated, self._patterns))
        if shape in self._good:
            return []
        validator = Draft202012Validator({"$ref": f"{_BASE}{schema['$ref']}"}, registry=self._registry)
        found = [
            f"{name} at {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
            for error in validator.iter_errors(answer)
        ]
        if not found:
            self._good.add(shape)
        return found


def _list_codes(answer: Json) -> Iterator[str]:
    """Yield the code of a failure, or those of an answer that says what is wrong with the gateway."""
    for each in (answer.get("error", {}), *answer.get("checks", ())):
        if "code" in each:
            yield each["code"]


def _close(node: Any) -> Any:
    """Return a schema whose objects have no properties but those that are described; those without any stay open."""
    if isinstance(node, list):
        return [_close(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _close(value) for key, value in node.items()}
    return closed | {"additionalProperties": False} if isinstance(node.get("properties"), dict) else closed


def _find(node: Any, word: str) -> Iterator[str]:
    """Yield every text that stands under a word, alone or in a list."""
    if isinstance(node, dict):
        inner = node.get(word)
        listed = inner if isinstance(inner, list) else [inner]
        yield from (each for each in listed if isinstance(each, str))
        for each in node.values():
            yield from _find(each, word)
    elif isinstance(node, list):
        for each in node:
            yield from _find(each, word)
