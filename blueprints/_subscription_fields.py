"""The fields of event subscriptions, checked: what callers want to be told of, and where."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from blueprints._fields import Fields
from blueprints._http import Request
from shared.errors import Invalid, NotFound
from shared.json_text import Json

if TYPE_CHECKING:
    from event_subscriptions.managing import Subscriptions, WantedSubscription
    from shared.time_zones.zones import Zone

OF_APPOINTMENTS, OF_MAILS = ("business", "service", "staff", "timeZone", "expand"), ("mailbox", "folder", "sink")
NAMES = ("events", *OF_APPOINTMENTS, *OF_MAILS, "target", "expires", "since")
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
    """Return what a caller wants. Raises Invalid, Forbidden for a business and NotFound for a mailbox."""
    from composition.appointment_events import list_appointment_events
    from event_subscriptions.managing import WantedSubscription
    from inbound_mail.reports.mail_events import MAIL_EVENTS

    events = body.words("events", *list_appointment_events(), *MAIL_EVENTS)
    if not events:
        raise Invalid("events is missing. Send the types of events that are wanted.", target="events")
    are_of_mail = {event in MAIL_EVENTS for event in events}
    if len(are_of_mail) > 1:
        raise Invalid(
            "events holds types of appointments and of mails. Make a subscription for each.",
            code="Contradiction",
            target="events",
        )
    read = _read_mails if True in are_of_mail else _read_appointments
    feed, filters = read(request, body)
    kind, target = _read_target(body, use)
    return WantedSubscription(
        connection=request.connection_name,
        feed=feed,
        events=events,
        filters={name: value for name, value in filters.items() if value},
        target_kind=kind,
        target=target,
        expires=_read_expiry(body),
        since=read_moment(body, "since") if body.text("since") else None,
    )


def _read_appointments(request: Request, body: Fields) -> "tuple[str, dict[str, str | None]]":
    """Return the feed of a business, and which appointments are wanted."""
    from composition.subscription_feeds import name_business_feed

    _refuse_others(body, OF_MAILS)
    business = request.allowed_business(body.needed_text("business"))
    service, staff, zone = body.identifier("service"), body.identifier("staff"), body.zone()
    request.connection.names.check_filters(business, service=service, staff=staff)
    filters = {"business": business, "service": service, "staff": staff}
    filters |= {"timeZone": zone.iana if zone else None, "expand": body.choice("expand", DETAILS)}
    return name_business_feed(business), filters


def _read_mails(request: Request, body: Fields) -> "tuple[str, dict[str, str | None]]":
    """Return the feed of a mailbox, and which mails are wanted."""
    from composition.subscription_feeds import name_mailbox_feed

    _refuse_others(body, OF_APPOINTMENTS)
    mailbox, sink = request.named_mailbox(body.needed_text("mailbox")), body.text("sink")
    if mailbox.settings.connection != request.connection_name:
        raise NotFound(
            "The mailbox belongs to another connection of the settings. Name that connection in the query.",
            code="UnknownMailbox",
            target="mailbox",
        )
    if sink is not None and sink not in request.services.mail.sinks:
        raise Invalid("The settings name no such sink. Use a name that GET status lists.", code="UnknownSink",
                      target="sink")  # fmt: skip
    return name_mailbox_feed(mailbox.name), {"mailbox": mailbox.name, "folder": body.text("folder"), "sink": sink}


def _refuse_others(body: Fields, names: Sequence[str]) -> None:
    """Refuse filters of the other kind of events: they would be of no effect."""
    for name in names:
        if body.values.get(name) is not None:
            raise Invalid(
                f"{name} is no filter of these events. Leave it out, or send other types of events.",
                code="Contradiction",
                target=name,
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
