"""Reading request bodies: letter case of member names does not matter (EasyVista wiki, REST API - Create)."""

import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from twin.core.wire import Call
from twin.easyvista.errors import EasyvistaRefusal, refuse

type Members = dict[str, Any]


def read_members(call: Call) -> Members:
    """Read the JSON object of a body, names in lower case. EasyvistaRefusal 400 for anything else."""
    try:
        given = call.json()
    except ValueError as error:
        raise EasyvistaRefusal(400, "Invalid JSON") from error
    if not isinstance(given, dict):
        raise EasyvistaRefusal(400, "Invalid JSON")
    return lower(given)


def lower(given: dict[str, Any]) -> Members:
    """Return the same members under lower-case names; null and blank ones are left out."""
    return {name.lower(): value for name, value in given.items() if value not in (None, "")}


def read_text(value: Any) -> str:
    """Return a scalar as text, as its column holds it. EasyvistaRefusal 590 for a list or an object."""
    if isinstance(value, dict | list):
        raise refuse("Data type mismatch")
    return value if isinstance(value, str) else json.dumps(value)


def read_documents(call: Call) -> list[Members]:
    """Read the files of an upload: a JSON body, or a form whose field `documents` holds the same list as JSON text."""
    kind = call.headers.get("content-type", "").lower()
    if "multipart/form-data" in kind:
        given = _parse_field(_find_part(call))
    elif "x-www-form-urlencoded" in kind:
        given = _parse_field(_find_field(call))
    else:
        given = read_members(call).get("documents")
    files = given if isinstance(given, list) else [given]
    if not files or not all(isinstance(one, dict) for one in files):
        raise refuse("documents: filename and filedata are needed")
    return [lower(one) for one in files]


def _find_field(call: Call) -> str:
    try:
        return call.form().get("documents", "")
    except ValueError:
        return ""


def _find_part(call: Call) -> str:
    head = f"Content-Type: {call.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + call.body)
    for part in message.iter_parts():
        if part.get_param("name", header="content-disposition") == "documents":
            data = part.get_payload(decode=True)
            return data.decode(errors="replace") if isinstance(data, bytes) else ""
    return ""


def _parse_field(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise refuse("documents: filename and filedata are needed") from error
