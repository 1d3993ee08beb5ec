"""The booking pages of the sample: services, staff, hours, questions. `businesses.py` makes businesses of them."""

from dataclasses import dataclass, field
from typing import Any

from twin.core.wire import Json

_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday")
GHOST_STAFF_ID = "7f1d0b9e-0000-4000-8000-00000000dead"
"""A staff id of a service that belongs to no staff member: seen on the real service (msgraph-sdk-dotnet issue 1488)."""


@dataclass(frozen=True, slots=True)
class BookingPage:
    """One booking business. Staff and services are referred to by their index."""

    id: str
    name: str
    zone: str
    currency: str
    language: str
    hours: list[Json]
    phone_prefix: str
    customer_zones: tuple[str, ...]
    services: tuple[Json, ...]
    staff: tuple[Json, ...]
    questions: tuple[Json, ...]
    appointments: int
    customers: int
    policy: Json = field(default_factory=dict)
    address: Json | None = None


def week(*slots: tuple[str, str], days: tuple[str, ...] = _WEEK) -> list[Json]:
    """Make weekly hours: the same slots, such as ("09:00", "12:30"), on each of the days."""
    times = [{"startTime": f"{start}:00.0000000", "endTime": f"{end}:00.0000000"} for start, end in slots]
    return [{"day": day, "timeSlots": times} for day in days]


def custom(*slots: tuple[str, str], days: tuple[str, ...] = _WEEK) -> Json:
    """Make an availability of custom weekly hours."""
    return {
        "@odata.type": "#microsoft.graph.bookingsAvailability",
        "availabilityType": "customWeeklyHours",
        "businessHours": week(*slots, days=days),
    }


def policy(interval: str, lead: str, advance: str, **more: Any) -> Json:
    """Make a scheduling policy; durations in ISO 8601."""
    return {
        "timeSlotInterval": interval,
        "minimumLeadTime": lead,
        "maximumAdvance": advance,
        "allowStaffSelection": True,
        "sendConfirmationsToOwner": True,
        "isMeetingInviteToCustomersEnabled": True,
    } | more


def service(name: str, duration: str, team: tuple[int, ...], **more: Any) -> Json:
    """Make a service; `team` are indexes of staff; "asks" are (index of a question, required)."""
    return {"displayName": name, "defaultDuration": duration, "team": team} | more


def staff(name: str, role: str, **more: Any) -> Json:
    """Make a staff member of the page's own domain."""
    return {"displayName": name, "role": role} | more


_NOT_BOOKABLE: Json = {
    "@odata.type": "#microsoft.graph.bookingsAvailability",
    "availabilityType": "notBookable",
    "businessHours": [],
}

LONDON = BookingPage(
    id="ithelpdesk@contoso.com",
    name="IT help desk",
    zone="GMT Standard Time",
    currency="GBP",
    language="en-GB",
    hours=week(("08:00", "17:30")),
    phone_prefix="+44 20 7946 0",
    customer_zones=("Europe/London", "Europe/London", "Europe/Paris", "Africa/Lagos"),
    policy=policy("PT30M", "PT2H", "P90D"),
    address={"street": "1 Example Street", "city": "London", "postalCode": "EX1 1AA", "countryOrRegion": "GB"},
    questions=(
        {"displayName": "Asset tag?", "answerInputType": "text"},
        {
            "displayName": "What is it about?",
            "answerInputType": "radioButton",
            "answerOptions": ["Hardware", "Software", "Access", "Something else"],
        },
        {"displayName": "Floor or api?", "answerInputType": "text"},
    ),
    services=(
        service("Laptop clinic", "PT30M", (0, 1, 2, 3), postBuffer="PT10M", asks=((0, True), (1, False)),
                description="Bring it, we look at it together.", notes="Charger and dock if possible.",
                schedulingPolicy=policy("PT30M", "PT2H", "P60D")),
        service("Password and sign-in help", "PT15M", (0, 1, 4), isLocationOnline=True, asks=((1, True),),
                schedulingPolicy=policy("PT15M", "PT0S", "P30D")),
        service("New starter induction", "PT1H", (2, 5), maximumAttendeesCount=12, asks=((2, False),),
                schedulingPolicy=policy("PT1H", "P1D", "P60D",
                                        generalAvailability=custom(("10:00", "12:00"), days=("tuesday", "thursday")))),
        service("Data recovery", "PT2H", (3, 6), preBuffer="PT15M", postBuffer="PT30M", asks=((0, True),),
                schedulingPolicy=policy("PT1H", "P2D", "P60D", generalAvailability=_NOT_BOOKABLE), window=True),
    ),
    staff=(
        staff("Sam Archer", "administrator"),
        staff("Priya Nair", "teamMember"),
        staff("Jo Whitfield", "scheduler", useBusinessHours=False, timeZone="GMT Standard Time",
              workingHours=week(("10:00", "16:00"))),
        staff("Marek Dvorak", "teamMember", useBusinessHours=False, timeZone="W. Europe Standard Time",
              workingHours=week(("09:30", "13:00"), ("14:00", "18:00"), days=_WEEK[:4])),
        staff("Ola Bakke", "guest", availabilityIsAffectedByPersonalCalendar=False),
        staff("Tess Moreno", "viewer"),
        staff("Ivo Lang", "teamMember", membershipStatus="rejectedByStaff"),
    ),
    appointments=160,
    customers=24,
)  # fmt: skip

