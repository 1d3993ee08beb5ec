"""The history of a delivery: how its attempts ended, and what people decided about it. One column of its row.

Each entry is a JSON object with `at` and `what`: `attempt` (with `outcome`, and `cause` unless it was delivered),
`deliver` or `set-aside` (decisions of people, with `by`, `reason` and what the delivery was before). A long history
loses entries in its middle, and says how many (`what` is `omitted`).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.json_text import Json
from shared.storage.tables import Entity

COLUMN = "history"
_FIRST_KEPT = 10
_MOST_ENTRIES = 60
_MOST_CHARACTERS = 30_000  # a property holds 32,768
_OMITTED = "omitted"


def add_to_history(values: Mapping[str, Any], what: str, **more: Any) -> Entity:
    """Return the column with one entry more. `values` are those of the row; members that are None are left out."""
    entry = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "what": what}
    entry |= {name: value for name, value in more.items() if value is not None}
    return {COLUMN: _dump([*read_history(values), entry])}


def read_history(values: Mapping[str, Any]) -> list[Json]:
    """Return the entries, the oldest first; rows of older versions have none."""
    found: list[Json] = json.loads(values.get(COLUMN) or "[]")
    return found


def _dump(entries: list[Json]) -> str:
    gone = sum(int(one["number"]) for one in entries if one["what"] == _OMITTED)
    kept = [one for one in entries if one["what"] != _OMITTED]
    while True:
        shown = [*kept[:_FIRST_KEPT], {"what": _OMITTED, "number": gone}, *kept[_FIRST_KEPT:]] if gone else kept
        text = json.dumps(shown, separators=(",", ":"))
        if (len(kept) <= _MOST_ENTRIES and len(text) <= _MOST_CHARACTERS) or len(kept) <= 1:
            return text
        del kept[min(_FIRST_KEPT, len(kept) // 2)]
        gone += 1
