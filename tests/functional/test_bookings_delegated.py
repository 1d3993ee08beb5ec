"""A connection that signs in as a user: everything that Graph allows to a user works."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.functional.conftest import Gateway
from twin.bookings.state import Bookings
from twin.seeds import sample

PAGE = "ithelpdesk@contoso.com"
MONDAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=7)
WEEK = {"start": f"{MONDAY:%Y-%m-%dT00:00:00Z}", "end": f"{MONDAY + timedelta(days=7):%Y-%m-%dT00:00:00Z}"}


@pytest.fixture
def delegated(contoso: Gateway) -> Gateway:
    """The sample world, asked through a connection that signs in with the service user's password."""
    contoso.configure(**sample.settings(contoso.sim, credential="password"))
    return contoso


def read_availability(gateway: Gateway) -> dict[str, list[tuple[str, str, str, str | None]]]:
    """Return the availability of a week, by staff member: status, start, end, service."""
    answer = gateway.post(f"bookings/businesses/{PAGE}/availability", WEEK)
    assert answer.status_code == 200, answer.text
    return {
        each["staffId"]: [
            (item["status"], item["startUtc"], item["endUtc"], item["serviceId"]) for item in each["availabilityItems"]
        ]
        for each in answer.json()["value"]
    }


def read_slots(gateway: Gateway, service: str) -> list[Any]:
    return [
        (slot["startUtc"], slot["seatsAvailable"], slot["staffMembers"])
        for slot in gateway.ask("/slots", service=service, **WEEK)["value"]
    ]


def test_calendar_and_availability_agree_where_staff_have_nothing_else(contoso: Gateway) -> None:
    """Graph's own availability is the measure, but for time off and other calendars, which a user cannot see."""
    page = contoso.sim.world.state(Bookings).businesses[PAGE]
    page.time_off = page.personal_events = {}
    services = [service["id"] for service in page.services.all()]
    as_app = read_availability(contoso), [read_slots(contoso, service) for service in services]
    contoso.configure(**sample.settings(contoso.sim, credential="password"))
    contoso.forget()
    as_user = read_availability(contoso), [read_slots(contoso, service) for service in services]
    assert as_user == as_app
    assert any(as_user[1])
    assert not [call for call in contoso.graph_calls() if call.path.endswith("getStaffAvailability")]
