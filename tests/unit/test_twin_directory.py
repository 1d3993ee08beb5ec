"""The simulated directory refuses what the real one refuses."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from twin import Simulator
from twin.client import RawGraphClient
from twin.directory.access import CLI_SCOPES
from twin.directory.permissions import ROLE_IDS
from twin.directory.render import graph_id
from twin.seeds import sample, tiny

UPSERT = {"Prefer": "create-if-missing"}


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator(tiny.build(), latency=0).running() as sim:
        yield sim


@pytest.fixture
def sim(running: Simulator) -> Simulator:
    running.reset()
    return running


def sign_in(sim: Simulator, *roles: str) -> RawGraphClient:
    user = sim.entra.tenants[sample.TENANT_ID].users[sample.ADMIN_USER]
    user.directory_roles = frozenset(roles)
    return RawGraphClient(
        sim, *CLI_SCOPES, tenant_id=sample.TENANT_ID, app_id=sample.CLIENT_ID, user=sample.ADMIN_USER
    )  # fmt: skip


def make(client: RawGraphClient, name: str = "one", **more: Any) -> Any:
    answer = client.request(
        "PATCH", f"/applications(uniqueName='{name}')", json={"displayName": name, **more}, headers=UPSERT
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_an_upsert_creates_first_and_changes_later(sim: Simulator) -> None:
    with sign_in(sim, "Cloud Application Administrator") as client:
        made = make(client)
        assert made["signInAudience"] == "AzureADMultipleOrgs"
        path = "/applications(uniqueName='one')"
        again = client.request("PATCH", path, json={"signInAudience": "AzureADMyOrg"}, headers=UPSERT)
        assert again.status_code == 204
        assert client.get(path).json()["signInAudience"] == "AzureADMyOrg"
        assert code(client.request("PATCH", "/applications(uniqueName='two')", json={"displayName": "x"}))[0] == 404


def test_unknown_properties_options_and_filters_are_refused(sim: Simulator) -> None:
    with sign_in(sim, "Cloud Application Administrator") as client:
        made = make(client)
        path = f"/applications/{made['id']}"
        assert code(client.request("PATCH", path, json={"nmae": "x"})) == (400, "Request_BadRequest")
        assert code(client.request("PATCH", path, json={"uniqueName": "other"})) == (400, "Request_BadRequest")
        assert client.get(f"{path}?$select=nmae").status_code == 400
        assert client.get("/applications?$filter=notes eq 'x'").status_code == 400
        assert client.get("/applications?$search=x").status_code == 400
        assert len(client.pages("/applications?$filter=displayName eq 'one'")) == 1


def test_the_recycle_bin_keeps_the_unique_name_taken_until_the_app_is_purged(sim: Simulator) -> None:
    with sign_in(sim, "Cloud Application Administrator") as client:
        made = make(client)
        assert client.request("DELETE", f"/applications/{made['id']}").status_code == 204
        body = {"displayName": "one"}
        path = "/applications(uniqueName='one')"
        assert code(client.request("PATCH", path, json=body, headers=UPSERT)) == (400, "Request_BadRequest")
        assert client.request("DELETE", f"/directory/deletedItems/{made['id']}").status_code == 204
        assert make(client)["id"] != made["id"]


def test_a_new_app_is_unknown_to_some_servers_for_a_while(sim: Simulator) -> None:
    sim.directory.switches.unseen_requests = 2
    with sign_in(sim, "Cloud Application Administrator") as client:
        made = make(client)
        principal = f"/servicePrincipals(appId='{made['appId']}')"
        assert code(client.request("PATCH", principal, json={}, headers=UPSERT)) == (400, "NoBackingApplicationObject")
        assert code(client.get(f"/applications/{made['id']}")) == (404, "Request_ResourceNotFound")
        assert client.get(f"/applications/{made['id']}").status_code == 200


def test_consent_to_application_permissions_takes_the_privileged_role_and_works_once(sim: Simulator) -> None:
    tenant = sim.entra.tenants[sample.TENANT_ID]
    principal = tenant.principals[sample.CLIENT_ID]
    body = {
        "principalId": principal.object_id,
        "resourceId": graph_id(tenant),
        "appRoleId": ROLE_IDS["Bookings.Manage.All"],
    }
    path = f"/servicePrincipals/{graph_id(tenant)}/appRoleAssignedTo"
    with sign_in(sim, "Application Administrator") as client:
        assert code(client.request("POST", path, json=body)) == (403, "Authorization_RequestDenied")
    with sign_in(sim, "Privileged Role Administrator") as client:
        assert client.request("POST", path, json=body).status_code == 201
        assert code(client.request("POST", path, json=body)) == (400, "Request_BadRequest")
        listed = client.pages(f"/servicePrincipals/{principal.object_id}/appRoleAssignments")
        assert ROLE_IDS["Bookings.Manage.All"] in {one["appRoleId"] for one in listed}


def test_without_a_role_a_user_may_change_own_apps_only(sim: Simulator) -> None:
    other = sim.directory.registration(sim.entra.app(sample.CLIENT_ID))
    with sign_in(sim) as client:
        made = make(client)
        assert client.request("PATCH", f"/applications/{made['id']}", json={"notes": "mine"}).status_code == 204
        assert code(client.request("PATCH", f"/applications/{other.object_id}", json={"notes": "x"}))[0] == 403
        sim.directory.switches.users_may_register = False
        assert code(client.request("POST", "/applications", json={"displayName": "two"}))[0] == 403


def test_a_secret_is_shown_once_and_signs_in(sim: Simulator) -> None:
    with sign_in(sim, "Cloud Application Administrator") as client:
        made = make(client)
        secret = client.request("POST", f"/applications/{made['id']}/addPassword", json={}).json()
        [listed] = client.get(f"/applications/{made['id']}").json()["passwordCredentials"]
        assert (listed["keyId"], listed["secretText"]) == (secret["keyId"], None)
        assert secret["secretText"].startswith(listed["hint"])
        assert sim.entra.app(made["appId"]).secrets[secret["keyId"]].value == secret["secretText"]
        recorded = str([exchange.to_json() for exchange in sim.exchanges.all(api="directory")])
        assert secret["secretText"] not in recorded


def test_mail_tokens_of_others_do_not_open_the_directory(sim: Simulator) -> None:
    with RawGraphClient(
        sim, "Mail.Read", tenant_id=sample.TENANT_ID, app_id=sample.CLIENT_ID
    ) as client:  # fmt: skip
        assert code(client.get("/applications")) == (403, "Authorization_RequestDenied")
        assert code(client.get("/me"))[0] == 400


def test_roles_and_switches_can_be_turned_from_outside(sim: Simulator) -> None:
    with requests.Session() as session:
        session.trust_env = False
        turned = session.patch(f"{sim.control_url}/directory/switches", json={"secret_days": 90}, timeout=9)
        assert turned.json()["secret_days"] == 90
        url = f"{sim.control_url}/directory/roles/{sample.ADMIN_USER}"
        assert session.put(url, json={"roles": ["Application Developer"]}, timeout=9).status_code == 200
        assert session.put(url, json={"roles": ["King"]}, timeout=9).status_code == 400
        shown = session.get(f"{sim.control_url}/directory", timeout=9).json()
        assert shown["roles"] == {sample.ADMIN_USER: ["Application Developer"]}
        assert (shown["switches"]["secret_days"], shown["deleted"]) == (90, {})
        wish = {"user": "nobody@contoso.com", "resource": "https://graph.microsoft.com"}
        assert session.post(f"{sim.control_url}/directory/cli-token", json=wish, timeout=9).status_code == 404
