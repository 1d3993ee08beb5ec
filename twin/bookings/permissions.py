"""The permissions for each operation, by kind of token.

Source: the permissions data behind the reference pages (microsoft-graph-devx-content, permissions.json). An empty set
means that the operation does not exist for that kind of token at all.
"""

from dataclasses import dataclass

READ, APPOINTMENT, WRITE, MANAGE = (
    "Bookings.Read.All",
    "BookingsAppointment.ReadWrite.All",
    "Bookings.ReadWrite.All",
    "Bookings.Manage.All",
)
_LETTERS = {"R": READ, "A": APPOINTMENT, "W": WRITE, "M": MANAGE}
_CALENDARS = frozenset({"Calendars.Read", "Calendars.ReadWrite"})


@dataclass(frozen=True, slots=True)
class Rule:
    """Permissions each of which suffices. `subject` says whose role in the business decides about delegated writes."""

    delegated: frozenset[str]
    application: frozenset[str]
    subject: str = "read"


def _rule(delegated: str, application: str, subject: str = "read", more: frozenset[str] = frozenset()) -> Rule:
    return Rule(
        frozenset(_LETTERS[letter] for letter in delegated),
        frozenset(_LETTERS[letter] for letter in application) | more,
        subject,
    )


RULES = {
    "ListBookingBusinesses": _rule("RAWM", "RWM"),
    "CreateBookingBusiness": _rule("M", ""),
    "DeleteBookingBusiness": _rule("M", "", "business"),
    "GetBookingBusiness": _rule("RAWM", "RAWM"),
    "UpdateBookingBusiness": _rule("WM", "WM", "business"),
    "Publish": _rule("M", "M", "business"),
    "Unpublish": _rule("M", "M", "business"),
    "ListAppointments": _rule("RAWM", "RAWM"),
    "GetAppointment": _rule("RAWM", "RAWM"),
    "CreateAppointment": _rule("AWM", "RAWM", "calendar"),
    "UpdateAppointment": _rule("AWM", "RAWM", "calendar"),
    "DeleteAppointment": _rule("AWM", "RAWM", "calendar"),
    "CancelAppointment": _rule("AWM", "WM", "calendar"),
    "ListCalendarView": _rule("RAWM", "RAWM"),
    "GetStaffAvailability": _rule("", "RWM", more=_CALENDARS),
    "ListCustomers": _rule("RAWM", "RAWM"),
    "GetCustomer": _rule("RAWM", "RAWM"),
    "CreateCustomer": _rule("AWM", "AWM", "calendar"),
    "UpdateCustomer": _rule("AWM", "RAWM", "calendar"),
    "DeleteCustomer": _rule("AWM", "RAWM", "calendar"),
    "ListCustomQuestions": _rule("RAWM", "RWM"),
    "GetCustomQuestion": _rule("RAWM", "RAWM"),
    "CreateCustomQuestion": _rule("AWM", "WM", "catalogue"),
    "UpdateCustomQuestion": _rule("AWM", "WM", "catalogue"),
    "DeleteCustomQuestion": _rule("AWM", "WM", "catalogue"),
    "ListServices": _rule("RAWM", "RAWM"),
    "GetService": _rule("RAWM", "RAWM"),
    "CreateService": _rule("WM", "WM", "catalogue"),
    "UpdateService": _rule("WM", "WM", "catalogue"),
    "DeleteService": _rule("WM", "WM", "catalogue"),
    "ListStaffMembers": _rule("RAWM", "RAWM"),
    "GetStaffMember": _rule("RAWM", "RAWM"),
    "CreateStaffMember": _rule("WM", "WM", "catalogue"),
    "UpdateStaffMember": _rule("WM", "WM", "catalogue"),
    "DeleteStaffMember": _rule("WM", "WM", "catalogue"),
    "ListBookingCurrencies": _rule("RAWM", ""),
    "GetBookingCurrency": _rule("RAWM", ""),
}

ROLE_SUBJECTS = {
    "administrator": frozenset({"read", "calendar", "catalogue", "business"}),
    "scheduler": frozenset({"read", "calendar"}),
    "teamMember": frozenset({"read", "calendar"}),
    "viewer": frozenset({"read"}),
}
"""What a delegated user may do by role on the staff (Bookings help, "Add staff"); guests may do nothing."""
