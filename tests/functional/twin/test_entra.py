import base64
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import requests
from azure.identity import ClientSecretCredential, ManagedIdentityCredential
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

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
from twin import Simulator
from twin.entra.state import FederatedCredential
from twin.identity.state import issuer_of
from twin.seeds.credentials import make_certificate
from twin.seeds.sample import (
    CLIENT_ID,
    IDENTITY_CLIENT_ID,
    IDENTITY_PRINCIPAL_ID,
    PARTNER_CLIENT_ID,
    PARTNER_TENANT_ID,
    SERVICE_USER,
    TENANT_ID,
)


@pytest.fixture
def sim(redirected: Simulator) -> Iterator[Simulator]:
    yield redirected
    assert redirected.refused == []


def make_key_and_certificate() -> tuple[Any, str]:
    certificate, bundle = make_certificate("Graph gateway")
    key = pkcs12.load_key_and_certificates(base64.b64decode(bundle), None)[0]
    return key, certificate.public_bytes(serialization.Encoding.PEM).decode()


def make_federated_client() -> Any:
    identity = ManagedIdentityCredential(client_id=IDENTITY_CLIENT_ID)
    return make_client({"client_assertion": lambda: identity.get_token("api://AzureADTokenExchange/.default").token})


def test_a_client_secret_opens_graph(sim: Simulator) -> None:
    token = ask_for_app(make_client(read_secret(sim)))

    assert (token["token_type"], token["expires_in"]) == ("Bearer", 3599)
    assert list_businesses(token).ok


def test_a_certificate_opens_graph(sim: Simulator) -> None:
    key, pem = make_key_and_certificate()

    assert list_businesses(ask_for_app(make_client({"private_key": key, "public_certificate": pem}))).ok
    assert sim.entra.app(CLIENT_ID).certificates


def test_the_old_certificate_form_opens_graph(sim: Simulator) -> None:
    key, _ = make_key_and_certificate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    thumbprint = next(iter(sim.entra.app(CLIENT_ID).certificates.values())).thumbprints["x5t"]
    hexadecimal = base64.urlsafe_b64decode(thumbprint + "=").hex()

    assert list_businesses(ask_for_app(make_client({"private_key": pem, "thumbprint": hexadecimal}))).ok


def test_a_federated_identity_opens_graph(sim: Simulator) -> None:
    assert list_businesses(ask_for_app(make_federated_client())).ok
    assert sim.identities.requests["api://AzureADTokenExchange"] == 1


def test_user_and_password_open_graph(sim: Simulator) -> None:
    user = sim.entra.tenant(TENANT_ID).users[SERVICE_USER]
    client = make_client(read_secret(sim))

    token = client.acquire_token_by_username_password(SERVICE_USER, user.password, DELEGATED)
    account = client.get_accounts(SERVICE_USER)[0]
    silent = client.acquire_token_silent(DELEGATED, account, force_refresh=True)

    assert list_businesses(token).ok
    assert list_businesses(silent).ok
    assert silent["access_token"] != token["access_token"]
    assert account["username"] == SERVICE_USER


def test_another_identity_library_comes_in_too(sim: Simulator) -> None:
    with ClientSecretCredential(TENANT_ID, CLIENT_ID, read_secret(sim)) as credential:
        assert list_businesses({"access_token": credential.get_token(SCOPE).token}).ok


def test_two_tenants_see_their_own_businesses(sim: Simulator) -> None:
    sim.bookings.add_business("partner@fabrikam.com", PARTNER_TENANT_ID, {"displayName": "Partner"})
    ours = make_client(read_secret(sim))
    theirs = make_client(read_secret(sim, PARTNER_CLIENT_ID), PARTNER_TENANT_ID, PARTNER_CLIENT_ID)

    seen = [[one["id"] for one in list_businesses(ask_for_app(client)).json()["value"]] for client in (ours, theirs)]

    assert seen == [["desk@contoso.com"], ["partner@fabrikam.com"]]


def test_a_tenant_answers_to_its_domains_too(sim: Simulator) -> None:
    assert list_businesses(ask_for_app(make_client(read_secret(sim), "contoso.onmicrosoft.com"))).ok


def test_an_unknown_tenant_fails_where_the_library_makes_its_client(sim: Simulator) -> None:
    with pytest.raises(ValueError, match="Unable to get authority configuration"):
        make_client("any", "99999999-0000-4000-8000-000000000000")
    answer = requests.get("https://login.microsoftonline.com/nowhere/v2.0/.well-known/openid-configuration", timeout=10)
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])
    assert sim.exchanges.count("entra") == 2


def test_a_tenant_of_another_cloud_is_unknown_here(sim: Simulator) -> None:
    government = sim.entra.add_tenant("90000000-0000-4000-8000-000000000001", "gov.contoso.com", cloud="usgov")
    path = f"{government.id}/v2.0/.well-known/openid-configuration"

    assert requests.get(f"https://login.microsoftonline.com/{path}", timeout=10).json()["error_codes"] == [90002]
    assert requests.get(f"https://login.microsoftonline.us/{path}", timeout=10).ok


