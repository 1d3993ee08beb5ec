"""Each write once: for its key, in parallel, through crashes, and when the answer was lost on the way."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import pytest

from composition import services
from shared.errors import OutcomeUnknown
from shared.graph.bookings import GraphBookings
from shared.storage import idempotency
from shared.storage.account import Storage
from shared.storage.idempotency import Attempt
from shared.storage.tables import Table
from tests.functional.booking_writes import CLEO, TOMORROW, Writer, clock, open_page_with_new_keys, refused
from tests.functional.conftest import Gateway
from tests.functional.host.apps.support import wait_until
from tests.functional.kill_switch import Killed, KillSwitch
from tests.functional.secrecy import secrets_of
from tests.functional.storage import storage_in_memory
from tests.functional.test_bookings_appointments import book
from twin.bookings.state import Business
from twin.core.faults import Action, Answer, Delay, Drop
from twin.seeds import tiny

pytestmark = pytest.mark.slow(reason="loses answers and dies at every step")

UNKNOWN = {"error": {"code": "UnknownError", "message": ""}}
LOSSES: list[Action] = [Drop(), Answer(500, body=UNKNOWN), Answer(503), Answer(504)]


@pytest.fixture
def writer(gateway_process: Gateway, monkeypatch: pytest.MonkeyPatch) -> Writer:
    """A small desk whose keys are all new; waits are short."""
    return open_page_with_new_keys(gateway_process, monkeypatch)


def business(writer: Writer) -> Business:
    return writer.gateway.sim.bookings.business(tiny.BUSINESS)


def lose(writer: Writer, action: Action, path: str = "/appointments$", method: str = "POST", **more: Any) -> None:
    """Let Graph do the next write and lose its answer."""
    writer.gateway.sim.faults.add(action, api="bookings", method=method, path=path, **({"when": "after"} | more))


def test_a_key_is_good_for_one_appointment(writer: Writer) -> None:
    first, second = writer.create("run-1"), writer.create("run-1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(writer.calendar()) == 1


def test_a_key_belongs_to_its_content_and_its_verb(writer: Writer) -> None:
    made = writer.create("run-1").json()
    reused = (400, "IdempotencyKeyReused", "Idempotency-Key")
    assert refused(writer.create("run-1", start=clock(12))) == reused
    assert writer.verb("cancel", made["id"], "run-1").status_code == 200
    assert refused(writer.verb("cancel", "AAMkADother=", "run-1")) == reused
    assert writer.verb("cancel", made["id"], "run-1").json()["status"] == "cancelled"


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_is_none_is_refused(writer: Writer, key: str) -> None:
    assert refused(writer.create(key)) == (400, "InvalidId", "Idempotency-Key")


def test_the_same_key_in_parallel_books_once(writer: Writer) -> None:
    lose(writer, Delay(0.6))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: writer.create("run-1"), range(6)))
    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 5
    assert len(writer.calendar()) == 1


def test_who_waits_in_vain_learns_when_to_come_back(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "LONGEST_WAIT", 0.1)
    lose(writer, Delay(4))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(writer.create, "run-1")
        wait_until(lambda: writer.gateway.sim.faults.unfired() == [], "the first call to reach Graph")
        second = Writer(writer.gateway).create("run-1")
    assert refused(second) == (409, "InProgress", None)
    assert int(second.headers["Retry-After"]) > 0
    assert first.result().status_code == 201


def test_keys_that_race_for_one_place_leave_one_appointment(writer: Writer) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: writer.create(f"run-{n}", staff=[tiny.ANNE]), range(4)))
    codes = Counter(answer.status_code if answer.ok else refused(answer)[:2] for answer in found)
    assert codes == {201: 1, (409, "StaffNotFree"): 3}
    assert len(writer.calendar()) == 1


def test_guests_who_join_at_once_all_get_their_seat(writer: Writer) -> None:
    book(
        writer.gateway, TOMORROW + timedelta(hours=9), minutes=60,
        serviceId=tiny.GROUP, staffMemberIds=[tiny.BOB], maximumAttendeesCount=6, customers=[],
    )  # fmt: skip
    guests = [{"name": f"Guest {n}", "emailAddress": f"guest{n}@example.com"} for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda guest: writer.create(service=tiny.GROUP, customers=[guest]), guests))
    assert [answer.status_code for answer in found] == [201] * 4, [answer.text for answer in found]
    assert len(writer.calendar()[0].values["customers"]) == 4


def test_a_refusal_uses_no_key_up(writer: Writer) -> None:
    assert refused(writer.create("run-1", end=clock(10)))[1] == "WrongDuration"
    assert writer.create("run-1").status_code == 201


@pytest.mark.slow(reason="waits until a key is forgotten")
def test_a_key_is_forgotten_after_its_time(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "KEPT", timedelta(seconds=1))
    assert writer.create("run-1", staff=[tiny.ANNE]).status_code == 201
    time.sleep(2.1)
    assert refused(writer.create("run-1", staff=[tiny.ANNE]))[1] == "StaffNotFree"
    writer.create("run-2", start=clock(14))
    time.sleep(2.1)
    writer.create("run-3", start=clock(16))
    built = services.services()
    table = Table(Storage(built.settings.storage, built.authenticator.identity), idempotency.TABLE)
    left = list(table.query(f"default|{tiny.BUSINESS}", start="!", end="~"))
    assert len(left) == 2  # the entry of the last key and its line in the order of time


@pytest.mark.parametrize("action", LOSSES, ids=str)
@pytest.mark.parametrize("key", ["run-1", None])
def test_a_booking_whose_answer_is_lost_is_found(writer: Writer, action: Action, key: str | None) -> None:
    lose(writer, action)
    answer = writer.create(key)
    assert answer.status_code == 201, answer.text
    assert [one.id for one in writer.calendar()] == [answer.json()["id"]]
    assert writer.writes() == ["POST appointments"]


@pytest.mark.parametrize("action", LOSSES, ids=str)
def test_a_booking_with_unknown_outcome_is_looked_for_before_it_is_repeated(writer: Writer, action: Action) -> None:
    lose(writer, action, when="before", times=None)
    assert refused(writer.create()) == (409, "OutcomeUnknown", None)
    assert refused(writer.create("run-1")) == (502, "OutcomeUnknown", None)
    writer.gateway.sim.faults.clear()
    assert writer.create("run-1").status_code == 201
    assert len(writer.calendar()) == 1


@pytest.mark.parametrize("notes", [None, "", "Rewritten by a colleague"])
def test_a_repeat_finds_what_could_not_be_seen_before(writer: Writer, notes: str | None) -> None:
    """Also where the mark did not survive: by service, time, customer and the time of its making."""
    lose(writer, Drop())
    made = threading.Event()
    original = GraphBookings.calendar_view

    def blind(self: GraphBookings, *args: Any) -> Any:
        if writer.calendar():
            made.set()
            raise OutcomeUnknown("Nothing to be seen.")
        return original(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GraphBookings, "calendar_view", blind)
        assert refused(writer.create("run-1")) == (502, "OutcomeUnknown", None)
    assert made.is_set()
    (only,) = writer.calendar()
    if notes is not None:
        business(writer).appointments.patch(only.id, {"serviceNotes": notes})
    assert writer.create("run-1").json()["id"] == only.id
    assert len(writer.calendar()) == 1


def test_what_others_booked_is_not_taken_for_ours(writer: Writer) -> None:
    """The same customer, service and time, but made long before: a booking of its own."""
    old = book(writer.gateway, TOMORROW + timedelta(hours=9), staffMemberIds=[tiny.ANNE])
    lose(writer, Answer(500, body=UNKNOWN), when="before")
    one = business(writer).appointments.get(old)
    one.values["createdDateTime"] = "2026-01-01T09:00:00Z"
    assert refused(writer.create("run-1")) == (502, "OutcomeUnknown", None)
    assert writer.create("run-1").json()["id"] != old
    assert len(writer.calendar()) == 2


CHANGES: list[tuple[str, Callable[[Writer, str, str | None], Any]]] = [
    ("PATCH", lambda writer, made, key: writer.verb("reschedule", made, key, start=clock(14))),
    ("PATCH", lambda writer, made, key: writer.verb("assign", made, key, staff=[tiny.BOB])),
    ("PATCH", lambda writer, made, key: writer.update(made, key, additionalInformation="x", customers=[CLEO])),
    ("POST", lambda writer, made, key: writer.verb("cancel", made, key)),
]


@pytest.mark.parametrize("action", LOSSES, ids=str)
@pytest.mark.parametrize(("method", "change"), CHANGES)
@pytest.mark.parametrize("key", ["run-1", None])
def test_a_change_whose_answer_is_lost_is_done_once(
    writer: Writer, action: Action, method: str, change: Callable[[Writer, str, str | None], Any], key: str | None
) -> None:
    made = writer.made(staff=[tiny.ANNE])["id"]
    lose(writer, action, "/appointments/", method)
    answer = change(writer, made, key)
    assert answer.status_code == 200, answer.text
    sent = len(business(writer).notices)
    if key:
        assert change(writer, made, key).json() == answer.json()
        assert len(business(writer).notices) == sent


@pytest.mark.parametrize(("method", "change"), CHANGES)
@pytest.mark.parametrize(("key", "status"), [("run-1", 502), (None, 409)])
def test_a_change_that_is_not_done_is_not_called_done(
    writer: Writer, method: str, change: Callable[[Writer, str, str | None], Any], key: str | None, status: int
) -> None:
    made = writer.made(staff=[tiny.ANNE])["id"]
    lose(writer, Answer(500, body=UNKNOWN), "/appointments/", method, when="before", times=None)
    assert refused(change(writer, made, key)) == (status, "OutcomeUnknown", None)
    writer.gateway.sim.faults.clear()
    assert change(writer, made, key).status_code == 200


@pytest.mark.parametrize("action", LOSSES, ids=str)
def test_a_customer_whose_answer_is_lost_is_there_once(writer: Writer, action: Action) -> None:
    lose(writer, action, "/customers$")
    assert writer.customer("run-1", name="Robin", emailAddress="robin@example.com").json()["isNew"] is True
    lose(writer, action, "/customers/", "PATCH")
    assert (
        writer.customer("run-2", name="Robin E.", emailAddress="robin@example.com").json()["displayName"] == "Robin E."
    )
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: writer.customer(f"new-{n}", name="Lee", emailAddress="lee@example.com"), range(4)))
    assert sorted(each["displayName"] for each in writer.customers()) == ["Cleo Customer", "Lee", "Robin E."]


STEPS = (
    (Table, "get"), (Table, "query"), (Table, "transact"),
    (GraphBookings, "get_business"), (GraphBookings, "get_service"), (GraphBookings, "list_staff"),
    (GraphBookings, "calendar_view"), (GraphBookings, "get_staff_availability"), (GraphBookings, "get_appointment"),
    (GraphBookings, "create_appointment"), (GraphBookings, "update_appointment"), (GraphBookings, "get_customers"),
    (GraphBookings, "create_customer"), (GraphBookings, "get_customer"),
)  # fmt: skip


@pytest.fixture
def no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead worker's claim is free at once."""
    monkeypatch.setattr(idempotency, "LEASE", timedelta(0))


