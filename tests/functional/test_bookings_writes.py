"""Writing to Bookings: every verb, what Graph is sent for it, and what comes back."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from bookings.describe import question_key
from tests.functional.booking_writes import CLEO, TOMORROW, Writer, clock, open_page, refused
from tests.functional.conftest import Gateway
from twin.bookings.permissions import APPOINTMENT, MANAGE, READ, WRITE
from twin.core.faults import Answer
from twin.seeds import sample, tiny

KNOWN = "#microsoft.graph.bookingCustomerInformation"


@pytest.fixture
def writer(gateway_process: Gateway) -> Writer:
    return open_page(gateway_process)


def sent(writer: Writer, method: str) -> Any:
    """The body of the last request of this method that is no question."""
    return next(
        seen.request_json
        for seen in reversed(writer.gateway.graph_calls())
        if seen.method == method and not seen.path.endswith("getStaffAvailability")
    )


def test_an_appointment_is_booked_and_answered_whole(writer: Writer) -> None:
    answer = writer.create(timeZone="Europe/Berlin", staff=[tiny.BOB], serviceNotes="Bring a screwdriver")
    assert answer.status_code == 201
    item = answer.json()
    assert (item["startUtc"], item["endUtc"]) == (clock(9), clock(9.5))
    assert item["timeZoneIana"] == "Europe/Berlin"
    assert (item["serviceName"], item["staffNames"]) == ("Visit", "Bob")
    assert item["customers"][0]["emailAddress"] == "cleo@example.com"
    assert item["serviceNotes"].startswith("Bring a screwdriver\nRef. ")
    assert [made.id for made in writer.calendar()] == [item["id"]]


def test_what_graph_is_sent_names_types_and_counts(writer: Writer) -> None:
    writer.made()
    body = sent(writer, "POST")
    assert body["customers"] == [{"@odata.type": KNOWN} | CLEO | {"customerId": tiny.CUSTOMER}]
    assert (body["maximumAttendeesCount"], body["filledAttendeesCount"]) == (1, 1)
    assert body["customerTimeZone"] == "UTC"
    assert body["startDateTime"] == {"dateTime": clock(9).rstrip("Z"), "timeZone": "UTC"}
    assert {"isLocationOnline", "optOutOfCustomerEmail", "smsNotificationsEnabled"} <= set(body)


def test_answers_are_given_by_the_text_of_their_question(writer: Writer) -> None:
    item = writer.made(customers=[CLEO | {"answers": {"asset TAG?": "LT-0042"}}])
    assert item["customers"][0]["answers"] == {question_key(tiny.QUESTION, ""): "LT-0042"}


def test_a_customer_on_record_is_named_by_id_and_filled_in(writer: Writer) -> None:
    item = writer.made(customers=[{"customerId": tiny.CUSTOMER}])
    assert item["customers"][0]["name"] == "Cleo Customer"
    assert len(writer.customers()) == 1
    assert sent(writer, "POST")["customers"][0]["emailAddress"] == "cleo@example.com"


@pytest.mark.parametrize("mail", ["cleo@example.com", "Cleo@Example.COM"])
def test_a_customer_with_a_known_address_gets_no_second_record(writer: Writer, mail: str) -> None:
    for hour in (9, 11):
        item = writer.made(start=clock(hour), customers=[{"name": "C. Customer", "emailAddress": mail, "phone": "1"}])
        (only,) = item["customers"]
        assert (only["customerId"], only["name"], only["emailAddress"]) == (tiny.CUSTOMER, "C. Customer", mail)
    assert [each["id"] for each in writer.customers()] == [tiny.CUSTOMER]


def test_a_new_customer_gets_one_record_however_often_they_book(writer: Writer) -> None:
    writer.gateway.sim.bookings.switches.page_size = 2
    robin = {"name": "Róbin", "emailAddress": "robin@example.com"}
    first, second = (writer.made(start=clock(hour), customers=[robin])["customers"][0] for hour in (9, 11))
    assert first["customerId"] == second["customerId"]
    passed = writer.made(start=clock(14))
    changed = writer.update(passed["id"], customers=[CLEO | {"remove": True}, robin])
    assert changed.json()["customers"][0]["customerId"] == first["customerId"]
    assert len(writer.customers()) == 2


def test_an_appointment_is_booked_though_the_customers_cannot_be_read(writer: Writer) -> None:
    fault = Answer(500, body={"error": {"code": "UnknownError", "message": ""}})
    writer.gateway.sim.faults.add(fault, api="bookings", method="GET", path="/customers$", times=None)
    assert writer.made()["customers"][0]["emailAddress"] == "cleo@example.com"


def test_a_reschedule_answers_the_fresh_appointment(writer: Writer) -> None:
    made = writer.made()
    answer = writer.verb("reschedule", made["id"], start=clock(14))
    assert answer.status_code == 200, answer.text
    assert (answer.json()["startUtc"], answer.json()["endUtc"]) == (clock(14), clock(14.5))
    assert answer.json()["customers"][0]["name"] == "Cleo Customer"
    assert [one.start for one in writer.calendar()] == [TOMORROW + timedelta(hours=14)]


def test_an_appointment_may_be_moved_into_its_own_time(writer: Writer) -> None:
    made = writer.made(staff=[tiny.ANNE])
    answer = writer.verb("reschedule", made["id"], start=clock(9.25))
    assert answer.status_code == 200, answer.text
    assert answer.json()["startUtc"] == clock(9.25)


def test_an_appointment_that_gets_a_new_id_is_followed(writer: Writer) -> None:
    made = writer.made()
    writer.gateway.sim.bookings.set_switches({"reschedule_changes_id": True})
    moved = writer.verb("reschedule", made["id"], start=clock(14)).json()
    assert moved["id"] != made["id"]
    assert (moved["startUtc"], moved["customers"][0]["name"]) == (clock(14), "Cleo Customer")


def test_what_is_as_wanted_already_is_not_written_again(writer: Writer) -> None:
    made = writer.made(staff=[tiny.ANNE])
    writer.gateway.forget()
    assert writer.verb("reschedule", made["id"], start=clock(9)).status_code == 200
    assert writer.verb("assign", made["id"], staff=[tiny.ANNE]).status_code == 200
    assert writer.writes() == []


def test_staff_are_assigned(writer: Writer) -> None:
    made = writer.made(staff=[tiny.ANNE])
    answer = writer.verb("assign", made["id"], staff=[tiny.BOB])
    assert (answer.status_code, answer.json()["staffNames"]) == (200, "Bob")


def test_details_are_changed_and_the_mark_stays(writer: Writer) -> None:
    made = writer.made()
    mark = made["serviceNotes"]
    answer = writer.update(made["id"], serviceNotes="Key is at the desk", location="Room 4", optOutOfCustomerEmail=True)
    assert answer.status_code == 200, answer.text
    fresh = answer.json()
    assert fresh["serviceNotes"] == f"Key is at the desk\n{mark}"
    assert fresh["serviceLocation"]["displayName"] == "Room 4"
    assert fresh["optOutOfCustomerEmail"] is True


def test_customers_are_sent_typed_and_keep_their_id(writer: Writer) -> None:
    made = writer.made()
    before = made["customers"][0]["customerId"]
    fresh = writer.update(made["id"], customers=[CLEO | {"phone": "1"}]).json()
    assert (fresh["customers"][0]["customerId"], fresh["customers"][0]["phone"]) == (before, "1")
    body = sent(writer, "PATCH")
    assert body["customers"][0]["@odata.type"] == KNOWN
    assert {"name", "emailAddress", "phone", "customerId"} <= set(body["customers"][0])


def test_an_appointment_is_cancelled_with_a_word(writer: Writer) -> None:
    made = writer.made()
    answer = writer.verb("cancel", made["id"], message="The lift is broken.")
    assert answer.json() == {"id": made["id"], "status": "cancelled"}
    assert writer.calendar() == []
    notice = writer.gateway.sim.bookings.business(tiny.BUSINESS).notices[-1]
    assert (notice.kind, notice.message) == ("cancelled", "The lift is broken.")
    assert refused(writer.verb("cancel", made["id"])) == (404, "AppointmentNotFound", "id")


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_ids_with_slashes_are_written_like_others(writer: Writer, share: float) -> None:
    writer.gateway.sim.bookings.set_switches({"slash_share": share})
    made = writer.made()
    assert ("/" in made["id"]) == bool(share)
    assert writer.verb("reschedule", made["id"], start=clock(14)).status_code == 200
    assert writer.verb("assign", made["id"], staff=[tiny.BOB]).status_code == 200
    assert writer.update(made["id"], additionalInformation="x").status_code == 200
    assert writer.verb("cancel", made["id"]).status_code == 200


def test_a_customer_is_made_and_then_changed(writer: Writer) -> None:
    first = writer.customer(name="Robin", emailAddress="robin@example.com", phone="1").json()
    assert (first["displayName"], first["isNew"], first["phones"][0]["number"]) == ("Robin", True, "1")
    second = writer.customer(name="Robin Example", emailAddress="ROBIN@example.com", phone="2").json()
    assert (second["id"], second["displayName"], second["isNew"]) == (first["id"], "Robin Example", False)
    assert [each["number"] for each in second["phones"]] == ["2", "1"]
    third = writer.customer(customerId=first["id"], name="Robin E.").json()
    assert (third["id"], third["displayName"], third["emailAddress"]) == (first["id"], "Robin E.", "ROBIN@example.com")
    assert len(writer.customers()) == 2


def test_a_group_is_opened_joined_and_full(writer: Writer) -> None:
    def person(number: int) -> dict[str, str]:
        return {"name": f"Guest {number}", "emailAddress": f"guest{number}@example.com"}

    first = writer.made(service=tiny.GROUP, customers=[person(0), person(1)])
    second = writer.made(service=tiny.GROUP, customers=[person(2), person(1)])
    assert second["id"] == first["id"]
    mails = [each["emailAddress"] for each in second["customers"]]
    assert mails == [f"guest{number}@example.com" for number in range(3)]
    assert all(each["customerId"] for each in second["customers"])
    many = [person(number) for number in range(3, 7)]
    assert refused(writer.create(service=tiny.GROUP, customers=many)) == (409, "NoSeats", "customers")
    assert len(writer.calendar()) == 1
    assert len(writer.customers()) == 4


@pytest.fixture
def march_2027() -> Iterator[None]:
    """The middle of March 2027: clocks in New York are changed already, those in Berlin in two weeks."""
    with time_machine.travel(datetime(2027, 3, 14, 12, tzinfo=UTC), tick=True):
        yield


@pytest.mark.usefixtures("march_2027")  # before the writer, whose world begins on that day
@pytest.mark.parametrize(
    ("zone", "start", "utc"),
    [
        ("Europe/Berlin", "2027-03-28T03:15:00", "2027-03-28T01:15:00Z"),
        ("Europe/Berlin", "2027-03-28T02:15:00", "2027-03-28T01:15:00Z"),  # skipped: the same as an hour later
        ("W. Europe Standard Time", "2027-03-27T09:00:00", "2027-03-27T08:00:00Z"),
        ("Eastern Standard Time", "2027-03-15T09:00:00", "2027-03-15T13:00:00Z"),
    ],
)
def test_wall_times_mean_what_the_zone_says_on_that_day(writer: Writer, zone: str, start: str, utc: str) -> None:
    item = writer.made(start=start, timeZone=zone)
    assert item["startUtc"] == utc
    assert item["durationMinutes"] == 30


def test_the_writes_of_one_tenant_are_its_own(writer: Writer) -> None:
    answer = writer.send("POST", "/customer", {"emailAddress": "x@example.com"}, connection="partner")
    assert refused(answer)[1] == "BusinessNotAllowed"


WRITES: list[Callable[[Writer], Any]] = [
    lambda writer: writer.create(),
    lambda writer: writer.update("AAMk", serviceNotes="x"),
    lambda writer: writer.verb("reschedule", "AAMk", start=clock(9)),
    lambda writer: writer.verb("assign", "AAMk", staff=[tiny.BOB]),
    lambda writer: writer.verb("cancel", "AAMk"),
    lambda writer: writer.customer(emailAddress="x@example.com"),
]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("switch", ["off", ""])
def test_nothing_is_written_while_the_switch_is_off(
    writer: Writer, write: Callable[[Writer], Any], switch: str
) -> None:
    settings = sample.settings(writer.gateway.sim) | {"BOOKINGS_BUSINESSES": tiny.BUSINESS, "BOOKINGS_WRITES": switch}
    writer.gateway.configure(**settings)
    assert refused(write(writer)) == (403, "WritesOff", None)
    assert writer.gateway.graph_calls() == []


@pytest.mark.parametrize("write", WRITES)
def test_nothing_is_written_outside_the_allow_list(writer: Writer, write: Callable[[Writer], Any]) -> None:
    settings = sample.settings(writer.gateway.sim) | {
        "BOOKINGS_WRITES": "on",
        "BOOKINGS_BUSINESSES": "other@contoso.com",
    }
    writer.gateway.configure(**settings)
    assert refused(write(writer)) == (403, "BusinessNotAllowed", "business")
    assert writer.gateway.graph_calls() == []


def test_a_missing_permission_is_named_by_what_it_is_for(writer: Writer) -> None:
    made = writer.made()
    principal = writer.gateway.sim.entra.tenant(sample.TENANT_ID).principals[sample.CLIENT_ID]
    settings = sample.settings(writer.gateway.sim) | {"BOOKINGS_BUSINESSES": tiny.BUSINESS, "BOOKINGS_WRITES": "on"}
    principal.revoke_roles(WRITE, MANAGE)
    writer.gateway.configure(**settings)
    error = writer.verb("cancel", made["id"]).json()["error"]
    assert error["code"] == "ConsentMissing"
    assert WRITE in error["message"]
    principal.revoke_roles(APPOINTMENT)
    writer.gateway.configure(**settings)
    writer.gateway.sim.bookings.set_switches({"read_all_may_write": False})
    error = writer.verb("reschedule", made["id"], start=clock(14)).json()["error"]
    assert APPOINTMENT in error["message"]
    assert READ not in error["message"]


def test_moments_of_the_answer_are_moments(writer: Writer) -> None:
    item = writer.made()
    assert datetime.fromisoformat(item["createdDateTime"]).tzinfo is not None
