"""The seats of group appointments: how many are left and not held, and the refusal if too few are free."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from bookings.describe import appointment_times
from bookings.free_time.held_time import Hold, Place, count_seats, list_group, refuse_held
from bookings.holds.store import HeldPage, HoldStore
from bookings.writing.rules import FIND_SLOTS, check_seats_held
from shared.errors import Conflict
from shared.json_text import Json
from shared.storage.idempotency import Attempt
from shared.wording import count_of


def count_left(group: Json) -> int:
    """Return how many seats nobody has booked."""
    return int(group.get("maximumAttendeesCount") or 0) - int(group.get("filledAttendeesCount") or 0)


def count_free(group: Json, holds: Iterable[Hold]) -> int:
    """Return how many seats nobody has booked or holds."""
    return count_left(group) - count_seats(list_holds(group, holds))


def list_holds(group: Json, holds: Iterable[Hold]) -> list[Hold]:
    """Return the holds of a group appointment's seats."""
    begins, ends = appointment_times(group)
    span = int(begins.timestamp()), int(ends.timestamp())
    return list_group(holds, str(group.get("serviceId")), span, group.get("staffMemberIds") or [])


def refuse_seats(groups: Sequence[Json], holds: Sequence[Hold], target: str = "customers") -> Conflict:
    """Return the error for groups that have not enough free seats, or whose seats are held."""
    if held := [hold for group in groups if count_left(group) for hold in list_holds(group, holds)]:
        return refuse_held(held)
    left = max(0, *(count_left(group) for group in groups))
    seats = count_of(left, "free seat") if left else "no free seat"
    return Conflict(f"The group appointment at this time has {seats}. {FIND_SLOTS}", code="NoSeats", target=target)


@contextmanager
def keep_seats(
    store: HoldStore,
    business: str,
    page: HeldPage,
    group: Json,
    seats: int,
    *,
    attempt: Attempt,
    own: Hold | None = None,
) -> Iterator[None]:
    """Hold so many more seats of a group appointment while the block fills them. `page` was read before the group.

    Raises Conflict if they are held for others, and Overtaken.
    """
    begins, ends = appointment_times(group)
    hosts, filled = group.get("staffMemberIds") or [], int(group.get("filledAttendeesCount") or 0)
    place = Place(
        service=str(group.get("serviceId")),
        start=int(begins.timestamp()),
        end=int(ends.timestamp()),
        before=0,
        after=0,
        seats=seats,
        capacity=int(group.get("maximumAttendeesCount") or 0),
    )

    def check(others: Sequence[Hold]) -> None:
        check_seats_held(others, place, hosts, filled=filled)

    with store.keep(business, page, place, staff=hosts, attempt=attempt, check=check, own=own):
        yield
