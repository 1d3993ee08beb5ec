"""HTTP: the polling triggers of flows."""

from datetime import UTC, datetime, timedelta
from typing import Any

from blueprints import _subscriptions
from blueprints._bounds import MINUTES_AHEAD
from blueprints._http import Content, Request, answers
from blueprints._polling import MOST_ITEMS, STATE, News, StaleState, poll
from blueprints._routes import Blueprint
from blueprints._trigger_polls import name_trigger, note_poll
from shared.json_text import Json
from shared.time_zones.zones import utc_text

bp = Blueprint()

_MAIL_SECONDS = 60  # mailboxes are polled once a minute


@bp.route(route="triggers", methods=["GET"])
@answers()
def list_triggers(request: Request) -> Json:
    """List who polls triggers of a connection, since when, and what they were answered last, the latest first."""
    from trigger_polls.describing import describe_trigger

    found = request.services.stores.trigger_polls.store.list_all(request.connection_name)
    return {"asOfDateTime": utc_text(datetime.now(UTC)), "value": [describe_trigger(one) for one in found]}


@bp.route(route="triggers/appointments/{kind}", methods=["GET"])
@answers("business", "service", "staff", "minutes", "timeZone", "details", "expand", STATE, about=name_trigger)
def on_appointment(request: Request) -> Content:
    """Trigger of appointment events: one of the kinds of changes, updated, any, or upcoming."""
    from bookings.changes.kinds import TRIGGER_KINDS

    kind = _subscriptions.read_kind(request.http.route_params.get("kind"), TRIGGER_KINDS)
    return note_poll(request, kind, lambda: _poll_page(request, kind))


def _poll_page(request: Request, kind: str) -> Content:
    from bookings.changes.feed import InvalidPositionError
    from bookings.changes.kinds import UPCOMING

    triggers, wanted = request.connection.triggers, _subscriptions.read_subscription(request)
    if not request.http.params.get(STATE):  # refused when it begins; a trigger that runs must not fail
        names = request.connection.names
        names.check_filters(wanted.business, service=wanted.service, staff=wanted.staff)
    ahead = timedelta(minutes=request.query.whole_number("minutes", MINUTES_AHEAD) if kind == UPCOMING else 0)

    def go_on(state: Any) -> News:
        try:
            found = triggers.find(kind, wanted, state, ahead, MOST_ITEMS)
        except InvalidPositionError as error:
            raise StaleState from error
        return News(found.items, found.state, found.has_more)

    return poll(
        request,
        seconds=request.services.settings.numbers["CHANGES_REFRESH_SECONDS"],
        begin=lambda: triggers.begin(kind, wanted, ahead),
        go_on=go_on,
    )


@bp.route(route="triggers/mails/{kind}", methods=["GET"])
@answers("mailbox", "folder", STATE, about=name_trigger)
def on_mail(request: Request) -> Content:
    """Trigger of mail events: a mail arrived and was read whole, or a delivery of it failed (quarantine)."""
    kind = _subscriptions.read_kind(request.http.route_params.get("kind"), _subscriptions.MAIL_KINDS)
    return note_poll(request, kind, lambda: _poll_mailbox(request, kind))


@bp.route(route="triggers/tickets/{kind}", methods=["GET"])
@answers("mailbox", "folder", STATE, about=name_trigger)
def on_ticket(request: Request) -> Content:
    """Trigger of ticket events: a ticket was created from a mail."""
    kind = _subscriptions.read_kind(request.http.route_params.get("kind"), _subscriptions.TICKET_KINDS)
    return note_poll(request, kind, lambda: _poll_mailbox(request, kind))


def _poll_mailbox(request: Request, kind: str) -> Content:
    folder = request.query.text("folder")
    mailbox, mail = request.named_mailbox(request.query.needed_text("mailbox")), request.services.mail

    def go_on(state: Any) -> News:
        if not isinstance(state, int):
            raise StaleState
        found = mail.find_items(kind, mailbox, state, MOST_ITEMS, folder)
        if found.last < state:  # the ledger was lost and began again
            raise StaleState
        return News(found.items, found.number, found.number < found.last)

    def begin() -> int:
        return mail.find_items(kind, mailbox, None, 0, folder).number

    return poll(request, seconds=_MAIL_SECONDS, begin=begin, go_on=go_on)
