"""Appointments by range, one appointment, and a day's agenda."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.functional.conftest import Stage
from twin.core.clouds import US_GOVERNMENT
from twin.core.faults import Answer
from twin.entra.state import Entra
from twin.seeds import sample, tiny
from twin.vault.state import Vaults
from twin.world import World

DAY = datetime(2026, 5, 4, tzinfo=UTC)
ANSWER = {
    "@odata.type": "#microsoft.graph.bookingQuestionAnswer",
    "questionId": tiny.QUESTION,
    "question": "Asset tag?",
    "answerInputType": "text",
    "answerOptions": [],
    "isRequired": True,
    "answer": "LT-0042",
    "selectedOptions": [],
}
CHOICE = ANSWER | {
    "question": "Where?",
    "answerInputType": "radioButton",
    "answerOptions": ["Desk", "Phone"],
    "answer": "",
    "selectedOptions": ["Phone"],
}


def zoned(moment: datetime) -> dict[str, str]:
    return {"dateTime": moment.strftime("%Y-%m-%dT%H:%M:%S.0000000Z"), "timeZone": "UTC"}


def customer(name: str, mail: str, *answers: Any) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.bookingCustomerInformation",
        "name": name,
        "emailAddress": mail,
        "customQuestionAnswers": list(answers),
    }


def book(desk: Stage, start: datetime, minutes: int = 30, **values: Any) -> str:
    """Put an appointment of Anne's into the simulated calendar; return its id."""
    appointment = {
        "serviceId": tiny.VISIT,
        "serviceName": "Visit",
        "staffMemberIds": [tiny.ANNE],
        "startDateTime": zoned(start),
        "endDateTime": zoned(start + timedelta(minutes=minutes)),
        "customers": [customer("Cleo Customer", "cleo@example.com", ANSWER, CHOICE)],
    }
    return desk.sim.run(lambda: desk.sim.bookings.business(tiny.BUSINESS).appointments.add(appointment | values)).id


def starts(answer: Any) -> list[str]:
    return [item["startUtc"] for item in answer["value"]]


def test_a_range_is_answered_in_order_and_in_both_times(desk: Stage) -> None:
    for hour in (15, 9, 11):
        book(desk, DAY + timedelta(hours=hour))
    answer = desk.ask("/appointments", start="2026-05-04", end="2026-05-05", timeZone="W. Europe Standard Time")
    assert starts(answer) == ["2026-05-04T09:00:00Z", "2026-05-04T11:00:00Z", "2026-05-04T15:00:00Z"]
    first = answer["value"][0]
    assert (first["startLocal"], first["endLocal"]) == ("2026-05-04T11:00:00", "2026-05-04T11:30:00")
    assert (first["timeZone"], first["timeZoneIana"]) == ("W. Europe Standard Time", "Europe/Berlin")
    assert first["durationMinutes"] == 30


def test_ids_of_staff_and_service_come_with_names(desk: Stage) -> None:
    book(desk, DAY, staffMemberIds=[tiny.ANNE, tiny.BOB, "gone"], serviceName="")
    item = desk.ask("/appointments", start="2026-05-04", end="2026-05-05")["value"][0]
    assert [member["displayName"] for member in item["staffMembers"]] == ["Anne", "Bob", None]
    assert item["staffNames"] == "Anne, Bob"
    assert item["serviceName"] == "Visit"


def test_customers_are_left_out_of_a_list_rather_than_shown_empty(desk: Stage) -> None:
    book(desk, DAY)
    item = desk.ask("/appointments", start="2026-05-04", end="2026-05-05")["value"][0]
    assert "customers" not in item
    assert item["customerName"] == "Cleo Customer"


def test_details_fill_customers_and_answers_as_text(desk: Stage) -> None:
    for hour in range(9, 15):
        book(desk, DAY + timedelta(hours=hour))
    answer = desk.ask("/appointments", start="2026-05-04", end="2026-05-05", expand="details")
    assert len(answer["value"]) == 6
    for item in answer["value"]:
        assert item["customers"][0]["answers"] == {"Asset tag?": "LT-0042", "Where?": "Phone"}
        assert "@odata" not in str(item)


