from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from tests.functional.twin.small_page import PAGE_PATH, UNKNOWN_ERROR, book, make_safe, read_error, wish
from twin import Simulator
from twin.bookings.permissions import MANAGE, WRITE
from twin.bookings.state import Business
from twin.client import RawGraphClient
from twin.seeds.sample import ADMIN_USER, CLIENT_ID, SERVICE_USER, TENANT_ID
from twin.seeds.tiny import BUSINESS, CUSTOMER, VISIT


def test_an_administrator_may_override_rules_and_a_scheduler_may_not(
    sim: Simulator, page: Business, noon: datetime
) -> None:
    page.staff.add({"displayName": "Admin", "emailAddress": ADMIN_USER, "role": "administrator"})
    with (
        RawGraphClient(sim, WRITE, tenant_id=TENANT_ID, app_id=CLIENT_ID, user=ADMIN_USER) as admin,
        RawGraphClient(sim, WRITE, tenant_id=TENANT_ID, app_id=CLIENT_ID, user=SERVICE_USER) as scheduler,
    ):
        long = wish(noon, minutes=90)
        answers = [one.request("POST", f"{PAGE_PATH}/appointments", json=long) for one in (admin, scheduler)]

    assert [answer.status_code for answer in answers] == [201, 500]


def test_customers_questions_services_and_staff_are_kept(graph: RawGraphClient, page: Business) -> None:
    customer = graph.request(
        "POST", f"{PAGE_PATH}/customers", json={"@odata.type": "#microsoft.graph.bookingCustomer", "displayName": "New"}
    )
    path = f"{PAGE_PATH}/customers/{customer.json()['id']}"
    renamed = graph.request(
        "PATCH", path, json={"@odata.type": "#microsoft.graph.bookingCustomer", "displayName": "Renamed"}
    )
    service = graph.request("PATCH", f"{PAGE_PATH}/services/{VISIT}", json={"displayName": "Visit us"})
    staff = {"@odata.type": "#microsoft.graph.bookingStaffMember", "displayName": "Kim", "role": "guest"}

    assert (customer.status_code, renamed.status_code, renamed.json()["displayName"]) == (201, 200, "Renamed")
    assert (service.status_code, service.content) == (204, b"")
    assert page.services.get(VISIT)["displayName"] == "Visit us"
    assert read_error(graph.request("POST", f"{PAGE_PATH}/staffMembers", json=staff)) == UNKNOWN_ERROR
    with_mail = staff | {"emailAddress": "kim@contoso.com"}
    assert graph.request("POST", f"{PAGE_PATH}/staffMembers", json=with_mail).status_code == 201
    assert read_error(graph.request("POST", f"{PAGE_PATH}/customers", json={"displayName": "x"}))[0] == 400
    assert read_error(graph.request("POST", f"{PAGE_PATH}/services", json={})) == UNKNOWN_ERROR


def test_a_calendar_has_100_staff_at_most(graph: RawGraphClient, page: Business) -> None:
    for number in range(97):
        page.staff.add({"displayName": f"{number}", "emailAddress": f"a{number}@contoso.com", "role": "guest"})
    staff = {"@odata.type": "#microsoft.graph.bookingStaffMember", "displayName": "Kim", "role": "guest",
             "emailAddress": "kim@contoso.com"}  # fmt: skip

    assert len(page.staff) == 100
    assert read_error(graph.request("POST", f"{PAGE_PATH}/staffMembers", json=staff)) == UNKNOWN_ERROR


def test_a_customer_cannot_be_deleted_unless_the_fault_is_off(
    sim: Simulator, graph: RawGraphClient, page: Business
) -> None:
    path = f"{PAGE_PATH}/customers/{CUSTOMER}"
    assert read_error(graph.request("DELETE", path)) == UNKNOWN_ERROR
    assert CUSTOMER in page.customers

    sim.bookings.switches.customer_delete_fails = False

    assert graph.request("DELETE", path).status_code == 204
    assert CUSTOMER not in page.customers


