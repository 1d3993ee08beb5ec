"""The same booking sent twice without a key is one booking, unless two are wanted or the first is gone."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest

from composition import services
from shared.graph.bookings import GraphBookings
from shared.storage import idempotency
from shared.storage.idempotency import Attempt, Sameness
from shared.storage.tables import Table
from tests.functional.booking_writes import CLEO, TOMORROW, Writer, clock, open_page_with_new_keys, refused
from tests.functional.conftest import Gateway
from tests.functional.kill_switch import Killed, KillSwitch
from tests.functional.storage import storage_in_memory
from twin.core.faults import Answer, Drop
from twin.seeds import tiny

UNKNOWN = {"error": {"code": "UnknownError", "message": ""}}
RUN = {"x-ms-workflow-run-id": "08585155326010746840938601809CU00", "x-ms-workflow-operation-name": "HTTP"}


@pytest.fixture
def writer(gateway_process: Gateway, monkeypatch: pytest.MonkeyPatch) -> Writer:
    return open_page_with_new_keys(gateway_process, monkeypatch)


def send(writer: Writer, **changes: Any) -> Any:
    """Book as a flow does that has never heard of keys."""
    return writer.create(**({"allowDuplicate": None} | changes))


@pytest.mark.parametrize(
    "again",
    [
        {},
        {"customers": [CLEO | {"emailAddress": "CLEO@example.com", "name": "C. Customer", "notes": "Once more"}]},
        {"customers": None, "customer": CLEO},
        {"start": f"{clock(10).rstrip('Z')}+01:00", "serviceNotes": "Doppelt geklickt"},
        {"timeZone": "Asia/Kolkata", "staff": [tiny.BOB]},
    ],
    ids=["equal", "same address", "other form", "same moment", "other staff"],
)
def test_the_same_booking_without_a_key_is_one(writer: Writer, again: dict[str, Any]) -> None:
    first, second = send(writer), send(writer, **again)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json()["id"] == first.json()["id"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(writer.calendar()) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"start": clock(12)},
        {"customers": [{"name": "Cleo Customer", "emailAddress": "cleo@example.org"}]},
        {"customers": [{"name": "Cleo Customer"}]},
        {"allowDuplicate": True},
    ],
)
def test_another_booking_is_another(writer: Writer, other: dict[str, Any]) -> None:
    answers = [send(writer), send(writer, **other)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert all("Idempotency-Replayed" not in answer.headers for answer in answers)
    assert len(writer.calendar()) == 2


def test_people_without_address_are_the_same_only_if_all_is_equal(writer: Writer) -> None:
    guest = {"name": "Walk-in", "phone": "1"}
    ids = [send(writer, customers=[one]).json()["id"] for one in (guest, guest, guest | {"phone": "2"})]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    "undo",
    [
        lambda writer, made: writer.verb("cancel", made),
        lambda writer, made: writer.verb("reschedule", made, start=clock(14)),
        lambda writer, made: writer.update(
            made, customers=[CLEO | {"remove": True}, {"name": "R.", "emailAddress": "r@example.com"}]
        ),
    ],
    ids=["cancelled", "moved", "of somebody else"],
)
def test_what_does_not_stand_any_more_is_booked_anew(writer: Writer, undo: Callable[[Writer, str], Any]) -> None:
    made = send(writer).json()
    answer = undo(writer, made["id"])
    assert answer.status_code == 200, answer.text
    again = send(writer)
    assert again.status_code == 201, again.text
    assert again.json()["id"] != made["id"]
    assert "Idempotency-Replayed" not in again.headers
    assert send(writer).json()["id"] == again.json()["id"]


def test_the_same_booking_in_parallel_is_one(writer: Writer) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: send(writer), range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(writer.calendar()) == 1


def test_a_refusal_is_not_remembered(writer: Writer) -> None:
    page = writer.gateway.sim.bookings.business(tiny.BUSINESS)
    page.services.patch(tiny.VISIT, {"staffMemberIds": []})
    assert refused(send(writer)) == (409, "SlotTaken", "start")
    page.services.patch(tiny.VISIT, {"staffMemberIds": [tiny.ANNE]})
    assert send(writer).status_code == 201


@pytest.mark.slow(reason="waits until the minutes are over")
def test_after_some_minutes_the_same_booking_is_another(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "SAME_FOR", timedelta(seconds=1))
    first = send(writer).json()["id"]
    time.sleep(1.1)
    assert send(writer).json()["id"] != first


def test_a_lost_booking_without_a_key_is_looked_for_when_it_is_sent_again(writer: Writer) -> None:
    writer.gateway.sim.faults.add(
        Answer(500, body=UNKNOWN), api="bookings", method="POST", path="/appointments$", when="before"
    )
    assert refused(send(writer)) == (409, "OutcomeUnknown", None)
    assert send(writer).status_code == 201
    writer.gateway.sim.faults.add(Drop(), api="bookings", method="POST", path="/appointments$", when="after")
    made = send(writer, start=clock(12))
    assert send(writer, start=clock(12)).json()["id"] == made.json()["id"]
    assert len(writer.calendar()) == 2


def test_the_run_of_a_flow_is_the_key(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than the minutes: the same run sends the same again, or an action of it books in a loop."""
    writer.headers = RUN | {"x-ms-action-tracking-id": "ad27f634-6523-492f-924e-9a75a28619c8"}
    monkeypatch.setattr(idempotency, "SAME_FOR", timedelta(0))
    first, second = send(writer), send(writer)
    assert second.json() == first.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert send(writer, start=clock(12)).json()["id"] != first.json()["id"], "another turn of the loop"
    writer.headers = RUN | {"x-ms-action-tracking-id": "00000000-6523-492f-924e-9a75a28619c8"}
    assert writer.create().json()["id"] != first.json()["id"], "two were wanted, by another action"
    assert len(writer.calendar()) == 3


