"""Signing in: real msal, azure-identity and Key Vault clients against the simulated Entra, in every mode."""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from composition.services import services
from shared import context, retry
from shared.auth import TokenSource
from shared.entra_errors import MEANINGS
from shared.errors import ConfigurationError, GatewayError, Unavailable
from shared.identity import Identity
from shared.key_vault import KeyVault
from shared.settings.choices import IdentitySource
from tests.functional.conftest import Gateway
from twin.core.faults import Answer, Delay, Drop, Garble
from twin.seeds import sample, tiny
from twin.seeds.sample import Credential
from twin.vault.state import Vaults

pytestmark = pytest.mark.signs_in

MODES: list[Credential] = ["federated", "certificate", "secret", "password"]
SECRET = sample.CLIENT_SECRET_NAME


@pytest.fixture(autouse=True)
def quick_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)


@contextmanager
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that ticks and can be moved; simulator and client libraries go by it alike."""
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        yield traveller


def begin(gateway: Gateway, mode: Credential = "secret", **settings: str) -> TokenSource:
    chosen = sample.settings(gateway.sim, credential=mode) | {"BOOKINGS_BUSINESSES": tiny.BUSINESS} | settings
    gateway.configure(**chosen)
    return services().authenticator.tokens("default")


def token_requests(gateway: Gateway) -> int:
    return gateway.sim.exchanges.count("entra", method="POST", path="/oauth2/v2.0/token")


def vault_reads(gateway: Gateway, name: str = SECRET) -> int:
    return len([seen for seen in gateway.sim.exchanges.all(api="vault") if name in seen.path and seen.status == 200])


def wait_until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def rotate(gateway: Gateway, *, remove_old: bool = True) -> None:
    """A new client secret in Entra and in the vault; the old one stops working."""
    app = gateway.sim.entra.app(sample.CLIENT_ID)
    old = list(app.secrets)
    made = app.add_secret()
    gateway.sim.vaults.vault(sample.VAULT).set_secret(SECRET, made.value)
    for key_id in old if remove_old else []:
        app.remove_secret(key_id)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_answers_a_question(gateway: Gateway, mode: Credential) -> None:
    begin(gateway, mode)
    assert len(gateway.ask("/staff")["value"]) == 3
    assert token_requests(gateway) == 1
    gateway.ask("/staff")
    assert token_requests(gateway) == 1


def test_federated_mode_reads_no_secret_at_all(gateway: Gateway) -> None:
    begin(gateway, "federated").token()
    assert gateway.sim.exchanges.all(api="vault") == []


@pytest.mark.parametrize(("mode", "vault"), [("secret", 1), ("federated", 0)])
def test_a_first_token_takes_one_request_for_each_thing(gateway: Gateway, mode: Credential, vault: int) -> None:
    """Only the vault may be asked twice, once for each process: its first answer says for whom a token is needed."""
    begin(gateway, mode).token()
    seen = [(each.api, each.method, each.status) for each in gateway.sim.exchanges.all()]
    expected = [("entra", "GET", 200), ("entra", "POST", 200), ("identity", "GET", 200)]
    assert sorted(one for one in seen if one != ("vault", "GET", 401)) == expected + [("vault", "GET", 200)] * vault


def test_no_connection_reads_the_certificates_of_the_machine_again(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(gateway).token()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection made a context of its own")

    monkeypatch.setattr("urllib3.connection.create_urllib3_context", refuse)
    monkeypatch.setattr("urllib3.util.create_urllib3_context", refuse)
    begin(gateway)
    assert gateway.ask("/staff")["value"]


def test_a_vault_of_another_tenant_takes_no_token_of_the_identity(gateway: Gateway) -> None:
    begin(gateway)
    other = gateway.sim.vaults.add("elsewhere", sample.PARTNER_TENANT_ID)
    with pytest.raises(ConfigurationError, match="identity was refused"):
        KeyVault(other.url, Identity(IdentitySource.MANAGED), sample.IDENTITY_CLIENT_ID).get(SECRET)
    answers = [seen.status for seen in gateway.sim.exchanges.all(api="vault")]
    assert answers
    assert set(answers) == {401}


def test_two_tenants_are_asked_side_by_side(contoso: Gateway) -> None:
    assert contoso.get("bookings/businesses").json()["value"]
    partner = contoso.get("bookings/businesses", connection="partner").json()["value"]
    assert [item["displayName"] for item in partner] == ["Device Clinic Sydney"] or len(partner) == 1
    assert partner[0]["id"].endswith("@fabrikam.com")
    refused = contoso.refused("bookings/businesses/ithelpdesk@contoso.com", connection="partner")
    assert (refused["status"], refused["code"]) == (403, "BusinessNotAllowed")


def test_sixteen_threads_on_a_cold_start_make_one_token_request(gateway: Gateway) -> None:
    source = begin(gateway)
    tokens: list[str] = []
    threads = [threading.Thread(target=lambda: tokens.append(source.token())) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(tokens), len(set(tokens)), token_requests(gateway), vault_reads(gateway)) == (16, 1, 1, 1)


def test_sixteen_threads_share_one_failure_too(gateway: Gateway) -> None:
    source = begin(gateway)
    gateway.sim.faults.add(Answer(503), api="entra", method="POST", times=None)
    errors: list[GatewayError] = []
    start = threading.Barrier(16)

    def ask() -> None:
        start.wait()
        try:
            source.token()
        except GatewayError as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 16
    assert all(isinstance(error, Unavailable) for error in errors)
    assert token_requests(gateway) <= 2


@pytest.mark.parametrize(
    "fault",
    [Answer(503), Answer(500, body="x"), Answer(429, headers={"Retry-After": "100"}), Drop(), Garble()],
    ids=str,
)
def test_entras_faults_around_a_refresh_are_not_noticed(gateway: Gateway, fault: Any) -> None:
    source = begin(gateway)
    with clock() as now:
        first = source.token()
        now.shift(3599 - 200)  # msal counts it as expired, Graph does not
        gateway.sim.faults.add(fault, api="entra", times=None)
        began = time.monotonic()
        for _ in range(5):
            assert source.token() == first
            assert gateway.ask("/staff")["value"]
        assert time.monotonic() - began < 45  # nobody sat a Retry-After out
        gateway.sim.faults.clear()
        now.shift(110)  # msal itself sends nothing before the Retry-After has passed
        assert source.token() != first


def test_a_proactive_refresh_makes_nobody_wait_but_one(gateway: Gateway) -> None:
    gateway.sim.entra.app(sample.CLIENT_ID).refresh_in = 1800
    source = begin(gateway)
    with clock() as now:
        first = source.token()
        now.shift(1900)
        gateway.sim.faults.add(Delay(1.0), api="entra", method="POST")
        second: list[str] = []
        refreshing = threading.Thread(target=lambda: second.append(source.token()))
        refreshing.start()
        wait_until(lambda: token_requests(gateway) == 2)
        assert source.token() == first
        refreshing.join()
    assert second != [first]
    assert source.token() == second[0]


def test_without_any_token_entras_fault_is_unavailable_and_passes(gateway: Gateway) -> None:
    begin(gateway)
    gateway.sim.faults.add(Answer(503), api="entra", method="POST", times=None)
    refused = gateway.refused(f"bookings/businesses/{tiny.BUSINESS}/staff")
    assert (refused["status"], refused["retryAfter"]) == (503, 10)


def test_a_rotated_secret_is_read_once_and_tried_once(gateway: Gateway) -> None:
    source = begin(gateway)
    with clock() as now:
        source.token()
        rotate(gateway)
        gateway.forget()
        now.shift(3600)
        assert source.token()
    assert (token_requests(gateway), vault_reads(gateway)) == (2, 1)


@pytest.mark.slow(reason="calls under load")
def test_a_secret_is_rotated_while_callers_ask_and_none_of_them_notices(gateway: Gateway) -> None:
    source = begin(gateway)
    gateway.sim.entra.app(sample.CLIENT_ID).expires_in = 301  # a refresh a second after each token
    statuses: list[int] = []
    stop = threading.Event()
    gateway.ask("/staff")

    def ask() -> None:
        while not stop.is_set():
            statuses.append(gateway.get(f"bookings/businesses/{tiny.BUSINESS}/staff").status_code)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            rotate(gateway)
            stored = gateway.sim.vaults.vault(sample.VAULT).find_secret(SECRET).value
            wait_until(lambda: source._secret is not None and source._secret.value == stored)  # noqa: B023 - waited for here
            last = source._last
            wait_until(lambda: source._last is not last)  # noqa: B023 - waited for here
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200}


def test_a_bad_secret_that_stays_is_asked_about_once_a_minute(gateway: Gateway) -> None:
    gateway.sim.vaults.vault(sample.VAULT).set_secret(SECRET, "wrong")
    source = begin(gateway)
    with clock() as now:
        for _ in range(5):
            with pytest.raises(ConfigurationError) as raised:
                source.token()
            assert raised.value.code == "SignInFailed"
        assert (token_requests(gateway), vault_reads(gateway)) == (1, 2)
        now.shift(61)
        with pytest.raises(ConfigurationError):
            source.token()
        assert (token_requests(gateway), vault_reads(gateway)) == (2, 3)
        rotate(gateway)
        now.shift(61)
        assert source.token()
        assert (token_requests(gateway), vault_reads(gateway)) == (4, 4)


def test_a_failed_sign_in_reads_well_and_names_no_secret(gateway: Gateway) -> None:
    gateway.sim.vaults.vault(sample.VAULT).set_secret(SECRET, "wrong-secret-value")
    begin(gateway)
    refused = gateway.refused(f"bookings/businesses/{tiny.BUSINESS}/staff")
    assert (refused["status"], refused["code"]) == (500, "SignInFailed")
    assert "Secret rejected" in refused["message"]
    assert "wrong-secret-value" not in str(refused)


def test_a_wrong_password_is_not_tried_into_a_lock_out(gateway: Gateway) -> None:
    vault = gateway.sim.vaults.vault(sample.VAULT)
    good = vault.find_secret(sample.PASSWORD_NAME).value
    vault.set_secret(sample.PASSWORD_NAME, json.dumps(json.loads(good) | {"password": "wrong"}))
    source = begin(gateway, "password")
    with clock() as now:
        for minutes in (0, 1, 5, 14):
            now.shift(minutes * 60 and 61)
            with pytest.raises(ConfigurationError):
                source.token()
        assert token_requests(gateway) == 1
        vault.set_secret(sample.PASSWORD_NAME, good)
        now.shift(61)
        assert source.token()


# What the sentence about each number of Entra must say.
WORDS = [
    (7000215, "Secret rejected"), (7000222, "expired"), (70002, "do not match"), (700027, "certificate"),
    (700024, "clock"), (7000218, "without a credential"), (700025, "public client"), (70021, "federated"),
    (700211, "federated"), (700212, "federated"), (700213, "federated"), (7002137, "federated"),
    (7002138, "federated"),
    (700229, "user's token"), (700016, "unknown in this tenant"), (7000112, "disabled"), (70001, "disabled"),
    (7000229, "service principal"), (900382, "another cloud"), (900432, "another cloud"), (90038, "another cloud"),
    (65001, "Consent"), (90094, "Consent"), (650057, "resource"), (65005, "resource"), (500011, "resource"),
    (50053, "locked"), (50055, "expired"), (50144, "expired"), (50057, "disabled"), (50034, "not in this tenant"),
    (50076, "Multi-factor"), (50079, "Multi-factor"), (50072, "Multi-factor"), (50074, "Multi-factor"),
    (50158, "Multi-factor"), (53003, "Conditional Access"), (53000, "Conditional Access"), (53001, "Conditional"),
    (53002, "Conditional"), (53004, "Conditional"), (530032, "Conditional"), (530035, "Security defaults"),
    (50105, "not assigned"), (9001023, "/common"), (50196, "loop"), (50126, "password wrong"),
    (50056, "password wrong"), (50135, "must be changed"), (50142, "must be changed"), (50131, "Conditional"),
    (50020, "not in this tenant"), (51004, "not in this tenant"), (90072, "not in this tenant"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "words"), WORDS)
def test_every_refusal_of_entra_has_words_for_the_operator(gateway: Gateway, number: int, words: str) -> None:
    source = begin(gateway)
    gateway.sim.entra.app(sample.CLIENT_ID).force(number)
    with pytest.raises(ConfigurationError) as raised:
        source.token()
    assert words in raised.value.message
    assert f"AADSTS{number} " in (raised.value.detail or "")
    assert raised.value.members["entraError"] == f"AADSTS{number}"
    assert token_requests(gateway) == 1


def test_every_refusal_with_words_is_among_those_that_are_tried() -> None:
    trouble = {90055, 90006, 90024, 90033, 50033, 90002}  # tried below
    assert {number for number, _ in WORDS} | trouble == {number for meaning in MEANINGS for number in meaning.numbers}
    assert all(meaning.what.endswith(".") and meaning.remedy.endswith(".") for meaning in MEANINGS)


@pytest.mark.parametrize(
    ("mode", "number", "status"),
    [("password", 53003, 500), ("password", 50076, 500), ("secret", 53003, 500), ("federated", 90055, 503)],
)
def test_a_refused_sign_in_names_number_and_correlation_id_and_nothing_private(
    gateway: Gateway, caplog: pytest.LogCaptureFixture, mode: Credential, number: int, status: int
) -> None:
    begin(gateway, mode)
    users = gateway.sim.entra.tenant(sample.TENANT_ID).users
    owner = users[sample.SERVICE_USER] if mode == "password" else gateway.sim.entra.app(sample.CLIENT_ID)
    owner.force(number)
    for ask in (gateway.refused, gateway.refused):  # the second time, no request is sent: the refusal is remembered
        refused = ask(f"bookings/businesses/{tiny.BUSINESS}/staff")
        assert (refused["status"], refused["entraError"]) == (status, f"AADSTS{number}")
    sent = [seen.response_json for seen in gateway.sim.exchanges.all(api="entra") if seen.method == "POST"][-1]
    assert refused["entraCorrelationId"] == sent["correlation_id"]
    lines = [line for line in caplog.text.splitlines() if sent["correlation_id"] in line]
    assert lines
    assert all(f"AADSTS{number}" in line and sent["trace_id"] in line for line in lines)
    private = [sample.SERVICE_USER, users[sample.SERVICE_USER].password, sent["error_description"]]
    private += [secret.value for secret in gateway.sim.entra.app(sample.CLIENT_ID).secrets.values()]
    assert not [text for text in private if text in caplog.text or text in str(refused)]


@pytest.mark.parametrize("number", [90055, 90006, 90024, 90033, 50033])
def test_entras_own_trouble_is_not_held_against_the_credential(gateway: Gateway, number: int) -> None:
    source = begin(gateway)
    gateway.sim.entra.app(sample.CLIENT_ID).force(number, times=1)
    with pytest.raises(Unavailable):
        source.token()
    gateway.configure(**sample.settings(gateway.sim))
    assert services().authenticator.tokens("default").token()


def test_an_unknown_tenant_is_reported_as_such(gateway: Gateway) -> None:
    source = begin(gateway, GRAPH_TENANT_ID="99999999-9999-4999-8999-999999999999")
    with pytest.raises(ConfigurationError) as raised:
        source.token()
    assert "Tenant not found" in raised.value.message
    sent = gateway.sim.exchanges.all(api="entra")[-1].response_json
    assert raised.value.members == {"entraError": "AADSTS90002", "entraCorrelationId": sent["correlation_id"]}


def test_a_challenge_of_continuous_access_is_answered_once(gateway: Gateway) -> None:
    begin(gateway)
    gateway.ask("/staff")
    principal = gateway.sim.entra.tenant(sample.TENANT_ID).principals[sample.CLIENT_ID]
    gateway.sim.entra.revoke_principal(principal.object_id)
    gateway.forget()
    assert gateway.ask("/staff")["value"]
    assert [seen.status for seen in gateway.graph_calls()] == [401, 200]
    assert token_requests(gateway) == 1


def test_graph_that_goes_on_refusing_the_token_ends_it(gateway: Gateway) -> None:
    begin(gateway)
    gateway.ask("/staff")
    gateway.forget()
    gateway.sim.faults.add(
        Answer(401, body={"error": {"code": "InvalidAuthenticationToken"}}), api="bookings", times=None
    )
    refused = gateway.refused(f"bookings/businesses/{tiny.BUSINESS}/staff")
    assert (refused["status"], refused["code"]) == (502, "TokenRejected")
    assert (len(gateway.graph_calls()), token_requests(gateway)) == (2, 1)


@pytest.mark.parametrize("mode", MODES)
def test_a_token_that_graph_rejects_is_replaced(gateway: Gateway, mode: Credential) -> None:
    begin(gateway, mode)
    gateway.ask("/staff")
    gateway.sim.faults.add(Answer(401, body={"error": {"code": "InvalidAuthenticationToken"}}), api="bookings")
    assert gateway.ask("/staff")["value"]
    assert token_requests(gateway) == 2


def test_threads_that_see_the_same_token_rejected_fetch_one_new_one(gateway: Gateway) -> None:
    source = begin(gateway)
    rejected = source.token()
    gateway.forget()
    tokens: set[str] = set()
    threads = [threading.Thread(target=lambda: tokens.add(source.renew(rejected))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(tokens), token_requests(gateway)) == (1, 1)


@pytest.mark.parametrize(
    ("break_it", "kind", "words"),
    [
        (lambda vault: vault.secrets.clear(), ConfigurationError, "does not exist"),
        (lambda vault: vault.roles.clear(), ConfigurationError, "Key Vault Secrets User"),
        (lambda vault: setattr(vault, "network_open", False), ConfigurationError, "firewall"),
        (lambda vault: vault.world.state(Vaults).by_host.clear(), ConfigurationError, "There is no Key Vault at"),
    ],
)
def test_a_closed_vault_says_what_is_wrong_with_it(
    gateway: Gateway, break_it: Any, kind: type[GatewayError], words: str
) -> None:
    source = begin(gateway)
    break_it(gateway.sim.vaults.vault(sample.VAULT))
    with pytest.raises(kind) as raised:
        source.token()
    assert words in raised.value.message


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (socket.EAI_NONAME, ConfigurationError, "There is no Key Vault at"),
        (socket.EAI_AGAIN, Unavailable, "did not answer"),
    ],
)
def test_a_name_that_no_server_knows_is_no_vault_and_servers_that_are_away_say_nothing(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[GatewayError], words: str
) -> None:
    """The simulated cloud is behind a proxy, which resolves names: here the machine's own resolver answers."""
    begin(gateway)
    find = socket.getaddrinfo

    def answer(host: Any, *given: Any, **more: Any) -> Any:
        if host == "nowhere.vault.azure.net":
            raise socket.gaierror(number, "made up")
        return find(host, *given, **more)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    monkeypatch.setenv("NO_PROXY", "nowhere.vault.azure.net,127.0.0.1")
    monkeypatch.setenv("no_proxy", "nowhere.vault.azure.net,127.0.0.1")
    vault = KeyVault("https://nowhere.vault.azure.net", Identity(IdentitySource.MANAGED), sample.IDENTITY_CLIENT_ID)
    with pytest.raises(kind) as raised:
        vault.get(SECRET)
    assert words in raised.value.message


