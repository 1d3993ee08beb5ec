"""Whole records beside a snapshot: what only single reads show of an appointment, as it was last known.

They are kept while somebody asks for changes with details: a cancelled appointment cannot be read any more, and who
joined or left a group shows only by comparing its customers. Each is read when its listed record changes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bookings.changes.comparing import Change
from bookings.changes.kinds import Kind
from bookings.changes.snapshots import Records, Snapshot, digest, start_of
from bookings.describe import plain
from shared.json_text import Json

ONLY_WHOLE = ("customers", "customerNotes", "serviceNotes", "reminders")
MOST_READ = 40  # unchanged appointments whose whole record is missing; the rest waits for the next scan
MOST_GROUPS_READ = 120  # of them, groups: who joins one that nobody has read yet cannot be told from who was there
_MOST_CHANGED = 200
_UNREAD = ""
_RECORD, _ADDRESS, _NAME = "customerId", "emailAddress", "name"
_IDENTITIES = ((_RECORD, _NAME), (_ADDRESS, _NAME), (_RECORD,), (_ADDRESS,), (_NAME,))
_CONTRADICTIONS: Mapping[tuple[str, ...], str] = {(_ADDRESS,): _RECORD, (_NAME,): _ADDRESS}

type ReadWhole = Callable[[Sequence[Json]], Mapping[str, Json]]


@dataclass(frozen=True)
class Completed:
    """Changes with what was known of them, the snapshot with its whole records, and whether none is missing."""

    changes: Sequence[Change]
    snapshot: Snapshot
    is_complete: bool


def complete(
    old: Snapshot, snapshot: Snapshot, changes: Sequence[Change], read: ReadWhole, *, only_groups: bool = False
) -> Completed:
    """Add to a cancelled appointment its last known record, say who joined and left groups, read what is missing.

    `read` returns whole records by id, without those that could not be read. `only_groups`: nothing else is kept.
    """
    kept = {name: record for name, record in snapshot.records.items() if _is_group(record) or not only_groups}
    known = _carry_over(old, kept, changes)
    stamps = {name: digest({name: record}) for name, record in kept.items()}
    stale = [name for name in kept if name not in known or known[name]["stamp"] != stamps[name]]
    chosen = _choose(snapshot.records, stale, {str(change.record["id"]) for change in changes})
    found = read([snapshot.records[name] for name in chosen]) if chosen else {}
    fresh = {
        name: {"stamp": stamps[name], "values": {part: plain(whole.get(part)) for part in ONLY_WHOLE}}
        for name, whole in found.items()
        if name in stamps
    }
    created = {str(change.record["id"]) for change in changes if Kind.CREATED in change.kinds} & kept.keys()
    people = {
        name: match_people(_customers(known.get(name)), _customers(fresh[name]))
        for name in fresh
        if _is_group(snapshot.records[name]) and (name in known or name in created)
    }
    unread = {name: {"stamp": _UNREAD, "values": {"customers": []}} for name in created - fresh.keys() - known.keys()}
    shown = [_with_people(_with_last_record(change, old.whole), people) for change in changes]
    for name, (joined, left) in people.items():
        shown += [_of_person(Kind.UNREGISTERED, snapshot.records[name], person) for person in left]
        shown += [_of_person(Kind.REGISTERED, snapshot.records[name], person) for person in joined]
    whole = {name: each for name, each in (known | unread | fresh).items() if name in snapshot.records}
    return Completed(shown, replace(snapshot, whole=whole), set(stale) <= fresh.keys())


def match_people(before: Sequence[Json], after: Sequence[Json]) -> tuple[list[Json], list[Json]]:
    """Return who joined and who left: customers are the same by id, else by mail address, else by name.

    Families share an address, or a record of a customer, so the name decides between people who are equal in these. Of
    people with different names, two records are two people, and of those with one name, two mail addresses are: another
    name alone is a correction.
    """
    left, joined = list(before), list(after)
    for names in _IDENTITIES:
        for person in list(joined):
            same = next((one for one in left if _are_same(one, person, names)), None)
            if same is not None:
                left.remove(same)
                joined.remove(person)
    return joined, left


def _are_same(one: Json, other: Json, names: Sequence[str]) -> bool:
    mine, yours = _identity(one, names), _identity(other, names)
    if not all(mine) or mine != yours:
        return False
    contradiction = _CONTRADICTIONS.get(tuple(names))
    if contradiction is None:
        return True
    return len({*_identity(one, [contradiction]), *_identity(other, [contradiction])} - {""}) <= 1


def _identity(person: Json, names: Sequence[str]) -> list[str]:
    return [str(person.get(name) or "").strip().casefold() for name in names]


def _carry_over(old: Snapshot, records: Records, changes: Iterable[Change]) -> dict[str, Json]:
    """Return the whole records that are known, under the ids that the appointments have now."""
    renamed = {str(change.record["id"]): str(change.previous.get("id") or "") for change in changes}
    found = {name: old.whole.get(name) or old.whole.get(renamed.get(name, "")) for name in records}
    return {name: each for name, each in found.items() if each is not None}


def _choose(records: Records, stale: Sequence[str], changed: Collection[str]) -> list[str]:
    """Return what to read now: what changed, then groups and the others by their start."""
    first = [name for name in stale if name in changed][:_MOST_CHANGED]
    rest = sorted((name for name in stale if name not in changed), key=lambda name: start_of(records[name]))
    groups = [name for name in rest if _is_group(records[name])][:MOST_GROUPS_READ]
    others = [name for name in rest if not _is_group(records[name])]
    return first + groups + others[: max(0, MOST_READ - len(groups))]


def _with_last_record(change: Change, whole: Mapping[str, Json]) -> Change:
    known = whole.get(str(change.record["id"])) if Kind.CANCELLED in change.kinds else None
    if known is None or known["stamp"] == _UNREAD:
        return change
    return replace(change, record=change.record | known["values"])


def _with_people(change: Change, people: Mapping[str, tuple[list[Json], list[Json]]]) -> Change:
    joined, left = people.get(str(change.record["id"]), ([], []))
    if Kind.CREATED in change.kinds or not (joined or left):
        return change
    return replace(change, record=change.record | {"joinedNames": _names(joined), "leftNames": _names(left)})


def _of_person(kind: Kind, record: Json, person: Json) -> Change:
    """Return the change of one person: the appointment with this person as its only customer."""
    own = {
        "customerName": person.get("name"),
        "customerEmailAddress": person.get("emailAddress"),
        "customerPhone": person.get("phone"),
        "customerNotes": person.get("notes"),
        "customers": [person],
    }
    return Change((kind,), record | own, {})


def _names(people: Iterable[Json]) -> str:
    return ", ".join(str(person.get("name") or person.get("emailAddress") or "") for person in people)


def _customers(whole: Json | None) -> list[Json]:
    return (whole or {}).get("values", {}).get("customers") or []


def _is_group(record: Json) -> bool:
    return int(record.get("maximumAttendeesCount") or 1) > 1
