"""Reads `test.http` as REST Client does, for what is in that file: variables, names, answers of earlier requests."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_VARIABLE = re.compile(r"\{\{(.+?)\}\}")
_DATE = re.compile(r"\$datetime 'YYYY-MM-DD' (\d+) d")
_ANSWER = re.compile(r"(\w+)\.response\.body\.\$((?:\.\w+|\[\d+\])*)")


@dataclass(frozen=True)
class Request:
    """One request, with its variables as they are written."""

    name: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: str


def read_requests(text: str) -> Iterator[Request]:
    """Yield the requests of a file in its order."""
    for part in re.split(r"^###.*\n", text, flags=re.MULTILINE)[1:]:
        head, _, body = part.strip().partition("\n\n")
        name, request, *headers = head.splitlines()
        method, url = request.split(" ", 1)
        pairs = dict(line.split(": ", 1) for line in headers)
        yield Request(name.removeprefix("# @name "), method, url, pairs, body)


def read_variables(text: str) -> dict[str, str]:
    """Return the variables of a file, as they are written."""
    return dict(re.findall(r"^@(\w+) = (.+)$", text, flags=re.MULTILINE))


def list_used(request: Request) -> set[str]:
    """Return what stands in double braces in a request."""
    return set(_VARIABLE.findall(" ".join([request.url, *request.headers.values(), request.body])))


def fill(text: str, variables: Mapping[str, str], answers: Mapping[str, Any]) -> str:
    """Return a text with values in the place of variables. Raises LookupError for one that nobody has set."""
    now = datetime.now(UTC)

    def find(found: re.Match[str]) -> str:
        name = found[1]
        if date := _DATE.fullmatch(name):
            return str((now + timedelta(days=int(date[1]))).date())
        if answer := _ANSWER.fullmatch(name):
            value = answers[answer[1]]
            for step in re.findall(r"\w+", answer[2]):
                value = value[int(step) if step.isdigit() else step]
            return str(value)
        return fill(variables[name], variables, answers)

    return _VARIABLE.sub(find, text)


def send_all(text: str, variables: Mapping[str, str], send: Callable[[Request], Any]) -> dict[str, Any]:
    """Send the requests that change nothing, in their order; return the answers by name. `send` returns the JSON."""
    known = {**read_variables(text), **variables}
    answers: dict[str, Any] = {}
    for one in read_requests(text):
        used = {name.partition(".")[0] for name in list_used(one)}
        if one.method == "GET" and not used & {"HoldSlot", "GetMail"}:  # a mail may have no file
            url, headers = fill(one.url, known, answers), {k: fill(v, known, answers) for k, v in one.headers.items()}
            answers[one.name] = send(Request(one.name, one.method, url, headers, one.body and json.loads(one.body)))
    return answers
