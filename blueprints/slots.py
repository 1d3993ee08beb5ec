"""HTTP: free slots, of one booking page or of several. Every page is checked with the allow-list first."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from blueprints._bounds import (
    LONGEST_EXPLAINED,
    LONGEST_FREE_TIME,
    MOST_PAGES,
    MOST_SERVICES,
    SLOT_PAGE,
)
from blueprints._http import Request, answers
from blueprints._idempotent_writes import read_hold
from blueprints._routes import Blueprint
from shared.errors import Invalid
from shared.json_text import Json
from shared.time_zones.zones import Zone, utc_text

if TYPE_CHECKING:
    from bookings.free_time.page_slots import Failure, Position
    from bookings.free_time.service_context import PageContext
    from bookings.free_time.slots import PageSlots, SlotRequest

bp = Blueprint()
_log = logging.getLogger("gateway.http")

_PARAMETERS = ("service", "start", "end", "staff", "timeZone", "explain", "hold", "limit", "cursor")
_ANY, _ALL = "any", "all"


class _Query(NamedTuple):
    """The parameters of a question for slots, but for its range, which may need the zone of a page."""

    services: tuple[str, ...]
    staff: tuple[str, ...]
    together: bool
    explains: bool
    hold: str | None
    zone: Zone | None
    limit: int
    after: "Position | None"

    @property
    def longest(self) -> timedelta:
        """The longest range that may be asked for."""
        return LONGEST_EXPLAINED if self.explains else LONGEST_FREE_TIME


@bp.route(route="bookings/businesses/{business}/slots", methods=["GET"])
@answers(*_PARAMETERS)
def find_free_slots(request: Request) -> Json:
    """Find the slots of services that are free, and who can take each."""
    business, query, finder = request.business, _read_query(request), request.connection.slots
    read_page = cache(lambda: finder.read_page(business, query.services))  # once, also where the range needs its zone
    start, end = _read_range(request, query, lambda: query.zone or read_page().zone)
    found = finder.find_on(read_page(), _make_request(query, start, end))
    is_choice_allowed = all(each.policy.allows_staff_selection for each in found.page.services)
    return (
        _describe(request, query, [found])
        | _describe_range(found.page.zone, (start, end))
        | {"staffSelectionAllowed": is_choice_allowed}
    )


@bp.route(route="bookings/slots", methods=["GET"])
@answers("business", *_PARAMETERS)
def find_free_slots_of_pages(request: Request) -> Json:
    """Find the free slots of several booking pages, in one order."""
    from bookings.free_time.page_slots import find_on_pages

    businesses, query = _read_businesses(request), _read_query(request)
    request.query.check_range(longest=query.longest)
    ranges: dict[str, tuple[datetime, datetime]] = {}

    def make_request(page: "PageContext") -> "SlotRequest":
        ranges[page.business] = _read_range(request, query, lambda: query.zone or page.zone)
        return _make_request(query, *ranges[page.business])

    found, failures = find_on_pages(request.connection.slots, businesses, query.services, make_request)
    return _describe(request, query, found) | {
        "pages": [_name_page(each) | _describe_range(each.page.zone, ranges[each.page.business]) for each in found],
        "failures": [_describe_failure(each) for each in failures],
    }


def _read_query(request: Request) -> _Query:
    query = request.query
    services, staff = query.identifiers("service", most=MOST_SERVICES), query.identifiers("staff")
    if not services:
        raise Invalid("service is missing. Name at least one service.", code="MissingParameter", target="service")
    words = [word for word in (_ANY, _ALL) if word in staff]
    if len(words) > 1:
        raise Invalid("staff holds both any and all. Send one.", code="Contradiction", target="staff")
    named = tuple(member for member in dict.fromkeys(staff) if member not in words)
    if words == [_ALL] and len(named) == 1:
        raise Invalid(
            "all means several staff members at the same time, and one is named. Name more, or leave all out.",
            code="TooFewStaff",
            target="staff",
        )
    after = request.cursor()
    return _Query(
        services=tuple(dict.fromkeys(services)),
        staff=named,
        together=words == [_ALL],
        explains=query.switch("explain"),
        hold=read_hold(query),
        zone=query.zone(),
        limit=query.whole_number("limit", SLOT_PAGE),
        after=tuple(after) if after else None,
    )


def _read_businesses(request: Request) -> list[str]:
    """Return the pages. Raises Forbidden unless the allow-list has each of them."""
    given = [part.strip() for part in request.query.needed_text("business").split(",")]
    businesses = {business.lower(): business for business in given if business}
    if not 1 <= len(businesses) <= MOST_PAGES:
        count = len(businesses) or "no"
        raise Invalid(f"business names {count} pages. Name 1 to {MOST_PAGES}, separated by commas.", target="business")
    return [request.allowed_business(business) for business in businesses.values()]


def _read_range(request: Request, query: _Query, read_zone: Callable[[], Zone]) -> tuple[datetime, datetime]:
    return request.query.range(read_zone, longest=query.longest)


def _make_request(query: _Query, start: datetime, end: datetime) -> "SlotRequest":
    from bookings.free_time.slots import SlotRequest

    reached = datetime.fromtimestamp(query.after[0], UTC) if query.after else start  # what lies before was answered
    explains = query.explains and query.after is None
    return SlotRequest(
        max(start, reached), end, query.staff, together=query.together, hold=query.hold, explains=explains
    )


def _describe(request: Request, query: _Query, pages: Sequence["PageSlots"]) -> Json:
    from bookings.free_time.page_slots import order_slots

    ordered = order_slots(pages, query.after)
    shown = ordered[: query.limit]
    items = [slot.describe(query.zone or each.page.zone) | _name_page(each) for _, each, slot in shown]
    answer: Json = {"value": items, "services": [one for each in pages for one in each.describe_services()]}
    answer["basis"] = request.connection.slots.basis
    if query.explains and query.after is None:
        answer["notOffered"] = [
            one.describe(query.zone or each.page.zone) | _name_page(each) for each in pages for one in each.explanations
        ]
    return answer | ({"nextLink": request.next_link(shown[-1][0])} if len(ordered) > len(shown) else {})


def _describe_range(zone: Zone, span: tuple[datetime, datetime]) -> Json:
    """Return a page's zone, and the range that was asked for."""
    return {
        "businessTimeZone": zone.windows or zone.iana,
        "businessTimeZoneIana": zone.iana,
        "start": utc_text(span[0]),
        "end": utc_text(span[1]),
    }


def _name_page(found: "PageSlots") -> Json:
    return {"businessId": found.page.business, "businessName": found.page.name}


def _describe_failure(failure: "Failure") -> Json:
    _log.warning("The slots of %s failed: %s", failure.business, failure.error)
    return {"businessId": failure.business, "code": failure.error.code, "message": failure.error.message}
