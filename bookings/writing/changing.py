"""Changes an appointment: write, read it again, and write once more if the answer was lost and nothing changed.

A change states the wanted result, so it may be written twice. The appointment is read again because PATCH answers
without a body.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from bookings.describe import appointment_times
from bookings.free_time.group_limit import MOST_CUSTOMERS_OF_CREATE, GroupLimit
from bookings.writing import recovery
from bookings.writing.graph_bodies import customers_change
from shared.errors import Conflict, GatewayError, OutcomeUnknown, ServerFailed
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.storage.idempotency import WriteLost

LOST = (
    "Microsoft Graph did not say whether this was done, and it cannot be seen yet. Look at the appointment before you "
    "send it again."
)


class Changer:
    """Changes appointments of one connection."""

    def __init__(self, graph: GraphBookings, limit: GroupLimit) -> None:
        self._graph = graph
        self._limit = limit

    def change(
        self,
        business: str,
        old: Json,
        body: Json,
        is_done: Callable[[Json], bool],
        span: tuple[datetime, datetime] | None = None,
    ) -> Json:
        """Change an appointment, once more if the change got lost; return the appointment as it is then.

        `span` is its time after the change, if that is another one. Raises WriteLost if the outcome is unknown.
        """
        appointment = str(old["id"])

        def find_result(lost: OutcomeUnknown | None) -> Json | None:
            fresh = self.read_back(business, appointment)
            if fresh is None:
                fresh = self._find_moved(business, old, span or appointment_times(old))
            if fresh is None:
                raise make_lost(lost) from lost
            return fresh if lost is None or is_done(fresh) else None

        return recovery.attempt_twice(
            lambda: self._graph.update_appointment(business, appointment, body), find_result, LOST
        )

    def replace_customers(
        self, business: str, old: Json, customers: Sequence[Json], details: Json, is_done: Callable[[Json], bool]
    ) -> Json:
        """Give an appointment these customers and no others, and change details in the same step.

        Raises Conflict if Graph refuses so many customers.
        """
        body = details | customers_change(customers, int(old.get("maximumAttendeesCount") or 1))
        with self._limit_explained(business, len(customers)):
            return self.change(business, old, body, is_done)

    def read_back(self, business: str, appointment: str) -> Json | None:
        """Read an appointment after a write; None if it does not exist any more. Raises WriteLost if that fails."""
        try:
            return recovery.read_whole(self._graph, business, appointment)
        except GatewayError as unread:
            raise make_lost(unread) from unread

    @contextmanager
    def _limit_explained(self, business: str, count: int) -> Iterator[None]:
        """Tell a refusal of large groups from a lost write.

        Graph answered both tries with a failure and the appointment is as it was: with more than four customers that
        is what a cap of Graph looks like, so this is a refusal, and nothing is unknown.
        """
        try:
            yield
        except recovery.Unchanged as unchanged:
            if count <= MOST_CUSTOMERS_OF_CREATE or not isinstance(unchanged.__cause__, ServerFailed):
                raise
            self._limit.note_refusal(business)
            raise Conflict(
                f"Microsoft Graph refused to change an appointment to {count} customers, and it is unchanged. Graph "
                f"takes {MOST_CUSTOMERS_OF_CREATE} for certain. Make this change in Microsoft Bookings itself.",
                code="GroupTooLarge",
                target="customers",
                detail=unchanged.detail,
                upstream_id=unchanged.upstream_id,
            ) from unchanged
        else:
            if count > MOST_CUSTOMERS_OF_CREATE:
                self._limit.note_success(business)

    def _find_moved(self, business: str, old: Json, span: tuple[datetime, datetime]) -> Json | None:
        try:
            items = recovery.read_around(self._graph, business, *span)
            there = recovery.at_the_time(items, str(old.get("serviceId")), span)
            moved = recovery.find_moved(there, old)
            return recovery.read_whole(self._graph, business, moved["id"]) if moved else None
        except GatewayError as unread:
            raise make_lost(unread) from unread


def make_lost(error: GatewayError | None) -> WriteLost:
    """Return the error of a write whose outcome is unknown."""
    return WriteLost(LOST, detail=error.detail if error else None, upstream_id=error.upstream_id if error else None)
