"""Booking businesses with all their data, and methods with which tests and people change it.

Values are kept under Graph's property names and checked against the metadata. These methods bypass the business rules,
because a test may need data that the rules forbid.
"""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from twin.bookings.book import Appointment, AppointmentBook, Notice
from twin.bookings.defaults import make_defaults
from twin.bookings.schema import check
from twin.bookings.times import Span, render_instant
from twin.core.wire import Json

if TYPE_CHECKING:
    from twin.world import World


@dataclass
class Switches:
    """Behaviour that is undocumented, disputed or a known fault of the service, which tests can set.

    page_size                 items per page where $top is absent
    list_cap                  most businesses in a list; it has no pages
    unproven_options          $select, $orderby, $skip: no report shows that they work; "ignore" promises the least
    calendar_view             which appointments a range holds: those that overlap it, or those that start inside
    top_loses_link            with $top the link to the next page is missing (msgraph-sdk-powershell issue 1351)
    lists_fill_customers      lists and calendarView fill `customers`; users report that they do not
    availability_key          where getStaffAvailability puts its items: metadata say "value", the page's sample not
    availability_zone         zone on output: the id that was sent, or the Windows display name as in the page's sample
    availability_starts_early output starts a day before the range, as in the page's sample
    availability_capitalised  statuses like "Available", as in the page's sample
    availability_ignores_hours, availability_ignores_personal_calendar   reported faults: busy time shown as available
    read_all_may_write        Bookings.Read.All suffices for some writes, as the permissions data say
    app_create_needs_staff    an app's create that names no staff answers 400 "Invalid Staff"; users need not name any
                              (microsoft-graph-docs pull request 22029, merged)
    staff_choice_binds_apps   staff of a service without staff choice cannot be named: the concept page on business
                              rules read strictly; an app could then book nothing, as it must name staff
    customer_delete_fails     DELETE of a customer answers 500 (microsoft-graph-docs-contrib issue 9012)
    update_caps_customers     PATCH takes four customers at most, as create does; only create is reported to be capped,
                              PATCH is a guess (Microsoft Q&A 5875448)
    reschedule_changes_id     a reschedule makes a new id (PowerPlatformConnectors issue 2918)
    slash_share               share of new appointment ids that hold "/" and "+"
    """

    page_size: int = 50
    list_cap: int = 500
    unproven_options: Literal["ignore", "honour", "refuse"] = "ignore"
    calendar_view: Literal["overlap", "start-inside"] = "overlap"
    top_loses_link: bool = True
    lists_fill_customers: bool = False
    availability_key: Literal["value", "staffAvailabilityItem"] = "value"
    availability_zone: Literal["id", "display"] = "id"
    availability_starts_early: bool = True
    availability_capitalised: bool = False
    availability_ignores_hours: bool = False
    availability_ignores_personal_calendar: bool = False
    read_all_may_write: bool = True
    app_create_needs_staff: bool = True
    staff_choice_binds_apps: bool = False
    customer_delete_fails: bool = True
    update_caps_customers: bool = False
    reschedule_changes_id: bool = False
    slash_share: float = 0.25


class Shelf:
    """The objects of one kind in one business, by id."""

    def __init__(self, world: "World", type_name: str) -> None:
        self.type_name = type_name
        self._world = world
        self._items: dict[str, Json] = {}

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    def __len__(self) -> int:
        return len(self._items)

    def add(self, values: Json, *, item_id: str | None = None, created: datetime | None = None) -> str:
        """Add an object from what differs from the defaults; return its id. ValueError for invalid values."""
        checked = check({"@odata.type": "#microsoft.graph." + self.type_name} | values, self.type_name)
        now = render_instant(created or self._world.clock.now())
        made_id = item_id or str(uuid.uuid4())
        stamps = {"createdDateTime": now, "lastUpdatedDateTime": now}
        self._items[made_id] = {"id": made_id} | make_defaults(self.type_name) | checked | stamps
        return made_id

    def get(self, item_id: str) -> Json:
        """Return an object's values. KeyError when unknown."""
        return self._items[item_id]

    def all(self) -> list[Json]:
        """All objects, oldest first."""
        return list(self._items.values())

    def patch(self, item_id: str, changes: Json) -> Json:
        """Change properties. KeyError when unknown, ValueError for invalid ones."""
        checked = check({"@odata.type": "#microsoft.graph." + self.type_name} | changes, self.type_name)
        stamp = {"lastUpdatedDateTime": render_instant(self._world.clock.now())}
        self._items[item_id] = self._items[item_id] | checked | stamp
        return self._items[item_id]

    def remove(self, item_id: str) -> None:
        """Remove an object. KeyError when unknown."""
        del self._items[item_id]