@pytest.mark.parametrize("api", ["vault", "identity"])
@pytest.mark.parametrize(
    "fault", [Answer(500), Answer(503), Answer(429, headers={"Retry-After": "60"}), Drop(), Garble()], ids=str
)
def test_trouble_of_vault_and_identity_passes(gateway: Gateway, api: str, fault: Any) -> None:
    source = begin(gateway)
    with clock() as now:
        gateway.sim.faults.add(fault, api=api, times=None)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            source.token()
        assert time.monotonic() - began < 45  # nobody sat a Retry-After out
        gateway.sim.faults.clear()
        now.shift(61)  # msal repeats an identity endpoint's fault by itself for as long as it asked to wait
        assert source.token()


def test_an_identity_that_is_not_assigned_is_the_administrators_matter(gateway: Gateway) -> None:
    source = begin(gateway, IDENTITY_CLIENT_ID="00000000-0000-4000-8000-000000000000")
    with pytest.raises(ConfigurationError) as raised:
        source.token()
    assert "IDENTITY_CLIENT_ID" in raised.value.message


def test_a_running_app_survives_the_loss_of_its_vault(gateway: Gateway) -> None:
    source = begin(gateway)
    with clock() as now:
        source.token()
        gateway.sim.vaults.vault(sample.VAULT).network_open = False
        for _ in range(20):
            now.shift(3600)
            assert source.token()


