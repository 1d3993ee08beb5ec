"""Changing the customers of an appointment: what is not given stays, who leaves is named, nothing is emptied unsaid."""

import time
from datetime import timedelta
from typing import Any

import pytest

from shared import retry
from shared.graph.bookings import GraphBookings
from shared.storage import idempotency
from tests.functional.booking_writes import CLEO, Writer, clock, open_page, refused
from tests.functional.conftest import Gateway
from tests.functional.kill_switch import Killed, KillSwitch
from twin.core.faults import Answer
from twin.seeds import tiny

pytestmark = pytest.mark.usefixtures("rows_in_memory")

WHOLE = CLEO | {"notes": "Rings twice", "answers": {"Asset tag?": "LT-0042", "Boden?": "Teppich"}}
UNKNOWN = {"error": {"code": "UnknownError", "message": ""}}


@pytest.fixture
def writer(gateway_process: Gateway, monkeypatch: pytest.MonkeyPatch) -> Writer:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(idempotency, "TABLE", f"t{time.time_ns()}")
    writer = open_page(gateway_process)
    writer.gateway.sim.bookings.business(tiny.BUSINESS).questions.add({"displayName": "Boden?"})
    return writer


def guest(number: int) -> dict[str, Any]:
    return {"name": f"Guest {number}", "emailAddress": f"guest{number}@example.com", "notes": f"Note {number}"}


def plain(customer: Any) -> dict[str, Any]:
    """The values of a customer that a caller can send."""
    answers = {each["question"]: each["answer"] for each in customer["customQuestionAnswers"]}
    return {name: customer.get(name) for name in ("name", "emailAddress", "phone", "notes")} | {"answers": answers}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": "Cleo K.", "emailAddress": "cleo@example.com", "phone": "1"}, {"name": "Cleo K.", "phone": "1"}),
        ({"emailAddress": "CLEO@EXAMPLE.COM", "phone": "1"}, {"emailAddress": "CLEO@EXAMPLE.COM", "phone": "1"}),
        ({"phone": "+91 80 0000 0000"}, {"phone": "+91 80 0000 0000"}),
        ({"name": "Kléo Kundin"}, {"name": "Kléo Kundin"}),
        ({"name": "Cleo K.", "phone": "", "notes": None, "answers": {}}, {"name": "Cleo K."}),
        ({"notes": "Klingelt zweimal"}, {"notes": "Klingelt zweimal"}),
        ({"name": "Cleo K.", "answers": {"Asset tag?": None, "Boden?": " "}}, {"name": "Cleo K."}),
        ({"answers": {"BODEN?": "Parkett"}}, {"answers": {"Asset tag?": "LT-0042", "Boden?": "Parkett"}}),
        ({"clear": ["phone", "notes"]}, {"phone": None, "notes": None}),
        ({"name": "Cleo K.", "clear": ["answers"]}, {"name": "Cleo K.", "answers": {}}),
    ],
)
def test_a_change_of_a_customer_keeps_what_is_not_given(
    writer: Writer, change: dict[str, Any], expected: dict[str, Any]
) -> None:
    made = writer.made(customers=[WHOLE])
    answer = writer.update(made["id"], customers=[change])
    assert answer.status_code == 200, answer.text
    (only,) = answer.json()["customers"]
    assert plain(only) == WHOLE | expected
    assert only["customerId"] == made["customers"][0]["customerId"]


def test_an_address_is_corrected_by_the_customers_id(writer: Writer) -> None:
    known = writer.made(customers=[WHOLE])
    change = {"customerId": known["customers"][0]["customerId"], "emailAddress": "cleo@example.org"}
    (only,) = writer.update(known["id"], customers=[change]).json()["customers"]
    assert plain(only) == WHOLE | {"emailAddress": "cleo@example.org"}


def test_all_others_of_a_group_stay_as_they_are(writer: Writer) -> None:
    made = writer.made(service=tiny.GROUP, customers=[guest(number) for number in range(6)])
    fresh = writer.update(
        made["id"],
        customers=[
            {"emailAddress": "guest2@example.com", "phone": "2"},
            {"emailAddress": "guest4@example.com", "remove": True},
        ],
    ).json()
    notes = {each["emailAddress"]: (each["phone"], each["notes"]) for each in fresh["customers"]}
    assert notes == {
        f"guest{number}@example.com": ("2" if number == 2 else None, f"Note {number}") for number in (0, 1, 2, 3, 5)
    }
    joined = writer.update(made["id"], customers=[guest(7)]).json()
    assert [each["emailAddress"] for each in joined["customers"]][-1] == "guest7@example.com"
    assert joined["filledAttendeesCount"] == 6


def test_a_one_seat_appointment_passes_to_somebody_else_when_that_is_said(writer: Writer) -> None:
    made = writer.made(customers=[WHOLE])
    assert refused(writer.update(made["id"], customers=[guest(1)])) == (400, "TooManyCustomers", "customers")
    leaving = {"emailAddress": "cleo@example.com", "remove": True}
    fresh = writer.update(made["id"], customers=[leaving, guest(1)]).json()
    assert [plain(each)["emailAddress"] for each in fresh["customers"]] == ["guest1@example.com"]