def test_a_business_is_made_and_removed_by_a_person(sim: Simulator) -> None:
    root = "/solutions/bookingBusinesses"
    with RawGraphClient(sim, MANAGE, tenant_id=TENANT_ID, app_id=CLIENT_ID, user=ADMIN_USER) as admin:
        made = admin.request("POST", root, json={"displayName": "Night desk"}).json()
        again = admin.request("POST", root, json={"displayName": "Night desk"}).json()
        sim.entra.tenant(TENANT_ID).users[ADMIN_USER].is_exchange_admin = False
        refused = admin.request("DELETE", f"{root}/{made['id']}")
        sim.entra.tenant(TENANT_ID).users[ADMIN_USER].is_exchange_admin = True
        removed = admin.request("DELETE", f"{root}/{made['id']}")
        nameless = admin.request("POST", root, json={})

    assert (made["id"], again["id"]) == ("Nightdesk@contoso.com", "Nightdesk1@contoso.com")
    assert made["schedulingPolicy"]["timeSlotInterval"] == "PT30M"
    assert made["schedulingPolicy"]["minimumLeadTime"] == "P1D"
    assert (refused.status_code, removed.status_code, nameless.status_code) == (403, 204, 500)


def test_new_ids_hold_slashes_as_often_as_wished(sim: Simulator, graph: RawGraphClient, noon: datetime) -> None:
    for share, expected in ((1.0, True), (0.0, False)):
        sim.bookings.switches.slash_share = share
        made = book(graph, noon + timedelta(hours=2 * share)).json()
        assert ("/" in made["id"], "+" in made["id"]) == (expected, expected)


def test_everything_can_be_changed_over_the_control_path(sim: Simulator, page: Business, noon: datetime) -> None:
    control = f"{sim.control_url}/bookings"
    base = f"{control}/businesses/{BUSINESS}"

    def ask(method: str, url: str, body: object = None) -> Any:
        answer = requests.request(method, url, json=body, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    made = ask("POST", f"{base}/appointments", wish(noon, minutes=90))
    ask("PATCH", f"{base}/appointments?id={make_safe(made['id'])}", {"serviceNotes": "changed"})
    assert page.appointments.get(made["id"]).values["serviceNotes"] == "changed"
    ask("DELETE", f"{base}/appointments?id={made['id'].replace('+', '%2B')}")
    assert len(page.appointments) == 0

    service = ask("POST", f"{base}/services", {"id": "s-1", "displayName": "New"})
    assert service["id"] == "s-1"
    assert ask("PATCH", f"{base}/services?id=s-1", {"displayName": "Newer"})["displayName"] == "Newer"
    ask("DELETE", f"{base}/services?id=s-1")
    assert "s-1" not in page.services

    ask("POST", f"{control}/businesses", {"id": "x@contoso.com", "tenantId": TENANT_ID, "displayName": "X"})
    assert ask("PATCH", f"{control}/businesses/x@contoso.com", {"displayName": "Y"})["displayName"] == "Y"
    assert {one["id"] for one in ask("GET", control)["businesses"]} == {BUSINESS, "x@contoso.com"}
    ask("DELETE", f"{control}/businesses/x@contoso.com")
    assert ask("PATCH", f"{control}/switches", {"page_size": 3})["page_size"] == 3
    assert ask("GET", f"{base}/notices")["notices"] == []


def test_a_change_moves_the_stamp(sim: Simulator, page: Business, noon: datetime) -> None:
    made = page.appointments.add(wish(noon))
    sim.world.clock.advance(timedelta(hours=5))

    changed = page.appointments.patch(made.id, {"serviceNotes": "x"})

    stamps = [datetime.fromisoformat(one.values["lastUpdatedDateTime"]) for one in (made, changed)]
    assert timedelta(hours=5) <= stamps[1] - stamps[0] < timedelta(hours=6)
    assert changed.values["createdDateTime"] == made.values["createdDateTime"]
    assert stamps[0].tzinfo == UTC


def test_half_a_character_is_refused_and_spoils_no_list(graph: RawGraphClient) -> None:
    answer = graph.request(
        "POST",
        f"{PAGE_PATH}/customers",
        json={"@odata.type": "#microsoft.graph.bookingCustomer", "displayName": "\ud83d"},
    )

    assert read_error(answer) == (400, "BadRequest", "Unable to read JSON request payload.")
    assert graph.get(f"{PAGE_PATH}/customers").status_code == 200
