"""The lists of a booking business, through the real worker, from the simulated Graph."""

from tests.functional.conftest import Gateway
from twin.seeds import sample, tiny


def test_the_allowed_businesses_are_listed_by_name(contoso: Gateway) -> None:
    value = contoso.get("bookings/businesses").json()["value"]
    assert [item["displayName"] for item in value] == ["Device bar West", "IT desk Bengaluru", "IT help desk"]
    assert all(set(item) == {"id", "displayName"} for item in value)


def test_businesses_are_searched_by_a_part_of_their_name(contoso: Gateway) -> None:
    value = contoso.get("bookings/businesses", search="bar").json()["value"]
    assert [item["displayName"] for item in value] == ["Device bar West"]


def test_businesses_outside_the_allow_list_are_neither_listed_nor_answered(contoso: Gateway) -> None:
    contoso.begin(sample.seed, BOOKINGS_BUSINESSES="DeviceBar@contoso.com")
    assert [item["id"] for item in contoso.get("bookings/businesses").json()["value"]] == ["devicebar@contoso.com"]
    for route in (
        "",
        "/services",
        "/staff",
        "/customers",
        "/questions",
        "/appointments",
        "/appointment",
        "/slots",
        "/agenda",
        "/overview",
    ):
        refused = contoso.refused(f"bookings/businesses/ithelpdesk@contoso.com{route}")
        assert (refused["status"], refused["code"], refused["target"]) == (403, "BusinessNotAllowed", "business")
    assert contoso.post("bookings/businesses/ithelpdesk@contoso.com/availability", {}).status_code == 403


def test_an_empty_allow_list_allows_nothing(gateway: Gateway) -> None:
    gateway.begin(tiny.seed, BOOKINGS_BUSINESSES="")
    refused = gateway.refused("bookings/businesses")
    assert (refused["status"], refused["code"]) == (403, "BusinessNotAllowed")
    assert gateway.refused(f"bookings/businesses/{tiny.BUSINESS}")["status"] == 403
    assert gateway.graph_calls() == []


def test_a_business_comes_with_hours_policy_and_settings_and_without_graphs_annotations(gateway: Gateway) -> None:
    business = gateway.ask("")
    assert business["displayName"] == "Desk"
    assert business["schedulingPolicy"]["timeSlotInterval"] == "PT30M"
    assert business["bookingPageSettings"]["businessTimeZone"] == "UTC"
    assert "@odata" not in str(business)


def test_services_come_by_name_with_the_names_of_their_staff(gateway: Gateway) -> None:
    group, service = gateway.ask("/services")["value"]
    assert (group["displayName"], service["displayName"]) == ("Group", "Visit")
    assert [member["displayName"] for member in service["staffMembers"]] == ["Anne", "Bob"]


def test_a_service_that_names_somebody_who_is_gone_is_listed_all_the_same(gateway: Gateway) -> None:
    gateway.sim.bookings.business(tiny.BUSINESS).services.patch(tiny.VISIT, {"staffMemberIds": ["gone", tiny.ANNE]})
    service = gateway.ask("/services")["value"][1]
    assert [member["displayName"] for member in service["staffMembers"]] == [None, "Anne"]


def test_staff_come_by_name_with_roles_that_graph_hides_from_old_clients(gateway: Gateway) -> None:
    value = gateway.ask("/staff")["value"]
    assert [(member["displayName"], member["role"]) for member in value] == [
        ("Account", "scheduler"),
        ("Anne", "teamMember"),
        ("Bob", "administrator"),
    ]


def test_questions_are_listed(gateway: Gateway) -> None:
    assert [item["displayName"] for item in gateway.ask("/questions")["value"]] == ["Asset tag?"]


