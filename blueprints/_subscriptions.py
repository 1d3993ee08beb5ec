"""What triggers and their previews have in common: kinds, and the appointments that a trigger is about."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from blueprints._http import Request
from shared.errors import Invalid

if TYPE_CHECKING:
    from bookings.changes.trigger_items import Subscription

MAIL_KINDS = ("arrived", "failed")
TICKET_KINDS = ("created",)


def read_kind(kind: str | None, known: Collection[str]) -> str:
    """Return the kind of a trigger. Raises Invalid for an unknown one."""
    if kind is None or kind not in known:
        raise Invalid(
            f"kind has an unknown value. Send one of: {', '.join(known)}.", code="InvalidChoice", target="kind"
        )
    return kind


def read_subscription(request: Request) -> "Subscription":
    """Return which appointments the request asks for."""
    from bookings.changes.trigger_items import Subscription

    query = request.query
    return Subscription(
        business=request.allowed_business(query.needed_text("business")),
        service=query.identifier("service"),
        staff=query.identifier("staff"),
        zone=query.zone(),
        wants_details=query.wants_details(),
    )
