"""HTTP: the instant triggers of flows: an engine subscribes with the address of a flow's callback, and ends that.

The engine keeps the `Location` of the answer and sends DELETE there, perhaps without the connection's key
(microsoft/PowerPlatformConnectors#3678). So that address is a permission by itself: it holds the subscription's name,
signed, and opens nothing else.

Sources: "Create custom APIs for Azure Logic Apps" (webhook triggers), "Use a webhook as a trigger" of custom
connectors.
"""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import azure.functions as func

from blueprints import _subscriptions
from blueprints._http import Content, Request, answers
from blueprints._routes import Blueprint
from shared.errors import Invalid, NotFound

if TYPE_CHECKING:
    from event_subscriptions.managing import Subscriptions

bp = Blueprint()

_ROUTE = "instant-triggers"
_BINDING = "instant trigger"
_SERIAL_BYTES = 8


@bp.route(route=f"{_ROUTE}/appointments/{{kind}}", methods=["POST"])
@answers("business", "service", "staff", "timeZone", "details")
def call_on_appointment(request: Request) -> Content:
    """Call a flow for events of appointments: one of the kinds of changes, updated or any."""
    from bookings.changes.kinds import INSTANT_KINDS, list_kinds
    from composition.appointment_events import APPOINTMENT
    from composition.subscription_feeds import name_business_feed

    kind = _subscriptions.read_kind(request.http.route_params.get("kind"), INSTANT_KINDS)
    callback = request.body("callbackUrl").needed_text("callbackUrl")
    wanted = _subscriptions.read_subscription(request)
    request.connection.names.check_filters(wanted.business, service=wanted.service, staff=wanted.staff)
    filters = {
        "business": wanted.business,
        "service": wanted.service,
        "staff": wanted.staff,
        "timeZone": wanted.zone.iana if wanted.zone else None,
        "expand": "details" if wanted.wants_details else None,
    }
    events = tuple(f"{APPOINTMENT}{each.value}" for each in list_kinds(kind))
    feed = name_business_feed(wanted.business)
    return _subscribe(request, callback, _Question(request.connection_name, feed, events, filters))


@bp.route(route=f"{_ROUTE}/mails/{{kind}}", methods=["POST"])
@answers("mailbox", "folder")
def call_on_mail(request: Request) -> Content:
    """Call a flow for events of mails: a mail arrived and was read whole, or a delivery of it failed (quarantine)."""
    from composition.mail_events import QUARANTINED
    from inbound_mail.reports.mail_events import ARRIVED, FAILED, SET_ASIDE

    if _subscriptions.read_kind(request.http.route_params.get("kind"), _subscriptions.MAIL_KINDS) == "arrived":
        return _subscribe_to_mailbox(request, (ARRIVED,))
    return _subscribe_to_mailbox(request, (FAILED, SET_ASIDE), **{QUARANTINED: "true"})


@bp.route(route=f"{_ROUTE}/tickets/{{kind}}", methods=["POST"])
@answers("mailbox", "folder")
def call_on_ticket(request: Request) -> Content:
    """Call a flow for events of tickets: a ticket was created from a mail."""
    from inbound_mail.reports.mail_events import TICKET

    _subscriptions.read_kind(request.http.route_params.get("kind"), _subscriptions.TICKET_KINDS)
    return _subscribe_to_mailbox(request, (TICKET,))


@bp.route(route=f"{_ROUTE}/{{subscription}}", methods=["DELETE"], auth_level=func.AuthLevel.ANONYMOUS)
@answers()
def end_instant_trigger(request: Request) -> Content:
    """Call a flow no more; for one that is not called any more, nothing changes."""
    try:
        token = str(request.http.route_params.get("subscription", ""))
        connection, name, serial = request.services.cursors.open(token, binding=_BINDING)
    except Invalid:
        raise NotFound(
            "There is no such subscription. Use the Location that the subscribing call was answered.",
            code="SubscriptionNotFound",
            target="subscription",
        ) from None
    use = _open(request)
    found = use.store.find(connection, name)
    if found is not None and found.subscription.target.get("serial") == serial:
        use.delete(connection, name)
    return Content(b"", status=HTTPStatus.NO_CONTENT)


class _Question(NamedTuple):
    """What a flow wants to be called for."""

    connection: str
    feed: str
    events: tuple[str, ...]
    filters: Mapping[str, str | None]


def _subscribe_to_mailbox(request: Request, events: tuple[str, ...], **more: str) -> Content:
    from composition.subscription_feeds import name_mailbox_feed

    callback = request.body("callbackUrl").needed_text("callbackUrl")
    mailbox = request.named_mailbox(request.query.needed_text("mailbox"))
    filters = {"mailbox": mailbox.name, "folder": request.query.text("folder"), **more}
    feed, connection = name_mailbox_feed(mailbox.name), mailbox.settings.connection
    return _subscribe(request, callback, _Question(connection, feed, events, filters))


def _subscribe(request: Request, callback: str, asked: _Question) -> Content:
    """Make the subscription.

    The engine repeats a call whose answer was lost, and after a change it may end the old subscription when it has made
    the new one. So the same question with the same callback gets the subscription that is there, where it stands, and
    only the last answer's Location ends it.
    """
    from composition.subscriptions import FLOW, derive_id
    from event_subscriptions.managing import WantedSubscription
    from event_subscriptions.subscription import State
    from trigger_polls.poll import shorten

    kept = {name: value for name, value in asked.filters.items() if value}
    question = repr((asked.connection, asked.feed, asked.events, sorted(kept.items()), callback))
    use, serial = _open(request), secrets.token_hex(_SERIAL_BYTES)
    wanted = WantedSubscription(
        connection=asked.connection,
        feed=asked.feed,
        events=asked.events,
        filters=kept,
        target_kind=FLOW,
        target={"url": callback, "serial": serial, "workflow": shorten(request.http.headers.get("x-ms-workflow-name"))},
        id=derive_id(request.services, question),
    )
    made = use.create(wanted, "")
    if made.state is not State.ACTIVE:  # its flow was off for days, and is on again
        use.delete(made.connection, made.id)
        made = use.create(wanted, "")
    if made.target["serial"] != serial:
        made = use.store.change(made.connection, made.id, target={**made.target, "serial": serial})
    token = request.services.cursors.seal([made.connection, made.id, serial], binding=_BINDING)
    headers = {"Location": request.address_of(f"{_ROUTE}/{token}")}
    return Content({"subscription": made.id}, status=HTTPStatus.CREATED, headers=headers)


def _open(request: Request) -> "Subscriptions":
    from composition.subscriptions import open_subscriptions

    return open_subscriptions(request.services)
