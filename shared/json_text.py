"""Reads and writes JSON quickly: with large answers, JSON takes most of the computing time.

`orjson` is strict where Python's own module is not. What it refuses is given to that module: a text may contain an
unpaired surrogate, because programs cut texts in the middle of an emoji.
"""

import json
import re
from typing import Any

type Json = dict[str, Any]

_HALVES = re.compile("[\ud800-\udfff]")
_UNKNOWN = "\ufffd"


def parse_json(text: bytes) -> Any:
    """Return the value; whole numbers past 64 bits lose digits. Raises ValueError for anything but JSON."""
    import orjson

    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def write_json(value: Any) -> bytes:
    """Return JSON without blanks, in UTF-8; an unpaired surrogate becomes U+FFFD."""
    import orjson

    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return _HALVES.sub(_UNKNOWN, json.dumps(value, ensure_ascii=False, separators=(",", ":"))).encode()
