"""The events of a rehearsal, as the simulated people record them, and which triggers each must fire.

Which event fires which trigger is taken from docs/api.md, never from the app's code: this checks the app independently.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

UPCOMING = "upcoming"
ARRIVED, FAILED, TICKET = "arrived", "failed", "ticket"
_UPDATES = frozenset({"rescheduled", "reassigned", "edited"})
_FIRED_BY: Mapping[str, frozenset[str]] = {
    "appointments/created": frozenset({"created"}),
    "appointments/updated": _UPDATES,
    "appointments/rescheduled": frozenset({"rescheduled"}),
    "appointments/cancelled": frozenset({"cancelled"}),
    "appointments/reassigned": frozenset({"reassigned"}),
    "appointments/any": frozenset({"created", "cancelled"}) | _UPDATES,
    "appointments/upcoming": frozenset({UPCOMING}),
    "mails/arrived": frozenset({ARRIVED}),
    "mails/failed": frozenset({FAILED}),
    "tickets/created": frozenset({TICKET}),
}
_MINUTES = 60

type Signature = tuple[tuple[str, ...], str, tuple[str, ...], str]
"""What identifies one event of an appointment or mail: kinds, start (UTC), staff ids, phone."""


@dataclass(frozen=True)
class Event:
    """One event. `about` names the appointment by its customer's address, or the mail by its subject.

    `kinds` are those of the change feed, or one of the constants above. `staff` and `start` hold the new values.
    """

    about: str
    kinds: tuple[str, ...]
    start: datetime | None = None
    staff: tuple[str, ...] = ()
    phone: str = ""
    service: str = ""
    staff_before: tuple[str, ...] = ()

    @property
    def signature(self) -> Signature:
        """What the run that it starts must report."""
        start = self.start.strftime("%Y-%m-%dT%H:%M:%SZ") if self.start else ""
        return self.kinds, start, tuple(sorted(self.staff)), self.phone


@dataclass(frozen=True)
class Trigger:
    """One trigger as a flow has it: the path below the app's root, and its parameters."""

    name: str
    path: str
    query: Mapping[str, Any]
    through_gateway: bool = True
    recurrence: float = 60.0

    @property
    def kind(self) -> str:
        """Area and kind, such as appointments/created."""
        return self.path.partition("triggers/")[2]

    @property
    def minutes(self) -> int:
        """How many minutes before its start an appointment is reported."""
        return int(self.query.get("minutes", _MINUTES))

    def is_fired_by(self, one: Event, until: datetime) -> bool:
        """Say whether an event must fire it; an upcoming appointment must if it is due before `until`."""
        if not _FIRED_BY[self.kind] & set(one.kinds):
            return False
        if one.start and UPCOMING in one.kinds and one.start - timedelta(minutes=self.minutes) > until:
            return False
        people = {*one.staff, *one.staff_before}
        return self.query.get("service") in (None, one.service) and (
            self.query.get("staff") is None or self.query["staff"] in people
        )

    def read(self, item: Mapping[str, Any]) -> tuple[str, Signature]:
        """Return the subject of a trigger item and its signature."""
        area, _, kind = self.kind.partition("/")
        if area != "appointments":
            return item["subject"], ((TICKET if area == "tickets" else kind,), "", (), "")
        kinds = (UPCOMING,) if kind == UPCOMING else tuple(item["changes"])
        staff = tuple(sorted(item["staffMemberIds"]))
        return item["customerEmailAddress"], (kinds, item["startUtc"], staff, item["customerPhone"] or "")


@dataclass
class Verdict:
    """How the runs of a flow differ from what happened."""

    expected: int = 0
    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether each event fired the flow exactly once, in order."""
        return not (self.missing or self.doubled or self.out_of_order)