def test_several_secrets_are_valid_at_once_until_they_are_removed(sim: Simulator) -> None:
    app = sim.entra.app(CLIENT_ID)
    old = next(iter(app.secrets.values()))
    made = requests.post(
        f"{sim.control_url}/entra/apps/{CLIENT_ID}/secrets", json={"name": "rotated"}, timeout=10
    ).json()

    assert all("access_token" in ask_for_app(make_client(value)) for value in (old.value, made["value"]))

    url = f"{sim.control_url}/entra/apps/{CLIENT_ID}/secrets/{old.key_id}"
    assert requests.delete(url, timeout=10).status_code == 204
    assert ask_for_app(make_client(old.value))["error_codes"] == [7000215]
    assert "access_token" in ask_for_app(make_client(made["value"]))


def test_an_expired_secret_is_distinguished_from_a_wrong_one(sim: Simulator) -> None:
    app = sim.entra.app(CLIENT_ID)
    expired = app.add_secret(expires=datetime.now(UTC) - timedelta(seconds=1))

    assert ask_for_app(make_client(expired.value))["error_codes"] == [7000222]
    assert ask_for_app(make_client(expired.key_id))["error_codes"] == [7000215]


def test_a_certificate_that_is_not_registered_is_refused(sim: Simulator) -> None:
    key, pem = make_key_and_certificate()
    sim.entra.app(CLIENT_ID).certificates.clear()

    answer = ask_for_app(make_client({"private_key": key, "public_certificate": pem}))

    assert (answer["error"], answer["error_codes"]) == ("invalid_client", [700027])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"aud": "https://login.microsoftonline.com/other/oauth2/v2.0/token"}, 700023),
        ({"sub": PARTNER_CLIENT_ID}, 700021),
        ({"exp": 1_000_000_000}, 700024),
        ({"nbf": 4_000_000_000, "exp": 4_000_000_600}, 700024),
    ],
)
def test_a_certificate_assertion_is_checked_in_every_part(
    sim: Simulator, changes: dict[str, Any], code: int | None
) -> None:
    key, _ = make_key_and_certificate()
    thumbprint = next(iter(sim.entra.app(CLIENT_ID).certificates.values())).thumbprints["x5t#S256"]
    now = int(time.time())
    claims = {"aud": TOKEN_URL, "iss": CLIENT_ID, "sub": CLIENT_ID, "nbf": now, "exp": now + 600, "jti": "1"} | changes
    assertion = jwt.encode(claims, key, algorithm="PS256", headers={"x5t#S256": thumbprint})

    answer = ask_with_assertion(sim, assertion)

    assert answer.json().get("error_codes") == (None if code is None else [code])


def ask_with_assertion(sim: Simulator, assertion: str) -> requests.Response:
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return request_token(sim, client_secret=None, client_assertion=assertion, client_assertion_type=kind)


def test_an_assertion_with_a_foreign_signature_is_refused(sim: Simulator) -> None:
    thumbprint = next(iter(sim.entra.app(CLIENT_ID).certificates.values())).thumbprints["x5t#S256"]
    now = int(time.time())
    claims = {"aud": TOKEN_URL, "iss": CLIENT_ID, "sub": CLIENT_ID, "nbf": now, "exp": now + 600}
    other_key = pkcs12.load_key_and_certificates(base64.b64decode(make_certificate("other")[1]), None)[0]
    assertion = jwt.encode(claims, other_key, algorithm="PS256", headers={"x5t#S256": thumbprint})  # type: ignore[arg-type]

    assert ask_with_assertion(sim, assertion).json()["error_codes"] == [700027]
    assert ask_with_assertion(sim, "no.token").json()["error_codes"] == [700027]


@pytest.mark.parametrize(
    ("credential", "code"),
    [
        (None, 70021),
        (FederatedCredential("f", "https://issuer.example.org", IDENTITY_PRINCIPAL_ID), 700211),
        (FederatedCredential("f", issuer_of(TENANT_ID), IDENTITY_PRINCIPAL_ID, "api://Other"), 700212),
        (FederatedCredential("f", issuer_of(TENANT_ID), IDENTITY_PRINCIPAL_ID.upper()), 700213),
    ],
)
def test_a_federated_credential_must_match_exactly(
    sim: Simulator, credential: FederatedCredential | None, code: int
) -> None:
    app = sim.entra.app(CLIENT_ID)
    app.federated.clear()
    if credential is not None:
        app.add_federated_credential(credential)

    assert ask_for_app(make_federated_client())["error_codes"] == [code]


def test_an_app_the_tenant_does_not_know(sim: Simulator) -> None:
    answer = ask_for_app(make_client("any", app=PARTNER_CLIENT_ID))

    assert (answer["error"], answer["error_codes"]) == ("unauthorized_client", [700016])
    assert sim.entra.app(PARTNER_CLIENT_ID)
