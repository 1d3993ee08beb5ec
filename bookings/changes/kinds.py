"""The kinds of changes of appointments, and of the triggers that fire for them."""

from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """What happened to an appointment. Where several kinds apply, the first in this order names the change.

    `cancelled` means cancelled or deleted: Graph does not tell which. `edited` means that anything but times and staff
    was changed. `registered` and `unregistered` are about one person of a group appointment, whom the record names.
    """

    CREATED = "created"
    CANCELLED = "cancelled"
    RESCHEDULED = "rescheduled"
    REASSIGNED = "reassigned"
    EDITED = "edited"
    REGISTERED = "registered"
    UNREGISTERED = "unregistered"


UPCOMING = "upcoming"
_FIRED_BY: Mapping[str, frozenset[Kind]] = {
    "created": frozenset({Kind.CREATED}),
    "updated": frozenset({Kind.RESCHEDULED, Kind.REASSIGNED, Kind.EDITED}),
    "rescheduled": frozenset({Kind.RESCHEDULED}),
    "reassigned": frozenset({Kind.REASSIGNED}),
    "cancelled": frozenset({Kind.CANCELLED}),
    "registered": frozenset({Kind.REGISTERED}),
    "unregistered": frozenset({Kind.UNREGISTERED}),
    "any": frozenset(Kind),
}
INSTANT_KINDS = tuple(_FIRED_BY)  # that somebody starts soon is no change: no feed announces it
TRIGGER_KINDS = (*INSTANT_KINDS, UPCOMING)
EVENT_KINDS = (*(kind.value for kind in Kind), UPCOMING)


def list_kinds(trigger: str) -> tuple[Kind, ...]:
    """Return the kinds of changes that fire one of INSTANT_KINDS."""
    return tuple(kind for kind in Kind if kind in _FIRED_BY[trigger])
