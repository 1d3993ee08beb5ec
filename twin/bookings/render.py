"""Objects as JSON: which properties, in which view."""

from dataclasses import dataclass
from urllib.parse import quote

from twin.bookings.book import Appointment
from twin.bookings.schema import NAMESPACE, TYPES
from twin.bookings.state import Business
from twin.bookings.times import render_duration, render_zoned
from twin.core.wire import Call, Json
from twin.graph.admission import caller_of
from twin.graph.odata import make_context, read_preferences

_EVOLVED_ROLES = frozenset({"scheduler", "teamMember"})
_DERIVED = frozenset({"bookingStaffMember", "bookingCustomer"})
"""Types whose collection is declared with an abstract base: their objects name themselves."""


@dataclass(frozen=True, slots=True)
class View:
    """How an object is shown."""

    single: bool
    government: bool
    evolvable_enums: bool
    fill_customers: bool = False


def make_view(call: Call, *, single: bool, fill_customers: bool = False) -> View:
    """Make the view of a request."""
    caller = caller_of(call)
    evolvable = "include-unknown-enum-members" in read_preferences(call)
    return View(single, caller.cloud.government, evolvable, fill_customers)


def render(values: Json, type_name: str, view: View) -> Json:
    """Write an object for a view: absent properties left out, those of single reads emptied in lists."""
    known = TYPES[type_name]
    hidden = known.flagged("no-gov") if view.government else frozenset[str]()
    emptied = frozenset[str]() if view.single else known.flagged("single")
    shown: Json = {"@odata.type": NAMESPACE + type_name} if type_name in _DERIVED else {}
    for name, value in values.items():
        if name in hidden:
            continue
        if name in emptied:
            shown[name] = [] if known.properties[name].many else None
        elif name == "role" and value in _EVOLVED_ROLES and not view.evolvable_enums:
            shown[name] = "unknownFutureValue"
        else:
            shown[name] = value
    return shown


def render_appointment(one: Appointment, view: View) -> Json:
    """Write an appointment for a view; lists leave `customers` empty."""
    values: Json = {"id": one.id} | one.values
    values |= {
        "startDateTime": render_zoned(one.start),
        "endDateTime": render_zoned(one.end),
        "duration": render_duration(one.end - one.start),
        "filledAttendeesCount": one.seats_taken,
    }
    if not view.single and not view.fill_customers:
        values["customers"] = []
    return render(values, "bookingAppointment", view)


def make_business_context(call: Call, business: Business, part: str = "") -> str:
    """Make the @odata.context of something in a business, e.g. part "/services/$entity"."""
    return make_context(call, f"solutions/bookingBusinesses('{quote(business.id, safe='')}'){part}")
