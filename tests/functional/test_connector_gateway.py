"""Pages of lists and polls of triggers through the platform's gateway: every call carries the connection's key."""

from typing import Any
from urllib.parse import urlencode

import pytest

from devkit.connector.answers import load_definition
from tests.functional.conftest import Gateway, ahead
from tests.functional.connector_gateway import PREFIX, ConnectorGateway
from twin.seeds import sample

HOST = "my-gateway.azurewebsites.net"
PAGING = {name for name, (_, _, operation) in load_definition().operations().items() if "x-ms-pageable" in operation}
# One policy too many: what the connector had beside the app's own links.
REWRITER = {
    "templateId": "updatenextlink",
    "parameters": {"x-ms-apimTemplateParameter.nextLinkPropertyName": "nextLink"},
}


def connect(gateway: Gateway, *more: Any) -> ConnectorGateway:
    return ConnectorGateway(gateway.http, gateway.base_url, {"host": HOST, "api_key": gateway.key}, *more)


def list_questions(gateway: Gateway) -> dict[str, tuple[str, dict[str, Any]]]:
    """A question with several pages for each operation that pages, but for mails, whose links are written alike."""
    business = f"/bookings/businesses/{gateway.business}"
    days = {"start": ahead(days=-1).isoformat(), "end": ahead(days=6).isoformat()}
    listed = gateway.get(f"{business[1:]}/services").json()["value"]
    slots = {
        "start": ahead(days=1).date().isoformat(), "end": ahead(days=15).date().isoformat(), "limit": 5,
        "service": ",".join(each["id"] for each in listed[:2]),
    }  # fmt: skip
    return {
        "ListCustomers": (f"{business}/customers", {}),
        "ListAppointments": (f"{business}/appointments", days | {"limit": 3}),
        "FindFreeSlots": (f"{business}/slots", slots),
        "FindFreeSlotsOfPages": ("/bookings/slots", slots | {"business": gateway.business}),
        "ListAppointmentChanges": (f"{business}/changes", {"since": ahead(days=-1).isoformat(), "limit": 1}),
    }  # fmt: skip


def test_every_page_of_every_list_comes_through_the_connection(contoso: Gateway) -> None:
    contoso.sim.bookings.switches.page_size = 5
    questions = list_questions(contoso)
    assert set(questions) | {"ListMails"} == PAGING
    for name, (path, query) in questions.items():
        connection = connect(contoso)
        link, pages = f"{PREFIX}{path}?{urlencode(query)}", 0
        while link and pages < 2:
            answer = connection.ask(link)
            assert answer.status_code == 200, (name, link)
            link, pages = answer.json().get("nextLink", ""), pages + 1
        if name != "ListAppointmentChanges":  # nothing has changed since the feed began
            assert pages > 1, name
        assert {request.headers.get("x-functions-key") for request in connection.seen} == {contoso.key}
        assert all("connection=default" in str(request.url) for request in connection.seen)


def test_a_second_rewriter_would_lose_the_next_page(contoso: Gateway) -> None:
    contoso.sim.bookings.switches.page_size = 5
    connection = connect(contoso, REWRITER)
    first = connection.ask(f"{PREFIX}/bookings/businesses/{contoso.business}/customers")
    assert connection.ask(first.json()["nextLink"]).status_code == 404


def test_a_trigger_polls_through_the_connection(contoso: Gateway) -> None:
    connection = connect(contoso)
    address = f"{PREFIX}/triggers/appointments/any?{urlencode({'business': contoso.business})}"
    for _ in range(3):
        answer = connection.ask(address)
        assert answer.status_code == 202
        address = answer.headers["Location"]
        assert address.startswith(f"{PREFIX}/triggers/appointments/any?")
    assert {request.headers.get("x-functions-key") for request in connection.seen} == {contoso.key}


def test_a_link_past_the_connection_would_carry_no_key(contoso: Gateway) -> None:
    contoso.sim.bookings.switches.page_size = 5
    contoso.configure(**sample.settings(contoso.sim), PUBLIC_BASE_URL=f"https://{HOST}/api")
    link = contoso.ask("/customers")["nextLink"]
    assert connect(contoso).ask(link).status_code == 401


@pytest.mark.parametrize(
    "host",
    [
        "env.01.common.europe.azure-apihub.net",
        "europe-001.azure-apim.net",
        "power-apis-usgov001-public.azure-apihub.us",
        "power-apis-usdod-001.azure-apihub.us",
        "logic-apis-chinanorth3.azure-apihub.cn",
    ],
)
def test_the_gateways_of_all_clouds_are_known(contoso: Gateway, host: str) -> None:
    contoso.sim.bookings.switches.page_size = 5
    prefix = f"https://{host}/apim/graph/0123"
    headers = {"X-MS-APIM-Referrer-Prefix": prefix}
    path = f"bookings/businesses/{contoso.business}/customers"
    assert contoso.get(path, headers=headers).json()["nextLink"].startswith(f"{prefix}/bookings/")
    trigger = contoso.get("triggers/appointments/any", headers=headers, business=contoso.business)
    assert trigger.headers["Location"].startswith(f"{prefix}/triggers/")


@pytest.mark.parametrize(
    "prefix",
    [
        "https://azure-apihub.us",
        "https://evil-azure-apihub.us/apim/x",
        "https://x.azure-apihub.us.evil.example/apim/x",
        "https://x.azure-apihub.de/apim/x",
        "http://x.azure-apihub.cn/apim/x",
        "https://x.azure-apihub.us/apim/x?to=elsewhere",
        "https://evil.example\\@a.azure-apihub.net/",
        "https://[::1/",
    ],
)
def test_no_other_host_is_believed(contoso: Gateway, prefix: str) -> None:
    contoso.sim.bookings.switches.page_size = 5
    path = f"bookings/businesses/{contoso.business}/customers"
    link = contoso.get(path, headers={"X-MS-APIM-Referrer-Prefix": prefix}).json()["nextLink"]
    assert link.startswith(contoso.base_url)
