"""getStaffAvailability: a staff member's time as spans of one status each.

Sources: the reference page and its sample, the metadata, and public reports for the faults behind the switches.
"""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise

from twin.bookings.hours import staff_spans
from twin.bookings.state import Business, Switches
from twin.bookings.times import Span
from twin.bookings.zones import display_name, find_zone
from twin.core.wire import Json

_ONE_DAY = timedelta(days=1)
type _Mark = tuple[str, str]
"""A layer and the service it speaks of."""

_OUT, _BUSY, _SEATS, _OPEN = "outOfOffice", "busy", "slotsAvailable", "available"
_LAYERS = ("timeOff", "appointment", "buffer", "seats", "personal")
_STATUS = {"timeOff": _OUT, "appointment": _BUSY, "buffer": _BUSY, "seats": _SEATS, "personal": _BUSY}


def describe_availability(business: Business, staff_id: str, asked: Span, zone_name: str, switches: Switches) -> Json:
    """Return one staffAvailabilityItem. KeyError for unknown staff."""
    staff = business.staff.get(staff_id)
    within = Span(asked.start - _ONE_DAY, asked.end) if switches.availability_starts_early else asked
    zone = find_zone(zone_name)
    shown = display_name(zone_name) if switches.availability_zone == "display" else zone_name

    def render(instant: datetime) -> Json:
        return {"dateTime": f"{instant.astimezone(zone):%Y-%m-%dT%H:%M:%S}", "timeZone": shown}

    def name(status: str) -> str:
        return status[0].upper() + status[1:] if switches.availability_capitalised else status

    items = [
        {
            "status": name(status),
            "serviceId": service_id,
            "startDateTime": render(span.start),
            "endDateTime": render(span.end),
        }
        for status, service_id, span in _cut(business, staff, within, switches)
    ]
    return {"staffId": staff_id, "availabilityItems": items}


def _cut(business: Business, staff: Json, within: Span, switches: Switches) -> list[tuple[str, str, Span]]:
    """Return statuses with service and span, without gaps; neighbours with the same status are joined."""
    changes: dict[datetime, list[tuple[_Mark, int]]] = defaultdict(list)
    for mark, span in _collect_marks(business, staff, within, switches):
        if span.overlaps(within):
            changes[max(span.start, within.start)].append((mark, 1))
            changes[min(span.end, within.end)].append((mark, -1))
    moments = sorted({within.start, within.end, *changes})
    active: Counter[_Mark] = Counter()
    pieces: list[tuple[str, str, Span]] = []
    for start, end in pairwise(moments):
        for mark, step in changes.get(start, []):
            active[mark] += step
        status, service_id = _judge(active)
        if pieces and pieces[-1][:2] == (status, service_id):
            pieces[-1] = (status, service_id, Span(pieces[-1][2].start, end))
        else:
            pieces.append((status, service_id, Span(start, end)))
    return pieces


def _collect_marks(business: Business, staff: Json, within: Span, switches: Switches) -> list[tuple[_Mark, Span]]:
    staff_id = staff["id"]
    open_hours = [within] if switches.availability_ignores_hours else staff_spans(business, staff, within)
    marks: list[tuple[_Mark, Span]] = [(("open", ""), span) for span in open_hours]
    marks += [(("timeOff", ""), span) for span in business.time_off.get(staff_id, [])]
    if staff["availabilityIsAffectedByPersonalCalendar"] and not switches.availability_ignores_personal_calendar:
        marks += [(("personal", ""), span) for span in business.personal_events.get(staff_id, [])]
    for one in business.appointments.of_staff(staff_id):
        service_id = one.values["serviceId"] or ""
        marks.append((("seats" if one.has_free_seats else "appointment", service_id), one.span))
        marks.append((("buffer", service_id), Span(one.blocked.start, one.start)))
        marks.append((("buffer", service_id), Span(one.end, one.blocked.end)))
    return marks


def _judge(active: Counter[_Mark]) -> tuple[str, str]:
    """Return the status of a moment: the strongest mark decides, or else the hours."""
    now = [mark for mark, count in active.items() if count > 0]
    for layer in _LAYERS:
        for kind, service_id in now:
            if kind == layer:
                return _STATUS[layer], service_id
    return (_OPEN, "") if ("open", "") in now else (_OUT, "")
