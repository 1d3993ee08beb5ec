"""Appointments by range, one appointment, and a day's agenda."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bookings.describe import question_key
from tests.functional.conftest import Gateway
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
    "questionId": "90e50000-0000-4000-8000-000000000002",
    "question": "Where?",
    "answerInputType": "radioButton",
    "answerOptions": ["Desk", "Phone"],
    "answer": "",
    "selectedOptions": ["Phone"],
}


KEY = question_key(tiny.QUESTION, "Asset tag?")


def zoned(moment: datetime) -> dict[str, str]:
    return {"dateTime": moment.strftime("%Y-%m-%dT%H:%M:%S.0000000Z"), "timeZone": "UTC"}


def customer(name: str, mail: str, *answers: Any) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.bookingCustomerInformation",
        "name": name,
        "emailAddress": mail,
        "customQuestionAnswers": list(answers),
    }


def book(gateway: Gateway, start: datetime, minutes: int = 30, **values: Any) -> str:
    """Put an appointment of Anne's into the simulated calendar; return its id."""
    appointment = {
        "serviceId": tiny.VISIT,
        "serviceName": "Visit",
        "staffMemberIds": [tiny.ANNE],
        "startDateTime": zoned(start),
        "endDateTime": zoned(start + timedelta(minutes=minutes)),
        "customers": [customer("Cleo Customer", "cleo@example.com", ANSWER, CHOICE)],
    }
    return gateway.sim.run(
        lambda: gateway.sim.bookings.business(tiny.BUSINESS).appointments.add(appointment | values)
    ).id


def starts(answer: Any) -> list[str]:
    return [item["startUtc"] for item in answer["value"]]


def test_a_range_is_answered_in_order_and_in_both_times(gateway: Gateway) -> None:
    for hour in (15, 9, 11):
        book(gateway, DAY + timedelta(hours=hour))
    answer = gateway.ask("/appointments", start="2026-05-04", end="2026-05-05", timeZone="W. Europe Standard Time")
    assert starts(answer) == ["2026-05-04T09:00:00Z", "2026-05-04T11:00:00Z", "2026-05-04T15:00:00Z"]
    first = answer["value"][0]
    assert (first["startLocal"], first["endLocal"]) == ("2026-05-04T11:00:00", "2026-05-04T11:30:00")
    assert (first["timeZone"], first["timeZoneIana"]) == ("W. Europe Standard Time", "Europe/Berlin")
    assert first["durationMinutes"] == 30


def test_ids_of_staff_and_service_come_with_names(gateway: Gateway) -> None:
    book(gateway, DAY, staffMemberIds=[tiny.ANNE, tiny.BOB, "gone"], serviceName="")
    item = gateway.ask("/appointments", start="2026-05-04", end="2026-05-05")["value"][0]
    assert [member["displayName"] for member in item["staffMembers"]] == ["Anne", "Bob", None]
    assert item["staffNames"] == "Anne, Bob"
    assert item["serviceName"] == "Visit"


def test_customers_are_left_out_of_a_list_rather_than_shown_empty(gateway: Gateway) -> None:
    book(gateway, DAY)
    item = gateway.ask("/appointments", start="2026-05-04", end="2026-05-05")["value"][0]
    assert "customers" not in item
    assert item["customerName"] == "Cleo Customer"


def test_notes_and_reminders_are_left_out_of_a_list_rather_than_shown_empty(gateway: Gateway) -> None:
    reminder = {"offset": "P1D", "recipients": "customer", "message": "Tomorrow!"}
    typed = {"@odata.type": "#microsoft.graph.bookingReminder"} | reminder
    book(gateway, DAY, customerNotes="Klingelt zweimal", serviceNotes="Schlüssel beim Pförtner", reminders=[typed])
    range_ = {"start": "2026-05-04", "end": "2026-05-05"}
    listed = gateway.ask("/appointments", **range_)["value"][0]
    on_agenda = gateway.ask("/agenda", date="2026-05-04")["value"][0]["appointments"][0]
    for item in (listed, on_agenda):
        assert {"customerNotes", "serviceNotes", "reminders", "customers", "answers"}.isdisjoint(item)
    whole = gateway.ask("/appointments", **range_, details="true")["value"][0]
    for item in (whole, gateway.ask("/appointment", id=listed["id"])):
        assert (item["customerNotes"], item["serviceNotes"]) == ("Klingelt zweimal", "Schlüssel beim Pförtner")
        assert item["reminders"] == [reminder]


