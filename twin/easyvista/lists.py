"""Lists: search, projection, order and pages, with the traps of the original.

A condition that cannot be parsed, or names what cannot be searched, is ignored without a word, and all rows come back
with status 200; so is any unknown spelling of `sort` (python client, measured). Text against an id column is a 590.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from twin.core.wire import Call, Json, Reply
from twin.easyvista.errors import refuse
from twin.easyvista.switches import Switches

type Conditions = dict[str, list[tuple[str, str]]]

DEFAULT_ROWS = 100
_CONDITION = re.compile(r'\s*([A-Za-z_][\w.]*)\s*([:~])\s*"([^"]*)"\s*(?:,|$)')
_ORDER = re.compile(r"([A-Za-z_]\w*)(?: (asc|desc))?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Table[R]:
    """What can be listed.

    rows      all rows that the account sees, made when they are needed
    columns   what can be searched and sorted by, by upper-case name
    render    the whole record of a row
    extract   columns of the default projection; the first is always present
    indexes   faster ways to the rows with a value: column -> finder
    """

    address: str
    rows: Callable[[], Iterable[R]]
    columns: Mapping[str, Callable[[R], Any]]
    render: Callable[[R], Json]
    extract: tuple[str, ...]
    indexes: Mapping[str, Callable[[str], Iterable[R]]] = field(default_factory=dict)


def list_rows[R](call: Call, table: Table[R], switches: Switches) -> Reply:
    """Answer a list request."""
    conditions = parse_search(call.option("search") or "", table.columns)
    found = _sort(_select(table, conditions, switches), call.option("sort") or "", table.columns)
    size = _read_number(call.option("max_rows"), DEFAULT_ROWS, least=1)
    start = _read_number(call.option("offset"), 0, least=0)
    page = found[start : start + size]
    count: Callable[[int], str | int] = str if switches.counts == "text" else int
    answer: Json = {
        "HREF": table.address,
        "record_count": count(len(page)),
        "total_record_count": count(len(found)),
        "records": [project(table.render(row), call.option("fields"), table.extract) for row in page],
    }
    if start + size < len(found):
        answer["@next"] = _link(call, table.address, start + size)
    if start:
        answer["@previous"] = _link(call, table.address, max(0, start - size))
    return Reply(200, answer)


def parse_search(text: str, columns: Iterable[str]) -> Conditions:
    """Read conditions by column; {} for anything that is not understood in whole. EasyvistaRefusal for a bad id."""
    found: Conditions = {}
    known, position = frozenset(columns), 0
    while position < len(text):
        match = _CONDITION.match(text, position)
        if match is None or match[1].upper() not in known:
            return {}
        found.setdefault(match[1].upper(), []).append((match[2], match[3]))
        position = match.end()
    for column, wishes in found.items():
        if column.endswith("_ID") and not all(value.isdigit() for _, value in wishes):
            raise refuse(f"Conversion failed when converting the value of {column}")
    return found


def project(record: Json, fields: str | None, extract: Sequence[str]) -> Json:
    """Cut a record down to the fields asked for, or to the extract; unknown names are left out without a word."""
    if not fields:
        return {name: record.get(name, "") for name in ("HREF", *extract)}
    chosen: Json = {name: record[name] for name in ("HREF", extract[0])}
    for wish in fields.split(","):
        name, _, member = wish.strip().upper().partition(".")
        value = record.get(name)
        if member and isinstance(value, dict) and member in value:
            kept = chosen.get(name)
            chosen[name] = {**(kept if isinstance(kept, dict) else {}), member: value[member]}
        elif not member and value is not None:
            chosen[name] = value
    return chosen


def show(value: Any) -> str:
    """Write a scalar as lists and records show it: text, "" for what is not set, dates with offset and milliseconds."""
    if value is None:
        return ""
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else str(value)


def _select[R](table: Table[R], conditions: Conditions, switches: Switches) -> list[R]:
    rows: Iterable[R] | None = None
    for column, find in table.indexes.items():
        wishes = conditions.get(column, [])
        if wishes and all(operator == ":" for operator, _ in wishes):
            rows = [row for value in dict.fromkeys(value.lower() for _, value in wishes) for row in find(value)]
            break
    tests = [(table.columns[column], _compile(wishes, switches)) for column, wishes in conditions.items()]
    return [
        row
        for row in (table.rows() if rows is None else rows)
        if all(test.fullmatch(show(read(row))) for read, test in tests)
    ]


def _compile(wishes: list[tuple[str, str]], switches: Switches) -> re.Pattern[str]:
    """One pattern for all values of a column: several of them mean "or". SQL Server compares without case."""
    parts = [_translate(value, switches) if operator == "~" else re.escape(value) for operator, value in wishes]
    return re.compile("|".join(parts), re.IGNORECASE | re.DOTALL)


def _translate(value: str, switches: Switches) -> str:
    if switches.tilde == "contains":
        return f".*{re.escape(value)}.*"
    pattern = ""
    for part in re.findall(r"\[[^\]]+\]|.", value, re.DOTALL):
        if part in "*%":
            pattern += ".*"
        elif part == "_":
            pattern += "."
        elif len(part) > 1:
            pattern += f"[{re.escape(part[1:-1])}]"
        else:
            pattern += re.escape(part)
    return pattern


def _sort[R](rows: list[R], wish: str, columns: Mapping[str, Callable[[R], Any]]) -> list[R]:
    orders = [_ORDER.fullmatch(part.strip()) for part in wish.split(",")] if wish else []
    if not all(order is not None and order[1].upper() in columns for order in orders):
        return rows
    for order in reversed([order for order in orders if order is not None]):
        read = columns[order[1].upper()]

        def key(row: R, read: Callable[[R], Any] = read) -> tuple[int, str]:
            text = show(read(row))
            return (len(text), text) if text.isdigit() else (0, text.lower())

        rows = sorted(rows, key=key, reverse=(order[2] or "").lower() == "desc")
    return rows


def _read_number(text: str | None, default: int, *, least: int) -> int:
    return int(text) if text is not None and text.isdigit() and int(text) >= least else default


def _link(call: Call, address: str, offset: int) -> str:
    kept = [(name, value) for name, value in call.query if name != "offset"]
    return f"{address}?{urlencode([*kept, ('offset', str(offset))])}"
