"""Questions for slots of several services, of several pages, with all staff at once, and why a time is no slot."""

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.functional.booking_writes import open_page
from tests.functional.conftest import Gateway, read_error
from tests.functional.test_bookings_appointments import book
from tests.functional.test_bookings_slots import ALL_DAYS, DAY_AFTER, TOMORROW, clock, date_of
from twin.core.faults import Answer
from twin.seeds import tiny
from twin.seeds.booking_pages import custom, week

ONE_DAY: dict[str, Any] = {"start": date_of(TOMORROW), "end": date_of(DAY_AFTER)}
LONDON, WEST, BENGALURU = "ithelpdesk@contoso.com", "devicebar@contoso.com", "itbengaluru@contoso.com"
HOURS = week(("09:00", "12:00"), ("13:00", "17:00"), days=ALL_DAYS)


def key(slot: Any) -> tuple[str, str, str]:
    return slot["startUtc"], slot["businessId"], slot["serviceId"]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def services(gateway: Gateway, page: str) -> dict[str, str]:
    gateway.business = page
    return {one["displayName"]: one["id"] for one in gateway.ask("/services")["value"]}


def reasons(gateway: Gateway, service: str = tiny.VISIT, **query: Any) -> list[Any]:
    """Return why tomorrow's times are no slots: hours from and until, reason, whose, staff names."""
    answer = gateway.ask("/slots", service=service, explain="true", **(ONE_DAY | query))

    def hour(text: str) -> float:
        return (datetime.fromisoformat(text) - TOMORROW) / timedelta(hours=1)

    return [
        (hour(one["startUtc"]), hour(one["endUtc"]), one["reason"], one["whose"], one["staffNames"])
        for one in answer["notOffered"]
    ]


# -- several services --------------------------------------------------------------------------------------------------


def test_several_services_are_answered_from_one_read(gateway: Gateway) -> None:
    book(gateway, TOMORROW + timedelta(hours=9), minutes=60, staffMemberIds=[tiny.BOB])
    alone = [
        slot for one in (tiny.VISIT, tiny.GROUP) for slot in gateway.ask("/slots", service=one, **ONE_DAY)["value"]
    ]
    gateway.forget()
    answer = gateway.ask("/slots", service=f"{tiny.VISIT},{tiny.GROUP}", **ONE_DAY)
    asked = sorted(seen.path.rpartition("/")[2] for seen in gateway.graph_calls())
    assert asked == sorted([tiny.BUSINESS, "services", "staffMembers", "getStaffAvailability", "calendarView"])
    order = [tiny.VISIT, tiny.GROUP]
    assert answer["value"] == sorted(alone, key=lambda s: (s["startUtc"], s["endUtc"], order.index(s["serviceId"])))
    assert {slot["serviceName"] for slot in answer["value"]} == {"Visit", "Group"}
    assert [(one["serviceName"], one["durationMinutes"], one["intervalMinutes"]) for one in answer["services"]] == [
        ("Visit", 30, 30),
        ("Group", 60, 30),
    ]
    repeated = gateway.get(
        f"bookings/businesses/{gateway.business}/slots", service=[tiny.VISIT, tiny.GROUP, tiny.VISIT], **ONE_DAY
    )
    assert [key(slot) for slot in repeated.json()["value"]] == [key(slot) for slot in answer["value"]]


def test_pages_of_slots_go_on_behind_the_last_one(gateway: Gateway) -> None:
    wanted = {"service": f"{tiny.VISIT},{tiny.GROUP}"} | ONE_DAY
    whole = gateway.ask("/slots", **wanted)["value"]
    answer = gateway.ask("/slots", limit=30, **wanted)
    found = answer["value"]
    while link := answer.get("nextLink"):
        answer = gateway.http.get(link, headers={"x-functions-key": gateway.key}, timeout=60).json()
        found += answer["value"]
    assert found == whole
    assert len(found) > 60


# -- all staff at the same time ----------------------------------------------------------------------------------------


