"""Lists that a flow's designer shows to makers: coming appointments and customers, each with a title to tell it by."""

from datetime import UTC, datetime, timedelta

from bookings.reading.appointments import Appointments
from bookings.reading.catalogue import Catalogue
from shared.json_text import Json

_AHEAD = timedelta(days=31)  # one call of calendarView
_MOST_CALLS = 5  # pages of customers; Graph chooses their size


def list_coming_appointments(appointments: Appointments, business: str, limit: int) -> list[Json]:
    """Return id and title of the appointments of a month that have not ended, the next ones first."""
    now = datetime.now(UTC)
    page = appointments.find(business=business, start=now, end=now + _AHEAD, zone=None, limit=limit)
    return [{"id": item["id"], "title": _name_appointment(item)} for item in page.items]


def list_known_customers(catalogue: Catalogue, business: str, limit: int) -> list[Json]:
    """Return the customers on record by name: id, title, and by what their appointments are found (`contact`)."""
    items: list[Json] = []
    link = None
    for _ in range(_MOST_CALLS):
        page = catalogue.customers(business, link)
        items += page.items
        link = page.next_link
        if link is None or len(items) >= limit:
            break
    named = [one for one in map(_name_customer, items[:limit]) if one["contact"]]
    return sorted(named, key=lambda one: (one["title"].casefold(), one["id"]))


def _name_appointment(item: Json) -> str:
    """Return time, service and customer in a line; for a group how many seats are taken."""
    when = str(item["startLocal"])[:16].replace("T", " ")
    seats = item.get("maximumAttendeesCount") or 1
    who = f"{item.get('filledAttendeesCount') or 0} of {seats} seats" if seats > 1 else item.get("customerName")
    return ", ".join(str(part) for part in (when, item.get("serviceName"), who) if part)


def _name_customer(item: Json) -> Json:
    name, address = item.get("displayName"), item.get("emailAddress")
    title = f"{name} ({address})" if name and address else name or address
    return {"id": item["id"], "contact": address or name, "title": title}
