"""HTTP: polling triggers for flows, one route for each kind of thing that something happens to."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import azure.functions as func

from blueprints._bounds import MINUTES_AHEAD
from blueprints._http import Content, Request, answers
from blueprints._polling import MOST_ITEMS, STATE, News, StaleState, poll
from blueprints.changes import describe_changes, read_position
from bookings.changes.comparing import Kind
from bookings.changes.describing import describe_flat
from bookings.changes.feed import Position
from bookings.changes.journal import Entry
from bookings.changes.upcoming import Due, Horizon, Place, begin, find_due, place_of
from shared.errors import Invalid
from shared.json_text import Json
from shared.time_zones.zones import Zone, find_zone

if TYPE_CHECKING:
    from inbound_mail.reports.trigger_items import Find

bp = func.Blueprint()

_MAIL_SECONDS = 60  # mailboxes are polled once a minute
_UPDATES = frozenset({Kind.RESCHEDULED, Kind.REASSIGNED, Kind.EDITED})
_KINDS: Mapping[str, frozenset[Kind]] = {
    "created": frozenset({Kind.CREATED}),
    "updated": _UPDATES,
    "rescheduled": frozenset({Kind.RESCHEDULED}),
    "cancelled": frozenset({Kind.CANCELLED}),
    "reassigned": frozenset({Kind.REASSIGNED}),
    "any": frozenset(Kind),
}
UPCOMING = "upcoming"
KINDS = (*_KINDS, UPCOMING)
MOST_PREVIEWED = 3
_LATELY, _SOON = timedelta(days=7), timedelta(days=60)


@bp.route(route="triggers/appointments/{kind}", methods=["GET"])
@answers("business", "service", "staff", "minutes", "timeZone", "expand", STATE)
def on_appointment(request: Request) -> Content:
    """Trigger: created, updated, rescheduled, cancelled, staff-changed, any, or upcoming."""
    kind = _kind(request, *KINDS)
    question = Question(request)
    if kind == UPCOMING:
        ahead = timedelta(minutes=request.query.whole_number("minutes", MINUTES_AHEAD))
        return poll(
            request,
            seconds=question.seconds,
            begin=lambda: _write_horizon(begin(question.feed, question.business, ahead)),
            go_on=lambda state: question.find_due(state, ahead),
        )
    return poll(
        request,
        seconds=question.seconds,
        begin=lambda: _write(question.feed.tail(question.business)),
        go_on=lambda state: question.find_changes(state, _KINDS[kind]),
    )


@bp.route(route="triggers/mails/{kind}", methods=["GET"])
@answers("mailbox", "folder", STATE)
def on_mail(request: Request) -> Content:
    """Trigger: a mail arrived whole, or failed: a delivery of it went to quarantine."""
    from inbound_mail.reports.trigger_items import find_arrived, find_failed

    kind, folder = _kind(request, "arrived", "failed"), request.query.text("folder")
    return _poll_mailbox(request, find_arrived if kind == "arrived" else find_failed, folder)


@bp.route(route="triggers/tickets/{kind}", methods=["GET"])
@answers("mailbox", "folder", STATE)
def on_ticket(request: Request) -> Content:
    """Trigger: a ticket was created from a mail."""
    from inbound_mail.reports.trigger_items import find_tickets

    _kind(request, "created")
    return _poll_mailbox(request, find_tickets, request.query.text("folder"))


class Question:
    """What a flow wants to know about the appointments of a business."""

    def __init__(self, request: Request) -> None:
        self._connection = request.connection
        self.feed = request.connection.changes
        self.business = request.allowed_business(request.query.needed_text("business"))
        self.seconds = request.services.settings.numbers["CHANGES_REFRESH_SECONDS"]
        self._service, self._staff = request.query.identifier("service"), request.query.identifier("staff")
        self._zone: Zone = request.query.zone() or find_zone("UTC")
        self._wants_details = request.query.choice("expand", "details") is not None

    def find_changes(self, state: Any, kinds: frozenset[Kind]) -> News:
        """Return the changes of some kinds since a state."""

        def wanted(entry: Entry) -> bool:
            return bool(kinds & set(entry.kinds)) and self._is_of(entry.record, self._people(entry))

        page = _kept(lambda: self.feed.page(self.business, read_position(state), MOST_ITEMS, wanted))
        return News(self._describe(page.entries, page.position), _write(page.position), page.has_more)

    def find_due(self, state: Any, ahead: timedelta) -> News:
        """Return the appointments that are about to start and were not told yet."""

        def wanted(record: Json) -> bool:
            return self._is_of(record, record.get("staffMemberIds") or [])

        def find() -> Due:
            return find_due(self.feed, self.business, _read_horizon(state), ahead, limit=MOST_ITEMS, wanted=wanted)

        due = _kept(find)
        return News(self._describe_due(due), _write_horizon(due.horizon), due.has_more)

    def preview(self, kind: str) -> list[Json]:
        """Return a few things as the trigger would tell them: what happened lately, or else what is to come."""

        def wanted(entry: Entry) -> bool:
            return bool(_KINDS[kind] & set(entry.kinds)) and self._is_of(entry.record, self._people(entry))

        if kind != UPCOMING:
            start = self.feed.start(self.business, datetime.now(UTC) - _LATELY)
            page = self.feed.page(self.business, start, MOST_ITEMS, wanted)
            if page.entries:
                return self._describe(page.entries[-MOST_PREVIEWED:], page.position)
        now = Horizon(Place(datetime.now(UTC)), self.feed.tail(self.business))
        due = find_due(
            self.feed, self.business, now, _SOON, limit=MOST_PREVIEWED,
            wanted=lambda record: self._is_of(record, record.get("staffMemberIds") or []),
        )  # fmt: skip
        return self._describe_due(due)

    @staticmethod
    def _people(entry: Entry) -> list[str]:
        return [*(entry.record.get("staffMemberIds") or []), *(entry.previous.get("staffMemberIds") or [])]

    def _describe(self, entries: list[Entry], position: Position) -> list[Json]:
        return describe_changes(
            self._connection, self.business, entries, position, self._zone, wants_details=self._wants_details
        )

    def _describe_due(self, due: Due) -> list[Json]:
        if not due.records:
            return []
        names = self._connection.names
        staff, services = names.staff(self.business), names.services(self.business)
        details = self._connection.appointments.details(self.business, due.records) if self._wants_details else {}
        generation = due.horizon.position.generation
        return [
            {
                "eventId": f"{generation}-{place_of(record).name}-{int(place_of(record).start.timestamp())}",
                "eventKind": UPCOMING,
                "businessId": self.business,
                **describe_flat(record, self._zone, staff=staff, services=services, details=details.get(record["id"])),
            }
            for record in due.records
        ]

    def _is_of(self, record: Json, people: list[str]) -> bool:
        return self._service in (None, record.get("serviceId")) and (self._staff is None or self._staff in people)


def _kind(request: Request, *known: str) -> str:
    kind = str(request.http.route_params.get("kind", ""))
    if kind not in known:
        raise Invalid(f"kind must be one of: {', '.join(known)}.", code="InvalidChoice", target="kind")
    return kind


def _poll_mailbox(request: Request, find: "Find", folder: str | None) -> Content:
    mailbox = request.named_mailbox(request.query.needed_text("mailbox"))
    workers = request.services.mail.workers

    def go_on(state: Any) -> News:
        if not isinstance(state, int):
            raise StaleState
        found = find(mailbox, state, MOST_ITEMS, folder, workers)
        if found.last < state:  # the ledger was lost and began anew
            raise StaleState
        return News(found.items, found.number, found.number < found.last)

    return poll(
        request, seconds=_MAIL_SECONDS, begin=lambda: find(mailbox, None, 0, folder, workers).number, go_on=go_on
    )


def _kept[T](find: Callable[[], T]) -> T:
    """Turn a position that is not kept any more, or no position at all, into what the protocol knows."""
    try:
        return find()
    except Invalid as error:
        raise StaleState from error


def _write(position: Position) -> list[Any]:
    return [position.generation, position.number]


def _write_horizon(horizon: Horizon) -> list[Any]:
    place = horizon.place
    return [*_write(horizon.position), place.start.timestamp(), place.name]


def _read_horizon(state: Any) -> Horizon:
    match state:
        case [generation, number, int() | float() as start, str() as name]:
            place = Place(datetime.fromtimestamp(start, UTC), name)
            return Horizon(place, read_position([generation, number]))
        case _:
            raise Invalid("This is no state of an upcoming appointment.", code="InvalidCursor", target=STATE)
