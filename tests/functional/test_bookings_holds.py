"""Holds: a slot is kept for some minutes; everything that the gateway answers and writes honours it."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest

from bookings.holds import store
from composition import services
from shared.graph.bookings import GraphBookings
from shared.storage import idempotency
from shared.storage.idempotency import Attempt
from shared.storage.tables import Table
from tests.functional.booking_writes import CLEO, TOMORROW, Writer, clock, open_page_with_new_keys, refused
from tests.functional.conftest import Gateway
from tests.functional.kill_switch import Killed, KillSwitch
from tests.functional.storage import storage_in_memory
from tests.functional.test_bookings_appointments import book
from twin.core.faults import Answer, Drop
from twin.seeds import tiny

ROBIN = {"name": "Robin", "emailAddress": "robin@example.com"}
UNKNOWN_HOLD = "0" * 32


@pytest.fixture
def writer(gateway_process: Gateway, monkeypatch: pytest.MonkeyPatch) -> Writer:
    return open_page_with_new_keys(gateway_process, monkeypatch)


def hold(writer: Writer, key: str | None = None, **changes: Any) -> Any:
    whole = {"service": tiny.VISIT, "start": clock(9)} | changes
    return writer.send("POST", "/slots/holds", {name: value for name, value in whole.items() if value is not None}, key)


def held(writer: Writer, **changes: Any) -> Any:
    answer = hold(writer, **changes)
    assert answer.status_code == 201, answer.text
    return answer.json()


def slots(writer: Writer, service: str = tiny.VISIT, **query: Any) -> dict[str, dict[str, int]]:
    """Return by start who is offered, and with how many seats."""
    found = writer.gateway.ask("/slots", service=service, **({"start": clock(9), "end": clock(9.5)} | query))["value"]
    return {slot["startUtc"]: {one["displayName"]: one["seatsAvailable"] for one in slot["staffMembers"]}
            for slot in found}  # fmt: skip


def test_a_held_slot_is_not_offered_but_to_its_holder(writer: Writer) -> None:
    first = held(writer, staff=[tiny.ANNE])
    assert (first["staffNames"], first["startUtc"], first["endUtc"]) == ("Anne", clock(9), clock(9.5))
    assert (first["serviceName"], first["seats"], first["durationMinutes"]) == ("Visit", 1, 30)
    assert slots(writer) == {clock(9): {"Bob": 1}}
    assert slots(writer, hold=first["id"]) == {clock(9): {"Anne": 1, "Bob": 1}}
    second = held(writer)
    assert second["staffNames"] == "Bob", "the one who is free is chosen"
    assert slots(writer) == {}
    assert writer.calendar() == []
    sent = [f"{seen.path} {seen.query} {seen.request_json!r}" for seen in writer.gateway.graph_calls()]
    assert first["id"] not in "".join(sent), "Graph never hears of holds"


def test_a_hold_takes_its_buffers_too(writer: Writer) -> None:
    held(writer, staff=[tiny.ANNE])
    assert slots(writer, start=clock(8.5), end=clock(10.5), staff=tiny.ANNE) == {clock(10): {"Anne": 1}}


def test_availability_shows_what_is_held(writer: Writer) -> None:
    made = held(writer, staff=[tiny.ANNE])

    def items(**more: Any) -> list[tuple[str, str, str]]:
        body = {"staffIds": [tiny.ANNE], "start": clock(8), "end": clock(11)} | more
        found = writer.send("POST", "/availability", body).json()["value"][0]["availabilityItems"]
        return [(item["status"], item["startUtc"], item["endUtc"]) for item in found]

    after = clock(9 + 40 / 60)
    assert items() == [
        ("available", clock(8), clock(9)), ("held", clock(9), after), ("available", after, clock(11))
    ]  # fmt: skip
    assert items(hold=made["id"]) == [("available", clock(8), clock(11))]


def test_others_cannot_book_move_or_assign_into_a_hold(writer: Writer) -> None:
    mine = [held(writer, minutes=30), held(writer, minutes=30)]
    later = writer.made(start=clock(12), staff=[tiny.ANNE])["id"]
    meets = book(writer.gateway, TOMORROW + timedelta(hours=9), staffMemberIds=[])
    for answer in (
        writer.create(),
        writer.create(staff=[tiny.BOB]),
        writer.create(start=clock(9.5)),
        writer.verb("reschedule", later, start=clock(9)),
        writer.verb("assign", meets, staff=[tiny.BOB]),
    ):
        assert refused(answer) == (409, "SlotHeld", "start")
        assert mine[0]["expiresUtc"] in answer.json()["error"]["message"] or mine[1]["expiresUtc"] in answer.text
    assert refused(hold(writer)) == (409, "SlotHeld", "start")
    assert refused(hold(writer, start=clock(12), staff=[tiny.ANNE])) == (409, "StaffNotFree", "staff")


def test_a_booking_uses_up_its_hold(writer: Writer) -> None:
    held(writer, staff=[tiny.BOB])
    own = held(writer)["id"]
    made = writer.made(hold=own)
    assert made["staffNames"] == "Anne"
    assert slots(writer, hold=own) == {}
    assert refused(writer.send("GET", f"/slots/holds/{own}", None)) == (404, "HoldNotFound", "hold")
    assert refused(writer.create(hold=own, customers=[ROBIN])) == (409, "HoldEnded", "hold")


def test_moving_and_assigning_use_up_a_hold(writer: Writer) -> None:
    made = writer.made(staff=[tiny.ANNE])["id"]
    moved = writer.verb("reschedule", made, start=clock(11), hold=held(writer, start=clock(11), staff=[tiny.BOB])["id"])
    assert (moved.json()["startUtc"], moved.json()["staffNames"]) == (clock(11), "Bob")
    own = held(writer, start=clock(11))
    given = writer.verb("assign", made, staff=[tiny.ANNE], hold=own["id"])
    assert given.json()["staffNames"] == own["staffNames"] == "Anne"
    assert refused(writer.verb("assign", made, staff=[tiny.BOB], hold=own["id"])) == (409, "HoldEnded", "hold")


@pytest.mark.parametrize(
    ("other", "target"),
    [({"start": clock(10)}, "start"), ({"service": tiny.GROUP}, "service"), ({"staff": [tiny.BOB]}, "staff")],
)
def test_a_hold_is_of_one_place(writer: Writer, other: dict[str, Any], target: str) -> None:
    own = held(writer, staff=[tiny.ANNE])["id"]
    assert refused(writer.create(hold=own, **other)) == (400, "HoldMismatch", target)
    assert writer.writes() == []


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"seats": 2}, (400, "TooManyCustomers", "seats")),
        ({"seats": "2"}, (400, "InvalidNumber", "seats")),
        ({"minutes": 31}, (400, "InvalidNumber", "minutes")),
        ({"minutes": True}, (400, "InvalidNumber", "minutes")),
        ({"end": clock(10)}, (400, "WrongDuration", "end")),
        ({"staff": ["somebody"]}, (400, "StaffNotFound", "staff")),
        ({"start": clock(-30)}, (400, "TooShortNotice", "start")),
        ({"service": None}, (400, "MissingParameter", "service")),
        ({"service": tiny.ANNE}, (404, "ServiceNotFound", "service")),
        ({"customer": "robin@example.com"}, (400, "UnknownParameter", "customer")),
    ],
)
def test_what_cannot_be_held_is_refused(writer: Writer, wrong: dict[str, Any], expected: tuple[int, str, str]) -> None:
    assert refused(hold(writer, **wrong)) == expected


def test_holds_are_released_and_ids_are_checked(writer: Writer) -> None:
    own = held(writer, staff=[tiny.ANNE])
    path = f"/slots/holds/{own['id']}"
    assert writer.send("GET", path, None).json() == own
    for _ in range(2):
        answer = writer.send("DELETE", path, None)
        assert (answer.status_code, answer.content) == (204, b"")
    assert slots(writer) == {clock(9): {"Anne": 1, "Bob": 1}}
    for wrong in ("x", "write-0123456789ab", "..%2F..%2Fx", UNKNOWN_HOLD.upper() + "A"):
        for method in ("GET", "DELETE"):
            assert refused(writer.send(method, f"/slots/holds/{wrong}", None))[1:] == ("InvalidId", "hold")
    assert refused(writer.create(hold="x")) == (400, "InvalidId", "hold")
    assert refused(writer.create(hold=UNKNOWN_HOLD)) == (409, "HoldEnded", "hold")


def test_nothing_is_held_where_nothing_may_be_written(writer: Writer) -> None:
    writer.gateway.begin(tiny.seed, BOOKINGS_BUSINESSES=tiny.BUSINESS)
    assert refused(hold(writer)) == (403, "WritesOff", None)


def test_a_hold_expires(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time
    own = held(writer, staff=[tiny.ANNE])["id"]
    monkeypatch.setattr(time, "time", lambda: now() + 270)
    assert refused(writer.create(staff=[tiny.ANNE])) == (409, "SlotHeld", "start")
    monkeypatch.setattr(time, "time", lambda: now() + 301)
    assert slots(writer) == {clock(9): {"Anne": 1, "Bob": 1}}
    assert refused(writer.create(hold=own)) == (409, "HoldEnded", "hold")
    writer.made(staff=[tiny.ANNE])
    writes = services.services().connections["default"].writes
    assert writes
    row = writes._holds._table.get(tiny.BUSINESS, "holds")
    assert row
    assert store._unpack(row.values["holds"]) == [], "the next write removed it"


def test_a_page_has_so_many_holds_and_no_more(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_HOLDS", 1)
    own = held(writer)["id"]
    assert refused(hold(writer, start=clock(12))) == (409, "TooManyHolds", None)
    assert writer.made(start=clock(12)), "booking needs none"
    assert writer.made(hold=own)


def test_the_same_key_is_the_same_hold(writer: Writer) -> None:
    first, second = hold(writer, "k1"), hold(writer, "k1")
    assert second.json() == first.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    made = writer.create("k2", hold=first.json()["id"])
    again = writer.create("k2", hold=first.json()["id"])
    assert made.json() == again.json()
    assert hold(writer, "k1").json() == first.json(), "although it was used up"
    assert held(writer)["staffNames"] != first.json()["staffNames"]


def test_the_same_booking_with_a_hold_is_one_without_a_key(writer: Writer) -> None:
    own = held(writer)["id"]
    first, second = (writer.create(hold=own, allowDuplicate=None) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]


def test_a_lost_booking_with_a_hold_is_found(writer: Writer) -> None:
    own = held(writer)["id"]
    writer.gateway.sim.faults.add(Drop(), api="bookings", method="POST", path="/appointments$", when="after")
    assert writer.create("k", hold=own).status_code == 201
    assert len(writer.calendar()) == 1
    assert refused(writer.send("GET", f"/slots/holds/{own}", None))[1] == "HoldNotFound"


def test_a_booking_that_fails_leaves_its_hold_as_it_was(writer: Writer) -> None:
    own = held(writer)
    fault = Answer(400, body={"error": {"code": "BadRequest", "message": "Invalid Staff"}})
    writer.gateway.sim.faults.add(fault, api="bookings", method="POST", path="/appointments$")
    assert refused(writer.create(hold=own["id"])) == (409, "StaffRefused", "staff")
    assert writer.send("GET", f"/slots/holds/{own['id']}", None).json() == own
    assert writer.made(hold=own["id"])["staffNames"] == own["staffNames"]


def test_a_booking_of_unknown_outcome_keeps_its_place_for_a_while(writer: Writer) -> None:
    fault = Answer(504, body={"error": {"code": "UnknownError", "message": ""}})
    writer.gateway.sim.faults.add(fault, api="bookings", method="POST", path="/appointments$", when="before")
    assert refused(writer.create("k", staff=[tiny.ANNE])) == (502, "OutcomeUnknown", None)
    assert slots(writer) == {clock(9): {"Bob": 1}}
    assert refused(writer.create(staff=[tiny.ANNE])) == (409, "SlotHeld", "start")
    assert writer.create("k", staff=[tiny.ANNE]).status_code == 201, "the repeat knows its own place"
    assert len(writer.calendar()) == 1


# -- groups -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exists", [True, False])
def test_seats_of_a_group_are_held(writer: Writer, exists: bool) -> None:
    """Whether the group appointment is there already or not."""
    if exists:
        writer.made(service=tiny.GROUP, customers=[CLEO])
    own = held(writer, service=tiny.GROUP, seats=3)
    assert own["staffNames"] == "Bob"
    left = 2 if exists else 3
    assert slots(writer, tiny.GROUP) == {clock(9): {"Bob": left}}
    assert slots(writer, tiny.GROUP, hold=own["id"]) == {clock(9): {"Bob": left + 3}}
    assert slots(writer) == {clock(9): {"Anne": 1}}, "his time is taken for other services"
    guests = [{"name": f"Guest {number}", "emailAddress": f"g{number}@example.com"} for number in range(4)]
    assert refused(writer.create(service=tiny.GROUP, customers=guests)) == (409, "SlotHeld", "start")
    assert refused(hold(writer, service=tiny.GROUP, seats=4)) == (409, "SlotHeld", "start")
    writer.made(service=tiny.GROUP, customers=guests[:left])
    assert slots(writer, tiny.GROUP) == {}
    assert refused(writer.create(service=tiny.GROUP, customers=[ROBIN])) == (409, "SlotHeld", "start")
    appointment = writer.calendar()[0].id
    joining = writer.update(appointment, customers=[ROBIN])
    assert refused(joining) == (409, "SlotHeld", "start")
    last = [ROBIN, *({"name": f"Friend {number}", "emailAddress": f"f{number}@example.com"} for number in range(2))]
    made = writer.made(service=tiny.GROUP, customers=last, hold=own["id"])
    assert made["filledAttendeesCount"] == 6
    assert len(writer.calendar()) == 1
    assert refused(hold(writer, service=tiny.GROUP)) == (409, "NoSeats", "seats")


def test_seats_of_a_group_are_held_at_its_own_time_and_take_no_more_of_its_staff(writer: Writer) -> None:
    """A group of 90 minutes without buffers, of a service of an hour that has buffers by now."""
    business = writer.gateway.sim.bookings.business(tiny.BUSINESS)
    business.services.patch(tiny.GROUP, {"preBuffer": "PT2H", "postBuffer": "PT2H"})
    shared = {"serviceId": tiny.GROUP, "staffMemberIds": [tiny.BOB], "maximumAttendeesCount": 6, "customers": []}
    group = book(writer.gateway, TOMORROW + timedelta(hours=9), minutes=90, **shared)
    before = slots(writer, start=clock(6), end=clock(12))
    own = held(writer, service=tiny.GROUP, seats=2)
    assert (own["endUtc"], own["staffNames"]) == (clock(10.5), "Bob")
    assert slots(writer, tiny.GROUP) == {clock(9): {"Bob": 4}}
    assert slots(writer, start=clock(6), end=clock(12)) == before
    assert writer.made(service=tiny.GROUP, customers=[CLEO, ROBIN], hold=own["id"])["id"] == group


def test_a_used_hold_of_seats_is_not_counted_twice(writer: Writer) -> None:
    own = held(writer, service=tiny.GROUP, seats=2)["id"]
    writer.made(service=tiny.GROUP, customers=[CLEO, ROBIN], hold=own)
    assert slots(writer, tiny.GROUP) == {clock(9): {"Bob": 4}}


def test_six_customers_use_up_a_hold_of_six_seats(writer: Writer) -> None:
    """Graph takes four into a new appointment; two more join it."""
    own = held(writer, service=tiny.GROUP, seats=6)["id"]
    six = [{"name": f"Guest {number}", "emailAddress": f"g{number}@example.com"} for number in range(6)]
    made = writer.made(service=tiny.GROUP, customers=six, hold=own)
    assert made["filledAttendeesCount"] == 6
    assert slots(writer, tiny.GROUP) == {}


# -- at the same time -------------------------------------------------------------------------------------------------


def open_two_instances(writer: Writer) -> list[Any]:
    """Return what holds and writes, as two instances of the app have it; Graph serves all calls of both at once."""
    writer.gateway.sim.graph_limits.concurrency = None
    first = services.services()
    services.replace_services(None)
    second = services.services()
    return [one.connections["default"].writes for one in (first, second)]


def try_all(works: Sequence[Callable[..., Any]]) -> Counter[str]:
    def outcome(work: Callable[..., Any]) -> str:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the outcome is what is counted
            return str(getattr(error, "code", type(error).__name__))
        return "done"

    with ThreadPoolExecutor(len(works)) as pool:
        return Counter(pool.map(outcome, works))


def attempt(number: int) -> Attempt:
    return Attempt(f"{number:012x}", TOMORROW - timedelta(days=1), interrupted=False)


def hold_at_nine(writes: Any, number: int, **changes: Any) -> Any:
    whole = {"service": tiny.VISIT, "staff": [tiny.ANNE], "seats": 1} | changes
    return writes.holder.hold(
        business=tiny.BUSINESS, start=TOMORROW + timedelta(hours=9), end=None, zone=None,
        duration=timedelta(minutes=5), attempt=attempt(number), **whole,
    )  # fmt: skip


def book_at_nine(writes: Any, number: int, **changes: Any) -> Any:
    whole = {"service": tiny.VISIT, "staff": [tiny.ANNE]} | changes
    person = {"name": f"Guest {number}", "emailAddress": f"g{number}@example.com"}
    start = TOMORROW + timedelta(hours=9)
    return writes.create(business=tiny.BUSINESS, start=start, customers=[person], attempt=attempt(number), **whole)


@pytest.mark.slow(reason="many workers at once")
def test_of_twenty_workers_one_gets_the_last_place(writer: Writer) -> None:
    instances = open_two_instances(writer)
    outcomes = try_all([lambda number=number: hold_at_nine(instances[number % 2], number) for number in range(20)])
    assert outcomes["done"] == 1
    assert set(outcomes) <= {"done", "SlotHeld"}
    assert slots(writer) == {clock(9): {"Bob": 1}}


@pytest.mark.slow(reason="many workers at once")
def test_twenty_workers_share_the_seats_of_a_group(writer: Writer) -> None:
    instances, group = open_two_instances(writer), {"service": tiny.GROUP, "staff": [], "seats": 2}
    works = [lambda number=number: hold_at_nine(instances[number % 2], number, **group) for number in range(20)]
    outcomes = try_all(works)
    assert outcomes["done"] == 3
    assert set(outcomes) <= {"done", "SlotHeld"}


@pytest.mark.slow(reason="many workers at once")
@pytest.mark.parametrize("service", [tiny.VISIT, tiny.GROUP])
def test_holds_and_bookings_at_once_never_share_a_place(writer: Writer, service: str) -> None:
    """Also not when the booking was sent while the place was being held."""
    instances = open_two_instances(writer)
    seats, staff = (1, [tiny.ANNE]) if service == tiny.VISIT else (5, [tiny.BOB])
    for turn in range(3):
        start = TOMORROW + timedelta(hours=9)
        works = [
            lambda turn=turn: hold_at_nine(instances[0], 2 * turn, service=service, staff=staff, seats=seats),
            lambda turn=turn: book_at_nine(instances[1], 2 * turn + 1, service=service, staff=staff),
        ]
        if service == tiny.VISIT:
            assert try_all(works)["done"] == 1
        else:
            assert try_all(works)["done"] == 2, "one booking and five held seats fit"
            assert try_all([lambda: book_at_nine(instances[1], 99, service=service, staff=staff)])["SlotHeld"] == 1
        page = instances[0]._holds.read(tiny.BUSINESS)
        taken = len([one for one in writer.calendar() if one.start == start])
        assert (taken, len(page.holds)) in ([(1, 0), (0, 1)] if service == tiny.VISIT else [(1, 1)])
        for each in page.holds:
            instances[0].holder.release(tiny.BUSINESS, each.id)
        for one in writer.calendar():
            writer.verb("cancel", one.id)


def test_two_bookings_of_one_new_group_make_one(writer: Writer) -> None:
    instances = open_two_instances(writer)
    works = [
        lambda number=number: book_at_nine(instances[number % 2], number, service=tiny.GROUP, staff=[])
        for number in range(4)
    ]
    assert try_all(works)["done"] == 4
    assert [one.seats_taken for one in writer.calendar()] == [4]


STEPS = (
    (Table, "get"), (Table, "transact"), (GraphBookings, "calendar_view"), (GraphBookings, "get_staff_availability"),
    (GraphBookings, "get_appointment"), (GraphBookings, "create_appointment"),
)  # fmt: skip


@pytest.mark.slow(reason="dies at every step")
@pytest.mark.parametrize("uses_up", [False, True], ids=["holding", "booking"])
def test_a_crash_at_any_step_leaves_at_most_a_hold_that_expires(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, uses_up: bool
) -> None:
    """And the repeat finds it, or what was booked with it."""
    monkeypatch.setattr(idempotency, "LEASE", timedelta(0))
    built = services.services()
    writes, now = built.connections["default"].writes, time.time
    assert writes

    def run(operation: str, hour: int, work: Callable[[Attempt], Any]) -> Any:
        key = f"{operation} {hour}"
        return built.idempotency.run(work, scope="s", operation=operation, payload=hour, key=key).body

    def keep(hour: int) -> Any:
        return run("hold", hour, lambda attempt: writes.holder.hold(
            business=tiny.BUSINESS, service=tiny.VISIT, start=TOMORROW + timedelta(hours=hour), end=None, staff=[],
            seats=1, duration=timedelta(minutes=5), zone=None, attempt=attempt,
        ))  # fmt: skip

    def use_up(hour: int, own: str) -> Any:
        return run("create", hour, lambda attempt: writes.create(
            business=tiny.BUSINESS, service=tiny.VISIT, start=TOMORROW + timedelta(hours=hour), customers=[ROBIN],
            attempt=attempt, hold=own,
        ))  # fmt: skip

    with storage_in_memory() if uses_up else nullcontext():  # holding alone meets every rule about rows
        for at in range(1, 60):
            own = keep(at) if uses_up else None
            switch = KillSwitch(at)
            with switch.watching(STEPS, also_after=True):
                try:
                    _ = use_up(at, own["id"]) if own else keep(at)
                except Killed:
                    time.sleep(0.02)
            with monkeypatch.context() as later:
                later.setattr(time, "time", lambda: now() + 301)
                assert writes._holds.read(tiny.BUSINESS).holds == ()
            done = use_up(at, own["id"]) if own else keep(at)
            left = [each.id for each in writes._holds.read(tiny.BUSINESS).holds]
            booked = [one.id for one in writer.calendar() if one.start == TOMORROW + timedelta(hours=at)]
            assert (left, booked) == (([], [done["id"]]) if own else ([done["id"]], [])), f"killed at step {at}"
            for each in left:
                writes.holder.release(tiny.BUSINESS, each)
            if len(switch.steps) < at:
                assert at > 12
                return
    pytest.fail("there is no end to the steps")
