"""Bodies of requests and answers, as the engine shows them to expressions and sends them.

JSON is parsed; text is decoded by its charset; everything else is `{"$content-type": …, "$content": base64}` (Microsoft
Learn, "Handle content types in Azure Logic Apps").
"""

import base64
import json
from email.message import Message
from typing import Any

from devkit.flow_runs.texts import to_bytes

OCTETS = "application/octet-stream"
_TYPE, _CONTENT = "$content-type", "$content"


def decode_body(content: bytes, media_type: str) -> Any:
    """Return what the engine makes of a body; None for an empty one."""
    kind, charset = _read_type(media_type)
    if not content and kind != OCTETS:
        return None
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(content.decode(charset or "utf-8"))
        except ValueError:
            return content.decode(charset or "utf-8", errors="replace")
    if kind.startswith("text/"):
        return content.decode(charset or "utf-8", errors="replace")
    return wrap_content(content, media_type or OCTETS)


def wrap_content(content: bytes, media_type: str = OCTETS) -> dict[str, str]:
    """Return bytes as the engine keeps them."""
    return {_TYPE: media_type, _CONTENT: base64.b64encode(content).decode()}


def encode_body(value: Any) -> tuple[bytes, str]:
    """Return the bytes and the media type that the engine sends for a value."""
    if value is None:
        return b"", ""
    if is_content(value):
        return base64.b64decode(value[_CONTENT]), str(value.get(_TYPE) or OCTETS)
    if isinstance(value, str):
        return to_bytes(value), "text/plain; charset=utf-8"
    return to_bytes(json.dumps(value, ensure_ascii=False)), "application/json; charset=utf-8"


def is_content(value: Any) -> bool:
    """Return whether a value is bytes, as the engine writes them."""
    return isinstance(value, dict) and isinstance(value.get(_CONTENT), str)


def _read_type(media_type: str) -> tuple[str, str | None]:
    message = Message()
    message["Content-Type"] = media_type or OCTETS
    return message.get_content_type(), message.get_content_charset()
