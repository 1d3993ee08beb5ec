"""Business rules and bad input: refused before anything is written, with the field at fault."""

from datetime import timedelta
from typing import Any

import pytest

from tests.functional.booking_writes import CLEO, PAGE, TOMORROW, Writer, clock, open_page, refused
from tests.functional.conftest import Gateway
from tests.functional.test_bookings_appointments import book
from twin.seeds import sample, tiny
from twin.seeds.booking_pages import week

pytestmark = pytest.mark.usefixtures("rows_in_memory")

GUESTS = [{"name": f"Guest {number}", "emailAddress": f"guest{number}@example.com"} for number in range(5)]


MAIL = "customers[0].emailAddress"


@pytest.fixture
def writer(gateway_process: Gateway) -> Writer:
    return open_page(gateway_process)


@pytest.mark.parametrize(
    ("changes", "status", "code", "target"),
    [
        ({"service": None}, 400, "MissingParameter", "service"),
        ({"service": "../x"}, 400, "InvalidId", "service"),
        ({"service": "5e000000-0000-4000-8000-00000000dead"}, 404, "ServiceNotFound", "service"),
        ({"start": None}, 400, "MissingParameter", "start"),
        ({"start": "soon"}, 400, "InvalidDate", "start"),
        ({"timeZone": "Mars/Olympus"}, 400, "UnknownTimeZone", "timeZone"),
        ({"customers": None}, 400, "MissingParameter", "customers"),
        ({"customers": []}, 400, "MissingParameter", "customers"),
        ({"customers": "Cleo"}, 400, "WrongType", "customers"),
        ({"customers": [{"phone": "1"}]}, 400, "MissingParameter", "customers[0].name"),
        ({"customers": [CLEO | {"mail": "x"}]}, 400, "UnknownParameter", "mail"),
        ({"customers": [CLEO | {"answers": ["x"]}]}, 400, "WrongType", "customers[0].answers"),
        ({"customers": [CLEO | {"answers": {"Floor?": []}}]}, 400, "WrongType", "customers[0].answers.Floor?"),
        ({"customers": [CLEO | {"answers": {"Größe?": 9}}]}, 400, "WrongType", "customers[0].answers.Größe?"),
        ({"customers": [CLEO | {"answers": {"Shoe size?": "9"}}]}, 400, "QuestionNotFound", "answers"),
        ({"customers": [{"customerId": "nobody"}]}, 400, "CustomerNotFound", "customerId"),
        ({"customers": [CLEO | {"emailAddress": "bad mail at example"}]}, 400, "InvalidMailAddress", MAIL),
        ({"customers": [CLEO | {"emailAddress": "Cleo <cleo@example.com>"}]}, 400, "InvalidMailAddress", MAIL),
        ({"customers": [CLEO | {"emailAddress": "cleo@example.com; x@example.com"}]}, 400, "InvalidMailAddress", MAIL),
        ({"customers": [CLEO | {"emailAddress": "クレオ@"}]}, 400, "InvalidMailAddress", MAIL),
        ({"customers": [CLEO | {"phone": "call me"}]}, 400, "InvalidPhone", "customers[0].phone"),
        ({"customers": [CLEO | {"phone": "bitte 12 anrufen"}]}, 400, "InvalidPhone", "customers[0].phone"),
        ({"customers": None, "customer": CLEO | {"phone": "-"}}, 400, "InvalidPhone", "customer.phone"),
        ({"customers": GUESTS}, 400, "TooManyCustomers", "customers"),
        ({"customers": GUESTS[:2]}, 400, "TooManyCustomers", "customers"),
        ({"isLocationOnline": "yes"}, 400, "WrongType", "isLocationOnline"),
        ({"serviceNotes": "x" * 20_000}, 400, "InvalidParameter", "serviceNotes"),
        ({"serviceId": tiny.VISIT}, 400, "UnknownParameter", "serviceId"),
        ({"end": clock(10)}, 400, "WrongDuration", "end"),
        ({"start": "2020-01-01T09:00:00Z"}, 400, "TooShortNotice", "start"),
        ({"start": "2099-01-01T09:00:00Z"}, 400, "TooFarAhead", "start"),
        ({"staff": ["nobody"]}, 400, "StaffNotFound", "staff"),
        ({"service": tiny.GROUP, "staff": [tiny.ANNE], "customers": [CLEO]}, 400, "StaffNotOnService", "staff"),
        ({"service": tiny.GROUP, "customers": [{"name": "X"}]}, 400, "MissingParameter", "customers"),
    ],
)
def test_what_cannot_be_booked_is_reported_by_field(
    writer: Writer, changes: dict[str, Any], status: int, code: str, target: str
) -> None:
    assert refused(writer.create(**changes)) == (status, code, target)
    assert writer.writes() == []


