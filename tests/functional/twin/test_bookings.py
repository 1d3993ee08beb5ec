from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

import pytest

from tests.functional.twin.small_page import read_error
from twin import Simulator
from twin.bookings.permissions import READ
from twin.bookings.state import Business
from twin.client import RawGraphClient
from twin.seeds import bulk
from twin.seeds.booking_pages import GHOST_STAFF_ID, LONDON
from twin.seeds.sample import (
    CLIENT_ID,
    TENANT_ID,
)

ROOT = "/solutions/bookingBusinesses"
PAGE_PATH = f"{ROOT}/{LONDON.id}"
ALWAYS = "start=2000-01-01T00:00:00Z&end=2100-01-01T00:00:00Z"


@pytest.fixture
def sim(sample_sim: Simulator) -> Simulator:
    return sample_sim


@pytest.fixture
def page(sim: Simulator) -> Business:
    return sim.bookings.business(LONDON.id)


@pytest.fixture
def graph(make_client: Callable[..., RawGraphClient]) -> RawGraphClient:
    return make_client(READ)


def test_the_list_of_businesses_shows_id_and_name_only(graph: RawGraphClient) -> None:
    body = graph.get(ROOT).json()

    assert {frozenset(one) for one in body["value"]} == {frozenset({"id", "displayName"})}
    assert len(body["value"]) == 3
    assert graph.get(f"{ROOT}?query=DESK").json()["value"] == [
        one for one in body["value"] if "desk" in one["displayName"]
    ]


def test_more_than_500_businesses_are_cut_and_narrowed_by_query() -> None:
    with (
        Simulator(bulk.build_many_businesses(), latency=0).running() as sim,
        RawGraphClient(sim, READ, tenant_id=TENANT_ID, app_id=CLIENT_ID) as graph,
    ):
        body = graph.get(f"{ROOT}?$count=true&$top=1000").json()
        narrow = graph.get(f"{ROOT}?query=desk 11").json()["value"]

    assert (len(body["value"]), body["@odata.count"]) == (500, 500)
    assert "@odata.nextLink" not in body
    assert len(narrow) == 100


def test_pages_are_linked_to_the_end(sim: Simulator, graph: RawGraphClient, page: Business) -> None:
    sim.bookings.switches.page_size = 7
    first = graph.get(f"{PAGE_PATH}/appointments?$count=true").json()
    everything = graph.pages(f"{PAGE_PATH}/appointments")
    view = graph.pages(f"{PAGE_PATH}/calendarView?{ALWAYS}")

    assert (len(first["value"]), first["@odata.count"]) == (7, 160)
    assert first["@odata.nextLink"].startswith(f"https://graph.microsoft.com/v1.0{PAGE_PATH}/appointments?")
    assert (
        {one["id"] for one in everything} == {one["id"] for one in view} == {one.id for one in page.appointments.all()}
    )
    assert len(everything) == 160
    starts = [one["startDateTime"]["dateTime"] for one in everything]
    assert starts != sorted(starts)


def test_top_loses_the_link_to_the_rest(sim: Simulator, graph: RawGraphClient) -> None:
    assert "@odata.nextLink" not in graph.get(f"{PAGE_PATH}/appointments?$top=5").json()
    assert len(graph.get(f"{PAGE_PATH}/appointments?$top=5").json()["value"]) == 5

    sim.bookings.switches.top_loses_link = False

    assert "@odata.nextLink" in graph.get(f"{PAGE_PATH}/appointments?$top=5").json()


def test_lists_leave_out_what_only_a_single_read_fills(graph: RawGraphClient, page: Business) -> None:
    listed = graph.pages(f"{PAGE_PATH}/appointments")
    full = next(one for one in page.appointments.all() if one.values["serviceNotes"] and one.values["customerNotes"])
    single = graph.get(f"{PAGE_PATH}/appointments/{quote(full.id.replace('/', '-').replace('+', '_'))}").json()
    same = next(one for one in listed if one["id"] == full.id)

    assert all(one["customers"] == [] for one in listed)
    assert all(
        one["reminders"] == [] and one["serviceNotes"] is None and one["customerNotes"] is None for one in listed
    )
    assert {one["customerName"] is None for one in listed} == {False}
    assert single["customers"][0]["@odata.type"] == "#microsoft.graph.bookingCustomerInformation"
    assert single["reminders"][0]["offset"] == "P1D"
    assert single["serviceNotes"] == full.values["serviceNotes"]
    assert {name for name in same if same[name] != single[name]} == {
        "customers", "reminders", "serviceNotes", "customerNotes",
    }  # fmt: skip