def test_details_that_are_empty_are_shown_empty(gateway: Gateway) -> None:
    book(gateway, DAY)
    whole = gateway.ask("/appointments", start="2026-05-04", end="2026-05-05", details="true")["value"][0]
    assert (whole["customerNotes"], whole["serviceNotes"], whole["reminders"]) == (None, None, [])


def test_details_is_yes_or_no_and_its_older_form_is_taken(gateway: Gateway) -> None:
    book(gateway, DAY)

    def ask(**asked: str) -> Any:
        return gateway.ask("/appointments", start="2026-05-04", end="2026-05-05", **asked)["value"][0]

    plain, whole = ask(), ask(details="true")
    assert "customers" in whole.keys() - plain.keys()
    assert ask(details="True") == ask(expand="details") == whole
    assert ask(details="false") == ask(details="") == ask(details="false", expand="details") == plain


def test_details_fill_customers_and_answers_as_text(gateway: Gateway) -> None:
    for hour in range(9, 15):
        book(gateway, DAY + timedelta(hours=hour))
    answer = gateway.ask("/appointments", start="2026-05-04", end="2026-05-05", details="true")
    assert len(answer["value"]) == 6
    for item in answer["value"]:
        assert item["customers"][0]["answers"] == {KEY: "LT-0042", question_key(CHOICE["questionId"], ""): "Phone"}
        assert "@odata" not in str(item)


def test_a_range_costs_a_call_for_each_31_days_and_details_one_for_each_appointment(gateway: Gateway) -> None:
    for number in range(5):
        book(gateway, DAY + timedelta(days=20 * number))
    gateway.ask("/appointments", start="2026-05-04", end="2026-05-05")  # learns the names
    for days, calls in ((1, 1), (31, 1), (32, 2), (93, 3)):
        gateway.forget()
        gateway.ask("/appointments", start="2026-05-04", end=(DAY + timedelta(days=days)).strftime("%Y-%m-%d"))
        assert len(gateway.graph_calls()) == calls
    gateway.forget()
    gateway.ask("/appointments", start="2026-05-04", end="2026-08-05", details="true")
    assert len(gateway.graph_calls()) == 3 + 5
    assert len({seen.path + str(seen.query) for seen in gateway.graph_calls()}) == 8


def test_names_cost_a_call_each_and_then_nothing_for_five_minutes(gateway: Gateway) -> None:
    book(gateway, DAY)
    gateway.ask("/appointments", start="2026-05-04", end="2026-05-05", timeZone="UTC")
    assert sorted(seen.path.rpartition("/")[2] for seen in gateway.graph_calls()) == [
        "calendarView",
        "services",
        "staffMembers",
    ]
    gateway.forget()
    gateway.ask("/appointments", start="2026-05-04", end="2026-05-05", timeZone="UTC")
    assert [seen.path.rpartition("/")[2] for seen in gateway.graph_calls()] == ["calendarView"]


def test_details_unchanged_since_the_last_look_are_not_read_again(gateway: Gateway) -> None:
    first = book(gateway, DAY)
    book(gateway, DAY + timedelta(hours=2))
    query = {"start": "2026-05-04", "end": "2026-05-05", "details": "true"}
    gateway.ask("/appointments", **query)
    gateway.forget()
    gateway.sim.world.clock.advance(timedelta(minutes=1))
    gateway.sim.bookings.business(tiny.BUSINESS).appointments.patch(first, {"serviceNotes": "new"})
    assert gateway.ask("/appointments", **query)["value"][0]["serviceNotes"] == "new"
    assert len(gateway.graph_calls()) == 2


def test_at_most_four_calls_are_open_at_graph_at_once(gateway: Gateway) -> None:
    for number in range(20):
        book(gateway, DAY + timedelta(minutes=40 * number))
    gateway.ask("/appointments", start="2026-05-04", end="2026-05-06", details="true", limit=100)
    assert gateway.sim.exchanges.peaks["bookings"] <= 4
    assert not gateway.sim.graph_limits.refusals


