"""Values as text, and texts as .NET counts them: in UTF-16, in which a character beyond U+FFFF counts twice."""

import json
from typing import Any


def as_text(value: Any) -> str:
    """Return a value as interpolation and concat write it: null is empty, objects and lists are JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return value if isinstance(value, str) else as_json(value)


def as_json(value: Any) -> str:
    """Return a value as JSON without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def count_units(text: str) -> int:
    """Return the length of a text."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut_units(text: str, start: int, end: int | None = None) -> str:
    """Return a part of a text; half a character may be left at either end."""
    if text.isascii():
        return text[start:end]
    units = text.encode("utf-16-le", "surrogatepass")
    first, behind, _ = slice(start, end).indices(len(units) // 2)
    return units[2 * first : 2 * behind].decode("utf-16-le", "surrogatepass")


def find_unit(text: str, place: int) -> int:
    """Return where the character at a place of Python's begins; -1 stays."""
    return place if place < 0 else count_units(text[:place])


def to_bytes(text: str) -> bytes:
    """Return a text in UTF-8; half a character becomes U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
