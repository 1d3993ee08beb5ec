"""Control routes of Bookings: change the data of a business, set switches. Business rules do not apply here."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from twin.bookings.render import View, render_appointment
from twin.bookings.state import Bookings, Business
from twin.bookings.times import parse_instant
from twin.core.control import read_object
from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply

control = Routes[Bookings]("/bookings")

_EVERYTHING = View(single=True, government=False, evolvable_enums=True)


@control.get("")
def list_businesses(call: Call, bookings: Bookings) -> Reply:
    """List businesses with the sizes of their collections."""
    _ = call
    return Reply(200, {"businesses": [_describe(one) for one in tuple(bookings.businesses.values())]})


@control.get("/switches")
def show_switches(call: Call, bookings: Bookings) -> Reply:
    """Show the switches."""
    _ = call
    return Reply(200, asdict(bookings.switches))


@control.patch("/switches")
def set_switches(call: Call, bookings: Bookings) -> Reply:
    """Set switches: {"page_size": 5, "availability_zone": "display"}."""
    bookings.set_switches(read_object(call))
    return show_switches(call, bookings)


@control.post("/businesses")
def add_business(call: Call, bookings: Bookings) -> Reply:
    """Add a business: {"id": address, "tenantId", and properties such as "displayName"}."""
    wish = read_object(call)
    made = bookings.add_business(str(wish.pop("id")), str(wish.pop("tenantId")), wish)
    return Reply(201, _describe(made))


@control.delete("/businesses/{business}")
def remove_business(call: Call, bookings: Bookings) -> Reply:
    """Remove a business."""
    bookings.remove_business(call["business"])
    return Reply(204)


@control.patch("/businesses/{business}")
def change_business(call: Call, bookings: Bookings) -> Reply:
    """Change a business's properties."""
    business = bookings.business(call["business"])
    business.patch(read_object(call))
    return Reply(200, _describe(business))


@control.post("/businesses/{business}/appointments")
def add_appointment(call: Call, bookings: Bookings) -> Reply:
    """Add an appointment from Graph properties; business rules do not apply."""
    made = bookings.business(call["business"]).appointments.add(read_object(call))
    return Reply(201, render_appointment(made, _EVERYTHING))


@control.patch("/businesses/{business}/appointments")
def change_appointment(call: Call, bookings: Bookings) -> Reply:
    """Change the appointment named by ?id=; business rules do not apply."""
    changed = bookings.business(call["business"]).appointments.patch(_read_id(call), read_object(call))
    return Reply(200, render_appointment(changed, _EVERYTHING))


@control.delete("/businesses/{business}/appointments")
def remove_appointment(call: Call, bookings: Bookings) -> Reply:
    """Remove the appointment named by ?id=, without a mail."""
    bookings.business(call["business"]).appointments.remove(_read_id(call))
    return Reply(204)


@control.post("/businesses/{business}/timeOff")
def add_time_off(call: Call, bookings: Bookings) -> Reply:
    """Put time off into the booking calendar: {"staffId", "start", "end"} with Z or an offset."""
    return _add_span(call, bookings.business(call["business"]).add_time_off)


@control.post("/businesses/{business}/personalEvents")
def add_personal_event(call: Call, bookings: Bookings) -> Reply:
    """Make staff busy in the Outlook calendar: {"staffId", "start", "end"} with Z or an offset."""
    return _add_span(call, bookings.business(call["business"]).add_personal_event)


@control.get("/businesses/{business}/notices")
def list_notices(call: Call, bookings: Bookings) -> Reply:
    """List the mails that the service would have sent."""
    return Reply(200, {"notices": [asdict(notice) for notice in bookings.business(call["business"]).notices]})


@control.post("/businesses/{business}/{collection}")
def add_item(call: Call, bookings: Bookings) -> Reply:
    """Add to services, staffMembers, customers or customQuestions; "id" may be given."""
    wish = read_object(call)
    item_id = wish.pop("id", None)
    shelf = bookings.business(call["business"]).shelf(call["collection"])
    return Reply(201, shelf.get(shelf.add(wish, item_id=item_id)))


@control.patch("/businesses/{business}/{collection}")
def change_item(call: Call, bookings: Bookings) -> Reply:
    """Change the object named by ?id=."""
    return Reply(
        200, bookings.business(call["business"]).shelf(call["collection"]).patch(_read_id(call), read_object(call))
    )


@control.delete("/businesses/{business}/{collection}")
def remove_item(call: Call, bookings: Bookings) -> Reply:
    """Remove the object named by ?id=."""
    bookings.business(call["business"]).shelf(call["collection"]).remove(_read_id(call))
    return Reply(204)


def _read_id(call: Call) -> str:
    found = call.option("id")
    if found is None:
        raise ValueError("?id= is needed")
    return found.replace(" ", "+")  # a plus sign that was not escaped arrives as a blank


def _add_span(call: Call, add: Callable[[str, datetime, datetime], None]) -> Reply:
    wish = read_object(call)
    add(str(wish["staffId"]), parse_instant(wish["start"]), parse_instant(wish["end"]))
    return Reply(204)


def _describe(business: Business) -> Json:
    return {
        "id": business.id,
        "tenantId": business.tenant_id,
        "displayName": business.values["displayName"],
        "timeZone": business.zone_name,
        "services": len(business.services),
        "staffMembers": len(business.staff),
        "customers": len(business.customers),
        "customQuestions": len(business.questions),
        "appointments": len(business.appointments),
    }