def test_the_credential_is_read_twice_a_day_and_its_expiry_reported(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    source = begin(gateway)
    with clock() as now:
        source.token()
        soon = datetime.now(UTC) + timedelta(days=10)
        value = gateway.sim.vaults.vault(sample.VAULT).find_secret(SECRET).value
        gateway.sim.vaults.vault(sample.VAULT).set_secret(SECRET, value, expires=soon)
        now.shift(3600)
        source.token()
        assert vault_reads(gateway) == 1
        now.shift(12 * 3600)
        source.token()
        assert vault_reads(gateway) == 2
        assert "expires in 9 days" in caplog.text
        health = gateway.get("health", key="")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert health.json()["credentialsExpireSoon"] is True


def test_a_certificate_in_pem_works_like_one_in_pfx(gateway: Gateway) -> None:
    vault = gateway.sim.vaults.vault(sample.VAULT)
    stored = vault.find_secret(sample.CERTIFICATE_NAME).value
    key, certificate, _ = pkcs12.load_key_and_certificates(base64.b64decode(stored), None)
    assert key is not None
    assert certificate is not None
    encoding = serialization.Encoding.PEM
    pem = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = certificate.public_bytes(encoding)
    for text in (pem + public, public + pem):
        vault.set_secret(sample.CERTIFICATE_NAME, text.decode(), content_type="application/x-pem-file")
        begin(gateway, "certificate")
        assert gateway.ask("/staff")["value"]


@pytest.mark.parametrize(
    "value", ["not base64!", base64.b64encode(b"not a pfx").decode(), "-----BEGIN NOTHING-----", "{}"]
)
@pytest.mark.parametrize("mode", ["certificate", "password"])
def test_a_stored_credential_of_the_wrong_form_is_reported(gateway: Gateway, mode: Credential, value: str) -> None:
    name = {"certificate": sample.CERTIFICATE_NAME, "password": sample.PASSWORD_NAME}[mode]
    gateway.sim.vaults.vault(sample.VAULT).set_secret(name, value)
    with pytest.raises(ConfigurationError) as raised:
        begin(gateway, mode).token()
    assert "malformed" in raised.value.message
    assert value not in str(raised.value)


def test_the_password_mode_warns_when_it_starts(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    begin(gateway, "password").token()
    assert "multi-factor" in caplog.text


def test_a_young_token_costs_no_lock(gateway: Gateway) -> None:
    source = begin(gateway)
    source.token()
    with source._lock:
        assert source.token()


def test_waiting_for_another_threads_sign_in_ends_with_the_call(gateway: Gateway) -> None:
    source = begin(gateway)
    with source._lock, context.call("id", seconds=0.05), pytest.raises(Unavailable):
        source.token()
