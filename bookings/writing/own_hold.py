"""The hold that a write names as its own: it must be of the same place, and it must not have ended."""

from collections.abc import Iterable
from datetime import datetime

from bookings.free_time.held_time import Hold
from bookings.holds.store import HeldPage
from shared.errors import Conflict, Invalid
from shared.time_zones.zones import utc_text


def find_own_hold(page: HeldPage, hold: str | None) -> Hold | None:
    """Return the hold with this id, None if no hold is named. Raises Conflict for one that has ended."""
    own = page.find(hold)
    if hold is not None and own is None:
        raise Conflict(
            "This hold has ended: it has expired, was released, or was used up. Leave hold out, or hold a slot again.",
            code="HoldEnded",
            target="hold",
        )
    return own


def check_own_hold(own: Hold, service: str, start: datetime, staff: Iterable[str]) -> None:
    """Check that a hold is of the wanted service, start and staff. Raises Invalid."""
    begins = own.span[0]
    if own.service != service:
        other, known, target = "service", f"{own.service} as service", "service"
    elif begins != start:
        other, known, target = "time", f"{utc_text(begins)} as start", "start"
    elif not set(staff) <= set(own.staff):
        other, known, target = "staff", "no staff", "staff"
    else:
        return
    raise Invalid(
        f"The hold is for another {other}. Send {known}, or hold the slot that you want.",
        code="HoldMismatch",
        target=target,
    )
