from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from tests.functional.twin.small_page import read_error
from twin import Simulator
from twin.bookings.permissions import APPOINTMENT, MANAGE, READ, WRITE
from twin.bookings.state import Business
from twin.client import RawGraphClient
from twin.core.clouds import CLOUDS
from twin.seeds import sample
from twin.seeds.booking_pages import LONDON
from twin.seeds.sample import (
    ADMIN_USER,
    CLIENT_ID,
    PARTNER_CLIENT_ID,
    PARTNER_TENANT_ID,
    SERVICE_USER,
    TENANT_ID,
)

ROOT = "/solutions/bookingBusinesses"
PAGE_PATH = f"{ROOT}/{LONDON.id}"
HIDDEN_FROM_GOVERNMENT = {
    "appointments": {
        "appointmentLabel", "createdDateTime", "customerEmailAddress", "customerName", "customerNotes",
        "customerPhone", "isCustomerAllowedToManageBooking", "lastUpdatedDateTime",
    },
    "services": {"createdDateTime", "lastUpdatedDateTime"},
    "staffMembers": {"createdDateTime", "lastUpdatedDateTime"},
}  # fmt: skip


@pytest.fixture
def sim(sample_sim: Simulator) -> Simulator:
    return sample_sim


@pytest.fixture
def page(sim: Simulator) -> Business:
    return sim.bookings.business(LONDON.id)


@pytest.fixture
def graph(make_client: Callable[..., RawGraphClient]) -> RawGraphClient:
    return make_client(READ)


def test_business_ids_are_found_without_case(graph: RawGraphClient) -> None:
    assert graph.get(f"{ROOT}/{quote(LONDON.id.upper(), safe='')}").json()["id"] == LONDON.id


def test_every_answer_names_its_request(graph: RawGraphClient) -> None:
    good = graph.get(ROOT, client_request_id="11111111-2222-4333-8444-555555555555")
    bad = graph.get(f"{ROOT}/nobody@contoso.com", client_request_id="11111111-2222-4333-8444-555555555555")
    inner = bad.json()["error"]["innerError"]

    assert good.headers["client-request-id"] == "11111111-2222-4333-8444-555555555555"
    assert good.headers["request-id"] != bad.headers["request-id"]
    assert (inner["request-id"], inner["client-request-id"]) == (
        bad.headers["request-id"], "11111111-2222-4333-8444-555555555555",
    )  # fmt: skip
    assert datetime.fromisoformat(inner["date"]).replace(tzinfo=UTC) <= datetime.now(UTC)
    assert {"date", "x-ms-ags-diagnostic"} <= {name.lower() for name in good.headers}


@pytest.mark.parametrize("token", ["", "rubbish", "a.b.c"])
def test_an_invalid_token(graph: RawGraphClient, token: str) -> None:
    answer = graph.request("GET", ROOT, headers={"Authorization": f"Bearer {token}"})

    assert read_error(answer)[:2] == (401, "InvalidAuthenticationToken")
    assert 'authorization_uri="https://login.microsoftonline.com/common' in answer.headers["www-authenticate"]


def test_a_token_for_somebody_else(sim: Simulator, graph: RawGraphClient) -> None:
    vault_token = sim.identities.issue(sim.identities.assigned[0], "https://vault.azure.net")["access_token"]

    wrong_audience = graph.request("GET", ROOT, headers={"Authorization": f"Bearer {vault_token}"})
    wrong_cloud = graph.request("GET", ROOT, host="graph.microsoft.us")

    assert read_error(wrong_audience)[2] == "Access token validation failure. Invalid audience."
    assert read_error(wrong_cloud)[:2] == (401, "InvalidAuthenticationToken")


def test_an_expired_token(sim: Simulator, make_client: Callable[..., RawGraphClient]) -> None:
    app = sim.entra.app(CLIENT_ID)
    app.expires_in = -1
    try:
        answer = make_client(READ).get(ROOT)
    finally:
        app.expires_in = 3599

    assert read_error(answer) == (
        401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("permission", "user", "method", "path", "status"),
    [
        (APPOINTMENT, None, "GET", ROOT, 403),
        (READ, None, "GET", ROOT, 200),
        (APPOINTMENT, ADMIN_USER, "GET", ROOT, 200),
        (APPOINTMENT, None, "GET", PAGE_PATH, 200),
        (APPOINTMENT, None, "GET", f"{PAGE_PATH}/customQuestions", 403),
        (APPOINTMENT, None, "POST", f"{PAGE_PATH}/appointments/x/cancel", 403),
        (WRITE, None, "POST", f"{PAGE_PATH}/appointments/x/cancel", 404),
        (READ, None, "DELETE", f"{PAGE_PATH}/appointments/x", 404),
        (READ, None, "POST", f"{PAGE_PATH}/customers", 403),
        (READ, None, "POST", f"{PAGE_PATH}/services", 403),
        (WRITE, None, "POST", f"{PAGE_PATH}/publish", 403),
        (MANAGE, None, "POST", f"{PAGE_PATH}/publish", 204),
        (MANAGE, None, "POST", ROOT, 403),
        (MANAGE, None, "GET", "/solutions/bookingCurrencies", 403),
        (READ, SERVICE_USER, "GET", "/solutions/bookingCurrencies", 200),
        ("Calendars.Read", None, "GET", PAGE_PATH, 403),
        (READ, SERVICE_USER, "POST", f"{PAGE_PATH}/getStaffAvailability", 403),
        ("Calendars.Read", None, "POST", f"{PAGE_PATH}/getStaffAvailability", 400),
        (APPOINTMENT, None, "POST", f"{PAGE_PATH}/getStaffAvailability", 403),
    ],
)
def test_permissions_open_what_they_open(  # noqa: PLR0917 - a row of the table
    make_client: Callable[..., RawGraphClient], permission: str, user: str | None, method: str, path: str, status: int
) -> None:
    json: dict[str, str] | None = {} if method == "POST" and not path.endswith(("publish", "cancel")) else None

    answer = make_client(permission, user=user).request(method, path, json=json)

    assert answer.status_code == status, answer.text


