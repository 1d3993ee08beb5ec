"""HTTP: keeping slots free for some minutes. Holds are the gateway's own: Microsoft's booking page knows none."""

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from blueprints._bounds import HELD_MINUTES, HELD_SEATS
from blueprints._fields import Fields
from blueprints._http import Content, Request, answers
from blueprints._idempotent_writes import get_writes, read_hold, run_idempotently
from blueprints._routes import Blueprint
from shared.json_text import Json

if TYPE_CHECKING:
    from shared.storage.idempotency import Attempt

bp = Blueprint()


@bp.route(route="bookings/businesses/{business}/slots/holds", methods=["POST"])
@answers()
def hold_slot(request: Request) -> Content:
    """Hold a slot for some minutes."""
    holder, business = get_writes(request).holder, request.business
    body = request.body("service", "start", "end", "timeZone", "staff", "seats", "minutes")
    service, zone, staff = body.needed_identifier("service"), body.zone(), body.identifiers("staff")
    seats, minutes = body.count("seats", HELD_SEATS), body.count("minutes", HELD_MINUTES)
    start, end = request.start_and_end(body)

    def work(attempt: "Attempt") -> Json:
        return holder.hold(
            business=business,
            service=service,
            start=start,
            end=end,
            staff=staff,
            seats=seats,
            duration=timedelta(minutes=minutes),
            zone=zone,
            attempt=attempt,
        )

    return run_idempotently(request, "hold", body, work, status=HTTPStatus.CREATED, uses_run=True)


@bp.route(route="bookings/businesses/{business}/slots/holds/{hold}", methods=["GET"])
@answers("timeZone")
def get_hold(request: Request) -> Json:
    """Get a hold that has not ended."""
    holder = get_writes(request).holder
    return holder.show(request.business, _hold_of(request), request.query.zone())


@bp.route(route="bookings/businesses/{business}/slots/holds/{hold}", methods=["DELETE"])
@answers()
def release_hold(request: Request) -> Content:
    """Release a hold; one that has ended already stays so."""
    holder = get_writes(request).holder
    holder.release(request.business, _hold_of(request))
    return Content(b"", status=HTTPStatus.NO_CONTENT)


def _hold_of(request: Request) -> str:
    """Return the id of the hold in the path. Raises Invalid."""
    return (
        read_hold(Fields({"hold": str(request.http.route_params.get("hold", ""))}, ("hold",), kind="parameter")) or ""
    )