def test_all_means_that_everybody_is_free_at_the_same_time(gateway: Gateway) -> None:
    book(gateway, TOMORROW + timedelta(hours=9), minutes=30)
    book(gateway, TOMORROW + timedelta(hours=10), minutes=30, staffMemberIds=[tiny.BOB])
    hours = {"start": clock(8.5), "end": clock(12)}
    found = gateway.ask("/slots", service=tiny.VISIT, staff="all", **hours)["value"]
    assert [slot["startUtc"] for slot in found] == [clock(10.5), clock(11), clock(11.5)]
    assert {slot["staffNames"] for slot in found} == {"Anne, Bob"}
    named = gateway.ask("/slots", service=tiny.VISIT, staff=f"all,{tiny.BOB},{tiny.ANNE}", **hours)["value"]
    assert named == found
    anybody = gateway.ask("/slots", service=tiny.VISIT, **hours)
    assert gateway.ask("/slots", service=tiny.VISIT, staff="any", **hours)["value"] == anybody["value"]
    assert {slot["staffNames"] for slot in anybody["value"]} == {"Anne", "Bob", "Anne, Bob"}


def test_all_staff_of_a_group_host_it_together(gateway: Gateway) -> None:
    page = gateway.sim.bookings.business(tiny.BUSINESS)
    page.services.patch(tiny.GROUP, {"staffMemberIds": [tiny.ANNE, tiny.BOB]})
    group: dict[str, Any] = {"serviceId": tiny.GROUP, "maximumAttendeesCount": 6}
    both = book(gateway, TOMORROW + timedelta(hours=9), minutes=60, staffMemberIds=[tiny.ANNE, tiny.BOB], **group)
    book(gateway, TOMORROW + timedelta(hours=10), minutes=60, staffMemberIds=[tiny.BOB], **group)
    found = gateway.ask("/slots", service=tiny.GROUP, staff="all", start=clock(9), end=clock(12))["value"]
    assert [(slot["startUtc"], slot["staffMembers"][0]["appointmentId"]) for slot in found] == [
        (clock(9), both),
        (clock(11), None),
        (clock(11.5), None),
    ]


# -- several pages -----------------------------------------------------------------------------------------------------


def test_slots_of_several_pages_come_in_one_order(contoso: Gateway) -> None:
    """A day without a time zone is the day of each page."""
    london, west = services(contoso, LONDON), services(contoso, WEST)
    wanted = f"{london['Laptop clinic']},{west['Device pick-up']},{london['Password and sign-in help']}"
    range_: dict[str, Any] = {"start": date_of(TOMORROW), "end": date_of(TOMORROW + timedelta(days=14))}
    alone = []
    for page, names in ((LONDON, list(london.values())), (WEST, list(west.values()))):
        contoso.business = page
        own = ",".join(one for one in wanted.split(",") if one in names)
        alone += contoso.ask("/slots", service=own, **range_)["value"]
    contoso.forget()
    answer = contoso.get("bookings/slots", business=f"{LONDON},{WEST}", service=wanted, **range_).json()
    assert len(contoso.graph_calls()) == 10
    assert sorted(answer["value"], key=key) == sorted(alone, key=key)
    starts = [slot["startUtc"] for slot in answer["value"]]
    assert starts == sorted(starts)
    assert {(slot["businessName"], slot["timeZoneIana"]) for slot in answer["value"]} == {
        ("IT help desk", "Europe/London"),
        ("Device bar West", "America/Los_Angeles"),
    }
    assert [page["businessId"] for page in answer["pages"]] == [LONDON, WEST]
    assert answer["pages"][0]["start"] != answer["pages"][1]["start"]
    assert answer["failures"] == []
    first = contoso.get("bookings/slots", business=f"{LONDON},{WEST}", service=wanted, limit=7, **range_).json()
    rest = contoso.http.get(first["nextLink"], headers={"x-functions-key": contoso.key}, timeout=60).json()
    assert [key(slot) for slot in first["value"] + rest["value"]][:14] == [key(slot) for slot in answer["value"]][:14]