def test_lists_can_be_switched_to_fill_customers(sim: Simulator, graph: RawGraphClient) -> None:
    sim.bookings.switches.lists_fill_customers = True

    assert all(one["customers"] for one in graph.pages(f"{PAGE_PATH}/calendarView?{ALWAYS}"))


def test_times_come_in_utc_with_seven_decimals(graph: RawGraphClient) -> None:
    one = graph.get(f"{PAGE_PATH}/appointments", Prefer='outlook.timezone="GMT Standard Time"').json()["value"][0]

    assert one["startDateTime"]["timeZone"] == "UTC"
    assert one["startDateTime"]["dateTime"].endswith(":00.0000000Z")
    assert one["createdDateTime"].endswith("Z")
    assert one["duration"].startswith("PT")


def test_calendar_view_holds_what_overlaps_or_what_starts_inside(
    sim: Simulator, graph: RawGraphClient, page: Business
) -> None:
    one = page.appointments.all()[0]
    inside = one.start + timedelta(minutes=5)
    span = f"start={inside:%Y-%m-%dT%H:%M:%S}Z&end={one.end:%Y-%m-%dT%H:%M:%S}Z"

    assert one.id in [found["id"] for found in graph.pages(f"{PAGE_PATH}/calendarView?{span}")]
    sim.bookings.switches.calendar_view = "start-inside"
    assert one.id not in [found["id"] for found in graph.pages(f"{PAGE_PATH}/calendarView?{span}")]
    offset = (one.start + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S") + "%2B02:00"
    span = f"start={offset}&end={one.end:%Y-%m-%dT%H:%M:%S}Z"
    assert one.id in [found["id"] for found in graph.pages(f"{PAGE_PATH}/calendarView?{span}")]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?start=2026-05-05T00:00:00Z",
        "?end=2026-05-05T00:00:00Z",
        "?start=2026-05-05T00:00:00&end=2026-05-06T00:00:00",
        "?start=2026-05-05T00:00:00+00:00&end=2026-05-06T00:00:00Z",
        "?start=2026-05-06T00:00:00Z&end=2026-05-05T00:00:00Z",
        "?start=yesterday&end=today",
    ],
)
def test_calendar_view_needs_a_proper_range(graph: RawGraphClient, query: str) -> None:
    expected = (400, "ErrorInvalidRequest", "The request is invalid.")

    assert read_error(graph.get(f"{PAGE_PATH}/calendarView{query}")) == expected


@pytest.mark.parametrize(
    ("path", "status", "code", "message"),
    [
        (
            "/appointments?$filter=startDateTime/dateTime ge '2026'",
            400,
            "BadRequest",
            "This filter query is not supported.",
        ),
        ("/appointments?$filter=serviceId eq 'x'", 400, "BadRequest", "Invalid filter clause"),
        ("/appointments?$filter=serviceId eq null", 500, "UnknownError", ""),
        (f"/calendarView?{ALWAYS}&$filter=serviceId eq 'x'", 500, "UnknownError", ""),
        ("/appointments?$search=x", 400, "BadRequest", "The query parameter '$search' is not supported."),
        ("/appointments?$colour=red", 400, "BadRequest", "The query parameter '$colour' is not supported."),
        ("/appointments?start=2026", 400, "BadRequest", "The query parameter 'start' is not supported."),
        ("/appointments?$top=ten", 400, "BadRequest", "Invalid value 'ten' for $top"),
        ("/appointments?$count=perhaps", 400, "BadRequest", "Invalid value 'perhaps' for $count"),
        ("/appointments?$skiptoken=zzz", 400, "BadRequest", "The skip token is invalid."),
        ("/appointments?$select=start", 400, "RequestBroker--ParseUri", "Could not find a property named 'start'"),
        (
            "/appointments?$expand=services",
            400,
            "RequestBroker--ParseUri",
            "Could not find a property named 'services'",
        ),
        ("?$top=1", 400, "BadRequest", "The query parameter '$top' is not supported."),
        ("?$expand=colours", 400, "RequestBroker--ParseUri", "Could not find a property named 'colours'"),
    ],
)
def test_query_options_fail_as_reported(graph: RawGraphClient, path: str, status: int, code: str, message: str) -> None:
    found = read_error(graph.get(PAGE_PATH + path))

    assert found[:2] == (status, code)
    assert found[2].startswith(message)


