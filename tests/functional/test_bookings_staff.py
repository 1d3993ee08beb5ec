"""Who serves: a booking that names no staff, the fair choice among those who are free, and Graph's refusals."""

from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from bookings.writing import booking
from shared.graph.bookings import GraphBookings
from tests.functional.booking_writes import TOMORROW, Writer, clock, open_page_with_new_keys, refused
from tests.functional.conftest import Gateway
from tests.functional.test_bookings_appointments import book
from twin.bookings.state import Business
from twin.core.faults import Action, Answer, Drop
from twin.seeds import tiny

CARLA = "57aff000-0000-4000-8000-000000000003"
ROBIN = {"@odata.type": "#microsoft.graph.bookingCustomerInformation", "name": "Robin"}
INVALID_STAFF = {"error": {"code": "BadRequest", "message": "Invalid Staff"}}


@pytest.fixture
def writer(gateway_process: Gateway, monkeypatch: pytest.MonkeyPatch) -> Writer:
    return open_page_with_new_keys(gateway_process, monkeypatch)


def page_of(writer: Writer) -> Business:
    return writer.gateway.sim.bookings.business(tiny.BUSINESS)


def add_carla(writer: Writer) -> None:
    page = page_of(writer)
    page.staff.add({"displayName": "Carla", "emailAddress": "carla@contoso.com", "role": "teamMember"}, item_id=CARLA)
    page.services.patch(tiny.VISIT, {"staffMemberIds": [CARLA, tiny.ANNE, tiny.BOB]})


def serves(writer: Writer, **changes: Any) -> Any:
    return writer.made(**changes)["staffMemberIds"]


def test_a_booking_without_staff_names_who_is_free(writer: Writer) -> None:
    made = writer.made()
    assert (made["staffMemberIds"], made["staffNames"]) == ([tiny.ANNE], "Anne")
    (sent,) = [seen.request_json for seen in writer.gateway.graph_calls() if seen.path.endswith("/appointments")]
    assert sent["staffMemberIds"] == [tiny.ANNE]
    assert writer.writes() == ["POST appointments"]


def test_who_has_the_fewest_minutes_of_the_week_is_chosen_then_the_first_id(writer: Writer) -> None:
    add_carla(writer)
    start = TOMORROW + timedelta(days=(7 - TOMORROW.weekday()) % 7, hours=9)  # a Monday
    at = start.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert serves(writer, start=at) == [tiny.ANNE]
    assert serves(writer, start=(start + timedelta(hours=1)).isoformat()) == [tiny.BOB]
    book(writer.gateway, start + timedelta(days=6, hours=12), minutes=90, staffMemberIds=[CARLA])
    assert serves(writer, start=(start + timedelta(hours=2)).isoformat()) == [tiny.ANNE]
    assert serves(writer, start=(start + timedelta(hours=3)).isoformat()) == [tiny.BOB]
    assert serves(writer, start=(start + timedelta(days=7)).isoformat()) == [tiny.ANNE], "another week begins at zero"


def test_the_week_is_that_of_the_page(writer: Writer) -> None:
    """Sunday evening in London is Monday in Auckland: what was booked on Friday is last week's there."""
    page = page_of(writer)
    page.patch({"bookingPageSettings": page.values["bookingPageSettings"] | {"businessTimeZone": "Pacific/Auckland"}})
    sunday = TOMORROW + timedelta(days=(6 - TOMORROW.weekday()) % 7, hours=20)
    book(writer.gateway, sunday - timedelta(hours=14), minutes=180, staffMemberIds=[tiny.ANNE])
    assert serves(writer, start=sunday.isoformat()) == [tiny.ANNE]
    assert serves(writer, start=(sunday - timedelta(hours=16)).isoformat()) == [tiny.BOB]


def test_who_is_busy_is_not_chosen_however_little_is_booked(writer: Writer) -> None:
    for hour in (12, 13, 14):
        book(writer.gateway, TOMORROW + timedelta(hours=hour), staffMemberIds=[tiny.BOB])
    page_of(writer).add_personal_event(tiny.ANNE, TOMORROW + timedelta(hours=9), TOMORROW + timedelta(hours=10))
    assert serves(writer) == [tiny.BOB]
    assert refused(writer.create()) == (409, "SlotTaken", "start")


def test_a_service_without_staff_choice_is_booked_moved_and_assigned(writer: Writer) -> None:
    page_of(writer).services.patch(tiny.VISIT, {"schedulingPolicy": {"allowStaffSelection": False}})
    made = writer.made()
    assert made["staffNames"] == "Anne"
    assert refused(writer.create(staff=[tiny.BOB])) == (400, "StaffChoiceNotAllowed", "staff")
    assert writer.verb("assign", made["id"], staff=[tiny.BOB]).json()["staffNames"] == "Bob"
    moved = writer.verb("reschedule", made["id"], start=clock(14), staff=[tiny.ANNE])
    assert (moved.json()["startUtc"], moved.json()["staffNames"]) == (clock(14), "Anne")
    page_of(writer).services.patch(tiny.VISIT, {"staffMemberIds": [tiny.ANNE]})
    assert refused(writer.verb("assign", made["id"], staff=[tiny.BOB])) == (400, "StaffNotOnService", "staff")


def test_the_next_one_is_chosen_when_graph_takes_nothing_for_the_first(writer: Writer) -> None:
    fault = Answer(400, body=INVALID_STAFF)
    writer.gateway.sim.faults.add(fault, api="bookings", method="POST", path="/appointments$")
    assert serves(writer) == [tiny.BOB]
    assert len(writer.calendar()) == 1


