"""The appointments of one business."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from twin.bookings.defaults import make_defaults
from twin.bookings.schema import check
from twin.bookings.times import Span, parse_duration, parse_zoned, render_instant
from twin.core.clock import Clock
from twin.core.wire import Json

ZERO_GUID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail that the service would have sent: kind is "confirmed", "changed" or "cancelled"."""

    kind: str
    appointment_id: str
    recipients: tuple[str, ...]
    message: str = ""


@dataclass(frozen=True, slots=True)
class Appointment:
    """One appointment. Start and end are instants; all other properties are in `values` under Graph's names."""

    id: str
    start: datetime
    end: datetime
    values: Json

    @property
    def span(self) -> Span:
        """The time with the customer."""
        return Span(self.start, self.end)

    @property
    def blocked(self) -> Span:
        """The time taken in the staff calendar: with the buffers."""
        return self.span.widened(parse_duration(self.values["preBuffer"]), parse_duration(self.values["postBuffer"]))

    @property
    def staff_ids(self) -> list[str]:
        """Who is booked."""
        return list(self.values["staffMemberIds"])

    @property
    def seats_taken(self) -> int:
        """How many customers it has."""
        return len(self.values["customers"])

    @property
    def has_free_seats(self) -> bool:
        """Whether it is a group appointment that is not full."""
        most: int = self.values["maximumAttendeesCount"]
        return most > 1 and self.seats_taken < most


class AppointmentBook:
    """Appointments by id, and by staff member. `announce` hears of changes: "created", "updated" or "deleted"."""

    def __init__(
        self,
        clock: Clock,
        make_id: Callable[[], str],
        announce: Callable[[str, Appointment], None],
    ) -> None:
        self._clock = clock
        self._make_id = make_id
        self._announce = announce
        self._items: dict[str, Appointment] = {}
        self._by_safe_id: dict[str, str] = {}
        self._by_staff: dict[str, dict[str, Appointment]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def add(
        self,
        values: Json,
        *,
        appointment_id: str | None = None,
        self_service_id: str = ZERO_GUID,
        created: datetime | None = None,
    ) -> Appointment:
        """Add an appointment from Graph properties; start and end are required. ValueError for invalid ones."""
        checked = check(values, "bookingAppointment")
        try:
            start, end = parse_zoned(checked.pop("startDateTime")), parse_zoned(checked.pop("endDateTime"))
        except KeyError as missing:
            raise ValueError(f"{missing.args[0]} is needed") from missing
        stamp = render_instant(created or self._clock.now())
        full = make_defaults("bookingAppointment") | checked
        full |= {
            "createdDateTime": stamp,
            "lastUpdatedDateTime": stamp,
            "selfServiceAppointmentId": self_service_id,
        }
        full |= _complete_customers(full)
        if full["customerNotes"] is None and full["customers"]:
            full["customerNotes"] = full["customers"][0]["notes"]
        made = Appointment(appointment_id or self._make_id(), start, end, full)
        self._put(made)
        self._announce("created", made)
        return made

    def take_over(self, appointments: Iterable[Appointment]) -> None:
        """Keep appointments that another book has made, as they are."""
        for one in appointments:
            self._put(one)

    def get(self, appointment_id: str) -> Appointment:
        """Return an appointment by its id, or by the url-safe form of it. KeyError when unknown."""
        return self._items[self._by_safe_id[make_safe_id(appointment_id)]]

    def all(self) -> list[Appointment]:
        """Return all appointments by id: as with the service, the order says nothing about time."""
        return [self._items[key] for key in sorted(self._items)]

    def of_staff(self, staff_id: str) -> list[Appointment]:
        """Return the appointments of one staff member."""
        return list(self._by_staff.get(staff_id, {}).values())

    def patch(self, appointment_id: str, changes: Json, *, renew_id: bool = False) -> Appointment:
        """Change properties. KeyError when unknown, ValueError for invalid ones."""
        old = self.get(appointment_id)
        checked = check(changes, "bookingAppointment")
        start = parse_zoned(checked.pop("startDateTime")) if "startDateTime" in checked else old.start
        end = parse_zoned(checked.pop("endDateTime")) if "endDateTime" in checked else old.end
        values = old.values | checked | {"lastUpdatedDateTime": render_instant(self._clock.now())}
        if "customers" in checked:
            values |= _copy_first_customer(checked["customers"])
            values |= _complete_customers(values)
        new_id = self._make_id() if renew_id else old.id
        new = replace(old, id=new_id, start=start, end=end, values=values)
        self._take(old)
        self._put(new)
        for change, one in (("deleted", old), ("created", new)) if new_id != old.id else (("updated", new),):
            self._announce(change, one)
        return new

    def remove(self, appointment_id: str) -> Appointment:
        """Remove an appointment. KeyError when unknown."""
        old = self.get(appointment_id)
        self._take(old)
        self._announce("deleted", old)
        return old

    def _put(self, one: Appointment) -> None:
        self._items[one.id] = one
        self._by_safe_id[make_safe_id(one.id)] = one.id
        for staff_id in one.staff_ids:
            self._by_staff[staff_id] = self._by_staff.get(staff_id, {}) | {one.id: one}

    def _take(self, one: Appointment) -> None:
        del self._by_safe_id[make_safe_id(one.id)]
        del self._items[one.id]
        for staff_id in one.staff_ids:
            left = self._by_staff.get(staff_id, {})
            self._by_staff[staff_id] = {key: value for key, value in left.items() if key != one.id}


def make_safe_id(appointment_id: str) -> str:
    """Return Graph's URL-safe form of an id: "/" becomes "-" and "+" becomes "_" (unlike base64url)."""
    return appointment_id.replace("/", "-").replace("+", "_")


def _complete_customers(values: Json) -> Json:
    """Return customers with every property, and the flat fields of the first one where they are not set."""
    complete = [make_defaults("bookingCustomerInformation") | customer for customer in values["customers"]]
    answers = [
        customer
        | {
            "customQuestionAnswers": [
                make_defaults("bookingQuestionAnswer") | answer for answer in customer["customQuestionAnswers"]
            ],
        }
        for customer in complete
    ]
    flat = {name: value for name, value in _copy_first_customer(answers).items() if values.get(name) is None}
    return {"customers": answers} | flat


def _copy_first_customer(customers: list[Json]) -> Json:
    if not customers:
        return {}
    first = customers[0]
    return {
        "customerName": first.get("name"),
        "customerEmailAddress": first.get("emailAddress"),
        "customerPhone": first.get("phone"),
    }
