import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseTimeoutError,
)
from azure.identity import ClientSecretCredential, CredentialUnavailableError, ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient

from twin import Answer, Drop, Hang, Simulator
from twin.seeds.sample import (
    CLIENT_ID,
    CLIENT_SECRET_NAME,
    IDENTITY_CLIENT_ID,
    IDENTITY_PRINCIPAL_ID,
    TENANT_ID,
    VAULT,
)
from twin.vault.state import SECRETS_OFFICER, Vault

URL = f"https://{VAULT}.vault.azure.net"
PATIENCE: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.01, "read_timeout": 1}


@pytest.fixture
def sim(redirected: Simulator) -> Simulator:
    return redirected


@pytest.fixture
def vault(sim: Simulator) -> Vault:
    return sim.vaults.vault(VAULT)


@pytest.fixture
def identity(sim: Simulator) -> Iterator[ManagedIdentityCredential]:
    assert sim.identity_endpoint
    with ManagedIdentityCredential(client_id=IDENTITY_CLIENT_ID, **PATIENCE) as credential:
        yield credential


@pytest.fixture
def secrets(identity: ManagedIdentityCredential) -> Iterator[SecretClient]:
    with SecretClient(URL, identity, **PATIENCE) as client:
        yield client


def ask_identity(sim: Simulator, header: str | None = None, **query: str) -> requests.Response:
    full = {"api-version": "2019-08-01", "resource": "https://vault.azure.net", "client_id": IDENTITY_CLIENT_ID} | query
    headers = {"X-IDENTITY-HEADER": sim.identity_header if header is None else header}
    given = {name: value for name, value in full.items() if value}
    return requests.get(sim.identity_endpoint, params=given, headers=headers, timeout=10)


def test_a_secret_is_read_with_all_its_properties(sim: Simulator, secrets: SecretClient) -> None:
    secret = secrets.get_secret(CLIENT_SECRET_NAME)
    kept = next(iter(sim.entra.app(CLIENT_ID).secrets.values()))

    assert secret.value == kept.value
    assert secret.properties.content_type == "entra-client-secret"
    assert secret.properties.tags == {"appId": CLIENT_ID, "tenantId": TENANT_ID, "keyId": kept.key_id}
    assert secret.properties.enabled is True
    assert secret.properties.expires_on is not None
    assert kept.expires is not None
    assert abs(secret.properties.expires_on - kept.expires) < timedelta(seconds=1)
    assert sim.exchanges.all(api="vault")[0].status == 401
    assert sim.identities.requests["https://vault.azure.net"] == 1


def test_a_new_version_is_the_latest_at_once(sim: Simulator, secrets: SecretClient) -> None:
    old = secrets.get_secret(CLIENT_SECRET_NAME)
    url = f"{sim.control_url}/vault/{VAULT}/secrets/{CLIENT_SECRET_NAME}"
    requests.put(url, json={"value": "rotated", "tags": {"keyId": "2"}}, timeout=10).raise_for_status()
    new = secrets.get_secret(CLIENT_SECRET_NAME)

    assert (new.value, new.properties.tags) == ("rotated", {"keyId": "2"})
    assert new.properties.version != old.properties.version
    assert secrets.get_secret(CLIENT_SECRET_NAME, old.properties.version).value == old.value
    assert len(list(secrets.list_properties_of_secret_versions(CLIENT_SECRET_NAME))) == 2


def test_expired_and_early_secrets_are_given_out(vault: Vault, secrets: SecretClient) -> None:
    now = datetime.now(UTC)
    vault.set_secret("old", "1", expires=now - timedelta(days=1))
    vault.set_secret("new", "2", not_before=now + timedelta(days=1))

    assert (secrets.get_secret("old").value, secrets.get_secret("new").value) == ("1", "2")


def test_a_disabled_version_is_forbidden(sim: Simulator, secrets: SecretClient) -> None:
    url = f"{sim.control_url}/vault/{VAULT}/secrets/{CLIENT_SECRET_NAME}"
    requests.patch(url, json={"enabled": False}, timeout=10).raise_for_status()

    with pytest.raises(HttpResponseError) as caught:
        secrets.get_secret(CLIENT_SECRET_NAME)

    assert (caught.value.status_code, read_inner(caught.value)) == (403, "SecretDisabled")


def read_inner(error: HttpResponseError) -> str:
    assert error.response is not None
    inner: str = json.loads(error.response.text())["error"]["innererror"]["code"]
    return inner


@pytest.mark.parametrize(("name", "version"), [("missing", None), (CLIENT_SECRET_NAME, "0" * 32)])
def test_what_is_not_there_is_not_found(secrets: SecretClient, name: str, version: str | None) -> None:
    with pytest.raises(ResourceNotFoundError, match="SecretNotFound"):
        secrets.get_secret(name, version)


