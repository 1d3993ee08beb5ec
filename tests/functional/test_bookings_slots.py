"""Availability of staff and free slots, end to end."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import msal
import pytest
import requests

from tests.functional.conftest import Gateway, read_error
from tests.functional.test_bookings_appointments import book
from twin.seeds import sample, tiny
from twin.seeds.booking_pages import week

ALL_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TOMORROW = datetime.combine(datetime.now(UTC).date() + timedelta(days=1), time(), UTC)
DAY_AFTER = TOMORROW + timedelta(days=1)


def date_of(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")


def clock(hours: float) -> str:
    return (TOMORROW + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def availability(gateway: Gateway, **body: Any) -> Any:
    whole = {"start": date_of(TOMORROW), "end": date_of(DAY_AFTER)} | body
    answer = gateway.post(f"bookings/businesses/{gateway.business}/availability", whole)
    assert answer.status_code == 200, answer.text
    return {member["displayName"]: member["availabilityItems"] for member in answer.json()["value"]}


def slots(gateway: Gateway, service: str = tiny.VISIT, **query: Any) -> dict[str, list[str]]:
    whole = {"start": date_of(TOMORROW), "end": date_of(DAY_AFTER)} | query
    answer = gateway.ask("/slots", service=service, **whole)
    return {item["startUtc"]: [member["displayName"] for member in item["staffMembers"]] for item in answer["value"]}


VARIANTS = [
    {},
    {"availability_key": "staffAvailabilityItem"},
    {"availability_zone": "display"},
    {"availability_capitalised": True},
    {"availability_starts_early": False},
    {"availability_key": "staffAvailabilityItem", "availability_zone": "display", "availability_capitalised": True},
]


@pytest.mark.parametrize("switches", VARIANTS)
@pytest.mark.parametrize("zone", ["UTC", "Pacific Standard Time"])
def test_every_shape_of_availability_means_the_same(gateway: Gateway, switches: dict[str, Any], zone: str) -> None:
    gateway.sim.bookings.set_switches(switches)
    gateway.sim.bookings.business(tiny.BUSINESS).patch({"bookingPageSettings": {"businessTimeZone": zone}})
    book(gateway, TOMORROW + timedelta(hours=9), minutes=60)
    anne = availability(gateway, staffIds=[tiny.ANNE], timeZone="UTC")["Anne"]
    assert [(item["status"], item["startUtc"], item["endUtc"]) for item in anne] == [
        ("available", clock(0), clock(9)),
        ("busy", clock(9), clock(10)),
        ("available", clock(10), clock(24)),
    ]


def test_availability_comes_in_the_requested_zone(gateway: Gateway) -> None:
    anne = availability(gateway, staffIds=[tiny.ANNE], timeZone="Asia/Kolkata")["Anne"]
    assert anne[0]["startUtc"] == (TOMORROW - timedelta(hours=5.5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert anne[0]["startLocal"] == TOMORROW.strftime("%Y-%m-%dT00:00:00")


def test_availability_of_nobody_in_particular_is_that_of_all(gateway: Gateway) -> None:
    assert set(availability(gateway)) == {"Anne", "Bob", "Account"}


def test_free_seats_of_a_group_are_named_with_their_service(gateway: Gateway) -> None:
    group: dict[str, Any] = {"serviceId": tiny.GROUP, "staffMemberIds": [tiny.BOB], "maximumAttendeesCount": 6}
    book(gateway, TOMORROW + timedelta(hours=9), minutes=60, **group)
    inside = [item for item in availability(gateway, staffIds=[tiny.BOB])["Bob"] if item["status"] != "available"]
    assert [(item["status"], item["serviceName"]) for item in inside] == [("slotsAvailable", "Group")]


def test_a_staff_id_that_graph_would_answer_with_a_bare_500_is_refused_before(gateway: Gateway) -> None:
    answer = read_error(gateway.post(
        f"bookings/businesses/{gateway.business}/availability",
        {"start": date_of(TOMORROW), "end": date_of(DAY_AFTER), "staffIds": ["nobody"]},
    ))  # fmt: skip
    assert (answer["status"], answer["code"], answer["target"]) == (400, "StaffNotFound", "staffIds")
    assert not [seen for seen in gateway.graph_calls() if seen.method == "POST"]


def test_availability_of_a_new_staff_member_is_found(gateway: Gateway) -> None:
    availability(gateway)
    dan = gateway.sim.bookings.business(tiny.BUSINESS).staff.add({"displayName": "Dan", "role": "guest"})
    assert set(availability(gateway, staffIds=[dan])) == {"Dan"}


def test_a_long_range_of_availability_is_read_in_windows(gateway: Gateway) -> None:
    anne = availability(gateway, staffIds=[tiny.ANNE], end=date_of(TOMORROW + timedelta(days=60)))["Anne"]
    assert (anne[0]["startUtc"], anne[-1]["endUtc"]) == (clock(0), clock(24 * 60))
    assert len([seen for seen in gateway.graph_calls() if seen.method == "POST"]) == 2


def test_slots_know_about_appointments_time_off_and_the_personal_calendar(gateway: Gateway) -> None:
    business = gateway.sim.bookings.business(tiny.BUSINESS)
    book(gateway, TOMORROW + timedelta(hours=9), minutes=30)
    business.add_time_off(tiny.BOB, TOMORROW, TOMORROW + timedelta(hours=9.5))
    business.add_personal_event(tiny.ANNE, TOMORROW + timedelta(hours=11), TOMORROW + timedelta(hours=12))
    found = slots(gateway, start=clock(8), end=clock(12))
    assert found == {
        clock(8): ["Anne"],
        clock(9.5): ["Anne", "Bob"],
        clock(10): ["Anne", "Bob"],
        clock(10.5): ["Bob"],
        clock(11): ["Bob"],
        clock(11.5): ["Bob"],
    }


def test_buffers_reach_into_the_closed_night(gateway: Gateway) -> None:
    """Graph reports the time outside opening hours as outOfOffice."""
    business = gateway.sim.bookings.business(tiny.BUSINESS)
    business.patch({"businessHours": week(("08:00", "17:00"), days=ALL_DAYS)})
    business.services.patch(
        tiny.VISIT,
        {"defaultDuration": "PT1H", "preBuffer": "PT5M", "postBuffer": "PT10M", "staffMemberIds": [tiny.BOB]},
    )
    assert availability(gateway, staffIds=[tiny.BOB])["Bob"][0]["status"] == "outOfOffice"
    found = list(slots(gateway))
    assert (found[0], found[-1]) == (clock(8), clock(16))
    business.add_time_off(tiny.BOB, TOMORROW + timedelta(hours=16), DAY_AFTER)
    assert list(slots(gateway))[-1] == clock(14.5)


@pytest.mark.parametrize("fault", ["availability_ignores_hours", "availability_ignores_personal_calendar"])
def test_slots_do_not_believe_availability_against_hours_and_calendar(gateway: Gateway, fault: str) -> None:
    """Availability was reported to ignore hours and to show busy time as free."""
    business = gateway.sim.bookings.business(tiny.BUSINESS)
    nine_to_ten = week(("09:00", "10:00"), days=ALL_DAYS)
    business.patch({"businessHours": nine_to_ten})
    book(gateway, TOMORROW + timedelta(hours=9), minutes=30, staffMemberIds=[tiny.ANNE, tiny.BOB])
    gateway.sim.bookings.set_switches({fault: True})
    assert set(slots(gateway)) <= {clock(9.5)}


def test_seats_left_in_a_group_are_offered_and_a_full_one_is_not(gateway: Gateway) -> None:
    group: dict[str, Any] = {"serviceId": tiny.GROUP, "staffMemberIds": [tiny.BOB], "maximumAttendeesCount": 6}
    people = [{"@odata.type": "#microsoft.graph.bookingCustomerInformation", "name": f"P{n}"} for n in range(6)]
    joinable = book(gateway, TOMORROW + timedelta(hours=9), minutes=60, customers=people[:4], **group)
    book(gateway, TOMORROW + timedelta(hours=12), minutes=60, customers=people, **group)
    query = {"service": tiny.GROUP, "start": clock(9), "end": clock(13)}
    found = {item["startUtc"]: item for item in gateway.ask("/slots", **query)["value"]}
    assert list(found) == [clock(9), clock(10), clock(10.5), clock(11)]
    assert found[clock(9)]["seatsAvailable"] == 2
    assert found[clock(9)]["staffMembers"][0]["appointmentId"] == joinable
    assert found[clock(10)]["seatsAvailable"] == 6


def test_slots_cost_five_calls_for_a_month(gateway: Gateway) -> None:
    gateway.ask("/slots", service=tiny.VISIT, start=date_of(TOMORROW), end=date_of(TOMORROW + timedelta(days=31)))
    asked = sorted(seen.path.rpartition("/")[2] for seen in gateway.graph_calls())
    assert asked == sorted([tiny.BUSINESS, tiny.VISIT, "staffMembers", "getStaffAvailability", "calendarView"])


def test_an_unknown_service_and_an_unknown_staff_member_are_named(gateway: Gateway) -> None:
    path, days = (
        f"bookings/businesses/{gateway.business}/slots",
        {"start": date_of(TOMORROW), "end": date_of(DAY_AFTER)},
    )
    unknown = gateway.refused(path, service="00000000-0000-4000-8000-000000000000", **days)
    assert (unknown["status"], unknown["code"], unknown["target"]) == (404, "ServiceNotFound", "service")
    stranger = gateway.refused(path, service=tiny.VISIT, staff=f"{tiny.ANNE},nobody", **days)
    assert (stranger["status"], stranger["code"], stranger["target"]) == (400, "StaffNotFound", "staff")


@pytest.mark.parametrize("business", ["ithelpdesk@contoso.com", "devicebar@contoso.com", "itbengaluru@contoso.com"])
def test_a_slot_we_offer_is_one_that_bookings_takes(contoso: Gateway, business: str) -> None:
    """The simulator checks the page's rules on create, with code of its own: what we call free, it must accept."""
    contoso.business = business
    start, end = date_of(TOMORROW), date_of(TOMORROW + timedelta(days=14))
    tried = 0
    token = _app_token(contoso)
    for service in contoso.ask("/services")["value"]:
        answer = contoso.ask("/slots", service=service["id"], start=start, end=end)
        offered = answer["value"]
        for slot in offered[:: max(1, len(offered) // 3)]:
            member = slot["staffMembers"][0]
            if member["appointmentId"]:
                continue
            wish = {
                "@odata.type": "#microsoft.graph.bookingAppointment",
                "serviceId": service["id"],
                "staffMemberIds": [member["id"]],
                "startDateTime": {"dateTime": slot["startUtc"], "timeZone": "UTC"},
                "endDateTime": {"dateTime": slot["endUtc"], "timeZone": "UTC"},
                "maximumAttendeesCount": service["maximumAttendeesCount"],
                "filledAttendeesCount": 0,
                "customers": [],
            }
            made = requests.post(
                f"https://graph.microsoft.com/v1.0/solutions/bookingBusinesses/{business}/appointments",
                json=wish, headers={"Authorization": f"Bearer {token}"}, timeout=30,
            )  # fmt: skip
            assert made.status_code == 201, (service["displayName"], slot, made.text)
            tried += 1
    assert tried >= 4


def _app_token(gateway: Gateway) -> str:
    app = gateway.sim.entra.app(sample.CLIENT_ID)
    client = msal.ConfidentialClientApplication(
        sample.CLIENT_ID,
        client_credential=next(iter(app.secrets.values())).value,
        authority=f"https://login.microsoftonline.com/{sample.TENANT_ID}",
    )
    return str(client.acquire_token_for_client(["https://graph.microsoft.com/.default"])["access_token"])