@pytest.mark.slow(reason="dies at every step")
@pytest.mark.usefixtures("no_lease")
@pytest.mark.parametrize(
    ("service", "has_group", "count", "refuses"),
    [
        (tiny.VISIT, False, 1, None),
        (tiny.VISIT, False, 1, "before"),
        (tiny.VISIT, False, 1, "after"),
        (tiny.GROUP, False, 1, None),
        (tiny.GROUP, True, 1, None),
        (tiny.GROUP, False, 5, None),
    ],
)
def test_a_crash_at_any_step_leaves_one_appointment(
    writer: Writer, service: str, *, has_group: bool, count: int, refuses: str | None
) -> None:
    """`refuses`: Graph refuses the staff who were chosen first, before or after it has booked them."""
    built = services.services()
    tenant = built.connections["default"]
    assert tenant.writes
    create = tenant.writes.create

    def run(start: datetime, mails: list[str], key: str) -> Any:
        def work(attempt: Attempt) -> Any:
            people = [{"name": "Robin", "emailAddress": mail} for mail in mails]
            return create(business=tiny.BUSINESS, service=service, start=start, customers=people, attempt=attempt)

        scope = f"default|{tiny.BUSINESS}"
        return built.idempotency.run(work, scope=scope, operation="create", payload=key, key=key).body

    # every rule about rows is met by the first case, on the emulator
    with nullcontext() if (service, refuses) == (tiny.VISIT, None) else storage_in_memory():
        for at in range(1, 300, 1 if count == 1 else 9):  # the steps of one guest come again with each of the five
            start = TOMORROW + timedelta(hours=2 * at)
            if has_group:
                group = {"serviceId": tiny.GROUP, "maximumAttendeesCount": 6, "customers": []}
                book(writer.gateway, start, minutes=60, staffMemberIds=[tiny.BOB], **group)
            mails = [f"robin{at}.{number}@example.com" for number in range(count)]
            if refuses:
                lose(
                    writer,
                    Answer(400, body={"error": {"code": "BadRequest", "message": "Invalid Staff"}}),
                    when=refuses,
                )
            kill_switch = KillSwitch(at)
            with kill_switch.watching(STEPS, also_after=True):
                try:
                    run(start, mails, f"key-{at}")
                except Killed:
                    time.sleep(0.02)
            made = run(start, mails, f"key-{at}")
            there = [one for one in writer.calendar() if one.start == start]
            assert [one.id for one in there] == [made["id"]], f"killed at step {at}"
            assert [each["emailAddress"] for each in there[0].values["customers"]] == mails, f"killed at step {at}"
            if len(kill_switch.steps) < at:
                records = Counter(str(each["emailAddress"]) for each in writer.customers())
                assert max(records.values()) == 1
                assert at > 20
                return
    pytest.fail("there is no end to the steps")


def test_neither_customers_nor_keys_nor_secrets_are_logged(writer: Writer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        lose(writer, Drop())
        made = writer.create("very-private-key").json()
        writer.create("very-private-key", start=clock(12))
        writer.update(made["id"], customers=[CLEO | {"notes": "Has a dog"}], serviceNotes="Beware of the dog")
        writer.verb("reschedule", made["id"], start=clock(9.25), staff=[tiny.BOB])
        lose(writer, Answer(500, body=UNKNOWN), "/customers$", when="before")
        writer.customer(name="Robin Private", emailAddress="robin@example.com", phone="+44 20 7946 0999")
        writer.verb("cancel", made["id"], message="The dog is ill")
    seen = "\n".join(
        record.getMessage()
        for record in caplog.records
        if "127.0.0.1" not in record.getMessage() and not record.name.startswith("uvicorn")
    )
    assert "appointments" in seen
    for private in ("Cleo", "cleo@", "7946", "dog", "Robin", "robin@", "very-private-key", *secrets_of(writer.gateway)):
        assert private not in seen, private
