"""Holds as busy time: what a hold keeps others from, in free time and in writes.

A hold takes the time of its staff with its buffers, as an appointment does. For the same group (one service, time and
staff member) it is no obstacle: it takes some of the seats, whether the group appointment exists already or not.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bookings.free_time.intervals import Interval
from bookings.free_time.policy import Policy
from shared.errors import Conflict, InProgress
from shared.json_text import Json
from shared.time_zones.zones import graph_moment, utc_text

_RETRY_AFTER = 2.0
_PAUSE_FOR_WRITE = 1.0  # seconds: a write takes about as long

type Span = tuple[datetime, datetime]


class Overtaken(InProgress):
    """Others write or wrote meanwhile, so what was read must be read again after a pause. Nothing was written."""

    def __init__(self, pause: float) -> None:
        super().__init__("Others are booking on this page. Try again in some seconds.", retry_after=_RETRY_AFTER)
        self.pause = pause


@dataclass(frozen=True)
class Place:
    """A time of a service with so many seats, of the `capacity` that an appointment has. Moments are seconds (UTC)."""

    service: str
    start: int
    end: int
    before: int
    after: int
    seats: int
    capacity: int

    @property
    def taken(self) -> Interval:
        """The time that it takes, buffers included."""
        return self.start - self.before, self.end + self.after


@dataclass(frozen=True)
class Hold(Place):
    """A place that is kept for somebody until `expires` (seconds), with its staff.

    `mark` is that of the attempt which made the hold. `is_write`: a write that is under way holds its place, too.
    """

    id: str
    mark: str
    staff: tuple[str, ...]
    made: int
    expires: int
    is_write: bool = False

    @property
    def span(self) -> Span:
        """Start and end in UTC."""
        return datetime.fromtimestamp(self.start, UTC), datetime.fromtimestamp(self.end, UTC)

    def as_appointment(self) -> Json:
        """Return an appointment of Graph's form that takes as much time."""
        start, end = self.span
        return {
            "id": self.id,
            "startDateTime": graph_moment(start),
            "endDateTime": graph_moment(end),
            "staffMemberIds": list(self.staff),
        }


# Returns the holds of a business that count; without the one whose id is given.
type ReadHolds = Callable[[str, str | None], Sequence[Hold]]


def no_holds(_business: str, _own: str | None) -> Sequence[Hold]:
    """Return no holds: where nothing is written, nothing is held."""
    return ()


def place_of(service: str, span: Span, policy: Policy, *, seats: int, capacity: int) -> Place:
    """Return a time of a service as a place, with the buffers of its policy."""
    return Place(
        service=service,
        start=int(span[0].timestamp()),
        end=int(span[1].timestamp()),
        before=_seconds(policy.pre_buffer),
        after=_seconds(policy.post_buffer),
        seats=seats,
        capacity=capacity,
    )


def list_group(holds: Iterable[Hold], service: str, span: Interval, staff: Iterable[str]) -> list[Hold]:
    """Return the holds of one group: a service at exactly this time, with one of these staff members."""
    hosts = set(staff)
    return [hold for hold in holds if _is_group(hold, service, span) and not hosts.isdisjoint(hold.staff)]


def count_seats(holds: Iterable[Hold]) -> int:
    """Return how many seats are held in all."""
    return sum(hold.seats for hold in holds)


def find_obstacles(holds: Iterable[Hold], member: str, place: Place) -> list[Hold]:
    """Return the holds that keep a staff member from taking a place in a new appointment."""
    start, end = place.start, place.end
    same: list[Hold] = []
    others: list[Hold] = []
    for hold in holds:
        if member in hold.staff and hold.taken[0] < place.taken[1] and place.taken[0] < hold.taken[1]:
            (same if _is_group(hold, place.service, (start, end)) else others).append(hold)
    if others or count_seats(same) + place.seats <= place.capacity:
        return others
    return same


def refuse_held(obstacles: Sequence[Hold]) -> Conflict:
    """Return the error for a place that is held; `obstacles` are all holds that are in the way.

    It is Overtaken if they are writes under way: what becomes of them will soon be known.
    """
    if all(hold.is_write for hold in obstacles):
        return Overtaken(_PAUSE_FOR_WRITE)
    until = utc_text(datetime.fromtimestamp(max(hold.expires for hold in obstacles), UTC))
    return Conflict(
        f"This time is held for somebody else until {until} at the latest. Choose another slot, try again after that, "
        "or send the id of your hold as hold.",
        code="SlotHeld",
        target="start",
    )


def _is_group(hold: Hold, service: str, span: Interval) -> bool:
    return hold.service == service and (hold.start, hold.end) == span


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())