def test_what_cannot_be_changed_is_refused_with_its_field(writer: Writer) -> None:
    made = writer.made(service=tiny.GROUP, customers=[guest(0), guest(1)])
    twins = [{"name": "Twin", "emailAddress": f"twin{number}@example.com"} for number in range(2)]
    writer.made(service=tiny.GROUP, customers=twins)
    writer.gateway.forget()
    cases: list[tuple[dict[str, Any], tuple[int, str, str]]] = [
        ({"customers": []}, (400, "MissingParameter", "customers")),
        ({"customers": [{"emailAddress": "x@example.com", "remove": True}]}, (400, "CustomerNotFound", "customers[0]")),
        ({"customers": [{"customerId": "nobody", "remove": True}]}, (400, "CustomerNotFound", "customers[0]")),
        ({"customers": [{"phone": "1"}]}, (400, "MissingParameter", "customers[0].emailAddress")),
        ({"customers": [guest(0), guest(0)]}, (400, "Contradiction", "customers[1]")),
        ({"customers": [guest(0), {"name": "Twin", "phone": "1"}]}, (400, "AmbiguousCustomer", "customers[1].name")),
        ({"customers": [guest(0) | {"clear": ["name"]}]}, (400, "InvalidChoice", "customers[0].clear")),
        ({"customers": [guest(0) | {"clear": "notes"}]}, (400, "Contradiction", "customers[0].clear")),
        ({"customers": [guest(0) | {"remove": "yes"}]}, (400, "WrongType", "customers[0].remove")),
        ({"clear": ["start"]}, (400, "InvalidChoice", "clear")),
        ({"clear": 1}, (400, "WrongType", "clear")),
        ({"clear": ["location"], "location": "Room 4"}, (400, "Contradiction", "clear")),
        ({"location": "", "serviceNotes": None}, (400, "MissingParameter", "body")),
    ]  # fmt: skip
    for body, expected in cases:
        assert refused(writer.update(made["id"], **body)) == expected, body
    everybody = [
        {"customerId": each["customerId"], "remove": True} for each in writer.calendar()[0].values["customers"]
    ]
    assert refused(writer.update(made["id"], customers=everybody)) == (400, "NobodyLeft", "customers")
    assert writer.writes() == []


def test_details_are_emptied_only_when_that_is_said(writer: Writer) -> None:
    texts = {"location": "Raum 4", "additionalInformation": "Bring the laptop", "serviceNotes": "Kaffee"}
    made = writer.made(customers=[WHOLE], **texts)
    kept = writer.update(made["id"], location="", additionalInformation="", serviceNotes=None, isLocationOnline=False)
    assert kept.json()["serviceLocation"]["displayName"] == "Raum 4"
    assert kept.json()["additionalInformation"] == "Bring the laptop"
    emptied = writer.update(made["id"], clear=[*texts])
    assert emptied.status_code == 200, emptied.text
    fresh = emptied.json()
    assert (fresh["serviceLocation"], fresh["additionalInformation"]) == (None, "")
    assert fresh["serviceNotes"] == made["serviceNotes"].splitlines()[-1], "the mark stays"
    assert plain(fresh["customers"][0]) == WHOLE


def test_what_a_customer_is_already_is_not_written_again(writer: Writer) -> None:
    made = writer.made(customers=[WHOLE])
    writer.gateway.forget()
    assert writer.update(made["id"], customers=[WHOLE]).status_code == 200
    assert writer.writes() == []


def test_a_lost_change_of_a_phone_is_not_called_done(writer: Writer) -> None:
    made = writer.made(customers=[WHOLE])
    lost = Answer(500, body=UNKNOWN)
    writer.gateway.sim.faults.add(lost, api="bookings", method="PATCH", path="/appointments/", times=None)
    change = [{"emailAddress": "cleo@example.com", "phone": "1"}]
    assert refused(writer.update(made["id"], customers=change)) == (409, "OutcomeUnknown", None)
    writer.gateway.sim.faults.clear()
    writer.gateway.sim.faults.add(lost, api="bookings", method="PATCH", path="/appointments/", when="after")
    writer.gateway.forget()
    assert writer.update(made["id"], customers=change).json()["customers"][0]["phone"] == "1"
    assert writer.writes().count("PATCH " + writer.calendar()[0].id) <= 1


@pytest.mark.slow(reason="dies at every step")
def test_a_removal_that_died_at_any_step_is_finished_by_its_repeat(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "LEASE", timedelta(0))
    steps = (
        (GraphBookings, "get_appointment"),
        (GraphBookings, "update_appointment"),
        (GraphBookings, "get_customers"),
    )
    for at in range(1, 40):
        people = [guest(number) for number in range(2)]
        made = writer.made(service=tiny.GROUP, start=clock(at * 2), customers=people)["id"]
        leaving = [{"emailAddress": "guest0@example.com", "remove": True}, guest(5)]
        switch = KillSwitch(at)
        with switch.watching(steps, also_after=True):
            try:
                first = writer.update(made, f"key-{at}", customers=leaving)
            except Killed:
                first = None
        answer = writer.update(made, f"key-{at}", customers=leaving)
        assert answer.status_code == 200, (at, first and first.text, answer.text)
        mails = [each["emailAddress"] for each in answer.json()["customers"]]
        assert mails == ["guest1@example.com", "guest5@example.com"], f"killed at step {at}"
        if len(switch.steps) < at:
            return
    pytest.fail("there is no end to the steps")