def test_no_role_and_no_network_are_distinguished(sim: Simulator, vault: Vault, secrets: SecretClient) -> None:
    vault.remove_role(IDENTITY_PRINCIPAL_ID)
    with pytest.raises(HttpResponseError) as no_role:
        secrets.get_secret(CLIENT_SECRET_NAME)
    requests.patch(f"{sim.control_url}/vault/{VAULT}", json={"networkOpen": False}, timeout=10).raise_for_status()
    with pytest.raises(HttpResponseError) as no_network:
        secrets.get_secret(CLIENT_SECRET_NAME)

    assert [(one.value.status_code, read_inner(one.value)) for one in (no_role, no_network)] == [
        (403, "ForbiddenByRbac"),
        (403, "ForbiddenByFirewall"),
    ]


def test_the_graph_app_has_no_business_in_the_vault(sim: Simulator) -> None:
    secret = next(iter(sim.entra.app(CLIENT_ID).secrets.values())).value
    with ClientSecretCredential(TENANT_ID, CLIENT_ID, secret) as credential, SecretClient(URL, credential) as client:
        with pytest.raises(HttpResponseError) as caught:
            client.get_secret(CLIENT_SECRET_NAME)
        assert read_inner(caught.value) == "ForbiddenByRbac"


def test_a_reader_must_not_write_and_an_officer_may(vault: Vault, secrets: SecretClient) -> None:
    with pytest.raises(HttpResponseError, match="ForbiddenByRbac"):
        secrets.set_secret("made", "1")

    vault.assign_role(IDENTITY_PRINCIPAL_ID, SECRETS_OFFICER)
    expires = datetime(2031, 1, 1, tzinfo=UTC)
    made = secrets.set_secret("made", "1", content_type="text", tags={"a": "b"}, expires_on=expires)
    changed = secrets.update_secret_properties("made", made.properties.version, enabled=False, tags={})

    assert (made.properties.expires_on, made.properties.tags) == (expires, {"a": "b"})
    assert (changed.enabled, changed.tags, changed.expires_on) == (False, {}, expires)


def test_a_deleted_name_is_blocked_until_recovered_or_purged(vault: Vault, secrets: SecretClient) -> None:
    vault.assign_role(IDENTITY_PRINCIPAL_ID, SECRETS_OFFICER)
    secrets.set_secret("made", "1")
    secrets.begin_delete_secret("made").wait()
    with pytest.raises(ResourceNotFoundError):
        secrets.get_secret("made")
    with pytest.raises(ResourceExistsError, match="deleted but recoverable"):
        secrets.set_secret("made", "2")

    secrets.begin_recover_deleted_secret("made").wait()
    assert secrets.get_secret("made").value == "1"

    secrets.begin_delete_secret("made").wait()
    secrets.purge_deleted_secret("made")
    assert secrets.set_secret("made", "3").value == "3"
    with pytest.raises(ResourceNotFoundError):
        secrets.get_deleted_secret("made")


def test_lists_come_in_pages_without_values(sim: Simulator, vault: Vault, secrets: SecretClient) -> None:
    for number in range(60):
        vault.set_secret(f"many-{number:02}", "hidden")

    names = [one.name for one in secrets.list_properties_of_secrets() if str(one.name).startswith("many-")]

    assert names == [f"many-{number:02}" for number in range(60)]
    by_two = [str(one.name) for one in secrets.list_properties_of_secrets(max_page_size=2)]
    assert by_two == sorted(by_two)
    assert len(by_two) == len(vault.secrets)
    assert sim.exchanges.count("vault") > 30
    assert "hidden" not in str([exchange.to_json() for exchange in sim.exchanges.all(api="vault")])


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("?api-version=1.0", 400), ("?api-version=7.5&colour=red", 400), ("?api-version=7.5&maxresults=0", 400),
     ("?api-version=7.5&$skiptoken=x", 400), ("?api-version=7.5", 200)],
)  # fmt: skip
def test_queries_are_checked(identity: ManagedIdentityCredential, query: str, status: int) -> None:
    bearer = {"Authorization": f"Bearer {identity.get_token('https://vault.azure.net/.default').token}"}

    answer = requests.get(f"{URL}/secrets{query}", headers=bearer, timeout=10)

    assert answer.status_code == status
    assert status == 200 or answer.json()["error"]["code"] == "BadParameter"


def test_tokens_for_others_are_challenged(identity: ManagedIdentityCredential) -> None:
    for token, code in (
        (identity.get_token("https://graph.microsoft.com/.default").token, "AKV10022"),
        ("rubbish", "AKV10046"),
        ("", "AKV10000"),
    ):
        answer = requests.get(
            f"{URL}/secrets?api-version=7.5", headers={"Authorization": f"Bearer {token}"}, timeout=10
        )
        assert answer.status_code == 401
        assert answer.json()["error"]["message"].startswith(code)
        assert 'resource="https://vault.azure.net"' in answer.headers["www-authenticate"]