@pytest.mark.parametrize("path", ["/services", "/calendarView"])
def test_a_page_that_fails_is_named_beside_the_slots_of_the_others(contoso: Gateway, path: str) -> None:
    london, west = services(contoso, LONDON), services(contoso, WEST)
    wanted: dict[str, Any] = {"service": f"{london['Laptop clinic']},{west['Device pick-up']}"}
    wanted |= {"start": date_of(TOMORROW), "end": date_of(TOMORROW + timedelta(days=14))}
    contoso.sim.faults.add(Answer(403), api="bookings", path=f"{WEST}{path}", times=None)
    answer = contoso.get("bookings/slots", business=f"{WEST},{LONDON}", **wanted).json()
    assert {slot["businessId"] for slot in answer["value"]} == {LONDON}
    assert [page["businessId"] for page in answer["pages"]] == [LONDON]
    [failure] = answer["failures"]
    assert (failure["businessId"], failure["code"]) == (WEST, "ConsentMissing")
    assert "Bookings.Read.All" in failure["message"]
    contoso.sim.faults.add(Answer(403), api="bookings", path=f"{LONDON}{path}", times=None)
    all_failed = read_error(contoso.get("bookings/slots", business=f"{WEST},{LONDON}", **wanted))
    assert (all_failed["status"], all_failed["code"]) == (403, "ConsentMissing")


# -- why a time is no slot ---------------------------------------------------------------------------------------------


def test_what_closes_a_service_is_said_once_for_everybody(gateway: Gateway) -> None:
    page = gateway.sim.bookings.business(tiny.BUSINESS)
    page.patch({"businessHours": HOURS})
    assert reasons(gateway) == [
        (0, 9, "closed", "page", ""),
        (12, 13, "break", "page", ""),
        (17, 24, "closed", "page", ""),
    ]
    hours = custom(("10:00", "15:00"), days=ALL_DAYS)
    page.services.patch(tiny.VISIT, {"defaultDuration": "PT1H", "schedulingPolicy": {"generalAvailability": hours}})
    assert reasons(gateway) == [
        (0, 9, "closed", "page", ""),
        (9, 10, "closed", "service", ""),
        (11.5, 13, "break", "page", ""),
        (14.5, 17, "closed", "service", ""),
        (17, 24, "closed", "page", ""),
    ]
    dated = custom(("10:00", "12:00"), days=ALL_DAYS) | {"startDate": date_of(TOMORROW), "endDate": date_of(TOMORROW)}
    dated["@odata.type"] = "#microsoft.graph.bookingsAvailabilityWindow"
    page.services.patch(tiny.VISIT, {"defaultDuration": "PT30M", "schedulingPolicy": {"customAvailabilities": [dated]}})
    assert [one for one in reasons(gateway) if one[2] == "customAvailability"] == [
        (9, 10, "customAvailability", "service", ""),
        (13, 17, "customAvailability", "service", ""),
    ]


def test_lead_time_and_the_end_of_what_can_be_booked_have_their_moment(gateway: Gateway) -> None:
    page = gateway.sim.bookings.business(tiny.BUSINESS)
    page.services.patch(tiny.VISIT, {"schedulingPolicy": {"minimumLeadTime": "P3D", "maximumAdvance": "P30D"}})
    gateway.forget()
    answer = gateway.ask("/slots", service=tiny.VISIT, explain="true", timeZone="Asia/Kolkata", **ONE_DAY)
    [soon] = answer["notOffered"]
    assert (answer["value"], soon["reason"], soon["whose"]) == ([], "leadTime", "service")
    assert "(Asia/Kolkata)" in soon["text"]
    assert len(gateway.graph_calls()) == 3, "nobody's time needs to be read"
    [late] = reasons(gateway, start=date_of(TOMORROW + timedelta(40)), end=date_of(TOMORROW + timedelta(41)))
    assert late[2:] == ("beyondWindow", "service", "")


def test_staff_are_named_where_their_reasons_differ(gateway: Gateway) -> None:
    page = gateway.sim.bookings.business(tiny.BUSINESS)
    page.patch({"businessHours": HOURS})
    page.staff.patch(
        tiny.BOB,
        {"useBusinessHours": False, "workingHours": week(("09:00", "11:00"), days=ALL_DAYS), "timeZone": "UTC"},
    )
    book(gateway, TOMORROW + timedelta(hours=9), minutes=60, customerNotes="secret", staffMemberIds=[tiny.ANNE])
    page.add_time_off(tiny.BOB, TOMORROW + timedelta(hours=9), TOMORROW + timedelta(hours=9.5))
    page.add_personal_event(tiny.BOB, TOMORROW + timedelta(hours=9.5), TOMORROW + timedelta(hours=10))
    page.add_personal_event(tiny.ANNE, TOMORROW + timedelta(hours=14), TOMORROW + timedelta(hours=15))
    own = [one for one in reasons(gateway) if one[3] == "staff"]
    assert own == [
        (9, 9.5, "outOfOffice", "staff", "Bob"),
        (9, 10, "busy", "staff", "Anne"),
        (9.5, 10, "busy", "staff", "Bob"),
        (13.5, 14, "buffer", "staff", "Anne"),
        (13.5, 15, "closed", "staff", "Bob"),
        (14, 15, "busy", "staff", "Anne"),
    ]
    together = [one for one in reasons(gateway, staff="all") if one[0] >= 13 and one[3] == "staff"]
    assert together[0] == (13, 17, "closed", "staff", "Bob")
    answer = gateway.get(f"bookings/businesses/{gateway.business}/slots", service=tiny.VISIT, explain="true", **ONE_DAY)
    assert "secret" not in answer.text