@pytest.mark.parametrize("limit", [1, 3, 4, 7, 100])
def test_pages_hold_everything_once_and_in_order(gateway: Gateway, limit: int) -> None:
    for number in range(7):
        book(gateway, DAY + timedelta(days=15 * number))
    book(gateway, DAY + timedelta(days=15))  # two at the same moment
    seen: list[str] = []
    answer = gateway.ask("/appointments", start="2026-05-01", end="2026-09-01", limit=limit)
    while True:
        assert len(answer["value"]) <= limit
        seen += [item["startUtc"] + item["id"] for item in answer["value"]]
        if "nextLink" not in answer:
            break
        assert len(answer["value"]) == limit
        answer = gateway.http.get(answer["nextLink"], headers={"x-functions-key": gateway.key}, timeout=30).json()
    assert seen == sorted(seen)
    assert len(set(seen)) == 8


def test_a_page_that_is_full_reads_no_further_window(gateway: Gateway) -> None:
    for number in range(4):
        book(gateway, DAY + timedelta(days=40 * number))
    gateway.ask("/appointments", start="2026-05-04", end="2026-05-05")
    gateway.forget()
    gateway.ask("/appointments", start="2026-05-04", end="2027-05-04", limit=1)
    assert len(gateway.graph_calls()) == 2


@pytest.mark.parametrize("semantics", ["overlap", "start-inside"])
def test_an_appointment_over_the_edge_of_two_windows_comes_once(gateway: Gateway, semantics: Any) -> None:
    gateway.sim.bookings.switches.calendar_view = semantics
    book(gateway, datetime(2026, 5, 31, 23, 30, tzinfo=UTC), minutes=24 * 60 * 2)
    for start in ("2026-05-01", "2026-05-02", "2026-05-30"):
        assert len(gateway.ask("/appointments", start=start, end="2026-07-02")["value"]) == 1


def test_graphs_own_pages_are_followed(gateway: Gateway) -> None:
    gateway.sim.bookings.switches.page_size = 2
    for hour in range(5):
        book(gateway, DAY + timedelta(hours=hour))
    assert len(gateway.ask("/appointments", start="2026-05-04", end="2026-05-05")["value"]) == 5


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
def test_filters_are_applied_here_groups_included(gateway: Gateway, query: dict[str, str], expected: list[str]) -> None:
    cleo, dora = customer("Cleo Customer", "cleo@example.com"), customer("Dora Doe", "eve@example.com")
    book(gateway, DAY + timedelta(hours=8), customers=[cleo])
    book(gateway, DAY + timedelta(hours=9), customers=[dora], staffMemberIds=[tiny.BOB])
    group: dict[str, Any] = {"serviceId": tiny.GROUP, "staffMemberIds": [tiny.BOB], "maximumAttendeesCount": 6}
    book(gateway, DAY + timedelta(hours=10), customers=[cleo, dora], **group)
    assert starts(gateway.ask("/appointments", start="2026-05-04", end="2026-05-05", **query)) == expected
    assert not any("$filter" in str(seen.query) for seen in gateway.graph_calls())


def test_a_customer_is_found_without_any_call_made_twice(gateway: Gateway) -> None:
    group: dict[str, Any] = {"serviceId": tiny.GROUP, "maximumAttendeesCount": 6}
    book(gateway, DAY, **group)
    gateway.ask("/appointments", start="2026-05-04", end="2026-05-05", customer="cleo", details="true")
    asked = [(seen.method, seen.path, str(seen.query)) for seen in gateway.graph_calls()]
    assert len(asked) == len(set(asked))


def test_an_appointment_that_vanishes_while_details_are_read_is_left_out(gateway: Gateway) -> None:
    keep, gone = book(gateway, DAY), book(gateway, DAY + timedelta(hours=1))
    body = {"error": {"code": "ErrorItemNotFound", "message": ""}}
    gateway.sim.faults.add(Answer(404, body=body), path=f"/appointments/{gone.replace('/', '-').replace('+', '_')}")
    answer = gateway.ask("/appointments", start="2026-05-04", end="2026-05-05", details="true")
    assert [item["id"] for item in answer["value"]] == [keep]
    assert not gateway.sim.faults.unfired()


def with_slash(gateway: Gateway, start: datetime) -> str:
    gateway.sim.bookings.switches.slash_share = 1.0
    return book(gateway, start)


