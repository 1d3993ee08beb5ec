"""Property values of tables as JSON: what the service cannot tell from JSON itself is named by an OData type.

Sources: learn.microsoft.com/rest/api/storageservices/payload-format-for-table-service-operations and
/understanding-the-table-service-data-model; what is written is compared with Microsoft's own library in a test.
"""

import base64
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from uuid import UUID

from shared.json_text import write_json

_TYPE = "@odata.type"
_NOT_A_PROPERTY = "odata."
_INT32, _INT64 = 31, 63  # bits without the sign
# In a transaction a body is read line by line, and the storage emulator takes these two for the end of a line.
_LINE_SEPARATORS = (("\u2028".encode(), b"\\u2028"), ("\u2029".encode(), b"\\u2029"))


def write_entity(values: Mapping[str, Any]) -> bytes:
    """Return the body of a write. None is left out: a merge leaves such a property alone. Raises TypeError."""
    body: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        plain: Any = value.value if isinstance(value, Enum) else value
        if isinstance(plain, str | bool):
            body[name] = plain
        else:
            body[name + _TYPE], body[name] = _write_typed(plain)
            if body[name + _TYPE] == "Edm.Int32":
                del body[name + _TYPE]
    text = write_json(body)
    for separator, escape in _LINE_SEPARATORS:
        text = text.replace(separator, escape)
    return text


def _write_typed(value: Any) -> tuple[str, Any]:
    match value:
        case int() if -(1 << _INT32) <= value < 1 << _INT32:
            return "Edm.Int32", value
        case int() if -(1 << _INT64) <= value < 1 << _INT64:
            return "Edm.Int64", str(value)
        case float():
            return "Edm.Double", value if math.isfinite(value) else _NAMES_OF_FLOATS[str(value)]
        case datetime():
            return "Edm.DateTime", value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case UUID():
            return "Edm.Guid", str(value)
        case bytes():
            return "Edm.Binary", base64.b64encode(value).decode()
    raise TypeError(f"a table takes no {type(value).__name__}, and no whole number of more than 64 bits")


_NAMES_OF_FLOATS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_READ_TYPED: dict[str, Callable[[Any], Any]] = {
    "Edm.Int64": int,
    "Edm.Double": float,
    "Edm.DateTime": datetime.fromisoformat,  # it cuts the service's seventh digit of a second off
    "Edm.Guid": UUID,
    "Edm.Binary": base64.b64decode,
}


def read_entity(body: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the properties and the version of an entity as the service sends it; its Timestamp is left out."""
    values: dict[str, Any] = {}
    types: list[tuple[str, str]] = []
    for name, value in body.items():
        if name.endswith(_TYPE):
            types.append((name.removesuffix(_TYPE), value))
        elif not name.startswith(_NOT_A_PROPERTY) and name != "Timestamp":
            values[name] = value
    for name, kind in types:
        if name in values and kind in _READ_TYPED:
            values[name] = _READ_TYPED[kind](values[name])
    return values, str(body.get("odata.etag") or "")
