"""A small world: one booking page that never closes, and two empty mailboxes.

Credentials are those of the sample.
"""

from twin.bookings.state import Bookings
from twin.seeds import mails
from twin.seeds.booking_pages import week
from twin.seeds.sample import SERVICE_USER, TENANT_ID, add_access
from twin.world import World

BUSINESS = "desk@contoso.com"
VISIT, GROUP = "5e000000-0000-4000-8000-000000000001", "5e000000-0000-4000-8000-000000000002"
ANNE, BOB = "57aff000-0000-4000-8000-000000000001", "57aff000-0000-4000-8000-000000000002"
CUSTOMER = "c0510000-0000-4000-8000-000000000001"
QUESTION = "90e50000-0000-4000-8000-000000000001"

_ALL_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NO_NOTICE = {
    "timeSlotInterval": "PT30M",
    "minimumLeadTime": "PT0S",
    "maximumAdvance": "P365D",
    "allowStaffSelection": True,
    "sendConfirmationsToOwner": True,
}


def build() -> World:
    """Make the world: zone UTC, a service of half an hour, a group of six, two staff and the service account."""
    return World(seed)


def seed(world: World) -> None:
    """Seed an empty world."""
    add_access(world)
    mails.seed_tiny(world)
    always = week(("00:00", "00:00"), days=_ALL_DAYS)
    business = world.state(Bookings).add_business(
        BUSINESS,
        TENANT_ID,
        {
            "displayName": "Desk",
            "email": BUSINESS,
            "businessHours": always,
            "schedulingPolicy": _NO_NOTICE,
            "bookingPageSettings": {"businessTimeZone": "UTC"},
        },
    )
    for staff_id, name, role in ((ANNE, "Anne", "teamMember"), (BOB, "Bob", "administrator")):
        address = f"{name.lower()}@contoso.com"
        business.staff.add({"displayName": name, "emailAddress": address, "role": role}, item_id=staff_id)
    business.staff.add({"displayName": "Account", "emailAddress": SERVICE_USER, "role": "scheduler"})
    business.questions.add({"displayName": "Asset tag?"}, item_id=QUESTION)
    business.services.add(
        {"displayName": "Visit", "defaultDuration": "PT30M", "staffMemberIds": [ANNE, BOB], "postBuffer": "PT10M"},
        item_id=VISIT,
    )
    business.services.add(
        {"displayName": "Group", "defaultDuration": "PT1H", "staffMemberIds": [BOB], "maximumAttendeesCount": 6},
        item_id=GROUP,
    )
    business.customers.add({"displayName": "Cleo Customer", "emailAddress": "cleo@example.com"}, item_id=CUSTOMER)
