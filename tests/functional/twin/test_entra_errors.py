import base64
import json
import re
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import jwt
import msal
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential

from tests.functional.twin.sign_in import (
    DELEGATED,
    SCOPE,
    TOKEN_URL,
    ask_for_app,
    list_businesses,
    make_client,
    read_secret,
    request_token,
)
from twin import Answer, Simulator
from twin.entra.errors import KINDS
from twin.seeds.mails import SUPPORT
from twin.seeds.sample import (
    CLIENT_ID,
    SERVICE_USER,
    TENANT_ID,
)


@pytest.fixture
def sim(redirected: Simulator) -> Iterator[Simulator]:
    yield redirected
    assert redirected.refused == []


def test_a_disabled_app_and_a_public_one(sim: Simulator) -> None:
    principal = sim.entra.tenant(TENANT_ID).principals[CLIENT_ID]
    principal.enabled = False
    assert request_token(sim).json()["error_codes"] == [7000112]

    principal.enabled = True
    sim.entra.app(CLIENT_ID).is_public_client = True
    assert request_token(sim).json()["error_codes"] == [700025]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_secret": None}, 7000218),
        ({"client_id": None}, 900144),
        ({"grant_type": None}, 900144),
        ({"grant_type": "device_code"}, 70003),
        ({"scope": None}, 900144),
        ({"scope": "https://graph.microsoft.com/Bookings.Read.All"}, 1002012),
        ({"scope": "https://unknown.example.org/.default"}, 500011),
        ({"scope": "https://graph.microsoft.us/.default"}, 500011),
        ({"claims": "no json"}, 900144),
    ],
)
def test_a_request_that_is_not_as_it_should_be(sim: Simulator, changes: dict[str, str | None], code: int) -> None:
    assert request_token(sim, **changes).json()["error_codes"] == [code]


def test_passwords_are_refused_and_accounts_lock(sim: Simulator) -> None:
    user = sim.entra.tenant(TENANT_ID).users[SERVICE_USER]
    user.lockout_after = 3
    codes = [ask_for_user(sim, password="wrong").json()["error_codes"][0] for _ in range(4)]

    assert codes == [50126, 50126, 50053, 50053]
    assert ask_for_user(sim, password=user.password).json()["error_codes"] == [50053]

    user.unlock()

    assert "access_token" in ask_for_user(sim, password=user.password).json()


def ask_for_user(sim: Simulator, *, password: str, user: str = SERVICE_USER, scope: str = "") -> requests.Response:
    wanted = scope or DELEGATED[0]
    return request_token(sim, grant_type="password", username=user, password=password, scope=wanted)


def test_what_else_stops_the_password_flow(sim: Simulator) -> None:
    tenant = sim.entra.tenant(TENANT_ID)
    user = tenant.users[SERVICE_USER]
    good = {"password": user.password}

    user.mfa = True
    answer = ask_for_user(sim, **good).json()
    assert (answer["error"], answer["error_codes"], answer["suberror"]) == ("invalid_grant", [50076], "basic_action")
    assert "capolids" in json.loads(answer["claims"])["access_token"]
    user.mfa, user.password_expired = False, True
    assert ask_for_user(sim, **good).json()["error_codes"] == [50055]
    user.password_expired, user.enabled = False, False
    assert ask_for_user(sim, **good).json()["error_codes"] == [50057]
    user.enabled = True
    assert ask_for_user(sim, user="nobody@contoso.com", **good).json()["error_codes"] == [50034]
    scope = "https://graph.microsoft.com/Bookings.Manage.All"
    assert ask_for_user(sim, scope=scope, **good).json()["error_codes"] == [65001]
    common = TOKEN_URL.replace(TENANT_ID, "common")
    assert request_token(sim, common, grant_type="password").json()["error_codes"] == [9001023]
    assert ask_for_user(sim, scope="Bookings.Read.All", **good).json()["scope"].count("Bookings") == 3


def test_realms_say_where_a_password_is_checked(sim: Simulator) -> None:
    sim.entra.tenant(TENANT_ID).federated_domains["old.contoso.com"] = "adfs.contoso.com"

    def ask(user: str) -> dict[str, str]:
        url = f"https://login.microsoftonline.com/common/userrealm/{urllib.parse.quote(user)}?api-version=1.0"
        answer: dict[str, str] = requests.get(url, timeout=10).json()
        return answer

    assert ask(SERVICE_USER)["account_type"] == "Managed"
    assert ask("a@nowhere.example")["account_type"] == "Unknown"
    assert ask("a@old.contoso.com")["federation_active_auth_url"].startswith("https://adfs.contoso.com/")


def test_a_refresh_token_ends_with_a_revocation(sim: Simulator) -> None:
    user = sim.entra.tenant(TENANT_ID).users[SERVICE_USER]
    scope = f"{DELEGATED[0]} offline_access openid"
    first = ask_for_user(sim, password=user.password, scope=scope).json()
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "scope": scope}
    assert "access_token" in request_token(sim, **again).json()

    sim.entra.revoke_principal(user.object_id)

    assert request_token(sim, **again).json()["error_codes"] == [50173]
    assert request_token(sim, **{**again, "refresh_token": "x"}).json()["error_codes"] == [700082]


