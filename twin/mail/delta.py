"""Rounds of a delta: the changes of a folder, page by page.

Public sources: the reference page of message: delta, "Get incremental changes to messages in a folder", the overview of
delta query; microsoft-graph-docs issues 2162, 2350 and 7776, microsoft-graph-docs-contrib issue 7946.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta

from twin.mail.mailbox import Event, Folder, Mailbox
from twin.mail.message import Message
from twin.mail.options import Condition, Selection

_SHUFFLE = random.Random()  # noqa: S311 - an order that no client should rely on


@dataclass(frozen=True, slots=True)
class Query:
    """The options of the first request, which every token keeps. With `top` of None each request sets the size."""

    mailbox: Mailbox
    folder: Folder
    selection: Selection
    conditions: tuple[Condition, ...] = ()
    change_type: str | None = None
    newest_first: bool = False
    top: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a delta: a whole message, its changes, or its removal."""

    message: Message
    mutable_id: str
    stub: tuple[str, ...] | None = None
    removed: str | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in a delta. It is immutable: the same link gives the same page again.

    position  where in the folder's log the next round begins
    entries   all items of the present round, shared by its cursors; None between rounds
    at        how many of them have been returned
    blanks    empty pages that are still to be returned in this round
    """

    query: Query
    position: int
    entries: tuple[Entry, ...] | None = None
    at: int = 0
    blanks: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """Entries of one page and where the next one begins; `done` on the last page of a round."""

    entries: tuple[Entry, ...]
    cursor: Cursor
    done: bool


def begin(query: Query) -> Cursor:
    """Begin a first round: all messages that are in the folder now."""
    position = _visible(query)
    hidden = {event.message.id for event in query.folder.log[position:] if event.kind == "arrived"}
    shown = {event.message.id for event in query.folder.log[:position] if event.kind == "arrived"}
    present = [one for one in query.folder.messages() if one.id not in hidden - shown and _fits(query, one)]
    if query.conditions:
        present = present[-query.mailbox.switches.delta_filter_cap :]
    entries = [Entry(one, one.mutable_id) for one in present]
    if query.mailbox.switches.delta_removed_at_first:
        entries += [one for one in _collapse(query, 0, position) if one.removed]
    return _arrange(query, position, entries)


def go_on(cursor: Cursor) -> Cursor:
    """Begin the next round after a delta link."""
    position = max(cursor.position, _visible(cursor.query))
    entries = _collapse(cursor.query, cursor.position, position)
    return _arrange(cursor.query, position, [one for one in entries if _wants(cursor.query, one)])


def turn_page(cursor: Cursor, size: int | None) -> Page:
    """Return the next page of a round; `size` is the preference of this request."""
    switches = cursor.query.mailbox.switches
    entries = cursor.entries or ()
    if cursor.blanks:
        return Page((), replace(cursor, blanks=cursor.blanks - 1), done=False)
    top = cursor.query.top
    wanted = min(size or switches.delta_page_size, switches.delta_largest_page) if top is None else top
    end = cursor.at + wanted
    page = entries[cursor.at : end]
    if end >= len(entries):
        return Page(page, replace(cursor, entries=None, at=0), done=True)
    skips = top is not None and switches.delta_top_skips_rest
    return Page(page, replace(cursor, at=len(entries) if skips else end), done=False)


def is_due(entry: Entry, query: Query) -> bool:
    """Return whether an entry is still valid; the next round lists messages that have left the folder since."""
    return entry.removed is not None or entry.message.id in query.folder.members


def _visible(query: Query) -> int:
    """Return how many events of the folder's log are old enough to show."""
    log, delay = query.folder.log, query.mailbox.switches.delta_delay_seconds
    if not delay:
        return len(log)
    limit = query.mailbox.clock.now() - timedelta(seconds=delay)
    return next((number for number, event in enumerate(log) if event.when > limit), len(log))


def _arrange(query: Query, position: int, entries: list[Entry]) -> Cursor:
    switches = query.mailbox.switches
    if query.newest_first:
        entries.sort(key=lambda one: one.message.received, reverse=True)
    elif switches.delta_unordered:
        _SHUFFLE.shuffle(entries)
    repeated = [one for one in entries if one.removed is None][: switches.delta_repeats]
    return Cursor(query, position, (*entries, *repeated), blanks=switches.delta_empty_pages)


def _collapse(query: Query, start: int, end: int) -> list[Entry]:
    """Combine a part of the log into one entry for each message."""
    by_message: defaultdict[str, list[Event]] = defaultdict(list)
    for event in query.folder.log[start:end]:
        by_message[event.message.id].append(event)
    entries = []
    for events in by_message.values():
        message = events[0].message
        last_departure = next((one for one in reversed(events) if one.kind == "left"), None)
        if message.id not in query.folder.members:
            if last_departure is not None:
                entries.append(Entry(message, last_departure.mutable_id, removed=last_departure.reason))
        elif not _fits(query, message):
            continue
        elif any(one.kind == "arrived" for one in events):
            entries.append(Entry(message, message.mutable_id))
        else:
            changed = dict.fromkeys(name for one in events for name in one.what)
            entries.append(Entry(message, message.mutable_id, stub=tuple(changed)))
    return entries


def _fits(query: Query, message: Message) -> bool:
    return all(condition.holds(message) for condition in query.conditions)


def _wants(query: Query, entry: Entry) -> bool:
    kind = "deleted" if entry.removed is not None else "created" if entry.stub is None else "updated"
    return query.change_type in (None, kind)