def test_unproven_options_are_ignored_honoured_or_refused(sim: Simulator, graph: RawGraphClient) -> None:
    options = f"{PAGE_PATH}/services?$select=displayName&$orderby=displayName desc&$skip=1"
    plain = graph.get(f"{PAGE_PATH}/services").json()["value"]

    assert graph.get(options).json()["value"] == plain
    sim.bookings.switches.unproven_options = "honour"
    names = sorted((one["displayName"] for one in plain), reverse=True)
    assert graph.get(options).json()["value"] == [
        {"id": next(one["id"] for one in plain if one["displayName"] == name), "displayName": name}
        for name in names[1:]
    ]
    sim.bookings.switches.unproven_options = "refuse"
    assert read_error(graph.get(options))[:2] == (400, "BadRequest")


def test_a_business_shows_its_zone_and_expands(graph: RawGraphClient, page: Business) -> None:
    body = graph.get(f"{PAGE_PATH}?$expand=services,staffMembers").json()

    assert body["bookingPageSettings"]["businessTimeZone"] == "GMT Standard Time"
    assert (len(body["services"]), len(body["staffMembers"])) == (len(page.services), len(page.staff))
    assert body["publicUrl"].startswith("https://outlook.office365.com/owa/calendar/")
    assert set(graph.get(f"{PAGE_PATH}?$expand=*").json()) >= {"appointments", "customers", "customQuestions"}
    assert graph.get(f"{PAGE_PATH}?$expand=calendarView").status_code == 500


def test_staff_name_their_type_and_hide_newer_roles(graph: RawGraphClient) -> None:
    plain = graph.get(f"{PAGE_PATH}/staffMembers").json()["value"]
    full = graph.get(f"{PAGE_PATH}/staffMembers", Prefer="include-unknown-enum-members").json()["value"]

    assert {one["@odata.type"] for one in plain} == {"#microsoft.graph.bookingStaffMember"}
    assert {one["role"] for one in plain} == {"administrator", "unknownFutureValue", "guest", "viewer"}
    assert {one["role"] for one in full} == {"administrator", "teamMember", "scheduler", "guest", "viewer"}


def test_a_service_can_name_unknown_staff(graph: RawGraphClient) -> None:
    page = f"{ROOT}/itbengaluru@contoso.com"
    named = {staff for one in graph.get(f"{page}/services").json()["value"] for staff in one["staffMemberIds"]}

    assert GHOST_STAFF_ID in named
    assert read_error(graph.get(f"{page}/staffMembers/{GHOST_STAFF_ID}"))[:2] == (404, "ErrorItemNotFound")


def test_slashes_in_ids_fail_in_every_spelling_but_one(graph: RawGraphClient, page: Business) -> None:
    wanted = next(one.id for one in page.appointments.all() if "/" in one.id)
    behind = wanted.partition("/")[2]
    spellings = {
        "raw": wanted,
        "encoded": quote(wanted, safe=""),
        "encoded twice": quote(quote(wanted, safe=""), safe=""),
    }

    for name, spelling in spellings.items():
        status, code, message = read_error(graph.get(f"{PAGE_PATH}/appointments/{spelling}"))
        assert (status, code) == (400, "BadRequest"), name
        assert message.startswith("Resource not found for the segment '"), name
    assert behind in read_error(graph.get(f"{PAGE_PATH}/appointments/{spellings['raw']}"))[2]
    safe = wanted.replace("/", "-").replace("+", "_")
    assert graph.get(f"{PAGE_PATH}/appointments/{safe}").json()["id"] == wanted


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "message"),
    [
        ("GET", f"{ROOT}/nobody@contoso.com", 404, "ErrorNonExistentMailbox", "The SMTP address has no mailbox"),
        ("GET", f"{ROOT}/support@fabrikam.com", 404, "ErrorNonExistentMailbox", "The SMTP address has no mailbox"),
        ("GET", f"{PAGE_PATH}/appointments/unknown", 404, "ErrorItemNotFound", "The specified object"),
        ("GET", f"{PAGE_PATH}/services/unknown", 404, "ErrorItemNotFound", "The specified object"),
        ("GET", f"{PAGE_PATH}/colours", 400, "BadRequest", "Resource not found for the segment 'colours'."),
        ("GET", f"{PAGE_PATH}/appointments/$count", 404, "ErrorItemNotFound", "The specified object"),
        ("GET", "/nothing", 400, "BadRequest", "Resource not found for the segment 'nothing'."),
        ("PUT", PAGE_PATH, 405, "BadRequest", "Specified HTTP method is not allowed"),
    ],
)
def test_what_is_not_there(  # noqa: PLR0917 - a row of the table
    graph: RawGraphClient, method: str, path: str, status: int, code: str, message: str
) -> None:
    found = read_error(graph.request(method, path))

    assert found[:2] == (status, code)
    assert found[2].startswith(message)
