"""What happened between two looks at a business.

Graph gives an appointment no state: one that is booked is there, one that was cancelled or deleted is not. An update
was seen to give it a new id (PowerPlatformConnectors issue 2918), so a vanished and a new appointment are one and the
same if `selfServiceAppointmentId` says so (all zeros for bookings made by staff), or else service, customer and moment
of creation together.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bookings.changes.snapshots import Records, Snapshot, View, start_of
from shared.json_text import Json
from shared.time_zones.zones import read_graph_moment

_NOBODY = "00000000-0000-0000-0000-000000000000"
_TIMES = ("startDateTime", "endDateTime")
_STAFF = "staffMemberIds"
_STAMPS = ("lastUpdatedDateTime", "duration")  # they follow other properties


class Kind(StrEnum):
    """What happened to an appointment; the first kind of a change names it.

    `cancelled` means cancelled or deleted: Graph does not tell which. `edited` means that anything but times and staff
    was changed.
    """

    CREATED = "created"
    CANCELLED = "cancelled"
    RESCHEDULED = "rescheduled"
    REASSIGNED = "reassigned"
    EDITED = "edited"


@dataclass(frozen=True)
class Change:
    """One appointment's change: how it is now (`cancelled`: was last), and what the changed properties were before."""

    kinds: tuple[Kind, ...]
    record: Json
    previous: Mapping[str, object]


@dataclass(frozen=True)
class Doubt:
    """Graph would not say whether an appointment is still there. `counts`: it may never do, so stop at some point."""

    counts: bool


@dataclass(frozen=True)
class Outcome:
    """What a look found: changes in order, the next snapshot, and whether something was left for the next look."""

    changes: Sequence[Change]
    snapshot: Snapshot
    is_whole: bool


type Verify = Callable[[Sequence[str]], Mapping[str, "Json | Doubt | None"]]
type IsOld = Callable[[Json], bool]

MOST_VERIFIED = 60  # in one look; the rest waits for the next one
_MOST_DOUBTS = 5


def compare(old: Snapshot, views: Sequence[View], verify: Verify, is_old: IsOld, retire: datetime) -> Outcome:
    """Compare a snapshot with what was seen since.

    `verify` looks up vanished appointments one by one (None: gone), because false news of a cancellation are the worst;
    `is_old` tells which new ones were there before the feed began; what began before `retire` is forgotten.
    """
    seen = {name: record for view in views for name, record in view.records.items()}
    unseen = {name: record for name, record in old.records.items() if name not in seen and start_of(record) >= retire}
    fresh = {name: record for name, record in seen.items() if name not in old.records}
    renamed = _pair(unseen, fresh)
    missing = {name for name, record in unseen.items() if any(view.covers(record) for view in views)}
    vanished = [name for name in unseen if name in missing and name not in renamed]
    asked = vanished[:MOST_VERIFIED]
    answers = verify(asked) if asked else {}

    changes: list[Change] = []
    kept: dict[str, Json] = {name: old.records[name] for name in vanished[MOST_VERIFIED:]}
    doubts: dict[str, int] = {}
    hidden = False
    for name in asked:
        known, answer = old.records[name], answers[name]
        if isinstance(answer, Doubt) and (count := old.doubts.get(name, 0) + answer.counts) < _MOST_DOUBTS:
            kept[name], doubts[name] = known, count
        elif answer is None or isinstance(answer, Doubt):
            changes.append(Change((Kind.CANCELLED,), known, {}))
        else:
            kept[name] = answer
            hidden = hidden or any(view.covers(answer) for view in views)  # the list has forgotten it: look again
            changes += _tell(known, answer)
    for name, known in old.records.items():
        if name in renamed:
            changes += _tell(known, fresh[renamed[name]])
        elif name in seen:
            changes += _tell(known, seen[name])
        elif name not in missing:
            kept[name] = known
    paired = set(renamed.values())
    changes += [
        Change((Kind.CREATED,), record, {})
        for name, record in fresh.items()
        if name not in paired and not is_old(record)
    ]
    records = {name: record for name, record in (kept | seen).items() if start_of(record) >= retire}
    is_whole = not (doubts or hidden or len(vanished) > MOST_VERIFIED)
    return Outcome(sorted(changes, key=_order), Snapshot(records, doubts), is_whole)


def _tell(before: Json, after: Json) -> list[Change]:
    """Return what became of an appointment, if anything did."""
    differing = {name for name in before.keys() | after.keys() if not _same(name, before.get(name), after.get(name))}
    if not differing:
        return []
    kinds = []
    if differing & set(_TIMES):
        kinds.append(Kind.RESCHEDULED)
    if _STAFF in differing:
        kinds.append(Kind.REASSIGNED)
    if differing - {*_TIMES, _STAFF, *_STAMPS, "id"} or not kinds:
        kinds.append(Kind.EDITED)
    return [Change(tuple(kinds), after, {name: before.get(name) for name in sorted(differing)})]


def _same(name: str, one: object, other: object) -> bool:
    if one == other:
        return True
    if name in _TIMES and isinstance(one, dict) and isinstance(other, dict):
        return read_graph_moment(one) == read_graph_moment(other)  # the same moment may be written in several ways
    if name == _STAFF and isinstance(one, list) and isinstance(other, list):
        return sorted(one) == sorted(other)
    return False


def _pair(missing: Records, fresh: Records) -> dict[str, str]:
    """Return old id -> new id of appointments that changed their id; where it could be several, nobody's."""
    paired: dict[str, str] = {}
    for identify in (_self_service, _particulars):
        old = _by_identity(missing, identify, paired.keys())
        new = _by_identity(fresh, identify, paired.values())
        paired |= {old[identity]: new[identity] for identity in old.keys() & new.keys()}
    return paired


def _by_identity(
    records: Records, identify: Callable[[Json], object | None], taken: Iterable[str]
) -> dict[object, str]:
    gone, found, several = set(taken), dict[object, str](), set[object]()
    for name, record in records.items():
        identity = identify(record)
        if identity is None or name in gone:
            continue
        if identity in found:
            several.add(identity)
        found[identity] = name
    return {identity: name for identity, name in found.items() if identity not in several}


def _self_service(record: Json) -> object | None:
    name = str(record.get("selfServiceAppointmentId") or _NOBODY)
    return None if name == _NOBODY else name.lower()


def _particulars(record: Json) -> object | None:
    created = record.get("createdDateTime")  # absent in US Government: then nothing tells
    mail = str(record.get("customerEmailAddress") or "").casefold()
    return (record.get("serviceId"), mail, created) if created else None


def _order(change: Change) -> tuple[bool, str, datetime, str]:
    """Put cancellations first, because it makes room; then go by the time of the change, as far as Graph tells."""
    record = change.record
    is_cancelled = Kind.CANCELLED in change.kinds
    stamp = "" if is_cancelled else str(record.get("lastUpdatedDateTime") or "")
    return (not is_cancelled, stamp, start_of(record), str(record["id"]))
