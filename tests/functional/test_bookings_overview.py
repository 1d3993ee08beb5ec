"""The overview of a booking page: today, the week, the next slots, and how old its change feed is."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from bookings.changes.journal import REGISTRY, TABLE
from composition import services
from shared.storage.tables import Table
from shared.time_zones.zones import utc_text
from tests.functional.conftest import Gateway
from tests.functional.test_bookings_appointments import book
from twin.bookings.state import Bookings
from twin.seeds import sample, tiny
from twin.seeds.booking_pages import CONTOSO_PAGES, LONDON, custom, policy, week
from twin.seeds.businesses import seed_business
from twin.world import World

pytestmark = pytest.mark.usefixtures("rows_in_memory")

NOON = datetime(2027, 3, 12, 19, 40, tzinfo=UTC)  # a Friday, 11:40 in Los Angeles; clocks change there on Sunday
GROUP: dict[str, Any] = {"serviceId": tiny.GROUP, "maximumAttendeesCount": 6, "minutes": 60}


@pytest.fixture
def friday(gateway_process: Gateway) -> Iterator[Gateway]:
    """A page in Los Angeles, open from nine to five on weekdays."""
    with time_machine.travel(NOON, tick=False):
        gateway_process.begin(tiny.seed, BOOKINGS_BUSINESSES=tiny.BUSINESS)
        gateway_process.business = tiny.BUSINESS
        page = gateway_process.sim.bookings.business(tiny.BUSINESS)
        page.patch(
            {
                "bookingPageSettings": {"businessTimeZone": "Pacific Standard Time"},
                "businessHours": week(("09:00", "17:00")),
            }
        )
        yield gateway_process


def local(day: int, hour: float) -> datetime:
    """A moment of March in Los Angeles, before the change of clocks."""
    return datetime(2027, 3, day, 8, tzinfo=UTC) + timedelta(hours=hour)


def test_it_shows_today_what_comes_next_and_how_the_week_is_used(friday: Gateway) -> None:
    for day, hour in ((8, 9), (12, 9), (12, 16.5), (12, 20), (15, 9)):
        book(friday, local(day, hour))
    book(friday, local(12, 9.5), minutes=60, staffMemberIds=[tiny.ANNE, tiny.BOB])
    book(friday, local(12, 10), staffMemberIds=[tiny.BOB])  # beside the last one: an hour is an hour
    book(friday, local(11, 23.5), minutes=60)  # it began yesterday
    book(friday, local(13, 0))  # midnight is tomorrow
    found = friday.ask("/overview")
    assert (found["id"], found["displayName"], found["asOfDateTime"]) == (tiny.BUSINESS, "Desk", utc_text(NOON))
    assert (found["timeZone"], found["timeZoneIana"]) == ("Pacific Standard Time", "America/Los_Angeles")
    today = [item["startLocal"].partition("T")[2] for item in found["today"]]
    assert today == ["23:30:00", "09:00:00", "09:30:00", "10:00:00", "16:30:00", "20:00:00"]
    assert found["next"]["startLocal"] == "2027-03-12T16:30:00"
    assert (found["next"]["serviceName"], found["next"]["staffNames"]) == ("Visit", "Anne")
    days = {day["date"]: (day["bookedMinutes"], day["offeredMinutes"]) for day in found["week"]["days"]}
    full = 2 * 8 * 60
    assert days == {
        "2027-03-08": (30, full), "2027-03-09": (0, full), "2027-03-10": (0, full), "2027-03-11": (0, full),
        "2027-03-12": (30 + 60 + 60 + 30, full), "2027-03-13": (0, 0), "2027-03-14": (0, 0),
    }  # fmt: skip
    used = {name: found["week"][name] for name in ("bookedMinutes", "offeredMinutes", "utilization")}
    assert used == {"bookedMinutes": 210, "offeredMinutes": 5 * full, "utilization": 0.044}


def test_the_next_slot_of_each_service_is_the_first_that_the_page_offers(gateway_process: Gateway) -> None:
    gateway = gateway_process
    with time_machine.travel(NOON, tick=False):
        gateway.begin(sample.seed)
        for page in CONTOSO_PAGES:
            gateway.business = page.id
            found = gateway.ask("/overview")
            span = {"start": utc_text(NOON), "end": found["searchedUntilDateTime"]}
            assert len(found["services"]) == len(page.services)
            for service in found["services"]:
                offered = gateway.ask("/slots", service=service["id"], limit=1, **span)["value"]
                expected = offered[0]["startUtc"] if offered else None
                assert service["nextSlotStartUtc"] == expected, service["displayName"]
                seconds = service["secondsToNextSlot"]
                assert expected is None or utc_text(NOON + timedelta(seconds=seconds)) == expected
            listed = gateway.ask("/appointments", start=span["start"], end=span["end"], limit=100)["value"]
            assert found["next"] == next(item for item in listed if item["startUtc"] >= span["start"])


def test_a_service_that_nobody_can_book_soon_has_no_next_slot(friday: Gateway) -> None:
    page = friday.sim.bookings.business(tiny.BUSINESS)
    never = custom(("09:00", "10:00"), days=()) | {"availabilityType": "notBookable"}
    page.services.patch(tiny.GROUP, {"schedulingPolicy": policy("PT30M", "PT0S", "P90D", generalAvailability=never)})
    page.services.patch(tiny.VISIT, {"schedulingPolicy": policy("PT30M", "P5D", "P90D")})
    group, single = friday.ask("/overview")["services"]
    assert (group["displayName"], group["nextSlotStartUtc"], group["secondsToNextSlot"]) == ("Group", None, None)
    assert single["nextSlotStartUtc"] == "2027-03-17T20:00:00Z"  # five days ahead


@pytest.mark.parametrize("without", ["staff", "services"])
def test_what_a_page_does_not_have_is_null_and_no_error(friday: Gateway, without: str) -> None:
    page = friday.sim.bookings.business(tiny.BUSINESS)
    book(friday, local(12, 16), staffMemberIds=[])
    shelf = page.staff if without == "staff" else page.services
    for one in shelf.all():
        shelf.remove(one["id"])
    found = friday.ask("/overview")
    assert found["next"]["startUtc"] == utc_text(local(12, 16))
    assert (found["week"]["offeredMinutes"], found["week"]["utilization"]) == (0, None)
    assert [each["nextSlotStartUtc"] for each in found["services"]] == ([None, None] if without == "staff" else [])


def test_a_page_without_appointments_has_none_today_and_none_next(friday: Gateway) -> None:
    found = friday.ask("/overview")
    assert (found["today"], found["next"]) == ([], None)


def test_the_age_of_the_feed_is_read_and_asks_for_nothing(friday: Gateway) -> None:
    never = {"lastScanDateTime": None, "ageSeconds": None, "isFollowed": False}
    assert friday.ask("/overview")["feed"] == never
    used = services.services()
    assert list(Table(used.stores.storage, TABLE).query(REGISTRY, start="!", end="~")) == []
    friday.ask("/changes")
    with time_machine.travel(NOON + timedelta(minutes=5), tick=False):
        friday.forget()
        assert friday.ask("/overview")["feed"] == {
            "lastScanDateTime": utc_text(NOON), "ageSeconds": 300, "isFollowed": True,
        }  # fmt: skip
        assert len(friday.graph_calls()) == 5
    with time_machine.travel(NOON + timedelta(days=32), tick=False):
        assert friday.ask("/overview")["feed"]["isFollowed"] is False


def test_twenty_pages_side_by_side_keep_within_the_open_requests_of_outlook(gateway_process: Gateway) -> None:
    names = [f"page{number}@contoso.com" for number in range(20)]

    def seed(world: World) -> None:
        sample.add_access(world)
        for name in names:
            page = replace(LONDON, id=name, appointments=6)
            seed_business(world.state(Bookings), page, sample.TENANT_ID, world.clock.now().date(), sample.SERVICE_USER)

    gateway_process.begin(seed, BOOKINGS_BUSINESSES="*")
    with ThreadPoolExecutor(len(names)) as pool:
        answers = list(pool.map(lambda name: gateway_process.get(f"bookings/businesses/{name}/overview"), names))
    assert [(answer.status_code, answer.json()["id"]) for answer in answers] == [(200, name) for name in names]
    assert len(gateway_process.graph_calls()) == 5 * len(names)
    assert gateway_process.sim.exchanges.peaks["bookings"] <= 4
