"""The fields of event subscriptions, checked: what callers want to be told of, and where."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from blueprints._fields import Fields
from blueprints._http import Request
from shared.errors import Invalid
from shared.json_text import Json

if TYPE_CHECKING:
    from event_subscriptions.managing import Subscriptions, WantedSubscription
    from shared.time_zones.zones import Zone

NAMES = ("events", "business", "service", "staff", "timeZone", "expand", "target", "expires", "since")
DETAILS = "details"
LONGEST_LIFE = timedelta(days=366)

_ID = re.compile(r"[0-9a-f]{32}")


def read_id(text: str) -> str:
    """Return the id of a subscription. Raises Invalid for another form."""
    if not _ID.fullmatch(text):
        raise Invalid(
            "This is not the id of a subscription. Take it from the answer of POST subscriptions.",
            code="InvalidId",
            target="subscription",
        )
    return text


def read_moment(body: Fields, name: str) -> datetime:
    """Return a moment that must be there, and be one of the past."""
    moment = body.moment(name, lambda: _no_zone(name))
    if moment > datetime.now(UTC):
        raise Invalid(f"{name} lies in the future. Send a time of the past.", code="InvalidDate", target=name)
    return moment


def read_wanted(request: Request, body: Fields, use: "Subscriptions") -> "WantedSubscription":
    """Return what a caller wants. Raises Invalid, and Forbidden for a business that is not allowed."""
    from composition.subscription_feeds import list_appointment_events, name_business_feed
    from event_subscriptions.managing import WantedSubscription

    events = body.words("events", *list_appointment_events())
    if not events:
        raise Invalid("events is missing. Send the types of events that are wanted.", target="events")
    business = request.allowed_business(body.needed_text("business"))
    filters = {"business": business, "service": body.identifier("service"), "staff": body.identifier("staff")}
    zone = body.zone()
    filters |= {"timeZone": zone.iana if zone else None, "expand": body.choice("expand", DETAILS)}
    request.connection.names.check_filters(business, service=filters["service"], staff=filters["staff"])
    kind, target = _read_target(body, use)
    return WantedSubscription(
        connection=request.connection_name,
        feed=name_business_feed(business),
        events=events,
        filters={name: value for name, value in filters.items() if value},
        target_kind=kind,
        target=target,
        expires=_read_expiry(body),
        since=read_moment(body, "since") if body.text("since") else None,
    )


def _read_target(body: Fields, use: "Subscriptions") -> tuple[str, Json]:
    target = body.values.get("target")
    if not isinstance(target, dict):
        raise Invalid(
            'target is missing or no object. Send one such as {"kind": "https", "url": "https://…"}.',
            code="WrongType",
            target="target",
        )
    public = [name for name, kind in use.kinds.items() if kind.is_public]
    kind = target.get("kind")
    if kind not in public:
        raise Invalid(
            f"target.kind has an unknown value. Send one of: {', '.join(public)}.",
            code="InvalidChoice",
            target="target.kind",
        )
    return str(kind), {name: value for name, value in target.items() if name != "kind"}


def _read_expiry(body: Fields) -> datetime | None:
    if not body.text("expires"):
        return None
    moment, now = body.moment("expires", lambda: _no_zone("expires")), datetime.now(UTC)
    if not now < moment <= now + LONGEST_LIFE:
        raise Invalid(
            f"expires is out of bounds. Send a time within the next {LONGEST_LIFE.days} days.",
            code="InvalidDate",
            target="expires",
        )
    return moment


def _no_zone(name: str) -> "Zone":
    raise Invalid(f"{name} has no offset. Write it as 2026-05-05T09:00:00Z.", code="InvalidDate", target=name)
