from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from twin.bookings.hours import is_service_open, is_staff_working
from twin.bookings.state import Bookings, Business
from twin.bookings.times import Span, parse_duration
from twin.bookings.zones import find_zone
from twin.seeds import bulk, businesses, sample
from twin.seeds.booking_pages import CONTOSO_PAGES, GHOST_STAFF_ID, SYDNEY
from twin.world import World

DAY = date(2026, 5, 5)


@pytest.fixture(scope="module")
def world() -> World:
    return sample.build(DAY)


@pytest.fixture(scope="module")
def pages(world: World) -> list[Business]:
    bookings = world.state(Bookings)
    return [bookings.business(page.id) for page in CONTOSO_PAGES]


def snapshot(world: World) -> list[Any]:
    return [
        (business.values, business.services.all(), business.staff.all(), business.appointments.all())
        for business in world.state(Bookings).businesses.values()
    ]


def test_the_same_day_makes_the_same_world(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(businesses, "_MADE", {})
    assert snapshot(sample.build(DAY)) == snapshot(world)
    assert snapshot(sample.build(DAY + timedelta(days=1))) != snapshot(world)


def test_a_reset_undoes_every_change() -> None:
    world = sample.build(DAY)
    before = snapshot(world)
    business = world.state(Bookings).business(CONTOSO_PAGES[0].id)
    business.appointments.remove(business.appointments.all()[0].id)
    business.services.patch(business.services.all()[0]["id"], {"displayName": "Changed"})
    world.clock.advance(timedelta(days=3))

    world.reset()

    assert snapshot(world) == before


def test_copied_appointments_are_those_that_were_made_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def diaries(world: World) -> list[Any]:
        found = [world.state(Bookings).business(page.id) for page in CONTOSO_PAGES]
        return [page.appointments.of_staff(one["id"]) for page in found for one in page.staff.all()]

    monkeypatch.setattr(businesses, "_MADE", {})
    made, copied = sample.build(DAY), sample.build(DAY)
    assert diaries(copied) == diaries(made)
    changed = diaries(copied)[0][0]
    changed.values["customers"].clear()
    assert changed not in diaries(made)[0]
    assert diaries(sample.build(DAY)) == diaries(made)


def test_it_is_as_big_as_promised(pages: list[Business]) -> None:
    def count(name: str) -> int:
        return sum(len(getattr(page, name)) for page in pages)

    assert (count("services"), count("staff"), count("appointments")) == (12, 20, 400)
    assert count("customers") >= 60
    assert {page.zone_name for page in pages} == {"GMT Standard Time", "Pacific Standard Time", "Asia/Kolkata"}


@pytest.mark.parametrize("day", [date(2026, 5, 2) + timedelta(days=number) for number in range(7)])
def test_no_page_is_empty_today_and_tomorrow_whatever_the_weekday(day: date) -> None:
    world = sample.build(day)
    now, bookings = world.clock.now(), world.state(Bookings)
    for page in (*CONTOSO_PAGES, SYDNEY):
        business, zone = bookings.business(page.id), find_zone(page.zone)
        today = now.astimezone(zone).date()
        found = Counter(one.start.astimezone(zone).date() for one in business.appointments.all())
        assert [found[today + timedelta(days=ahead)] > 0 for ahead in (0, 1)] == [True, True], page.id
        assert found.total() == page.appointments
        for staff in business.staff.all():
            blocked = [one.blocked for one in business.appointments.of_staff(staff["id"])]
            assert not [pair for pair in combinations(blocked, 2) if pair[0].overlaps(pair[1])]


def test_appointments_keep_to_hours_and_to_their_service(pages: list[Business]) -> None:
    for page in pages:
        for one in page.appointments.all():
            service = page.services.get(one.values["serviceId"])
            assert one.end - one.start == parse_duration(service["defaultDuration"])
            assert is_service_open(page, service, one.span)
            for staff_id in one.staff_ids:
                assert staff_id in service["staffMemberIds"]
                assert is_staff_working(page, page.staff.get(staff_id), one.span)
                assert page.staff.get(staff_id)["membershipStatus"] != "rejectedByStaff"


def test_nobody_is_booked_twice_or_while_away(pages: list[Business]) -> None:
    for page in pages:
        for staff in page.staff.all():
            blocked = [one.blocked for one in page.appointments.of_staff(staff["id"])]
            assert not [pair for pair in combinations(blocked, 2) if pair[0].overlaps(pair[1])]
            away = page.time_off.get(staff["id"], [])
            assert not [span for span in blocked for other in away if span.overlaps(other)]


def test_the_diary_holds_every_kind_of_appointment(pages: list[Business]) -> None:
    all_of_them = [one for page in pages for one in page.appointments.all()]
    groups = [one for one in all_of_them if one.values["maximumAttendeesCount"] > 1]
    ids = [one.id for one in all_of_them]
    days = [(one.start.date() - DAY).days for one in all_of_them]
    answers = [
        answer
        for one in all_of_them
        for customer in one.values["customers"]
        for answer in customer["customQuestionAnswers"]
    ]

    assert {one.has_free_seats for one in groups} == {True, False}
    assert 0.15 < sum("/" in one for one in ids) / len(ids) < 0.4
    assert len({one.replace("/", "-").replace("+", "_") for one in ids}) == len(ids)
    assert min(days) < -20
    assert max(days) > 50
    assert Counter(answer["answerInputType"] for answer in answers).keys() == {"text", "radioButton"}
    assert all(answer["selectedOptions"] == [answer["answer"]] for answer in answers if answer["answerOptions"])
    assert {one.values["isLocationOnline"] for one in all_of_them} == {True, False}
    assert len({one.values["customerTimeZone"] for one in all_of_them}) > 5
    assert all(one.values["createdDateTime"] < f"{DAY}T00:00:00Z" for one in all_of_them)


def test_the_staff_have_every_role_and_status(pages: list[Business]) -> None:
    staff = [one for page in pages for one in page.staff.all()]

    assert {one["role"] for one in staff} == {
        "administrator", "teamMember", "scheduler", "viewer", "guest", "externalGuest",
    }  # fmt: skip
    assert {one["membershipStatus"] for one in staff} == {"active", "rejectedByStaff", "pendingAcceptance"}
    assert {one["useBusinessHours"] for one in staff} == {True, False}


def test_services_differ_and_one_names_unknown_staff(pages: list[Business]) -> None:
    services = [service for page in pages for service in page.services.all()]
    policies = [service["schedulingPolicy"] for service in services]
    general = [policy["generalAvailability"] for policy in policies if policy and policy.get("generalAvailability")]

    assert None in policies
    assert {one["availabilityType"] for one in general} == {"customWeeklyHours", "notBookable"}
    assert any(policy and policy.get("customAvailabilities") for policy in policies)
    assert any(service["isHiddenFromCustomers"] for service in services)
    assert any(GHOST_STAFF_ID in service["staffMemberIds"] for service in services)
    assert any(policy and not policy["allowStaffSelection"] for policy in policies)


def test_every_person_has_an_address_that_is_reserved(pages: list[Business]) -> None:
    addresses = [one["emailAddress"] for page in pages for shelf in (page.staff, page.customers) for one in shelf.all()]

    assert {address.partition("@")[2] for address in addresses} <= {
        "contoso.com", "example.com", "example.net", "example.org",
    }  # fmt: skip


def test_the_bulk_worlds_have_their_sizes() -> None:
    many = bulk.build_many_businesses()
    busy = bulk.build_busy_business(DAY).state(Bookings).business(bulk.BUSY_BUSINESS)
    first = datetime(2026, 5, 5, tzinfo=UTC)

    assert len(many.state(Bookings).businesses) == 1200
    assert (len(busy.staff), len(busy.appointments)) == (20, 2000)
    assert all(Span(first, first + timedelta(days=30)).contains(one.span) for one in busy.appointments.all())
    for staff in busy.staff.all():
        starts = [one.start for one in busy.appointments.of_staff(staff["id"])]
        assert len(starts) == len(set(starts))