def test_appointments_whose_id_holds_a_slash_are_read(gateway: Gateway) -> None:
    appointment = with_slash(gateway, DAY)
    assert "/" in appointment
    item = gateway.ask("/appointment", id=appointment, timeZone="Asia/Kolkata")
    assert item["id"] == appointment
    assert item["startLocal"] == "2026-05-04T05:30:00"
    assert item["customers"][0]["answers"][KEY] == "LT-0042"


def test_details_of_ids_with_slashes_are_filled(gateway: Gateway) -> None:
    with_slash(gateway, DAY)
    assert gateway.ask("/appointments", start="2026-05-04", end="2026-05-05", details="true")["value"][0]["customers"]


def test_an_unknown_appointment_is_not_found(gateway: Gateway) -> None:
    refused = gateway.refused(f"bookings/businesses/{gateway.business}/appointment", id="AAMkADunknown=")
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
def test_a_local_day_is_as_long_as_the_clocks_make_it(gateway: Gateway, zone: str, day: str, utc_hours: int) -> None:
    midnight = datetime.fromisoformat(day).replace(tzinfo=UTC)
    for hour in range(-14, 40):
        book(gateway, midnight + timedelta(hours=hour), minutes=60)
    tomorrow = (midnight + timedelta(days=1)).strftime("%Y-%m-%d")
    items = gateway.ask("/appointments", start=day, end=tomorrow, timeZone=zone, limit=500)["value"]
    inside = [item for item in items if item["startLocal"].startswith(day)]
    assert len(inside) == utc_hours


def test_the_agenda_of_a_day_is_grouped_and_ready_to_print(gateway: Gateway) -> None:
    book(gateway, DAY + timedelta(hours=9), staffMemberIds=[tiny.ANNE, tiny.BOB])
    book(gateway, DAY + timedelta(hours=8), staffMemberIds=[tiny.BOB])
    book(gateway, DAY + timedelta(hours=10), staffMemberIds=[], customers=[])
    agenda = gateway.ask("/agenda", date="2026-05-04", timeZone="Europe/London")
    assert [group["displayName"] for group in agenda["value"]] == ["Anne", "Bob", "Not assigned"]
    assert agenda["text"] == (
        "2026-05-04, times in Europe/London\n\n"
        "Anne\n10:00-10:30  Visit  Cleo Customer\n\n"
        "Bob\n09:00-09:30  Visit  Cleo Customer\n10:00-10:30  Visit  Cleo Customer\n\n"
        "Not assigned\n11:00-11:30  Visit  0 attendees"
    )


def government(world: World) -> None:
    """The small desk in the US Government cloud."""
    tiny.seed(world)
    world.state(Entra).tenant(sample.TENANT_ID).cloud = US_GOVERNMENT
    abroad = world.state(Vaults).by_host.popitem()[1]
    at_home = world.state(Vaults).add(sample.VAULT, sample.TENANT_ID, suffix=US_GOVERNMENT.vault_suffix)
    at_home.roles, at_home.secrets = abroad.roles, abroad.secrets


@pytest.fixture
def gov(gateway_process: Gateway) -> Gateway:
    gateway_process.begin(government, GRAPH_CLOUD="usgov", BOOKINGS_BUSINESSES=tiny.BUSINESS)
    gateway_process.business = tiny.BUSINESS
    return gateway_process


@pytest.mark.parametrize(
    "ask",
    [
        lambda gov: gov.ask("/appointments", start="2026-05-04", end="2026-05-05")["value"],
        lambda gov: gov.ask("/appointments", start="2026-05-04", end="2026-05-05", details="true")["value"],
        lambda gov: gov.ask("/appointments", start="2026-05-04", end="2026-05-05", customer="cleo")["value"],
        lambda gov: gov.ask("/agenda", date="2026-05-04")["value"],
        lambda gov: gov.ask("/services")["value"],
        lambda gov: gov.ask("/staff")["value"],
    ],
)
def test_what_us_government_does_not_send_is_not_missed(gov: Gateway, ask: Callable[[Gateway], list[Any]]) -> None:
    book(gov, DAY)
    value = ask(gov)
    assert value
    assert "lastUpdatedDateTime" not in str(value)
    assert {seen.host for seen in gov.graph_calls()} == {"graph.microsoft.us"}