def test_a_range_costs_a_call_for_each_31_days_and_details_one_for_each_appointment(desk: Stage) -> None:
    for number in range(5):
        book(desk, DAY + timedelta(days=20 * number))
    desk.ask("/appointments", start="2026-05-04", end="2026-05-05")  # learns the names
    for days, calls in ((1, 1), (31, 1), (32, 2), (93, 3)):
        desk.forget()
        desk.ask("/appointments", start="2026-05-04", end=(DAY + timedelta(days=days)).strftime("%Y-%m-%d"))
        assert len(desk.graph_calls()) == calls
    desk.forget()
    desk.ask("/appointments", start="2026-05-04", end="2026-08-05", expand="details")
    assert len(desk.graph_calls()) == 3 + 5
    assert len({seen.path + str(seen.query) for seen in desk.graph_calls()}) == 8


def test_names_cost_a_call_each_and_then_nothing_for_five_minutes(desk: Stage) -> None:
    book(desk, DAY)
    desk.ask("/appointments", start="2026-05-04", end="2026-05-05")
    assert sorted(seen.path.rpartition("/")[2] for seen in desk.graph_calls()) == [
        "calendarView",
        "services",
        "staffMembers",
    ]
    desk.forget()
    desk.ask("/appointments", start="2026-05-04", end="2026-05-05")
    assert [seen.path.rpartition("/")[2] for seen in desk.graph_calls()] == ["calendarView"]


def test_details_unchanged_since_the_last_look_are_not_read_again(desk: Stage) -> None:
    first = book(desk, DAY)
    book(desk, DAY + timedelta(hours=2))
    query = {"start": "2026-05-04", "end": "2026-05-05", "expand": "details"}
    desk.ask("/appointments", **query)
    desk.forget()
    desk.sim.world.clock.advance(timedelta(minutes=1))
    desk.sim.bookings.business(tiny.BUSINESS).appointments.patch(first, {"serviceNotes": "new"})
    assert desk.ask("/appointments", **query)["value"][0]["serviceNotes"] == "new"
    assert len(desk.graph_calls()) == 2


def test_at_most_four_calls_are_open_at_graph_at_once(desk: Stage) -> None:
    for number in range(20):
        book(desk, DAY + timedelta(minutes=40 * number))
    desk.ask("/appointments", start="2026-05-04", end="2026-05-06", expand="details", limit=100)
    assert desk.sim.exchanges.peaks["bookings"] <= 4
    assert not desk.sim.graph_limits.refusals


@pytest.mark.parametrize("limit", [1, 3, 4, 7, 100])
def test_pages_hold_everything_once_and_in_order(desk: Stage, limit: int) -> None:
    for number in range(7):
        book(desk, DAY + timedelta(days=15 * number))
    book(desk, DAY + timedelta(days=15))  # two at the same moment
    seen: list[str] = []
    answer = desk.ask("/appointments", start="2026-05-01", end="2026-09-01", limit=limit)
    while True:
        assert len(answer["value"]) <= limit
        seen += [item["startUtc"] + item["id"] for item in answer["value"]]
        if "nextLink" not in answer:
            break
        assert len(answer["value"]) == limit
        answer = desk.http.get(answer["nextLink"], headers={"x-functions-key": desk.key}, timeout=30).json()
    assert seen == sorted(seen)
    assert len(set(seen)) == 8


def test_a_page_that_is_full_reads_no_further_window(desk: Stage) -> None:
    for number in range(4):
        book(desk, DAY + timedelta(days=40 * number))
    desk.ask("/appointments", start="2026-05-04", end="2026-05-05")
    desk.forget()
    desk.ask("/appointments", start="2026-05-04", end="2027-05-04", limit=1)
    assert len(desk.graph_calls()) == 2