def test_read_all_can_be_kept_from_writing(sim: Simulator, make_client: Callable[..., RawGraphClient]) -> None:
    sim.bookings.switches.read_all_may_write = False

    assert make_client(READ).request("DELETE", f"{PAGE_PATH}/appointments/x").status_code == 403
    assert make_client(READ).get(ROOT).ok


@pytest.mark.parametrize(
    ("role", "reading", "booking", "catalogue"),
    [
        ("administrator", 200, 404, 404),
        ("scheduler", 200, 404, 403),
        ("teamMember", 200, 404, 403),
        ("viewer", 200, 403, 403),
        ("guest", 403, 403, 403),
        (None, 404, 404, 404),
    ],
)
def test_users_act_with_their_role_on_the_staff(  # noqa: PLR0917 - a row of the table
    make_client: Callable[..., RawGraphClient],
    page: Business,
    role: str | None,
    reading: int,
    booking: int,
    catalogue: int,
) -> None:
    staff_id = page.staff.add({"displayName": "Admin", "emailAddress": ADMIN_USER, "role": role}) if role else None
    graph = make_client(WRITE, user=ADMIN_USER)
    try:
        answers = [
            graph.get(PAGE_PATH),
            graph.request("DELETE", f"{PAGE_PATH}/appointments/x"),
            graph.request("DELETE", f"{PAGE_PATH}/services/x"),
        ]
    finally:
        if staff_id:
            page.staff.remove(staff_id)

    assert [answer.status_code for answer in answers] == [reading, booking, catalogue]
    assert role or {read_error(answer)[1] for answer in answers} == {"ErrorFolderNotFound"}


def test_tenants_do_not_see_each_other(make_client: Callable[..., RawGraphClient]) -> None:
    partner = make_client(READ, tenant_id=PARTNER_TENANT_ID, app_id=PARTNER_CLIENT_ID)

    assert [one["id"] for one in partner.get(ROOT).json()["value"]] == ["support@fabrikam.com"]
    assert read_error(partner.get(PAGE_PATH))[1] == "ErrorNonExistentMailbox"


def test_government_hosts_leave_newer_properties_out(
    sim: Simulator, make_client: Callable[..., RawGraphClient]
) -> None:
    tenant = sim.entra.tenant(TENANT_ID)
    global_answers = {
        name: make_client(READ).get(f"{PAGE_PATH}/{name}").json()["value"] for name in HIDDEN_FROM_GOVERNMENT
    }
    tenant.cloud = CLOUDS["usgov"]
    try:
        graph = make_client(READ)
        answers = {name: graph.get(f"{PAGE_PATH}/{name}").json()["value"] for name in HIDDEN_FROM_GOVERNMENT}
        business = graph.get(PAGE_PATH).json()
    finally:
        tenant.cloud = CLOUDS["global"]

    for name, hidden in HIDDEN_FROM_GOVERNMENT.items():
        assert set(global_answers[name][0]) - set(answers[name][0]) == hidden, name
    assert not {"bookingPageSettings", "createdDateTime", "lastUpdatedDateTime"} & set(business)


def test_china_has_no_bookings(sim: Simulator, make_client: Callable[..., RawGraphClient]) -> None:
    tenant = sim.entra.tenant(TENANT_ID)
    tenant.cloud = CLOUDS["china"]
    try:
        answer = make_client(READ).get(ROOT)
    finally:
        tenant.cloud = CLOUDS["global"]

    assert read_error(answer) == (400, "BadRequest", "Resource not found for the segment 'bookingBusinesses'.")


def test_the_sample_settings_name_what_is_there(sim: Simulator) -> None:
    for credential in ("federated", "certificate", "secret", "password"):
        settings = sample.settings(sim, credential=credential)
        name = settings.get("GRAPH_CREDENTIAL_NAME")
        assert (name is None) == (credential == "federated")
        assert name is None or sim.vaults.vault(sample.VAULT).find_secret(name).value
        assert all(sim.bookings.business(one) for one in settings["BOOKINGS_BUSINESSES"].split(","))
        assert sim.vaults.vault(sample.VAULT).find_secret(settings["STATE_KEY_NAME"]).value
        assert settings["KEY_VAULT_URL"] == f"https://{sample.VAULT}.vault.azure.net"
