"""A connection that signs in as a user: everything that Graph allows to a user works."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from composition.services import services
from shared.errors import Forbidden
from tests.functional.booking_writes import TOMORROW, Writer, clock, open_page_with_new_keys, refused
from tests.functional.conftest import Gateway, read_error
from tests.house.triggers import functions
from twin.bookings.state import Bookings
from twin.core.faults import Answer
from twin.seeds import sample, tiny

PAGE = "ithelpdesk@contoso.com"
MONDAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=7)
WEEK = {"start": f"{MONDAY:%Y-%m-%dT00:00:00Z}", "end": f"{MONDAY + timedelta(days=7):%Y-%m-%dT00:00:00Z}"}


ABOUT_BOOKINGS = ("bookings/", "triggers/appointments/", "connector/")
NOT_ABOUT_BOOKINGS = tuple(
    f"connector/{name}" for name in ("folders", "mails", "attachments", "previews/mails", "previews/tickets")
)


def sign_in_as_user(gateway: Gateway) -> None:
    """Let the gateway sign in with the service user's password."""
    usual = sample.settings(gateway.sim, credential="password")
    gateway.configure(**usual | {"BOOKINGS_BUSINESSES": tiny.BUSINESS, "BOOKINGS_WRITES": "on"})


@pytest.fixture
def writer(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Writer:
    """The small desk, asked by a gateway that signs in as a user with the role scheduler."""
    found = open_page_with_new_keys(gateway, monkeypatch)
    sign_in_as_user(gateway)
    return found


def read_availability(gateway: Gateway, basis: str) -> dict[str, list[tuple[str, str, str, str | None]]]:
    """Return the availability of a week, by staff member: status, start, end, service."""
    answer = gateway.post(f"bookings/businesses/{PAGE}/availability", WEEK)
    assert answer.status_code == 200, answer.text
    assert answer.json()["basis"] == basis
    return {
        each["staffId"]: [
            (item["status"], item["startUtc"], item["endUtc"], item["serviceId"]) for item in each["availabilityItems"]
        ]
        for each in answer.json()["value"]
    }


def read_slots(gateway: Gateway, basis: str, services: list[str]) -> Any:
    """Return the slots of a week, and why other times are not offered."""
    answer = gateway.ask("/slots", service=",".join(services), explain="true", **WEEK)
    assert answer["basis"] == basis
    return answer["value"], answer["notOffered"]


def test_calendar_and_availability_agree_where_staff_have_nothing_else(contoso: Gateway) -> None:
    """Graph's own availability is the measure, but for time off and other calendars, which a user cannot see."""
    page = contoso.sim.world.state(Bookings).businesses[PAGE]
    page.time_off = page.personal_events = {}
    services = [service["id"] for service in page.services.all()]
    as_app = read_availability(contoso, "availability"), read_slots(contoso, "availability", services)
    contoso.configure(**sample.settings(contoso.sim, credential="password"))
    as_user = read_availability(contoso, "calendar"), read_slots(contoso, "calendar", services)
    assert as_user == as_app
    assert all(as_user[1])
    contoso.forget()
    read_slots(contoso, "calendar", services[:1])
    assert len(contoso.graph_calls()) == 4  # business, service, staff and calendar: one less than an app needs


def walk(writer: Writer) -> Iterator[tuple[str, str, Any]]:
    """Yield every route about Bookings: method, route with its query, body. A body is made when it is needed."""
    page, service = "bookings/businesses/{business}", f"service={tiny.VISIT}"
    in_the_days = f"start={clock(0)}&end={clock(48)}"
    yield "GET", "bookings/businesses", None
    yield "GET", page, None
    for part in ("services", "staff", "questions", "customers", "changes", "overview"):
        yield "GET", f"{page}/{part}", None
    yield "GET", f"{page}/slots?{service}&{in_the_days}", None
    yield "GET", f"bookings/slots?business={tiny.BUSINESS}&{service}&{in_the_days}&staff=all&explain=true", None
    yield "POST", f"{page}/availability", {"start": clock(0), "end": clock(48)}
    hold = f"{page}/slots/holds/{{hold}}"
    yield "POST", f"{page}/slots/holds", {"service": tiny.VISIT, "start": clock(20)}
    yield "GET", hold, None
    yield "DELETE", hold, None
    wanted = {"service": tiny.VISIT, "start": clock(9), "customer": {"name": "Ann", "emailAddress": "ann@example.com"}}
    yield "POST", f"{page}/appointments", wanted
    made = writer.calendar()[0].id.replace("+", "%2B")
    yield "GET", f"{page}/appointments?{in_the_days}&expand=details", None
    yield "GET", f"{page}/agenda?date={clock(0)[:10]}&expand=details", None
    yield "GET", f"{page}/appointment?id={made}", None
    yield "PATCH", f"{page}/appointment?id={made}", {"serviceNotes": "Bring the laptop"}
    yield "POST", f"{page}/appointment/reschedule?id={made}", {"start": clock(11)}
    (host,) = writer.calendar()[0].staff_ids
    yield "POST", f"{page}/appointment/assign?id={made}", {"staff": [{tiny.ANNE, tiny.BOB}.difference({host}).pop()]}
    yield "POST", f"{page}/appointment/cancel?id={made}", {"message": "We moved"}
    yield "POST", f"{page}/customer", {"name": "Ann Other", "emailAddress": "ann@example.com"}
    yield "GET", f"triggers/appointments/created?business={tiny.BUSINESS}", None
    for kind in ("connection", "time-zones"):
        yield "GET", f"connector/{kind}", None
    yield "GET", f"connector/appointments?business={tiny.BUSINESS}", None
    yield "GET", f"connector/customers?business={tiny.BUSINESS}", None
    yield "GET", f"connector/schemas/answers?business={tiny.BUSINESS}", None
    yield "GET", f"connector/schemas/questions?business={tiny.BUSINESS}", None
    yield "GET", f"connector/previews/appointments?business={tiny.BUSINESS}&kind=created", None


def test_every_route_works_for_a_signed_in_user(writer: Writer) -> None:
    walked, hold = set(), ""
    for method, route, body in walk(writer):
        path, _, query = route.partition("?")
        answer = writer.gateway.http.request(
            method,
            f"{writer.gateway.base_url}/api/{path.format(business=tiny.BUSINESS, hold=hold)}",
            params=dict(parse_qsl(query)), json=body, headers={"x-functions-key": writer.gateway.key}, timeout=60,
        )  # fmt: skip
        assert answer.status_code in (200, 201, 202, 204), (route, answer.text)
        hold = answer.json()["id"] if path.endswith("/holds") else hold
        walked.add((method, path.replace("/created", "/{kind}")))
    routes = {(method, each["route"]) for each in functions() for method in each["methods"]}
    assert walked == {
        (method, route)
        for method, route in routes
        if route.startswith(ABOUT_BOOKINGS) and not route.startswith(NOT_ABOUT_BOOKINGS)
    }
    graph = writer.gateway.graph_calls()
    assert {seen.status for seen in graph} <= {200, 201, 204}
    assert not [seen for seen in graph if seen.path.endswith("getStaffAvailability")]


def test_staff_of_a_booking_are_chosen_by_hours_and_calendar(writer: Writer) -> None:
    first, second = (writer.made()["staffMemberIds"] for _ in range(2))
    assert sorted(first + second) == sorted([tiny.ANNE, tiny.BOB])
    assert refused(writer.create()) == (409, "SlotTaken", "start")
    assert refused(writer.create(staff=[tiny.ANNE])) == (409, "StaffNotFree", "staff")
    made = writer.made(start=clock(12), staff=[tiny.ANNE])["id"]
    assert refused(writer.verb("reschedule", made, start=clock(9.5))) == (409, "StaffNotFree", "staff")
    assert refused(writer.verb("assign", writer.made(start=clock(14), staff=[tiny.BOB])["id"], staff=["x"]))[0] == 400


def test_an_administrator_who_may_break_rules_in_graph_breaks_none_here(writer: Writer) -> None:
    page = writer.gateway.sim.bookings.business(tiny.BUSINESS)
    account = next(each for each in page.staff.all() if each["emailAddress"] == sample.SERVICE_USER)
    page.staff.patch(account["id"], {"role": "administrator"})
    writer.made(staff=[tiny.ANNE])
    assert refused(writer.create(staff=[tiny.ANNE])) == (409, "StaffNotFree", "staff")
    assert refused(writer.create(start=clock(-48))) == (400, "TooShortNotice", "start")
    assert len(writer.calendar()) == 1


def test_what_a_user_cannot_see_is_offered_and_its_refusal_explained(writer: Writer) -> None:
    """Time off and other calendars are unknown; Graph, which knows them, answers with a bare 500."""
    page = writer.gateway.sim.bookings.business(tiny.BUSINESS)
    page.add_time_off(tiny.ANNE, TOMORROW, TOMORROW + timedelta(hours=12))
    page.add_personal_event(tiny.ANNE, TOMORROW + timedelta(hours=12), TOMORROW + timedelta(hours=24))
    slots = writer.gateway.ask("/slots", service=tiny.VISIT, start=clock(0), end=clock(24), staff=tiny.ANNE)
    assert (len(slots["value"]), slots["basis"]) == (48, "calendar")
    for hour in (9, 15):
        lost = writer.create(key=f"k{hour}", start=clock(hour), staff=[tiny.ANNE])
        assert (lost.status_code, read_error(lost)["code"]) == (502, "OutcomeUnknown")
        assert "name other staff" in read_error(lost)["message"]
    assert refused(writer.create(staff=[tiny.ANNE]))[1] == "SlotHeld", "the lost booking may be under way still"
    made = writer.made(start=clock(11), staff=[tiny.BOB])["id"]
    for answer in (
        writer.verb("assign", made, staff=[tiny.ANNE]),
        writer.verb("reschedule", made, start=clock(17), staff=[tiny.ANNE]),
    ):
        assert refused(answer) == (409, "StaffNotFree", "staff")
        assert "unchanged" in read_error(answer)["message"]
    assert [one.staff_ids for one in writer.calendar()] == [[tiny.BOB]]


def test_a_call_for_apps_only_is_refused_with_its_own_code(writer: Writer) -> None:
    graph = services().connections["default"].graph
    with pytest.raises(Forbidden) as raised:
        graph.get_staff_availability(tiny.BUSINESS, [tiny.ANNE], TOMORROW, TOMORROW + timedelta(days=1))
    assert (raised.value.code, "apps only" in raised.value.message) == ("AppsOnly", True)
    said = writer.gateway.graph_calls()[-1].response_json["error"]["message"]
    assert said == "VASTT: Api Business.GetStaffAvailability does not support the token type: User"


@pytest.mark.parametrize(("kind", "code"), [("App", "UsersOnly"), ("User", "AppsOnly")])
@pytest.mark.parametrize("status", [401, 403])
def test_graphs_words_about_the_kind_of_a_token_are_read(gateway: Gateway, kind: str, code: str, status: int) -> None:
    said = f"VASTT: Api Business.ListCalendarView does not support the token type: {kind}"
    body = {"error": {"code": "ErrorAccessDenied", "message": said}}
    gateway.sim.faults.add(Answer(status, body=body), api="bookings", times=None)
    error = gateway.refused(f"bookings/businesses/{tiny.BUSINESS}/services")
    assert (error["status"], error["code"]) == (403, code)


def test_a_user_without_the_right_learns_which_one_is_missing(writer: Writer) -> None:
    gateway, access = writer.gateway, sample.SERVICE_USER
    page = gateway.sim.bookings.business(tiny.BUSINESS)
    account = next(each for each in page.staff.all() if each["emailAddress"] == access)
    page.staff.patch(account["id"], {"role": "viewer"})
    assert gateway.ask("/services")["value"]
    error = read_error(writer.create())
    assert (error["status"], error["code"]) == (403, "UserNotAllowed")
    assert "delegated permission BookingsAppointment.ReadWrite.All" in error["message"]
    page.staff.remove(account["id"])
    error = gateway.refused(f"bookings/businesses/{tiny.BUSINESS}/services")
    assert (error["status"], error["code"]) == (404, "BusinessNotFound")
    assert "not on its staff" in error["message"]
