"""The simulated Bookings against the metadata of Graph v1.0: types, permissions, answers."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.openapi import Contract, Operation, load_contract
from twin import Simulator
from twin.bookings.permissions import MANAGE, RULES, WRITE
from twin.bookings.schema import ENUMS, NAMESPACE, TYPES
from twin.client import RawGraphClient
from twin.core.clouds import CLOUDS
from twin.seeds import sample
from twin.seeds.booking_pages import LONDON
from twin.seeds.sample import ADMIN_USER, CLIENT_ID, TENANT_ID

ROOT = "/solutions/bookingBusinesses"
BUSINESS = f"{ROOT}/{LONDON.id}"
ALWAYS = "start=2000-01-01T00:00:00Z&end=2100-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract("bookings")


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator(sample.build(), latency=0).running() as sim:
        yield sim


@pytest.fixture
def sim(running: Simulator) -> Simulator:
    running.reset()
    running.bookings.switches.customer_delete_fails = False
    return running


@pytest.fixture
def app(sim: Simulator) -> Iterator[RawGraphClient]:
    with RawGraphClient(sim, WRITE, MANAGE, tenant_id=TENANT_ID, app_id=CLIENT_ID) as client:
        yield client


@pytest.fixture
def admin(sim: Simulator) -> Iterator[RawGraphClient]:
    page = sim.bookings.business(LONDON.id)
    page.staff.add({"displayName": "Admin", "emailAddress": ADMIN_USER, "role": "administrator"})
    with RawGraphClient(sim, MANAGE, tenant_id=TENANT_ID, app_id=CLIENT_ID, user=ADMIN_USER) as client:
        yield client


def ask(client: RawGraphClient, method: str, path: str, status: int, body: Any = None) -> Any:
    answer = client.request(method, path, json=body)
    assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def zoned(instant: Any) -> dict[str, str]:
    return {"dateTime": f"{instant:%Y-%m-%dT%H:%M:%S.0000000}", "timeZone": "UTC"}


def walk_reads(app: RawGraphClient, admin: RawGraphClient) -> None:
    """Read every list of every business to its end, and some single objects."""
    app.sim.bookings.switches.page_size = 40
    ask(app, "GET", f"{ROOT}?query=desk&$count=true", 200)
    for business in ask(app, "GET", ROOT, 200)["value"]:
        page = f"{ROOT}/{business['id']}"
        ask(app, "GET", f"{page}?$expand=services,staffMembers,customers,customQuestions", 200)
        app.pages(f"{page}/calendarView?{ALWAYS}&$count=true")
        for collection in ("appointments", "services", "staffMembers", "customers", "customQuestions"):
            items = app.pages(f"{page}/{collection}")
            for item in items[:8]:
                safe = item["id"].replace("/", "-").replace("+", "_")
                ask(app, "GET", f"{page}/{collection}/{safe}", 200)
        staff = [one["id"] for one in app.pages(f"{page}/staffMembers")]
        for shape in ("value", "staffAvailabilityItem"):
            app.sim.bookings.switches.availability_key = shape
            now = app.sim.world.clock.now()
            body = {"staffIds": staff, "startDateTime": zoned(now), "endDateTime": zoned(now + timedelta(days=7))}
            ask(app, "POST", f"{page}/getStaffAvailability", 200, body)
    ask(admin, "GET", "/solutions/bookingCurrencies", 200)
    ask(admin, "GET", "/solutions/bookingCurrencies/GBP", 200)


def walk_catalogue(app: RawGraphClient) -> None:
    """Create, change and delete one of each kind."""
    for collection, kind, new in (
        ("services", "bookingService", {"displayName": "New", "defaultDuration": "PT30M"}),
        (
            "staffMembers",
            "bookingStaffMember",
            {"displayName": "New", "emailAddress": "new@contoso.com", "role": "guest"},
        ),
        ("customers", "bookingCustomer", {"displayName": "New", "emailAddress": "new@example.com"}),
        ("customQuestions", "bookingCustomQuestion", {"displayName": "New?", "answerInputType": "text"}),
    ):
        typed = {"@odata.type": NAMESPACE + kind}
        made = ask(app, "POST", f"{BUSINESS}/{collection}", 201, typed | new)
        path = f"{BUSINESS}/{collection}/{made['id']}"
        has_body = collection in {"customers", "customQuestions"}
        ask(app, "PATCH", path, 200 if has_body else 204, typed | {"displayName": "Changed"})
        ask(app, "DELETE", path, 204)
        ask(app, "GET", path, 404)


def walk_appointments(app: RawGraphClient) -> None:
    """Book, move, cancel, delete."""
    page = app.sim.bookings.business(LONDON.id)
    service = page.services.all()[0]
    day = app.sim.world.clock.now().replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=20)
    while day.weekday() > 3:
        day += timedelta(days=1)
    customer = {"@odata.type": NAMESPACE + "bookingCustomerInformation", "name": "Robin", "customQuestionAnswers": []}
    for one in page.appointments.all():
        page.appointments.remove(one.id)
    booked = []
    for hour in (0, 2):
        start = day + timedelta(hours=hour)
        wish = {
            "@odata.type": NAMESPACE + "bookingAppointment",
            "serviceId": service["id"],
            "staffMemberIds": service["staffMemberIds"][:1],
            "startDateTime": zoned(start),
            "endDateTime": zoned(start + timedelta(minutes=30)),
            "customers@odata.type": "#Collection(microsoft.graph.bookingCustomerInformation)",
            "customers": [customer],
        }
        made = ask(app, "POST", f"{BUSINESS}/appointments", 201, wish)
        booked.append(f"{BUSINESS}/appointments/{made['id'].replace('/', '-').replace('+', '_')}")
    later = day + timedelta(hours=4)
    move = {"startDateTime": zoned(later), "endDateTime": zoned(later + timedelta(minutes=30))}
    ask(app, "PATCH", booked[0], 204, move)
    ask(app, "POST", f"{booked[0]}/cancel", 204, {"cancellationMessage": "Closed."})
    ask(app, "POST", f"{booked[0]}/cancel", 404, {"cancellationMessage": "Closed."})
    ask(app, "DELETE", booked[1], 204)


def walk_businesses(app: RawGraphClient, admin: RawGraphClient) -> None:
    """Create, change, publish, hide and delete a business."""
    made = ask(admin, "POST", ROOT, 201, {"displayName": "Night desk"})
    path = f"{ROOT}/{made['id']}"
    ask(app, "PATCH", path, 204, {"displayName": "Late desk"})
    ask(app, "POST", f"{path}/publish", 204)
    ask(app, "POST", f"{path}/unpublish", 204)
    ask(admin, "DELETE", path, 204)


def walk_refusals(app: RawGraphClient, admin: RawGraphClient) -> None:
    """Cause every kind of error."""
    for method, path, status, body in (
        ("GET", f"{ROOT}/nobody@contoso.com", 404, None),
        ("GET", f"{BUSINESS}/appointments/a%2Fb", 400, None),
        ("GET", f"{BUSINESS}/calendarView?start=2026-05-05T00:00:00Z", 400, None),
        ("GET", f"{BUSINESS}/appointments?$filter=serviceId eq null", 500, None),
        ("GET", f"{BUSINESS}/services?$colour=red", 400, None),
        ("POST", f"{BUSINESS}/appointments", 500, {}),
        ("POST", f"{BUSINESS}/appointments", 400, {"start": "now"}),
        ("POST", f"{BUSINESS}/customers", 400, {"displayName": "untyped"}),
        ("POST", f"{BUSINESS}/getStaffAvailability", 400, {}),
        ("PUT", BUSINESS, 405, {}),
        ("POST", ROOT, 403, {"displayName": "By an app"}),
    ):
        ask(app, method, path, status, body)
    ask(admin, "POST", f"{BUSINESS}/getStaffAvailability", 403, {})
    ask(admin, "GET", f"{ROOT}/devicebar@contoso.com", 404)
    app.request("GET", ROOT, headers={"Authorization": ""})
    app.sim.graph_limits.throttle_for(60)
    ask(app, "GET", ROOT, 429)
    app.sim.graph_limits.relent()


def test_every_documented_operation_answers_as_the_metadata_say(
    sim: Simulator, contract: Contract, app: RawGraphClient, admin: RawGraphClient
) -> None:
    walk_reads(app, admin)
    walk_catalogue(app)
    walk_appointments(app)
    walk_businesses(app, admin)
    good = {
        str(operation)
        for exchange in sim.exchanges.all()
        if exchange.status < 400 and (operation := contract.find_operation(exchange.method, exchange.path))
    }
    walk_refusals(app, admin)

    problems = [problem for exchange in sim.exchanges.all() for problem in contract.check(exchange)]

    assert problems == []
    assert {str(one) for one in contract.operations if one.is_documented} - good == set()
    assert {exchange.status for exchange in sim.exchanges.all()} >= {400, 401, 403, 404, 405, 429, 500}


def test_government_answers_fit_the_metadata_too(sim: Simulator, contract: Contract) -> None:
    tenant = sim.entra.tenant(TENANT_ID)
    tenant.cloud = CLOUDS["usgov"]
    with RawGraphClient(sim, WRITE, tenant_id=TENANT_ID, app_id=CLIENT_ID) as client:
        for path in ("", "/appointments", "/services", "/staffMembers", "/customers", "/customQuestions"):
            ask(client, "GET", BUSINESS + path, 200)
    tenant.cloud = CLOUDS["global"]

    assert [problem for exchange in sim.exchanges.all() for problem in contract.check(exchange)] == []


def read_properties(contract: Contract, name: str) -> dict[str, Any]:
    schema = contract.resolve(contract.document["components"]["schemas"][f"microsoft.graph.{name}"])
    parts = [contract.resolve(part) for part in schema.get("allOf", [schema])]
    properties: dict[str, Any] = {}
    for part in parts:
        if "allOf" in part:
            properties |= read_properties(contract, part["allOf"][1]["title"])
        properties |= part.get("properties", {})
    return {
        key: value
        for key, value in properties.items()
        if not key.startswith("@") and "x-ms-navigationProperty" not in value
    }


@pytest.mark.parametrize("name", sorted(TYPES))
def test_the_types_are_those_of_the_metadata(contract: Contract, name: str) -> None:
    declared = read_properties(contract, name)
    ours = TYPES[name].properties

    assert set(ours) == set(declared)
    for key, one in ours.items():
        schema = declared[key]
        if key == "id":
            continue
        inner = schema["items"] if one.many else schema
        assert (schema.get("type") == "array") == one.many, key
        is_nullable = bool(inner.get("nullable")) or any(branch.get("nullable") for branch in inner.get("anyOf", ()))
        assert is_nullable == one.nullable, key
        target = next((branch for branch in inner.get("anyOf", [inner]) if "$ref" in branch), None)
        assert (target["$ref"].rpartition(".")[2] if target else None) == (
            one.kind if one.kind in TYPES or one.kind in ENUMS else None
        ), key
        assert bool(schema.get("x-single-get-only")) == ("single" in one.flags), key


@pytest.mark.parametrize("name", sorted(ENUMS))
def test_the_enums_are_those_of_the_metadata(contract: Contract, name: str) -> None:
    assert ENUMS[name] == tuple(contract.document["components"]["schemas"][f"microsoft.graph.{name}"]["enum"])


def name_rule(operation: Operation) -> str:
    """Return the name of the twin's rule for an operation."""
    parts = operation.template.removeprefix("/solutions/").split("/")
    singular = {
        "bookingBusinesses": "BookingBusiness", "appointments": "Appointment", "services": "Service",
        "staffMembers": "StaffMember", "customers": "Customer", "customQuestions": "CustomQuestion",
        "bookingCurrencies": "BookingCurrency",
    }  # fmt: skip
    plural = {"bookingBusinesses": "BookingBusinesses", "calendarView": "CalendarView"}
    if parts[-1] in {"publish", "unpublish", "getStaffAvailability"}:
        return parts[-1][0].upper() + parts[-1][1:]
    if parts[-1] == "cancel":
        return "CancelAppointment"
    if parts[-1].startswith("{"):
        verb = {"GET": "Get", "PATCH": "Update", "DELETE": "Delete"}[operation.method]
        return verb + singular[parts[-2]]
    if operation.method == "POST":
        return "Create" + singular[parts[-1]]
    return "List" + plural.get(parts[-1], parts[-1][0].upper() + parts[-1][1:])


def test_the_permissions_are_those_of_the_permissions_data(contract: Contract) -> None:
    documented = {
        name_rule(one): one.definition["x-graph-permissions"] for one in contract.operations if one.is_documented
    }

    def names(data: dict[str, Any]) -> frozenset[str]:
        return frozenset(data["leastPrivileged"]) | frozenset(data["higherPrivileged"])

    assert set(documented) == set(RULES)
    for name, data in documented.items():
        assert RULES[name].delegated == names(data["delegated"]), name
        assert RULES[name].application == names(data["application"]), name