WEST = BookingPage(
    id="devicebar@contoso.com",
    name="Device bar West",
    zone="Pacific Standard Time",
    currency="USD",
    language="en-US",
    hours=week(("09:00", "17:00")),
    phone_prefix="+1 206 555 0",
    customer_zones=("America/Los_Angeles", "America/Los_Angeles", "America/Denver", "America/New_York"),
    policy=policy("PT30M", "P1D", "P365D"),
    questions=(
        {
            "displayName": "Which device?",
            "answerInputType": "radioButton",
            "answerOptions": ["Laptop", "Phone", "Tablet", "Headset"],
        },
        {"displayName": "Anything we should know?", "answerInputType": "text"},
    ),
    services=(
        service("Device pick-up", "PT15M", (0, 1, 2), asks=((0, True),),
                schedulingPolicy=policy("PT15M", "PT1H", "P45D", generalAvailability=custom(("09:00", "12:00")))),
        service("Meeting api support", "PT45M", (1, 3), isLocationOnline=True, preBuffer="PT5M", asks=((1, False),)),
        service("Security awareness session", "PT1H30M", (2, 4), maximumAttendeesCount=20,
                schedulingPolicy=policy("PT30M", "P1D", "P90D")),
        service("Executive desk side", "PT1H", (0, 3), isHiddenFromCustomers=True, postBuffer="PT15M",
                schedulingPolicy=policy("PT30M", "PT4H", "P30D", allowStaffSelection=False)),
    ),
    staff=(
        staff("Riley Chen", "administrator"),
        staff("Morgan Price", "teamMember"),
        staff("Devon Ellis", "teamMember", useBusinessHours=False, timeZone="Pacific Standard Time",
              workingHours=week(("09:00", "13:00"))),
        staff("Casey Okoro", "scheduler"),
        staff("Alva Stone", "externalGuest", emailAddress="alva.stone@example.net"),
    ),
    appointments=120,
    customers=22,
)  # fmt: skip

BENGALURU = BookingPage(
    id="itbengaluru@contoso.com",
    name="IT desk Bengaluru",
    zone="Asia/Kolkata",
    currency="INR",
    language="en-IN",
    hours=week(("09:30", "18:30")) + week(("10:00", "13:00"), days=("saturday",)),
    phone_prefix="+91 80 5550 0",
    customer_zones=("Asia/Kolkata", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Singapore"),
    policy=policy("PT20M", "PT1H", "P60D"),
    questions=({"displayName": "Employee number?", "answerInputType": "text"},),
    services=(
        service("VPN and remote access", "PT30M", (0, 1, 2), isLocationOnline=True, asks=((0, True),)),
        service("Phone enrolment", "PT20M", (1, 3), schedulingPolicy=policy("PT20M", "PT30M", "P30D")),
        service("Software request", "PT40M", (2, 3), postBuffer="PT5M", schedulingPolicy=None),
        service("Open clinic", "PT1H", (0, 4), maximumAttendeesCount=6, ghost=True,
                schedulingPolicy=policy("PT1H", "PT1H", "P60D",
                                        generalAvailability=custom(("15:00", "18:00"), days=_WEEK))),
    ),
    staff=(
        staff("Anjali Menon", "administrator", timeZone="Asia/Kolkata"),
        staff("Vikram Iyer", "teamMember", timeZone="Asia/Kolkata"),
        staff("Farida Shaikh", "scheduler", useBusinessHours=False, timeZone="Asia/Kolkata",
              workingHours=week(("12:00", "18:30"))),
        staff("Kiran Das", "teamMember"),
        staff("Neel Rao", "guest", membershipStatus="pendingAcceptance"),
    ),
    appointments=120,
    customers=22,
)  # fmt: skip

SYDNEY = BookingPage(
    id="support@fabrikam.com",
    name="Partner support",
    zone="AUS Eastern Standard Time",
    currency="AUD",
    language="en-AU",
    hours=week(("08:30", "16:30")),
    phone_prefix="+61 2 5550 0",
    customer_zones=("Australia/Sydney", "Australia/Perth"),
    policy=policy("PT30M", "PT1H", "P60D"),
    questions=({"displayName": "Contract number?", "answerInputType": "text"},),
    services=(
        service("Onboarding call", "PT30M", (0, 1), isLocationOnline=True, asks=((0, True),)),
        service("Quarterly review", "PT1H", (0, 2)),
    ),
    staff=(
        staff("Harper Nguyen", "administrator"),
        staff("Matilda Frost", "teamMember"),
        staff("Lachlan Reid", "viewer"),
    ),
    appointments=24,
    customers=8,
)

CONTOSO_PAGES = (LONDON, WEST, BENGALURU)