@pytest.mark.parametrize(
    ("mail", "phone"),
    [
        ("cleo.o'brien+desk@sub.example.co.uk", "+44 (0)20 7946-0000 ext. 12"),
        ("クレオ@例え.jp", "٠١٢ ٣٤٥"),
        ("müller@exämple.de", "030/123456\u201312"),
        ("x@example.com", "4711 x9"),
    ],
)
def test_addresses_and_numbers_of_the_world_are_taken(writer: Writer, mail: str, phone: str) -> None:
    (only,) = writer.made(customers=[CLEO | {"emailAddress": mail, "phone": phone}])["customers"]
    assert (only["emailAddress"], only["phone"]) == (mail, phone)
    assert refused(writer.customer(emailAddress=mail, phone="call me")) == (400, "InvalidPhone", "phone")
    assert refused(writer.customer(emailAddress="at example")) == (400, "InvalidMailAddress", "emailAddress")


def test_a_plus_of_an_id_that_was_not_encoded_is_repaired(writer: Writer) -> None:
    writer.gateway.sim.bookings.set_switches({"slash_share": 1.0})
    made = writer.made()["id"]
    assert "+" in made
    path = f"/appointment?id={made.replace('=', '%3D')}"
    assert writer.send("PATCH", path, {"location": "Room 4"}).json()["id"] == made
    assert writer.gateway.get(f"{PAGE}/appointment?id={made.replace('/', '%2F')}").json()["id"] == made


def test_rules_of_page_and_service_are_kept(writer: Writer) -> None:
    business = writer.gateway.sim.bookings.business(tiny.BUSINESS)
    day = TOMORROW.strftime("%A").lower()
    business.patch({"businessHours": week(("09:00", "12:00"), days=(day,))})
    assert refused(writer.create(start=clock(8))) == (400, "OutsideHours", "start")
    assert refused(writer.create(start=clock(11.75))) == (400, "OutsideHours", "start")
    assert writer.create(start=clock(11)).status_code == 201
    policy = business.values["schedulingPolicy"]
    business.patch({"schedulingPolicy": policy | {"allowStaffSelection": False, "minimumLeadTime": "P2D"}})
    assert refused(writer.create(staff=[tiny.BOB])) == (400, "StaffChoiceNotAllowed", "staff")
    assert refused(writer.create()) == (400, "TooShortNotice", "start")


def test_an_appointment_keeps_its_staff_when_it_moves_where_staff_cannot_be_chosen(writer: Writer) -> None:
    business = writer.gateway.sim.bookings.business(tiny.BUSINESS)
    business.patch({"schedulingPolicy": business.values["schedulingPolicy"] | {"allowStaffSelection": False}})
    made = writer.made()
    moved = writer.verb("reschedule", made["id"], start=clock(11))
    assert moved.status_code == 200, moved.text
    assert (moved.json()["startUtc"], moved.json()["staffMemberIds"]) == (clock(11), made["staffMemberIds"])


def test_hours_are_those_of_the_pages_zone(writer: Writer) -> None:
    business = writer.gateway.sim.bookings.business(tiny.BUSINESS)
    settings = business.values["bookingPageSettings"]
    business.patch({"bookingPageSettings": settings | {"businessTimeZone": "Asia/Kolkata"}})
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    business.patch({"businessHours": week(("09:00", "12:00"), days=days)})
    assert refused(writer.create(start=clock(9))) == (400, "OutsideHours", "start")
    local = TOMORROW.strftime("%Y-%m-%dT09:00:00")
    assert writer.create(start=local, timeZone="India Standard Time").status_code == 201


def test_a_place_that_is_taken_is_refused(writer: Writer) -> None:
    book(writer.gateway, TOMORROW + timedelta(hours=9), staffMemberIds=[tiny.ANNE])
    assert refused(writer.create(staff=[tiny.ANNE])) == (409, "StaffNotFree", "staff")
    assert writer.made()["staffNames"] == "Bob"
    assert refused(writer.create()) == (409, "SlotTaken", "start")
    assert refused(writer.create(start=clock(9.5), staff=[tiny.BOB])) == (409, "StaffNotFree", "staff")  # the buffer
    assert len(writer.calendar()) == 2


