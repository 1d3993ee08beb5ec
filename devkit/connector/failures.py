"""What failures look like, and the headers of answers: described once, for clients that are generated.

Swagger 2.0 (the connector) has only the sentences: designers of flows show no schema of a failure.
"""

import re
from collections.abc import Mapping
from typing import Any

from devkit.bootstrap import ROOT
from devkit.connector.shapes import Shape, text, thing

FAILURES: Mapping[int, str] = {
    400: "The request is wrong; the message says what to do, and target names the field.",
    401: "The key is missing or wrong.",
    403: "The gateway's settings or Microsoft 365 do not allow this.",
    404: "The page, appointment, mail or other item does not exist.",
    409: "The current state does not allow this; the code names the reason.",
    411: "The body was sent in chunks without its length, and did not arrive.",
    413: "The body or the answer is too large.",
    429: "There were too many calls; Retry-After gives the seconds to wait.",
    500: "The gateway failed, or its settings are wrong.",
    502: "Microsoft 365 gave an invalid answer, or none to a write.",
    503: "Microsoft 365 or the gateway's storage is not available; Retry-After gives the seconds to wait.",
    504: "The time limit ended before there was an answer.",
}
# The Functions host answers a wrong key before the app is asked: with an empty body, and without the app's headers.
BY_THE_HOST = 401
_ALWAYS_WAITS, _MAY_WAIT = (429, 503), (409,)
_ERRORS = ROOT / "docs" / "errors.md"
_ROW = re.compile(r"^\| \d{3} \| (.+?) \|", re.MULTILINE)

SHAPES: dict[str, Shape] = {
    "Failure": thing({"error": {"$ref": "#/definitions/FailureDetails"}}, required=["error"]),
    "FailureDetails": thing(
        {
            "code": text("Code", "What went wrong, as a stable code. There may be new ones: go by the status then."),
            "message": text("Message", "What happened and what to do, as sentences."),
            "target": text("Target", "The parameter or field at fault, if there is one."),
            "entraError": text("Entra Error", "Number of Entra ID's error, such as AADSTS53003, of a refused sign-in."),
            "entraCorrelationId": text("Entra Correlation ID", "Entra ID's own id of the sign-in that it refused."),
            "requestId": text("Request ID", "The id of the call, as in the header x-request-id."),
        },
        required=["code", "message", "requestId"],
    ),
}  # fmt: skip

HEADERS: dict[str, dict[str, Any]] = {
    "x-request-id": {
        "required": True,
        "description": "The id of the call in answers and logs; Microsoft Graph gets it as client-request-id. It is "
        "the x-ms-client-request-id of the request, if that is a UUID.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "Retry-After": {
        "description": "The number of seconds to wait before the next call.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "Idempotency-Replayed": {
        "description": "Only true, and only if the write was done by an earlier request, whose answer this is.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "ETag": {
        "description": "The version of the answer, for If-None-Match.",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "Where to go on: to the next poll of a trigger, whose state it holds, or to a file.",
        "schema": {"type": "string", "format": "uri"},
    },
}


def header(name: str) -> dict[str, Any]:
    """Refer to a header."""
    return {name: {"$ref": f"#/components/headers/{name}"}}


def list_codes() -> list[str]:
    """Return the codes of docs/errors.md that answers can hold, sorted; a test holds that page against the code."""
    cells = _ROW.findall(_ERRORS.read_text(encoding="utf-8"))
    return sorted({code for cell in cells for code in re.findall(r"`(\w+)`", cell)})


def build_responses() -> dict[str, dict[str, Any]]:
    """Return every failing answer once, as OpenAPI 3.1 components, by the names that operations refer to."""
    return {f"Failure{status}": _build_response(status) for status in FAILURES}


def _build_response(status: int) -> dict[str, Any]:
    if status == BY_THE_HOST:
        return {"description": f"{FAILURES[status]} The body is empty."}
    headers = header("x-request-id")
    if status in (*_ALWAYS_WAITS, *_MAY_WAIT):
        headers |= header("Retry-After")
    return {
        "description": FAILURES[status],
        "headers": headers,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}},
    }