def test_a_vault_of_another_tenant_takes_no_token_of_ours(sim: Simulator, identity: ManagedIdentityCredential) -> None:
    other = sim.vaults.add("elsewhere", "fab21ca0-2222-4aaa-8bbb-000000000002")
    other.assign_role(IDENTITY_PRINCIPAL_ID)
    with SecretClient(other.url, identity) as client, pytest.raises(ClientAuthenticationError, match="AKV10032"):
        client.get_secret("any")


def test_a_vault_that_does_not_exist_cannot_be_reached(sim: Simulator, identity: ManagedIdentityCredential) -> None:
    with (
        SecretClient("https://nowhere.vault.azure.net", identity, retry_total=0) as client,
        pytest.raises(ServiceRequestError),
    ):
        client.get_secret("any")
    assert sim.refused == ["nowhere.vault.azure.net:443"]


def test_throttling_is_waited_out(sim: Simulator, secrets: SecretClient) -> None:
    secrets.get_secret(CLIENT_SECRET_NAME)
    sim.faults.add(Answer(429, {"retry-after": "1"}), api="vault")

    began = time.perf_counter()
    assert secrets.get_secret(CLIENT_SECRET_NAME).value

    assert time.perf_counter() - began >= 1
    assert sim.faults.unfired() == []


def test_the_identity_endpoint_knows_who_asks(sim: Simulator) -> None:
    assert ask_identity(sim, header="wrong").status_code == 401
    assert ask_identity(sim, **{"api-version": "2017-09-01"}).status_code == 400
    assert ask_identity(sim, resource="").status_code == 400
    assert ask_identity(sim, resource="https://unknown.example.org").status_code == 500
    unknown = ask_identity(sim, client_id=CLIENT_ID)
    assert unknown.status_code == 400
    assert unknown.json()["message"].startswith("No User Assigned or Delegated Managed Identity found")
    assert ask_identity(sim, client_id="").status_code == 400


def test_the_identity_endpoint_answers_in_its_own_shape(sim: Simulator) -> None:
    before = int(time.time())
    answer = ask_identity(sim).json()

    assert set(answer) == {"access_token", "expires_on", "resource", "token_type", "client_id"}
    assert before + 24 * 3600 <= int(answer["expires_on"]) <= time.time() + 24 * 3600
    assert ask_identity(sim, client_id="", principal_id=IDENTITY_PRINCIPAL_ID).ok
    assert ask_identity(sim, client_id="", mi_res_id=sim.identities.assigned[0].resource_id).ok
    assert requests.get(sim.loopback_url + "/msi/nothing", timeout=10).status_code == 404


def test_the_system_assigned_identity_is_the_default(sim: Simulator) -> None:
    sim.identities.assign("own", client_id="5", principal_id="6", tenant_id=TENANT_ID, system=True)

    assert ask_identity(sim, client_id="").json()["client_id"] == "5"
    assert ask_identity(sim, client_id="5").status_code == 400


def test_the_wrong_identity_is_unavailable_to_the_library(sim: Simulator) -> None:
    with (
        ManagedIdentityCredential(client_id=CLIENT_ID, **PATIENCE) as credential,
        pytest.raises(CredentialUnavailableError),
    ):
        credential.get_token("https://vault.azure.net/.default")
    assert sim.identities.requests["https://vault.azure.net"] == 1


@pytest.mark.parametrize("action", [Answer(500), Answer(429, {"retry-after": "0"}), Drop()])
def test_the_library_gets_over_a_fault_of_the_identity_endpoint(
    sim: Simulator, identity: ManagedIdentityCredential, action: Answer | Drop
) -> None:
    sim.faults.add(action, api="identity")

    assert identity.get_token("https://vault.azure.net/.default").token
    assert sim.faults.unfired() == []


def test_a_client_gives_up_an_identity_endpoint_that_hangs(sim: Simulator) -> None:
    sim.faults.add(Hang(), api="identity")
    with (
        ManagedIdentityCredential(client_id=IDENTITY_CLIENT_ID, retry_total=0, read_timeout=0.3) as credential,
        pytest.raises(ServiceResponseTimeoutError),
    ):
        credential.get_token("https://vault.azure.net/.default")


def test_many_readers_at_once(sim: Simulator, secrets: SecretClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        values = set(pool.map(lambda _: secrets.get_secret(CLIENT_SECRET_NAME).value, range(24)))

    assert len(values) == 1
    assert sim.server.failures == []
