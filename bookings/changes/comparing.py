"""Compare two scans of a business and find what happened between them.

Graph gives an appointment no state: a booked one is in the calendar, a cancelled or deleted one is not. An update can
give an appointment a new id (PowerPlatformConnectors issue 2918). So an appointment that vanished and a new one are the
same if `selfServiceAppointmentId` says so (all zeros for bookings made by staff), or else if service, customer and
moment of creation are equal. Groups often name no address, so the customer's name counts first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bookings.changes.kinds import Kind
from bookings.changes.snapshots import Records, Snapshot, View, start_of
from shared.json_text import Json
from shared.time_zones.zones import read_graph_moment

_NO_SELF_SERVICE = "00000000-0000-0000-0000-000000000000"
_TIMES = ("startDateTime", "endDateTime")
_STAFF = "staffMemberIds"
_DERIVED = ("lastUpdatedDateTime", "duration")  # they change along with other properties


@dataclass(frozen=True)
class Change:
    """One appointment's change: its record now (`cancelled`: its last record), and the changed properties before."""

    kinds: tuple[Kind, ...]
    record: Json
    previous: Mapping[str, object]


@dataclass(frozen=True)
class Doubt:
    """Graph did not say whether an appointment still exists. `counts`: it may never say, so the attempt is counted."""

    counts: bool


@dataclass(frozen=True)
class Comparison:
    """What a scan found: changes in order, the next snapshot, and whether nothing was left for the next scan."""

    changes: Sequence[Change]
    snapshot: Snapshot
    is_complete: bool


type Verify = Callable[[Sequence[str]], Mapping[str, "Json | Doubt | None"]]
type IsOld = Callable[[Json], bool]

MOST_VERIFIED = 60  # in one scan; the rest waits for the next one
_MOST_DOUBTS = 5


def compare(old: Snapshot, views: Sequence[View], verify: Verify, is_old: IsOld, retire: datetime) -> Comparison:
    """Compare a snapshot with the appointments that a scan read.

    `verify` looks up vanished appointments one by one (None: does not exist any more), so that no cancellation is
    reported by mistake. `is_old` says which new ones existed before the feed began. Appointments that began before
    `retire` are forgotten.
    """
    seen = {name: record for view in views for name, record in view.records.items()}
    unseen = {name: record for name, record in old.records.items() if name not in seen and start_of(record) >= retire}
    fresh = {name: record for name, record in seen.items() if name not in old.records}
    renamed = _pair(unseen, fresh)
    missing = {name for name, record in unseen.items() if any(view.covers(record) for view in views)}
    vanished = [name for name in unseen if name in missing and name not in renamed]

    looked_up = _look_up(old, vanished[:MOST_VERIFIED], views, verify)
    changes = [*looked_up.changes, *_diff_known(old.records, seen, {name: fresh[renamed[name]] for name in renamed})]
    paired = set(renamed.values())
    changes += [
        Change((Kind.CREATED,), record, {})
        for name, record in fresh.items()
        if name not in paired and not is_old(record)
    ]

    kept = {name: old.records[name] for name in vanished[MOST_VERIFIED:]} | looked_up.kept
    kept |= {
        name: record
        for name, record in old.records.items()
        if name not in renamed and name not in seen and name not in missing
    }
    records = {name: record for name, record in (kept | seen).items() if start_of(record) >= retire}
    is_complete = not (looked_up.doubts or looked_up.is_list_behind or len(vanished) > MOST_VERIFIED)
    return Comparison(sorted(changes, key=_order), Snapshot(records, looked_up.doubts), is_complete)


@dataclass(frozen=True)
class _LookedUp:
    """What the look-up of vanished appointments found. `is_list_behind`: a list did not show one that exists."""

    changes: list[Change]
    kept: dict[str, Json]
    doubts: dict[str, int]
    is_list_behind: bool


def _look_up(old: Snapshot, vanished: Sequence[str], views: Sequence[View], verify: Verify) -> _LookedUp:
    """Look up vanished appointments: each was cancelled, still exists, or is in doubt (cancelled after five scans)."""
    changes: list[Change] = []
    kept: dict[str, Json] = {}
    doubts: dict[str, int] = {}
    is_list_behind = False
    answers = verify(vanished) if vanished else {}
    for name in vanished:
        known, answer = old.records[name], answers[name]
        if isinstance(answer, Doubt) and (count := old.doubts.get(name, 0) + answer.counts) < _MOST_DOUBTS:
            kept[name], doubts[name] = known, count
        elif answer is None or isinstance(answer, Doubt):
            changes.append(Change((Kind.CANCELLED,), known, {}))
        else:
            kept[name] = answer
            is_list_behind = is_list_behind or any(view.covers(answer) for view in views)
            changes += diff(known, answer)
    return _LookedUp(changes, kept, doubts, is_list_behind)


def _diff_known(known: Records, seen: Records, renamed: Records) -> list[Change]:
    """Return the changes of known appointments that the scan read, under their id or under a new one."""
    changes: list[Change] = []
    for name, record in known.items():
        if name in renamed:
            changes += diff(record, renamed[name])
        elif name in seen:
            changes += diff(record, seen[name])
    return changes


def diff(before: Json, after: Json) -> list[Change]:
    """Return the change between two records of an appointment, in a list; an empty list if they are equal."""
    differing = {name for name in before.keys() | after.keys() if not _same(name, before.get(name), after.get(name))}
    if not differing:
        return []
    kinds = []
    if differing & set(_TIMES):
        kinds.append(Kind.RESCHEDULED)
    if _STAFF in differing:
        kinds.append(Kind.REASSIGNED)
    if differing - {*_TIMES, _STAFF, *_DERIVED, "id"} or not kinds:
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
    """Return {old id: new id} of the appointments that changed their id; ambiguous pairs are left out."""
    paired: dict[str, str] = {}
    for identify in (_self_service, _particulars_with_name, _particulars):
        old = _by_identity(missing, identify, paired.keys())
        new = _by_identity(fresh, identify, paired.values())
        paired |= {old[identity]: new[identity] for identity in old.keys() & new.keys()}
    return paired


def _by_identity(
    records: Records, identify: Callable[[Json], object | None], paired: Iterable[str]
) -> dict[object, str]:
    """Return the ids by an identity that only one record has; records that are paired already are left out."""
    taken, found, ambiguous = set(paired), dict[object, str](), set[object]()
    for name, record in records.items():
        identity = identify(record)
        if identity is None or name in taken:
            continue
        if identity in found:
            ambiguous.add(identity)
        found[identity] = name
    return {identity: name for identity, name in found.items() if identity not in ambiguous}


def _self_service(record: Json) -> object | None:
    name = str(record.get("selfServiceAppointmentId") or _NO_SELF_SERVICE)
    return None if name == _NO_SELF_SERVICE else name.lower()


def _particulars(record: Json) -> object | None:
    created = record.get("createdDateTime")  # absent in US Government: then there is no such identity
    mail = str(record.get("customerEmailAddress") or "").casefold()
    return (record.get("serviceId"), mail, created) if created else None


def _particulars_with_name(record: Json) -> object | None:
    particulars, name = _particulars(record), str(record.get("customerName") or "").casefold()
    return (particulars, name) if particulars and name else None


def _order(change: Change) -> tuple[bool, str, datetime, str]:
    """Sort cancellations first, because they free time; then by the time of the change, where Graph gives one."""
    record = change.record
    is_cancelled = Kind.CANCELLED in change.kinds
    stamp = "" if is_cancelled else str(record.get("lastUpdatedDateTime") or "")
    return (not is_cancelled, stamp, start_of(record), str(record["id"]))