def test_a_lost_booking_of_a_run_is_repeated_by_the_engine(writer: Writer) -> None:
    writer.headers = RUN
    fault = Answer(500, body=UNKNOWN)
    writer.gateway.sim.faults.add(fault, api="bookings", method="POST", path="/appointments$", when="before")
    assert refused(send(writer)) == (502, "OutcomeUnknown", None)
    assert send(writer).status_code == 201
    assert len(writer.calendar()) == 1


STEPS = (
    (Table, "get"), (Table, "transact"), (GraphBookings, "calendar_view"), (GraphBookings, "get_appointment"),
    (GraphBookings, "get_staff_availability"), (GraphBookings, "create_appointment"),
)  # fmt: skip


@pytest.mark.slow(reason="dies at every step")
@pytest.mark.parametrize("key", [None, "run-1"])
@pytest.mark.parametrize("same_for", [timedelta(minutes=10), timedelta(0)])
def test_a_crash_at_any_step_leaves_one_booking(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, key: str | None, same_for: timedelta
) -> None:
    if key is None and not same_for:
        return  # nothing would remember the first call
    monkeypatch.setattr(idempotency, "LEASE", timedelta(0))
    monkeypatch.setattr(idempotency, "SAME_FOR", same_for)
    built = services.services()
    writes = built.connections["default"].writes
    assert writes

    def run(hour: int) -> Any:
        start, people = TOMORROW + timedelta(hours=hour), [{"name": "Robin", "emailAddress": f"r{hour}@example.com"}]

        def work(attempt: Attempt) -> Any:
            return writes.create(
                business=tiny.BUSINESS, service=tiny.VISIT, start=start, customers=people, attempt=attempt
            )

        same = Sameness(hour, lambda answer: writes.stands(tiny.BUSINESS, answer["id"], tiny.VISIT, start, people))
        scope = f"default|{tiny.BUSINESS}"
        own = f"{key}-{hour}" if key else None
        return built.idempotency.run(work, scope=scope, operation="create", payload=hour, key=own, same=same).body

    with storage_in_memory() if key else nullcontext():  # test_bookings_writes_once.py dies on the emulator with a key
        for at in range(1, 80):
            switch = KillSwitch(at)
            with switch.watching(STEPS, also_after=True):
                try:
                    run(at)
                except Killed:
                    time.sleep(0.02)
            made = run(at)
            there = [one.id for one in writer.calendar() if one.start == TOMORROW + timedelta(hours=at)]
            assert there == [made["id"]], f"killed at step {at}"
            if len(switch.steps) < at:
                assert at > 12
                return
    pytest.fail("there is no end to the steps")