@pytest.mark.parametrize("code", sorted(KINDS))
def test_every_error_has_the_shape_of_the_service(sim: Simulator, code: int) -> None:
    sim.entra.app(CLIENT_ID).force(code, times=1)

    answer = request_token(sim)
    body = answer.json()

    kind = KINDS[code]
    assert (answer.status_code, body["error"], body["error_codes"]) == (kind.status, kind.error, [code])
    assert body.get("suberror") == kind.suberror
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert "{" not in body["error_description"]
    assert body["trace_id"] in body["error_description"]
    assert body["correlation_id"] in body["error_description"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", body["timestamp"])
    assert ("retry-after" in answer.headers) == (code == 90055)
    assert "access_token" in request_token(sim).json()


def test_errors_are_forced_per_app_tenant_and_user_and_taken_back(sim: Simulator) -> None:
    def force(**wish: Any) -> None:
        requests.post(f"{sim.control_url}/entra/force", json=wish, timeout=10).raise_for_status()

    password = sim.entra.tenant(TENANT_ID).users[SERVICE_USER].password
    force(code=90055, tenant=TENANT_ID, times=1, retryAfter=17)
    assert request_token(sim).headers["retry-after"] == "17"
    force(code=53003, user=SERVICE_USER)
    assert ask_for_user(sim, password=password).json()["error_codes"] == [53003]
    force(code=7000112, app=CLIENT_ID)
    assert [request_token(sim).json()["error_codes"] for _ in range(2)] == [[7000112], [7000112]]

    requests.delete(f"{sim.control_url}/entra/force", timeout=10).raise_for_status()

    assert request_token(sim).ok
    assert ask_for_user(sim, password=password).ok


def test_the_library_reads_a_forced_error(sim: Simulator) -> None:
    sim.entra.app(CLIENT_ID).force(53003)

    answer = ask_for_app(make_client(read_secret(sim)))

    assert (answer["error"], answer["error_codes"]) == ("invalid_grant", [53003])
    with pytest.raises(ClientAuthenticationError, match="AADSTS53003"):
        ClientSecretCredential(TENANT_ID, CLIENT_ID, read_secret(sim)).get_token(SCOPE)


def test_token_life_is_adjustable(sim: Simulator) -> None:
    url = f"{sim.control_url}/entra/apps/{CLIENT_ID}"
    requests.patch(url, json={"expiresIn": 7200, "refreshIn": 3600}, timeout=10).raise_for_status()

    token = ask_for_app(make_client(read_secret(sim)))

    assert token["expires_in"] == 7200
    assert token["refresh_on"] == pytest.approx(time.time() + 3600, abs=30)


def test_an_outage_of_the_token_endpoint(sim: Simulator) -> None:
    sim.faults.add(Answer(503, {"retry-after": "2"}), api="entra", method="POST")
    client = make_client(read_secret(sim))

    with pytest.raises(msal.exceptions.MsalServiceError):
        ask_for_app(client)


def test_a_revoked_token_is_challenged_and_replaced(sim: Simulator) -> None:
    client = make_client(read_secret(sim), client_capabilities=["CP1"])
    first = ask_for_app(client)
    assert list_businesses(first).ok

    revoke = {"tenant": TENANT_ID, "app": CLIENT_ID}
    requests.post(f"{sim.control_url}/entra/revoke", json=revoke, timeout=10).raise_for_status()
    refused = list_businesses(first)
    header = refused.headers["www-authenticate"]
    claims = re.search(r'error="insufficient_claims", claims="([^"]+)"', header)
    assert claims is not None
    challenge = base64.b64decode(claims[1]).decode()
    second = ask_for_app(client, claims_challenge=challenge)

    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert json.loads(challenge)["access_token"]["nbf"]["essential"] is True
    assert second["token_source"] == "identity_provider"
    assert list_businesses(second).ok


def test_a_single_token_is_revoked_alone(sim: Simulator) -> None:
    client = make_client(read_secret(sim), client_capabilities=["CP1"])
    first = ask_for_app(client)
    client.remove_tokens_for_client()
    second = ask_for_app(client)
    uti = jwt.decode(first["access_token"], options={"verify_signature": False})["uti"]

    requests.post(f"{sim.control_url}/entra/revoke", json={"token": uti}, timeout=10).raise_for_status()

    assert list_businesses(first).status_code == 401
    assert list_businesses(second).ok


def test_a_client_that_cannot_take_a_challenge_gets_none(sim: Simulator) -> None:
    token = ask_for_app(make_client(read_secret(sim)))

    sim.entra.revoke_principal(sim.entra.tenant(TENANT_ID).principals[CLIENT_ID].object_id)

    assert list_businesses(token).ok


def test_roles_reach_new_tokens_only(sim: Simulator) -> None:
    before = ask_for_app(make_client(read_secret(sim)))
    url = f"{sim.control_url}/entra/tenants/{TENANT_ID}/principals/{CLIENT_ID}"
    wish = {"withdraw": ["Bookings.Read.All", "Bookings.ReadWrite.All"]}
    requests.patch(url, json=wish, timeout=10).raise_for_status()
    after = ask_for_app(make_client(read_secret(sim)))

    assert (list_businesses(before).status_code, list_businesses(after).status_code) == (200, 403)


def test_roles_in_exchange_open_mailboxes_at_once_and_show_in_no_token(sim: Simulator) -> None:
    token = ask_for_app(make_client(read_secret(sim)))
    url = f"{sim.control_url}/entra/tenants/{TENANT_ID}/principals/{CLIENT_ID}"
    seen = []
    for roles in ([], ["Mail.Read"]):
        shown = requests.patch(url, json={"exchangeRoles": roles}, timeout=10).json()
        assert (shown["exchangeRoles"], "Mail.Read" in shown["roles"]) == (roles, False)
        url_of_inbox = f"https://graph.microsoft.com/v1.0/users/{SUPPORT}/mailFolders/inbox"
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        seen.append(requests.get(url_of_inbox, headers=headers, timeout=10).status_code)
    assert seen == [403, 200]


def test_apps_are_listed_without_their_secrets(sim: Simulator) -> None:
    text = requests.get(f"{sim.control_url}/entra/apps", timeout=10).text

    assert CLIENT_ID in text
    assert read_secret(sim) not in text