@pytest.mark.parametrize("semantics", ["overlap", "start-inside"])
def test_an_appointment_over_the_edge_of_two_windows_comes_once(desk: Stage, semantics: Any) -> None:
    desk.sim.bookings.switches.calendar_view = semantics
    book(desk, datetime(2026, 5, 31, 23, 30, tzinfo=UTC), minutes=24 * 60 * 2)
    for start in ("2026-05-01", "2026-05-02", "2026-05-30"):
        assert len(desk.ask("/appointments", start=start, end="2026-07-02")["value"]) == 1


def test_graphs_own_pages_are_followed(desk: Stage) -> None:
    desk.sim.bookings.switches.page_size = 2
    for hour in range(5):
        book(desk, DAY + timedelta(hours=hour))
    assert len(desk.ask("/appointments", start="2026-05-04", end="2026-05-05")["value"]) == 5


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"service": tiny.GROUP}, ["2026-05-04T10:00:00Z"]),
        ({"staff": tiny.BOB}, ["2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z"]),
        ({"service": tiny.VISIT, "staff": tiny.BOB}, ["2026-05-04T09:00:00Z"]),
        ({"customer": "CLEO@example.com"}, ["2026-05-04T08:00:00Z", "2026-05-04T10:00:00Z"]),
        ({"customer": "dora"}, ["2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z"]),
        ({"customer": "eve@example"}, []),
        ({"customer": "nobody"}, []),
    ],
)
def test_filters_are_applied_here_groups_included(desk: Stage, query: dict[str, str], expected: list[str]) -> None:
    cleo, dora = customer("Cleo Customer", "cleo@example.com"), customer("Dora Doe", "eve@example.com")
    book(desk, DAY + timedelta(hours=8), customers=[cleo])
    book(desk, DAY + timedelta(hours=9), customers=[dora], staffMemberIds=[tiny.BOB])
    group: dict[str, Any] = {"serviceId": tiny.GROUP, "staffMemberIds": [tiny.BOB], "maximumAttendeesCount": 6}
    book(desk, DAY + timedelta(hours=10), customers=[cleo, dora], **group)
    assert starts(desk.ask("/appointments", start="2026-05-04", end="2026-05-05", **query)) == expected
    assert not any("$filter" in str(seen.query) for seen in desk.graph_calls())


def test_a_customer_is_found_without_any_call_made_twice(desk: Stage) -> None:
    group: dict[str, Any] = {"serviceId": tiny.GROUP, "maximumAttendeesCount": 6}
    book(desk, DAY, **group)
    desk.ask("/appointments", start="2026-05-04", end="2026-05-05", customer="cleo", expand="details")
    asked = [(seen.method, seen.path, str(seen.query)) for seen in desk.graph_calls()]
    assert len(asked) == len(set(asked))


def test_an_appointment_that_vanishes_while_details_are_read_is_left_out(desk: Stage) -> None:
    keep, gone = book(desk, DAY), book(desk, DAY + timedelta(hours=1))
    body = {"error": {"code": "ErrorItemNotFound", "message": ""}}
    desk.sim.faults.add(Answer(404, body=body), path=f"/appointments/{gone.replace('/', '-').replace('+', '_')}")
    answer = desk.ask("/appointments", start="2026-05-04", end="2026-05-05", expand="details")
    assert [item["id"] for item in answer["value"]] == [keep]
    assert not desk.sim.faults.unfired()


def with_slash(desk: Stage, start: datetime) -> str:
    desk.sim.bookings.switches.slash_share = 1.0
    return book(desk, start)


def test_ids_that_hold_a_slash_can_be_asked_for(desk: Stage) -> None:
    appointment = with_slash(desk, DAY)
    assert "/" in appointment
    item = desk.ask("/appointment", id=appointment, timeZone="Asia/Kolkata")
    assert item["id"] == appointment
    assert item["startLocal"] == "2026-05-04T05:30:00"
    assert item["customers"][0]["answers"]["Asset tag?"] == "LT-0042"


