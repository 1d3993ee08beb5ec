"""Moving an appointment to another time or to other staff: the rules, the hold of its new place, and the change."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bookings.describe import appointment_times
from bookings.free_time.held_time import Hold, place_of
from bookings.free_time.service_context import ServiceContext
from bookings.free_time.staff_spans import Basis, basis_of
from bookings.holds.store import HoldStore, mark_change, repeat_overtaken
from bookings.writing import recovery
from bookings.writing.booking import Booker
from bookings.writing.changing import Changer
from bookings.writing.graph_bodies import times
from bookings.writing.own_hold import check_own_hold, find_own_hold
from bookings.writing.rules import Span, check_held, check_team, check_times
from shared.errors import Conflict, ServerFailed
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.storage.idempotency import Attempt


@dataclass(frozen=True)
class Move:
    """An appointment, the time and the staff that it shall have, and the hold that this uses up.

    No `staff` means that it keeps its own, or gets that of the hold.
    """

    old: Json
    context: ServiceContext
    span: Span
    staff: tuple[str, ...]
    hold: str | None

    def is_done(self, item: Json) -> bool:
        """Say whether an appointment is as it shall be."""
        has_staff = not self.staff or set(item.get("staffMemberIds") or []) == set(self.staff)
        return has_staff and appointment_times(item) == self.span

    @property
    def body(self) -> Json:
        """The change as Graph is sent it."""
        new_times = {} if appointment_times(self.old) == self.span else times(*self.span)
        return new_times | ({"staffMemberIds": list(self.staff)} if self.staff else {})


class Mover:
    """Moves appointments of one connection."""

    def __init__(self, booker: Booker, changer: Changer, graph: GraphBookings, holds: HoldStore) -> None:
        self._booker = booker
        self._changer = changer
        self._graph = graph
        self._holds = holds

    def move(self, move: Move, attempt: Attempt) -> Json:
        """Move the appointment if rules, staff and holds allow it; return it as it is then."""
        if move.is_done(move.old):
            if move.hold is not None:
                self._holds.end(move.context.business, move.hold, has_written=True)
            return move.old
        own = mark_change(attempt, str(move.old["id"]))
        return repeat_overtaken(lambda: self._move(move, own))

    def _move(self, move: Move, attempt: Attempt) -> Json:
        old, context, span = move.old, move.context, move.span
        page = self._holds.read(context.business)
        own = find_own_hold(page, move.hold)
        if own is not None:
            check_own_hold(own, str(old.get("serviceId")), span[0], move.staff)
            move = replace(move, staff=move.staff or own.staff)
        check_team(context, move.staff)
        is_moved = appointment_times(old) != span
        if is_moved:
            check_times(context, span)
        staff = move.staff or _staff_of(old, context)
        calendar = recovery.read_around(self._graph, context.business, *span)
        free = self._booker.check_free(context, span, staff, calendar, moving=old)
        seats = max(1, int(old.get("filledAttendeesCount") or 1))
        capacity = int(old.get("maximumAttendeesCount") or 1)
        place = place_of(str(old.get("serviceId")), span, context.policy, seats=seats, capacity=capacity)

        def check(others: Sequence[Hold]) -> None:
            check_held(others, place, staff, free)

        check(page.others(move.hold, attempt.mark))
        with self._holds.keep(context.business, page, place, staff=staff, attempt=attempt, check=check, own=own):
            return self._change(move)

    def _change(self, move: Move) -> Json:
        with self._absence_explained():
            return self._changer.change(move.context.business, move.old, move.body, move.is_done, move.span)

    @contextmanager
    def _absence_explained(self) -> Iterator[None]:
        """Tell a refusal of staff who are away from a lost write, where the gateway cannot see who is away.

        Graph answered both tries with a failure, as it does where a rule is broken, and the appointment is as it was.
        """
        try:
            yield
        except recovery.Unchanged as unchanged:
            if basis_of(self._graph) is Basis.AVAILABILITY or not isinstance(unchanged.__cause__, ServerFailed):
                raise
            raise Conflict(
                "Microsoft Graph refused twice, and the appointment is unchanged. Choose another time or other staff: "
                "these may be away, which a gateway that signs in as a user cannot see.",
                code="StaffNotFree",
                target="staff",
                detail=unchanged.detail,
                upstream_id=unchanged.upstream_id,
            ) from unchanged


def _staff_of(item: Json, context: ServiceContext) -> tuple[str, ...]:
    """Return who is booked and still provides the service: Graph does not know the time of staff who have left."""
    return tuple(member for member in item.get("staffMemberIds") or [] if member in context.team)
