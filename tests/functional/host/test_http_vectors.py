"""What Kestrel and ASP.NET Core answered to raw requests and did with replies, held against the local host.

An answer that differs must be a refusal, and the names of what is refused stand here.
"""

import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.functional.host.apps.support import Running, run_app
from tests.unit.host_vectors import read_vectors

_SHORTENED = re.compile("«(.)\\*(\\d+)»")
_OF_THE_SERVER = {"date", "server", "connection"}
PATIENCE = 0.5
CONTINUE, BAD, FAILED = 100, 400, 500

type Answer = tuple[int, dict[str, str], str]


@pytest.fixture(scope="module")
def web() -> Iterator[Running]:
    settings = {
        "AzureFunctionsJobHost__extensions__http__routePrefix": "",
        "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "1000",
    }
    with run_app("web", settings) as running:
        yield running


def write_out(text: str) -> str:
    return _SHORTENED.sub(lambda match: match[1] * int(match[2]), text)


def exchange(web: Running, parts: list[str | float], *, waits: bool = True) -> str:
    """Send what the vector sent, pauses included; return all that comes back before the end or a silence."""
    address = urlsplit(web.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as connection:
        connection.settimeout(20 if waits and "close" in str(parts).lower() else PATIENCE)
        answer = b""
        try:
            for part in parts:
                if isinstance(part, str):
                    connection.sendall(write_out(part).encode("latin-1"))
                else:
                    time.sleep(part / 4)
            while chunk := connection.recv(65536):
                answer += chunk
        except (TimeoutError, ConnectionError):
            pass
        return answer.decode("latin-1")


def split_answers(text: str) -> list[Answer]:
    """Return status, headers and body of each answer; chunks are joined."""
    answers = []
    while text.startswith("HTTP/1.1 "):
        head, _, text = text.partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.lstrip(" ") for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split(" ")[1])
        body = ""
        if headers.get("transfer-encoding") == "chunked":
            while chunk := re.match("([0-9a-f]+)\r\n", text):
                begin, end = chunk.end(), chunk.end() + int(chunk[1], 16)
                body, text = body + text[begin:end], text[end + 2 :]
        elif "content-length" in headers:
            length = int(headers["content-length"])
            body, text = text[:length], text[length:]
        elif status >= 200 and "HTTP/1.1" not in text:
            body, text = text, ""
        answers.append((status, headers, body))
    return answers


def read_echo(body: str, *, vector: bool) -> dict[str, Any]:
    seen = json.loads(write_out(body).encode("latin-1").decode())
    if vector:  # what has no value is not handed to a worker
        seen["params"] = {name: value for name, value in seen["query"] if value}
        seen |= {"headers": dict(seen["headers"]), "body": seen["body"] or ""}
    seen["headers"].pop("connection", None)  # of the connection, and spelled anew on its way
    return {key: seen[key] for key in ("method", "url", "params", "headers", "body")}


def compare(web: Running, case: list[Any]) -> str:
    """Return "" for the same answers, "refused" or what differs."""
    _, sent, wanted, *_ = case
    expected = [each for each in split_answers(wanted) if each[0] != CONTINUE]
    got = [each for each in split_answers(exchange(web, sent, waits=bool(expected))) if each[0] != CONTINUE]
    for number, (status, _, body) in enumerate(expected):
        mine_status, _, mine = got[number] if number < len(got) else (0, {}, "")
        if mine_status == 0 or mine_status >= BAD:
            return "" if status >= BAD else "refused"
        if status >= BAD:
            return f"{status} was expected, not {mine_status}"
        if body:
            theirs, ours = read_echo(body, vector=True), read_echo(mine, vector=False)
            differing = [f"{key}: {theirs[key]} and {ours[key]}" for key in theirs if theirs[key] != ours[key]]
            if differing:
                return "; ".join(differing)[:500]
    return "" if expected or all(status >= BAD for status, _, _ in got) else f"no answer was expected, but {got}"


def asks_for_echo(case: list[Any]) -> bool:
    """Say whether the path is the echo's own; what becomes of other paths stands in the vectors of the routes."""
    paths = re.findall('"url":"[^/"]*//[^/"]*([^?"]*)', str(case[2]))
    return all(path == "/echo" for path in paths)


REFUSED = {
    *("HTTP/1.0", "HTTP/1.0 without Host", "HTTP/1.0 keep-alive", "HTTP/1.0 chunked", "Expect 100-continue HTTP/1.0"),
    *("empty line before the request", "two empty lines before"),
    *("target http://h/echo?a=1", "target https://h/echo", "target http://H/echo", "target http://h:80/echo"),
    *("chunked, bad size", "chunked, bad size, read", "chunked and length", "gzip, chunked"),
    *("length '+5'", "length '05'", "body over the limit, not read by the app"),
}
OTHERWISE = {  # the server library tells nobody
    *("lower-case method", "folded header", "transfer-encoding Chunked", "target /echo?"),
    *("length '5,5'", "two equal lengths"),
}


def test_requests_reach_functions_as_behind_kestrel(web: Running) -> None:
    cases = [case for case in read_vectors("kestrel")["requests"] if asks_for_echo(case)]
    assert len(cases) > 150
    outcomes = {case[0]: compare(web, case) for case in cases}
    different = {name: outcome for name, outcome in outcomes.items() if outcome not in {"", "refused"}}
    assert different.keys() == OTHERWISE, different
    assert {name for name, outcome in outcomes.items() if outcome == "refused"} == REFUSED


def compare_replies(reply: dict[str, Any], expected: Answer, got: Answer) -> str:
    """Return "" for the same answers, "refused" or what differs."""
    if got[0] == FAILED:
        return "" if expected[0] == FAILED else "refused"
    own = {name.lower() for name, _ in reply.get("headers", [])}
    ignored = _OF_THE_SERVER | ({"content-type"} - own)  # the worker library adds one
    if got[2] == "":
        ignored |= {"transfer-encoding"}  # of an answer to HEAD
    left, right = (
        (status, {name: value for name, value in headers.items() if name not in ignored}, body)
        for status, headers, body in (expected, got)
    )
    return "" if left == right else f"{left} and {right}"


def may_be_refused(reply: dict[str, Any]) -> bool:
    """Say whether a reply is one of those that the local host is documented not to know."""
    headers = reply.get("headers", [])
    of_the_server = _OF_THE_SERVER | {"content-length", "transfer-encoding", "set-cookie"}
    return (
        any(name.lower() in of_the_server or value != value.strip() for name, value in headers)
        or reply["status"] not in range(200, 600)
        or bool(reply.get("body") and reply["status"] in {204, 205, 304})
    )


def test_replies_go_out_as_from_kestrel(web: Running) -> None:
    outcomes = {}
    for name, method, version, _, reply, wanted, *_ in read_vectors("kestrel")["replies"]:
        if version == "HTTP/1.1" and "cookies" not in reply:
            headers = [(header, write_out(value)) for header, value in reply.get("headers", [])]
            web.module.REPLY = reply | {"body": write_out(reply.get("body", "")), "headers": headers}
            (expected,) = split_answers(write_out(wanted)) or [(0, {}, "")]
            request = f"{method} /replies HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
            (got,) = split_answers(exchange(web, [request])) or [(0, {}, "")]
            outcome = compare_replies(reply, expected, got)
            outcomes[name] = "" if outcome == "refused" and may_be_refused(reply) else outcome
    assert len(outcomes) > 100
    assert not {name: outcome for name, outcome in outcomes.items() if outcome}
