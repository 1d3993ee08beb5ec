"""Query options of mailboxes: $select, $expand, $orderby and a small but strict part of $filter."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from twin.core.wire import Call
from twin.graph.errors import refuse_option
from twin.mail.errors import refuse_filter, refuse_property, refuse_sort
from twin.mail.extended import read_key
from twin.mail.message import Message
from twin.mail.properties import MESSAGE, NAVIGATION

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt,
}  # fmt: skip
_CLAUSE = re.compile(r"([\w/]+) (eq|ne|ge|gt|le|lt) ('(?:[^']|'')*'|[^\s']+)")
_STARTS = re.compile(r"startswith\(\s*subject\s*,\s*'((?:[^']|'')*)'\s*\)", re.IGNORECASE)
_NAME = re.compile(r"displayName eq '((?:[^']|'')*)'", re.IGNORECASE)
_CATEGORY = re.compile(r"categories/any\((\w+):\s*\1 eq '((?:[^']|'')*)'\)", re.IGNORECASE)
_EXTENDED = re.compile(
    r"singleValueExtendedProperties/any\((\w+):\s*\1/id eq '([^']*)' and \1/value eq '((?:[^']|'')*)'\)", re.IGNORECASE
)
_EXPANDED = re.compile(r"singleValueExtendedProperties\(\$filter=(.*)\)", re.IGNORECASE)
_EXPANDED_ID = re.compile(r"id eq '([^']*)'", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Condition:
    """One clause of a filter; all must hold. `name` is its property."""

    name: str
    comparison: str
    holds: Callable[[Message], bool]


@dataclass(frozen=True, slots=True)
class Selection:
    """The properties to show: `names` of None means the default ones; extended properties by id."""

    names: tuple[str, ...] | None
    attachments: bool = False
    extended: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


_FIELDS: dict[str, Callable[[Message], Any]] = {
    "receivedDateTime": lambda one: one.received.replace(microsecond=0),
    "lastModifiedDateTime": lambda one: one.modified.replace(microsecond=0),
    "createdDateTime": lambda one: one.received.replace(microsecond=0),
    "sentDateTime": lambda one: datetime.fromisoformat(one.draft.values["sentDateTime"] or one.received.isoformat()),
    "isRead": lambda one: one.is_read,
    "isDraft": lambda one: one.is_draft,
    "hasAttachments": lambda one: one.has_attachments,
    "importance": lambda one: one.importance,
    "subject": lambda one: (one.subject or "").lower(),
    "internetMessageId": lambda one: one.internet_message_id,
    "conversationId": lambda one: one.conversation_id,
    "from/emailAddress/address": lambda one: _address(one, "from"),
    "sender/emailAddress/address": lambda one: _address(one, "sender"),
    "flag/flagStatus": lambda one: one.flag.get("flagStatus"),
}
_FIELD_NAMES = {name.lower(): name for name in _FIELDS}


def read_names(call: Call, known: frozenset[str], type_name: str) -> tuple[str, ...] | None:
    """Read $select. GraphRefusal 400 for a property that the type does not have."""
    text = call.option("$select")
    if text is None:
        return None
    lower = {name.lower(): name for name in known}
    chosen = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name.lower() not in lower:
            raise refuse_property(name, type_name)
        chosen.append(lower[name.lower()])
    return tuple(dict.fromkeys(chosen)) or None


def read_selection(call: Call) -> Selection:
    """Read $select and $expand of messages."""
    names = read_names(call, MESSAGE, "message")
    attachments, extended, others = False, list[str](), list[str]()
    for part in _split(call.option("$expand") or "", ","):
        name = part.partition("(")[0].strip()
        tags = _EXPANDED.fullmatch(part.strip())
        if name.lower() == "attachments":
            attachments = True
        elif tags is not None:
            extended += [read_key(one) for one in _EXPANDED_ID.findall(tags[1])]
        elif name.lower() in NAVIGATION:
            others.append(name)
        else:
            raise refuse_property(name, "message")
    return Selection(names, attachments, tuple(extended), tuple(others))


def read_filter(call: Call) -> tuple[Condition, ...]:
    """Read $filter. GraphRefusal 400 for unsupported clauses."""
    text = call.option("$filter")
    return () if text is None else tuple(_read_clause(part.strip()) for part in _split(text, " and "))


def read_delta_filter(call: Call) -> tuple[Condition, ...]:
    """Read the $filter of a delta: one lower bound of receivedDateTime."""
    conditions = read_filter(call)
    if any(one.name != "receivedDateTime" or one.comparison not in ("ge", "gt") for one in conditions):
        raise refuse_filter("The filter is not supported: only 'receivedDateTime ge' and 'receivedDateTime gt' are.")
    return conditions


def read_name_filter(call: Call) -> str | None:
    """Read the $filter of a list of folders, in lower case: a display name, or None."""
    text = call.option("$filter")
    if text is None:
        return None
    found = _NAME.fullmatch(text)
    if found is None:
        raise refuse_filter()
    return _unquote(found[1]).lower()


def sort_messages(call: Call, messages: list[Message], conditions: tuple[Condition, ...]) -> list[Message]:
    """Apply $orderby, newest first without it. GraphRefusal 400 if a filter begins with another property."""
    keys = []
    for part in _split(call.option("$orderby") or "receivedDateTime desc", ","):
        name, _, direction = part.strip().partition(" ")
        if name.lower() not in _FIELD_NAMES or direction.strip().lower() not in {"", "asc", "desc"}:
            raise refuse_property(name, "message")
        keys.append((_FIELD_NAMES[name.lower()], direction.strip().lower() == "desc"))
    if call.option("$orderby") and conditions:
        filtered = list(dict.fromkeys(one.name for one in conditions))
        if filtered[: len(keys)] != [name for name, _ in keys]:
            raise refuse_sort()
    for name, backwards in reversed(keys):
        messages = sorted(messages, key=_make_sort_key(name), reverse=backwards)
    return messages


def check_options(call: Call, *allowed: str) -> None:
    """Refuse all query options except those given."""
    for name, _ in call.query:
        if name not in allowed:
            raise refuse_option(f"The query parameter '{name}' is not supported.")


def _make_sort_key(name: str) -> Callable[[Message], tuple[bool, Any]]:
    read = _FIELDS[name]

    def key(message: Message) -> tuple[bool, Any]:
        value = read(message)
        return value is not None, value if value is not None else ""

    return key


def _read_clause(text: str) -> Condition:
    if found := _CATEGORY.fullmatch(text):
        category = _unquote(found[2])
        return Condition("categories", "eq", lambda one: category in one.categories)
    if found := _EXTENDED.fullmatch(text):
        key, wanted = read_key(found[2]), _unquote(found[3])
        # letter case matters in names of such properties, not in their values
        return Condition(
            "singleValueExtendedProperties", "eq", lambda one: one.extended.get(key, "\0").lower() == wanted.lower()
        )
    if found := _STARTS.fullmatch(text):
        beginning = _unquote(found[1]).lower()
        return Condition("subject", "startswith", lambda one: (one.subject or "").lower().startswith(beginning))
    found = _CLAUSE.fullmatch(text)
    if found is None or found[1].lower() not in _FIELD_NAMES:
        raise refuse_filter()
    name = _FIELD_NAMES[found[1].lower()]
    read, compare, value = _FIELDS[name], _COMPARE[found[2]], _read_value(name, found[3])
    return Condition(name, found[2], lambda one: compare(read(one), value))


def _read_value(name: str, text: str) -> Any:
    if text.startswith("'"):
        if name.endswith("DateTime") or name in {"isRead", "isDraft", "hasAttachments"}:
            raise refuse_filter()
        plain = _unquote(text[1:-1])
        return plain.lower() if name == "subject" or name.endswith("/address") else plain
    if text in {"true", "false"}:
        return text == "true"
    if text == "null":
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise refuse_filter() from None
    if instant.tzinfo is None or not name.endswith("DateTime"):
        raise refuse_filter()
    return instant


def _address(message: Message, name: str) -> str | None:
    person = message.draft.values[name]
    return person["emailAddress"]["address"].lower() if person else None


def _unquote(text: str) -> str:
    return text.replace("''", "'")


def _split(text: str, separator: str) -> list[str]:
    """Split outside of quotes and brackets."""
    parts, depth, quoted, start = list[str](), 0, False, 0
    for at, letter in enumerate(text):
        if letter == "'":
            quoted = not quoted
        elif not quoted and letter in "()":
            depth += 1 if letter == "(" else -1
        elif not quoted and depth == 0 and text.startswith(separator, at) and at >= start:
            parts.append(text[start:at])
            start = at + len(separator)
    return [part for part in (*parts, text[start:]) if part.strip()]