class Business:
    """One booking business. Its id is the SMTP address of the booking mailbox."""

    def __init__(self, bookings: "Bookings", business_id: str, tenant_id: str, values: Json) -> None:
        world = bookings.world
        self.id = business_id
        self.tenant_id = tenant_id
        self.world = world
        self.values = values
        self.services = Shelf(world, "bookingService")
        self.staff = Shelf(world, "bookingStaffMember")
        self.customers = Shelf(world, "bookingCustomer")
        self.questions = Shelf(world, "bookingCustomQuestion")
        self.appointments = AppointmentBook(
            world.clock, bookings.make_item_id, lambda change, one: bookings.announce(self, change, one)
        )
        self.time_off: dict[str, list[Span]] = {}
        self.personal_events: dict[str, list[Span]] = {}
        self.notices: list[Notice] = []

    @property
    def zone_name(self) -> str:
        """The zone of its hours; the booking page settings are the only place where it is stored."""
        settings: Json = self.values.get("bookingPageSettings") or {}
        return settings.get("businessTimeZone") or "UTC"

    def patch(self, changes: Json) -> None:
        """Change properties. ValueError for invalid ones."""
        stamp = {"lastUpdatedDateTime": render_instant(self.world.clock.now())}
        self.values = self.values | check(changes, "bookingBusiness") | stamp

    def publish(self, *, published: bool) -> None:
        """Show or hide the booking page."""
        url = f"https://outlook.office365.com/owa/calendar/{self.id}/bookings/" if published else None
        self.values = self.values | {"isPublished": published, "publicUrl": url}

    def add_time_off(self, staff_id: str, start: datetime, end: datetime) -> None:
        """Put time off into a staff member's booking calendar. KeyError for unknown staff."""
        self.staff.get(staff_id)
        self.time_off = self.time_off | {staff_id: [*self.time_off.get(staff_id, []), Span(start, end)]}

    def add_personal_event(self, staff_id: str, start: datetime, end: datetime) -> None:
        """Make a staff member busy in the Outlook calendar. KeyError for unknown staff."""
        self.staff.get(staff_id)
        events = [*self.personal_events.get(staff_id, []), Span(start, end)]
        self.personal_events = self.personal_events | {staff_id: events}

    def shelf(self, name: str) -> Shelf:
        """Return a collection by its name in the path. KeyError when unknown."""
        return {
            "services": self.services,
            "staffMembers": self.staff,
            "customers": self.customers,
            "customQuestions": self.questions,
        }[name]


@dataclass
class Bookings:
    """All businesses of all tenants, the currencies and the switches.

    `listeners` hear of every change of an appointment ("created", "updated", "deleted"), on the thread that makes it.
    """

    world: "World"
    switches: Switches = field(default_factory=Switches)
    businesses: dict[str, Business] = field(default_factory=dict)
    currencies: dict[str, str] = field(
        default_factory=lambda: {
            "AUD": "$",
            "CHF": "CHF",
            "EUR": "€",
            "GBP": "£",
            "INR": "₹",
            "JPY": "¥",
            "USD": "$",
        },
    )
    listeners: list[Callable[[Business, str, Appointment], None]] = field(default_factory=list)
    _random: random.Random = field(default_factory=random.SystemRandom)

    def add_business(
        self,
        business_id: str,
        tenant_id: str,
        values: Json,
        *,
        created: datetime | None = None,
    ) -> Business:
        """Add a business from the properties that differ from the defaults. ValueError for invalid ones."""
        now = render_instant(created or self.world.clock.now())
        stamps = {"createdDateTime": now, "lastUpdatedDateTime": now}
        full = make_defaults("bookingBusiness") | check(values, "bookingBusiness") | stamps
        made = Business(self, business_id, tenant_id, {"id": business_id} | full)
        self.businesses[business_id.lower()] = made
        return made

    def remove_business(self, business_id: str) -> None:
        """Remove a business. KeyError when unknown."""
        del self.businesses[business_id.lower()]

    def business(self, business_id: str) -> Business:
        """Return a business by its address, without case. KeyError when unknown."""
        return self.businesses[business_id.lower()]

    def of_tenant(self, tenant_id: str) -> list[Business]:
        """Return the businesses of a tenant."""
        return [business for business in tuple(self.businesses.values()) if business.tenant_id == tenant_id]

    def announce(self, business: Business, change: str, appointment: Appointment) -> None:
        """Tell the listeners of a change."""
        for listener in self.listeners:
            listener(business, change, appointment)

    def make_item_id(self) -> str:
        """Make a new Exchange item id; a share of them contain "/" and "+"."""
        return make_item_id(self._random, slashes=self._random.random() < self.switches.slash_share)

    def set_switches(self, wish: dict[str, Any]) -> None:
        """Set switches by name. ValueError for an unknown one."""
        for name, value in wish.items():
            if name not in Switches.__dataclass_fields__:
                raise ValueError(f"no switch {name!r}; there are {', '.join(Switches.__dataclass_fields__)}")
            setattr(self.switches, name, value)


_PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_ID_LENGTH = 140


def make_item_id(source: random.Random, *, slashes: bool) -> str:
    """Make an Exchange item id: some 150 characters of base64, ending in "="."""
    body = source.choices(_PLAIN, k=_ID_LENGTH)
    if slashes:
        body[source.randrange(20, 70)] = "/"
        body[source.randrange(70, _ID_LENGTH)] = "+"
    return "AAMkAD" + "".join(body) + "AAA="