def test_customers_are_listed_in_pages_as_graph_cuts_them(gateway: Gateway) -> None:
    business = gateway.sim.bookings.business(tiny.BUSINESS)
    for number in range(6):
        business.customers.add({"displayName": f"Customer {number}"})
    gateway.sim.bookings.switches.page_size = 3
    names, pages = [], 0
    answer = gateway.ask("/customers")
    while True:
        pages += 1
        names += [item["displayName"] for item in answer["value"]]
        if "nextLink" not in answer:
            break
        answer = gateway.http.get(answer["nextLink"], headers={"x-functions-key": gateway.key}, timeout=30).json()
    assert sorted(names) == ["Cleo Customer", *(f"Customer {number}" for number in range(6))]
    assert (pages, len(gateway.graph_calls())) == (3, 3)


def test_a_cursor_survives_a_restart_and_serves_no_other_question(contoso: Gateway) -> None:
    contoso.sim.bookings.switches.page_size = 5
    link = contoso.ask("/customers")["nextLink"]
    contoso.configure(**sample.settings(contoso.sim))
    again = contoso.http.get(link, headers={"x-functions-key": contoso.key}, timeout=30)
    assert again.status_code == 200
    cursor = link.partition("cursor=")[2]
    elsewhere = contoso.refused("bookings/businesses/devicebar@contoso.com/customers", cursor=cursor)
    assert (elsewhere["status"], elsewhere["code"], elsewhere["target"]) == (400, "InvalidCursor", "cursor")


def test_no_link_carries_the_key(contoso: Gateway) -> None:
    contoso.sim.bookings.switches.page_size = 5
    answer = contoso.get(f"bookings/businesses/{contoso.business}/customers", key="", code=contoso.key)
    assert answer.status_code == 200
    assert contoso.key not in answer.text


def test_links_lead_back_through_the_connectors_gateway_if_it_is_the_real_one(contoso: Gateway) -> None:
    contoso.sim.bookings.switches.page_size = 5
    path = f"bookings/businesses/{contoso.business}/customers"
    trusted = "https://env.01.common.europe.azure-apihub.net/apim/gateway/0123"
    for prefix, begins in (
        (trusted, f"{trusted}/bookings/"),
        ("http://env.common.europe.azure-apihub.net/apim/x", contoso.base_url),
        ("https://evil.example/azure-apihub.net", contoso.base_url),
        ("https://azure-apihub.net.evil.example", contoso.base_url),
    ):
        link = contoso.get(path, headers={"X-MS-APIM-Referrer-Prefix": prefix}).json()["nextLink"]
        assert link.startswith(begins)


def test_links_begin_with_the_public_address_where_one_is_set(contoso: Gateway) -> None:
    contoso.sim.bookings.switches.page_size = 5
    contoso.configure(**sample.settings(contoso.sim), PUBLIC_BASE_URL="https://gateway.contoso.example/api/")
    assert contoso.ask("/customers")["nextLink"].startswith("https://gateway.contoso.example/api/bookings/businesses/")


def test_one_proxied_list_is_one_call_to_graph(gateway: Gateway) -> None:
    gateway.ask("/services")
    for route in ("", "/services", "/staff", "/questions", "/customers"):
        gateway.forget()
        gateway.ask(route)
        assert len(gateway.graph_calls()) == 1, route
        assert len(gateway.sim.exchanges.all()) == 1, route


def test_an_answer_carries_the_callers_correlation_id_on_to_graph(gateway: Gateway) -> None:
    flow_id = "0b7c2f2e-8d0f-4d57-9a43-2f8a5d1c9e10"
    answer = gateway.get(f"bookings/businesses/{gateway.business}", headers={"x-ms-client-request-id": flow_id})
    assert answer.headers["x-request-id"] == flow_id
    assert gateway.graph_calls()[0].request_headers["client-request-id"] == flow_id
    odd = gateway.get(f"bookings/businesses/{gateway.business}", headers={"x-ms-client-request-id": "no guid\tat all"})
    assert len(odd.headers["x-request-id"]) == 36


def test_answers_are_not_to_be_stored(gateway: Gateway) -> None:
    assert gateway.get(f"bookings/businesses/{gateway.business}").headers["Cache-Control"] == "no-store"