def test_a_full_group_and_the_buffers_around_it_are_distinguished(gateway: Gateway) -> None:
    page = gateway.sim.bookings.business(tiny.BUSINESS)
    page.patch({"businessHours": HOURS})
    page.services.patch(tiny.GROUP, {"preBuffer": "PT30M"})
    people = [{"@odata.type": "#microsoft.graph.bookingCustomerInformation", "name": f"P{n}"} for n in range(6)]
    group: dict[str, Any] = {"serviceId": tiny.GROUP, "staffMemberIds": [tiny.BOB], "maximumAttendeesCount": 6}
    book(gateway, TOMORROW + timedelta(hours=10), minutes=60, customers=people, **group)
    book(gateway, TOMORROW + timedelta(hours=14), minutes=60, customers=people[:2], **group)
    assert [one for one in reasons(gateway, tiny.GROUP) if one[3] == "staff"] == [
        (9.5, 11, "full", "staff", "Bob"),
        (11, 11.5, "buffer", "staff", "Bob"),
        (13.5, 14, "busy", "staff", "Bob"),
        (14.5, 15, "busy", "staff", "Bob"),
        (15, 15.5, "buffer", "staff", "Bob"),
    ]


def test_what_is_held_is_a_reason_but_not_for_its_holder(gateway: Gateway) -> None:
    writer = open_page(gateway)
    writer.gateway.sim.bookings.business(tiny.BUSINESS).patch({"businessHours": HOURS})
    body = {"service": tiny.VISIT, "start": clock(9), "staff": [tiny.ANNE]}
    held = writer.send("POST", "/slots/holds", body).json()["id"]
    query = {"staff": tiny.ANNE, "end": clock(12)}
    assert [one for one in reasons(gateway, **query) if one[3] == "staff"] == [(9, 10, "held", "staff", "Anne")]
    assert not [one for one in reasons(gateway, hold=held, **query) if one[3] == "staff"]
    assert [one for one in reasons(gateway, staff="all", end=clock(12)) if one[3] == "staff"] == [
        (9, 10, "held", "staff", "Anne")
    ]
    writer.send("POST", "/slots/holds", {"service": tiny.GROUP, "start": clock(10), "seats": 6})
    assert [one for one in reasons(gateway, tiny.GROUP, end=clock(12)) if one[3] == "staff"] == [
        (9.5, 11, "held", "staff", "Bob")
    ]


def test_nobody_who_provides_the_service_is_a_reason(gateway: Gateway) -> None:
    gateway.sim.bookings.business(tiny.BUSINESS).services.patch(tiny.VISIT, {"staffMemberIds": []})
    assert reasons(gateway) == [(0, 24, "noStaff", "service", "")]