def test_time_off_and_private_meetings_are_in_the_way(writer: Writer) -> None:
    business = writer.gateway.sim.bookings.business(tiny.BUSINESS)
    business.add_time_off(tiny.ANNE, TOMORROW, TOMORROW + timedelta(days=1))
    business.add_personal_event(tiny.BOB, TOMORROW + timedelta(hours=9), TOMORROW + timedelta(hours=10))
    assert refused(writer.create()) == (409, "SlotTaken", "start")
    assert writer.create(start=clock(12)).status_code == 201


def test_a_move_is_held_to_the_rules(writer: Writer) -> None:
    made = writer.made(staff=[tiny.ANNE])
    book(writer.gateway, TOMORROW + timedelta(hours=14), staffMemberIds=[tiny.ANNE])
    writer.gateway.forget()
    cases: list[tuple[dict[str, Any], tuple[int, str, str]]] = [
        ({}, (400, "MissingParameter", "start")),
        ({"start": clock(14)}, (409, "StaffNotFree", "staff")),
        ({"start": clock(15), "end": clock(16)}, (400, "WrongDuration", "end")),
        ({"start": "2020-01-01T09:00:00Z"}, (400, "TooShortNotice", "start")),
        ({"start": clock(15), "staff": ["nobody"]}, (400, "StaffNotFound", "staff")),
    ]
    for body, expected in cases:
        assert refused(writer.verb("reschedule", made["id"], **body)) == expected
    assert writer.writes() == []
    assert writer.verb("reschedule", made["id"], start=clock(14), staff=[tiny.BOB]).json()["staffNames"] == "Bob"


def test_staff_who_are_busy_cannot_be_assigned(writer: Writer) -> None:
    made = writer.made(staff=[tiny.ANNE])
    book(writer.gateway, TOMORROW + timedelta(hours=9), staffMemberIds=[tiny.BOB])
    assert refused(writer.verb("assign", made["id"], staff=[tiny.BOB])) == (409, "StaffNotFree", "staff")
    assert refused(writer.verb("assign", made["id"], staff=[])) == (400, "MissingParameter", "staff")


def test_changes_are_held_to_seats_and_known_fields(writer: Writer) -> None:
    made = writer.made()
    assert refused(writer.update(made["id"])) == (400, "MissingParameter", "body")
    assert refused(writer.update(made["id"], start=clock(10))) == (400, "UnknownParameter", "start")
    assert refused(writer.update(made["id"], customers=GUESTS[:2])) == (400, "TooManyCustomers", "customers")


@pytest.mark.parametrize(
    ("verb", "body"), [("reschedule", {"start": clock(9)}), ("assign", {"staff": [tiny.BOB]}), ("cancel", {})]
)
def test_an_appointment_that_is_not_there_is_reported(writer: Writer, verb: str, body: dict[str, Any]) -> None:
    assert refused(writer.verb(verb, "AAMkADunknown=", **body)) == (404, "AppointmentNotFound", "id")
    assert refused(writer.verb(verb, "", **body)) == (400, "MissingParameter", "id")
    assert refused(writer.verb(verb, "../x", **body)) == (400, "InvalidId", "id")


def test_a_customer_needs_an_address_or_an_id(writer: Writer) -> None:
    assert refused(writer.customer(name="Robin")) == (400, "MissingParameter", "emailAddress")
    assert refused(writer.customer(customerId="nobody")) == (400, "CustomerNotFound", "customerId")


def test_every_free_slot_of_the_sample_page_can_be_booked(gateway_process: Gateway) -> None:
    """What the question about slots offers, the booking accepts: both stand on the same ground."""
    gateway_process.begin(sample.seed, BOOKINGS_WRITES="on")
    gateway_process.business = "ithelpdesk@contoso.com"
    start = (TOMORROW + timedelta(days=14)).strftime("%Y-%m-%d")
    end = (TOMORROW + timedelta(days=18)).strftime("%Y-%m-%d")
    for service in gateway_process.ask("/services")["value"]:
        for part in range(3):
            found = gateway_process.ask("/slots", service=service["id"], start=start, end=end)
            if not found["value"]:
                break
            slot = found["value"][len(found["value"]) * part // 3]
            staff = [slot["staffMembers"][0]["id"]] if found["staffSelectionAllowed"] else []
            body = {"service": service["id"], "start": slot["startUtc"], "staff": staff, "customers": [CLEO]}
            answer = gateway_process.post(f"bookings/businesses/{gateway_process.business}/appointments", body)
            assert answer.status_code == 201, (service["displayName"], slot["startUtc"], answer.text)