def test_details_of_ids_with_slashes_are_filled(desk: Stage) -> None:
    with_slash(desk, DAY)
    assert desk.ask("/appointments", start="2026-05-04", end="2026-05-05", expand="details")["value"][0]["customers"]


def test_an_unknown_appointment_is_not_found(desk: Stage) -> None:
    refused = desk.refused(f"bookings/businesses/{desk.business}/appointment", id="AAMkADunknown=")
    assert (refused["status"], refused["code"], refused["target"]) == (404, "AppointmentNotFound", "id")


@pytest.mark.parametrize(
    ("zone", "day", "utc_hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/Los_Angeles", "2026-11-01", 25),
        ("Pacific Standard Time", "2026-03-08", 23),
        ("Asia/Kolkata", "2026-03-29", 24),
    ],
)
def test_a_local_day_is_as_long_as_the_clocks_make_it(desk: Stage, zone: str, day: str, utc_hours: int) -> None:
    midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
    for hour in range(-14, 40):
        book(desk, midnight + timedelta(hours=hour), minutes=60)
    tomorrow = (midnight + timedelta(days=1)).strftime("%Y-%m-%d")
    items = desk.ask("/appointments", start=day, end=tomorrow, timeZone=zone, limit=500)["value"]
    inside = [item for item in items if item["startLocal"].startswith(day)]
    assert len(inside) == utc_hours


def test_the_agenda_of_a_day_is_grouped_and_ready_to_print(desk: Stage) -> None:
    book(desk, DAY + timedelta(hours=9), staffMemberIds=[tiny.ANNE, tiny.BOB])
    book(desk, DAY + timedelta(hours=8), staffMemberIds=[tiny.BOB])
    book(desk, DAY + timedelta(hours=10), staffMemberIds=[], customers=[])
    agenda = desk.ask("/agenda", date="2026-05-04", timeZone="Europe/London")
    assert [group["displayName"] for group in agenda["value"]] == ["Anne", "Bob", "Not assigned"]
    assert agenda["text"] == (
        "Anne\n10:00-10:30  Visit  Cleo Customer\n\n"
        "Bob\n09:00-09:30  Visit  Cleo Customer\n10:00-10:30  Visit  Cleo Customer\n\n"
        "Not assigned\n11:00-11:30  Visit  0 attendees"
    )


def government(world: World) -> None:
    """The small desk in the US Government cloud."""
    tiny.furnish(world)
    world.room(Entra).tenant(sample.TENANT_ID).cloud = US_GOVERNMENT
    abroad = world.room(Vaults).by_host.popitem()[1]
    at_home = world.room(Vaults).add(sample.VAULT, sample.TENANT_ID, suffix=US_GOVERNMENT.vault_suffix)
    at_home.roles, at_home.secrets = abroad.roles, abroad.secrets


@pytest.fixture
def gov(theatre: Stage) -> Stage:
    theatre.begin(government, GRAPH_CLOUD="usgov", BOOKINGS_BUSINESSES=tiny.BUSINESS)
    theatre.business = tiny.BUSINESS
    return theatre


@pytest.mark.parametrize(
    "ask",
    [
        lambda gov: gov.ask("/appointments", start="2026-05-04", end="2026-05-05")["value"],
        lambda gov: gov.ask("/appointments", start="2026-05-04", end="2026-05-05", expand="details")["value"],
        lambda gov: gov.ask("/appointments", start="2026-05-04", end="2026-05-05", customer="cleo")["value"],
        lambda gov: gov.ask("/agenda", date="2026-05-04")["value"],
        lambda gov: gov.ask("/services")["value"],
        lambda gov: gov.ask("/staff")["value"],
    ],
)
def test_what_us_government_does_not_send_is_not_missed(gov: Stage, ask: Callable[[Stage], list[Any]]) -> None:
    book(gov, DAY)
    value = ask(gov)
    assert value
    assert "lastUpdatedDateTime" not in str(value)
    assert {seen.host for seen in gov.graph_calls()} == {"graph.microsoft.us"}