def test_each_place_of_the_grid_is_a_slot_or_explained(contoso: Gateway) -> None:
    soonest = TOMORROW + timedelta(days=6)  # the sample's week of absence begins nine days after tomorrow
    monday = soonest + timedelta(days=-soonest.weekday() % 7)
    range_: dict[str, Any] = {"start": date_of(monday), "end": date_of(monday + timedelta(days=7)), "explain": "true"}
    seen = set()
    for page, staff in itertools.product((LONDON, WEST, BENGALURU), ("any", "all")):
        wanted = [one for name, one in services(contoso, page).items() if staff == "any" or name != "Data recovery"]
        answer = contoso.ask("/slots", service=",".join(wanted), staff=staff, **range_)
        for service in answer["services"]:
            step = timedelta(minutes=service["intervalMinutes"])
            slots = [one for one in answer["value"] if one["serviceId"] == service["serviceId"]]
            starts = [moment(one["startUtc"]) for one in slots]
            # a group that is there already begins when it begins, also between two places of the grid
            groups = {
                moment(one["startUtc"]) for one in slots if any("appointmentId" in each for each in one["staffMembers"])
            }
            spans = [
                (moment(one["startUtc"]), moment(one["endUtc"]))
                for one in answer["notOffered"]
                if one["serviceId"] == service["serviceId"]
            ]
            assert not [one for one in set(starts) - groups for first, last in spans if first <= one < last]
            reached = moment(answer["start"])
            for first, last in sorted([*spans, *((start, start + step) for start in starts)]):
                assert first <= reached, (page, service["serviceName"], reached)
                reached = max(reached, last)
            assert reached >= moment(answer["end"])
        seen |= {one["reason"] for one in answer["notOffered"]}
    assert seen >= {"closed", "break", "busy", "buffer", "outOfOffice"}


# -- wrong questions ---------------------------------------------------------------------------------------------------

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("query", "code", "target"),
    [
        ({"service": f"{tiny.VISIT},{UNKNOWN}"}, "ServiceNotFound", "service"),
        ({"service": ","}, "MissingParameter", "service"),
        ({"service": ",".join([tiny.VISIT] * 21)}, "InvalidParameter", "service"),
        ({"staff": "all,any"}, "Contradiction", "staff"),
        ({"staff": f"all,{tiny.ANNE}"}, "TooFewStaff", "staff"),
        ({"service": f"{tiny.VISIT},{tiny.GROUP}", "staff": "all"}, "TooFewStaff", "staff"),
        ({"service": tiny.GROUP, "staff": f"all,{tiny.ANNE},{tiny.BOB}"}, "StaffNotOnService", "staff"),
        ({"staff": UNKNOWN}, "StaffNotFound", "staff"),
        ({"explain": "perhaps"}, "InvalidChoice", "explain"),
        ({"explain": "true", "end": date_of(TOMORROW + timedelta(days=8))}, "RangeTooLong", "end"),
        ({"limit": "5001"}, "InvalidNumber", "limit"),
    ],
)
def test_a_wrong_question_is_refused_by_field(gateway: Gateway, query: dict[str, str], code: str, target: str) -> None:
    whole = {"service": tiny.VISIT} | ONE_DAY | query
    one_page, several = f"bookings/businesses/{tiny.BUSINESS}/slots", "bookings/slots"
    for error in (gateway.refused(one_page, **whole), gateway.refused(several, business=tiny.BUSINESS, **whole)):
        assert (error["status"], error["code"], error["target"]) == (400, code, target)


@pytest.mark.parametrize(
    ("business", "status", "code"),
    [
        (",", 400, "InvalidParameter"),
        (",".join(f"page{number}@contoso.com" for number in range(11)), 400, "InvalidParameter"),
        (f"{LONDON},desk", 400, "InvalidId"),
        (f"{LONDON},support@fabrikam.com", 403, "BusinessNotAllowed"),
    ],
)
def test_wrong_pages_are_refused_before_anything_is_asked(
    contoso: Gateway, business: str, status: int, code: str
) -> None:
    error = contoso.refused("bookings/slots", business=business, service=UNKNOWN, **ONE_DAY)
    assert (error["status"], error["code"], error["target"]) == (status, code, "business")
    assert contoso.graph_calls() == []


def test_a_page_without_any_of_the_services_or_staff_is_a_wrong_question(contoso: Gateway) -> None:
    service = services(contoso, LONDON)["Laptop clinic"]
    staff = contoso.ask("/staff")["value"][0]["id"]
    both = {"business": f"{LONDON},{WEST}"} | ONE_DAY
    error = contoso.refused("bookings/slots", service=service, **both)
    assert (error["status"], error["code"], error["target"]) == (400, "ServiceNotFound", "service")
    west = services(contoso, WEST)["Device pick-up"]
    error = contoso.refused("bookings/slots", service=f"{service},{west}", staff=staff, **both)
    assert (error["status"], error["code"], error["target"]) == (400, "StaffNotFound", "staff")