def test_somebody_who_is_booked_in_between_is_replaced_by_the_next(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = booking.Booker._create

    def interfere(self: booking.Booker, plan: Any, *rest: Any) -> Any:
        if plan.booking.staff == (tiny.ANNE,):
            book(writer.gateway, TOMORROW + timedelta(hours=9), staffMemberIds=[tiny.ANNE], customers=[ROBIN])
        return original(self, plan, *rest)

    monkeypatch.setattr(booking.Booker, "_create", interfere)
    assert serves(writer) == [tiny.BOB]
    assert len(writer.calendar()) == 2


REFUSED_AFTER_ALL = [
    Answer(400, body=INVALID_STAFF),
    Answer(400, body={"error": {"code": "BadRequest", "message": "Wrong."}}),
    Answer(409, body={"error": {"code": "Conflict", "message": ""}}),
    Answer(500, body={"error": {"code": "UnknownError", "message": "staff not available"}}),
    Drop(),
]


@pytest.mark.parametrize("staff", [None, [tiny.ANNE]])
@pytest.mark.parametrize("action", REFUSED_AFTER_ALL, ids=str)
def test_what_was_made_in_spite_of_a_refusal_is_found_and_not_made_again(
    writer: Writer, action: Action, staff: Any
) -> None:
    writer.gateway.sim.faults.add(action, api="bookings", method="POST", path="/appointments$", when="after")
    assert serves(writer, staff=staff) == [tiny.ANNE]
    assert (len(writer.calendar()), writer.writes()) == (1, ["POST appointments"])


@pytest.mark.parametrize("action", [Drop(), Answer(502), Answer(504)], ids=str)
def test_nobody_else_is_chosen_while_a_create_may_be_under_way(writer: Writer, action: Action) -> None:
    """Its answer is lost, and then somebody books the one who was chosen: Graph may still do what it was sent."""
    sim = writer.gateway.sim
    fault = sim.faults.add(action, api="bookings", method="POST", path="/appointments$")
    original = GraphBookings.create_appointment

    def interfere(self: GraphBookings, business: str, body: Any) -> Any:
        try:
            return original(self, business, body)
        finally:
            book(writer.gateway, TOMORROW + timedelta(hours=9), staffMemberIds=[tiny.ANNE], customers=[ROBIN])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GraphBookings, "create_appointment", interfere)
        assert refused(writer.create("run-1")) == (409, "SlotTaken", "start")
    assert (fault.fired, writer.writes()) == (1, ["POST appointments"])
    assert writer.made()["staffMemberIds"] == [tiny.BOB]


def test_what_one_reading_shows_and_the_next_one_does_not_is_found(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the booking itself would count as somebody else's, and be made again with the next staff member."""
    failed = Answer(500, body={"error": {"code": "UnknownError", "message": ""}})
    writer.gateway.sim.faults.add(failed, api="bookings", method="POST", path="/appointments$", when="after")
    original, readings = GraphBookings.calendar_view, count(1)

    def forget(self: GraphBookings, *args: Any) -> Any:
        shown = original(self, *args)
        return [] if next(readings) == 3 else shown

    monkeypatch.setattr(GraphBookings, "calendar_view", forget)
    assert serves(writer) == [tiny.ANNE]
    assert (len(writer.calendar()), writer.writes()) == (1, ["POST appointments"])


@pytest.mark.parametrize("action", [Drop(), Answer(500), Answer(400, body=INVALID_STAFF)], ids=str)
def test_what_is_listed_and_cannot_be_read_yet_may_be_ours(writer: Writer, action: Action) -> None:
    faults = writer.gateway.sim.faults
    faults.add(action, api="bookings", method="POST", path="/appointments$", when="after")
    unseen = faults.add(Answer(404), api="bookings", method="GET", path="/appointments/", times=None)
    assert refused(writer.create("run-1")) == (502, "OutcomeUnknown", None)
    assert refused(writer.create("run-1")) == (502, "OutcomeUnknown", None)
    assert unseen.fired
    faults.clear()
    assert writer.create("run-1").json()["staffMemberIds"] == [tiny.ANNE]
    assert (len(writer.calendar()), writer.writes()) == (1, ["POST appointments"])


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Invalid Staff", (409, "StaffRefused", "staff")),
        ("The staff member is not available.", (409, "StaffRefused", "staff")),
        ("Die E-Mail-Adresse ist ungültig.", (400, "RefusedByGraph", None)),
        ("", (400, "RefusedByGraph", None)),
    ],
)
def test_what_graph_calls_wrong_is_passed_on_with_its_reason(
    writer: Writer, caplog: pytest.LogCaptureFixture, said: str, answer: tuple[int, str, str | None]
) -> None:
    made = writer.made(start=clock(14))
    fault = Answer(400, body={"error": {"code": "BadRequest", "message": said}})
    for method, path in (("POST", "/appointments$"), ("PATCH", "/appointments/")):
        writer.gateway.sim.faults.add(fault, api="bookings", method=method, path=path, times=None)
    for found in (
        writer.create("run-1"),
        writer.create(staff=[tiny.BOB]),
        writer.verb("reschedule", made["id"], start=clock(16)),
        writer.update(made["id"], location="Room 4"),
    ):
        assert refused(found) == answer
        assert found.json()["error"]["message"].endswith(f'Microsoft Graph says: "{said}".' if said else "names.")
    assert not said or said not in caplog.text
    writer.gateway.sim.faults.clear()
    assert writer.create("run-1").status_code == 201, "nothing was written, so the key is free"
