"""JSON batches: up to 20 requests in one, each with a status of its own.

Public source: learn.microsoft.com/graph/json-batching. Ids are unique without case, URLs relative to the version; the
outer 200 says nothing about the parts, whose order is arbitrary (here: backwards, so that none relies on it); a part
whose `dependsOn` failed answers 424; each part counts against the limits by itself. Bytes come as base64 text.

Outlook works on up to four parts of a batch at once (learn.microsoft.com/graph/throttling-limits), so a batch takes as
many places of the app's concurrency as it can get, and its parts that find none answer 429.
"""

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from twin.core.wire import Call, Json, Reply, stream_of
from twin.graph.errors import GraphRefusal, describe_error
from twin.graph.limits import BatchPlaces

MOST_PARTS = 20
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def answer_batch(call: Call) -> Reply:
    """Answer each part. GraphRefusal 400 for a malformed batch; then no part is executed."""
    parts = _read_parts(call)
    places = call.places if isinstance(call.places, BatchPlaces) else None
    answers: dict[str, Json] = {}
    for part in parts:
        needed = [str(name).lower() for name in part.get("dependsOn") or []]
        failed = any(answers[name]["status"] >= HTTPStatus.BAD_REQUEST for name in needed)
        answers[str(part["id"]).lower()] = _fail_dependency(call, part) if failed else _answer_part(call, part, places)
    return Reply(200, {"responses": list(reversed(answers.values()))})


def count_outlook_parts(call: Call) -> int:
    """Return how many parts Outlook would work on at once; 0 for what is no proper batch."""
    try:
        parts = call.json()["requests"]
        return sum(1 for part in parts if is_outlook(part["url"]) and not part.get("dependsOn"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return 0


def is_outlook(url: str) -> bool:
    """Return whether the relative URL of a part addresses a mailbox."""
    return url.lstrip("/").lower().startswith("users/")


def _read_parts(call: Call) -> list[Json]:
    try:
        parts = call.json()["requests"]
    except (ValueError, KeyError, TypeError):
        raise _refuse("Invalid batch payload format.") from None
    if not isinstance(parts, list) or not parts:
        raise _refuse("Invalid batch payload format.")
    if len(parts) > MOST_PARTS:
        raise _refuse(f"Number of batch request steps exceeds the maximum value of {MOST_PARTS}.")
    seen: set[str] = set()
    for part in parts:
        name = str(part.get("id") or "").lower()
        if not name or name in seen:
            raise _refuse("Every request of a batch needs an id of its own.")
        if part.get("method") not in _METHODS or not str(part.get("url") or "").lstrip("/"):
            raise _refuse(f"Invalid method or URL of request {name}.")
        if "body" in part and "content-type" not in {key.lower() for key in part.get("headers") or {}}:
            raise _refuse(f"Request {name} has a body and no Content-Type header.")
        if not set(map(str.lower, part.get("dependsOn") or [])) <= seen:
            raise _refuse(f"Request {name} depends on one that does not come before it.")
        seen.add(name)
    return parts


def _answer_part(call: Call, part: Json, places: BatchPlaces | None) -> Json:
    path, _, query = str(part["url"]).lstrip("/").partition("?")
    sent: Any = part.get("body")
    inner = Call(
        host=call.host,
        method=part["method"],
        path=unquote(f"/v1.0/{path}"),
        raw_path=f"/v1.0/{path}",
        query_string=query,
        headers={"authorization": call.headers.get("authorization", "")}
        | {name.lower(): str(value) for name, value in (part.get("headers") or {}).items()},
        body=b"" if sent is None else json.dumps(sent).encode(),
    )
    if call.ask is None:
        raise AssertionError("a batch came in by another way than the front door")
    if places is not None and is_outlook(path):
        inner.places = places.take()
    reply = call.ask(inner)
    content_type = reply.content_type if "content-type" not in reply.headers else None
    headers = {"Content-Type": content_type} if content_type else {}
    answer: Json = {"id": str(part["id"]), "status": reply.status, "headers": headers | dict(reply.headers)}
    body = stream_of(reply.body) if isinstance(reply.body, bytes) else reply.body
    return answer | ({} if body is None else {"body": body})


def _fail_dependency(call: Call, part: Json) -> Json:
    error = describe_error(call, "FailedDependency", "A request that this one depends on failed.")
    return {"id": str(part["id"]), "status": int(HTTPStatus.FAILED_DEPENDENCY), "headers": {}, "body": error}


def _refuse(message: str) -> GraphRefusal:
    return GraphRefusal(400, "BadRequest", message)
