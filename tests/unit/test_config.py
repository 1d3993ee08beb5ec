import json
from pathlib import Path

import pytest

from shared.settings.catalogue import SAMPLE_GUID
from shared.settings.choices import Credential, IdentitySource
from shared.settings.config import Settings, load_settings
from shared.settings.faults import SettingsError

ROOT = Path(__file__).parents[2]
TENANT = "11111111-1111-1111-1111-111111111111"
CLIENT = "22222222-2222-2222-2222-222222222222"
IDENTITY = "33333333-3333-3333-3333-333333333333"
GOOD = {
    "KEY_VAULT_URL": "https://contoso-vault.vault.azure.net/",
    "GRAPH_TENANT_ID": TENANT,
    "GRAPH_CLIENT_ID": CLIENT,
    "GRAPH_CREDENTIAL": "secret",
    "GRAPH_CREDENTIAL_NAME": "graph-secret",
    "BOOKINGS_BUSINESSES": "Desk@contoso.example, clinic@contoso.example",
}


def faults(**changes: str) -> dict[str, str]:
    """Load GOOD with changes and return the faults, setting -> sentences."""
    with pytest.raises(SettingsError) as raised:
        load_settings(GOOD | changes)
    found: dict[str, str] = {}
    for fault in raised.value.faults:
        found[fault.setting] = found.get(fault.setting, "") + fault.message
    return found


def load(**changes: str) -> Settings:
    return load_settings(GOOD | changes)


def test_good_settings_are_read() -> None:
    settings = load()
    connection = settings.connections["default"]
    assert settings.key_vault_url == "https://contoso-vault.vault.azure.net"
    assert settings.identity_source is IdentitySource.MANAGED
    assert settings.numbers["GRAPH_CONCURRENCY"] == 4
    assert (connection.tenant_id, connection.client_id) == (TENANT, CLIENT)
    assert connection.credential is Credential.SECRET
    assert connection.cloud.graph == "graph.microsoft.com"


def test_the_allow_list_ignores_case_and_nothing_else() -> None:
    businesses = load().connections["default"].businesses
    assert businesses.allows("desk@CONTOSO.example")
    assert not businesses.allows("other@contoso.example")
    assert not businesses.allows("desk@contoso.example.net")


def test_an_empty_allow_list_allows_nothing_and_a_star_everything() -> None:
    assert not load(BOOKINGS_BUSINESSES="").connections["default"].businesses.allows("desk@contoso.example")
    assert load(BOOKINGS_BUSINESSES="*").connections["default"].businesses.allows("any@contoso.example")


def test_federated_is_the_credential_when_none_is_named() -> None:
    settings = {name: value for name, value in GOOD.items() if not name.startswith("GRAPH_CREDENTIAL")}
    loaded = load_settings(settings | {"IDENTITY_CLIENT_ID": IDENTITY})
    assert loaded.connections["default"].credential is Credential.FEDERATED


def test_every_fault_is_reported_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"GRAPH_CLOUD": "moon", "GRAPH_CONCURRENCY": "many", "BOOKINGS_BUSINESSES": "*,desk"})
    named = {fault.setting for fault in raised.value.faults}
    assert named == {
        "BOOKINGS_BUSINESSES",
        "GRAPH_CLIENT_ID",
        "GRAPH_CLOUD",
        "GRAPH_CONCURRENCY",
        "GRAPH_TENANT_ID",
        "IDENTITY_CLIENT_ID",
        "KEY_VAULT_URL",
    }


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("KEY_VAULT_URL", ""),
        ("KEY_VAULT_URL", "http://contoso.vault.azure.net"),
        ("KEY_VAULT_URL", "https://vault.azure.net.evil.example"),
        ("KEY_VAULT_URL", "https://contoso.vault.azure.net/secrets/x"),
        ("GRAPH_TENANT_ID", "contoso"),
        ("GRAPH_TENANT_ID", ""),
        ("GRAPH_CLIENT_ID", "my app"),
        ("GRAPH_CREDENTIAL", "magic"),
        ("GRAPH_CREDENTIAL_NAME", ""),
        ("GRAPH_CREDENTIAL_NAME", "not a vault name"),
        ("IDENTITY_CLIENT_ID", "mine"),
        ("IDENTITY_SOURCE", "password"),
        ("GRAPH_CONCURRENCY", "0"),
        ("GRAPH_CONCURRENCY", "65"),
        ("GRAPH_CONCURRENCY", "-1"),
        ("BOOKINGS_BUSINESSES", "desk"),
        ("BOOKINGS_BUSINESSES", "*, desk@contoso.example"),
        ("BOOKINGS_BUSINESSES", "desk@contoso.example/../x"),
        ("BOOKINGS_WRITES", "yes"),
        ("API_DOCS", "maybe"),
        ("STATE_KEY_NAME", "a b"),
        ("PUBLIC_BASE_URL", "http://gateway.example/api"),
        ("PUBLIC_BASE_URL", "https://gateway.example/api?code=1"),
        ("GRAPH_CONNECTIONS", "partner"),
        ("GRAPH_CONNECTIONS", "[]"),
        ("GRAPH_CONNECTIONS", '{"default": {}}'),
        ("GRAPH_CONNECTIONS", '{"Partner!": {}}'),
        ("GRAPH_CONNECTIONS", '{"partner": 1}'),
        ("GRAPH_CONNECTIONS", '{"partner": {"tenantId": "x"}}'),
    ],
)
def test_a_wrong_setting_is_named(setting: str, value: str) -> None:
    assert list(faults(**{setting: value})) == [setting]


def test_a_federated_credential_with_a_secret_name_contradicts_itself() -> None:
    found = faults(GRAPH_CREDENTIAL="federated", IDENTITY_CLIENT_ID=IDENTITY)
    assert list(found) == ["GRAPH_CREDENTIAL_NAME"]


def test_a_federated_credential_cannot_come_from_the_azure_cli() -> None:
    found = faults(GRAPH_CREDENTIAL="federated", GRAPH_CREDENTIAL_NAME="", IDENTITY_SOURCE="azure-cli")
    assert list(found) == ["GRAPH_CREDENTIAL"]


def test_a_federated_credential_needs_its_identity() -> None:
    assert list(faults(GRAPH_CREDENTIAL="federated", GRAPH_CREDENTIAL_NAME="")) == ["IDENTITY_CLIENT_ID"]


def test_bookings_in_china_contradict_the_cloud() -> None:
    assert list(faults(GRAPH_CLOUD="china")) == ["BOOKINGS_BUSINESSES"]
    assert load(GRAPH_CLOUD="china", BOOKINGS_BUSINESSES="").connections["default"].cloud.name == "china"


def test_further_connections_are_read_and_their_faults_named() -> None:
    partner = {
        "cloud": "usgov",
        "tenant_id": "partner.example",
        "client_id": CLIENT,
        "credential": "certificate",
        "credential_name": "partner-cert",
        "bookings_businesses": "*",
    }
    settings = load(GRAPH_CONNECTIONS=json.dumps({"partner": partner}))
    assert settings.connections["partner"].cloud.graph == "graph.microsoft.us"
    assert settings.connections["partner"].businesses.everything
    assert not settings.connections["default"].businesses.everything

    broken = faults(GRAPH_CONNECTIONS=json.dumps({"partner": partner | {"client_id": "x", "cloud": "moon"}}))
    assert set(broken) == {"GRAPH_CONNECTIONS.partner.client_id", "GRAPH_CONNECTIONS.partner.cloud"}


def test_a_connection_of_its_own_has_its_own_allow_list_which_is_empty_unless_given() -> None:
    partner = {"tenant_id": TENANT, "client_id": CLIENT, "credential": "secret", "credential_name": "x"}
    settings = load(GRAPH_CONNECTIONS=json.dumps({"partner": partner}))
    assert not settings.connections["partner"].businesses.allows("desk@contoso.example")


def test_a_further_connection_signs_in_with_the_same_identity_unless_it_names_another() -> None:
    other = "44444444-4444-4444-4444-444444444444"
    further = {"tenant_id": "fabrikam.example", "client_id": CLIENT}
    given = {"partner": further, "clinic": further | {"identity_client_id": other}}
    read = load(GRAPH_CONNECTIONS=json.dumps(given), IDENTITY_CLIENT_ID=IDENTITY).connections
    assert (read["partner"].credential, read["partner"].identity_client_id) == (Credential.FEDERATED, IDENTITY)
    assert read["clinic"].identity_client_id == other
    assert "identity_client_id" in next(iter(faults(GRAPH_CONNECTIONS=json.dumps({"partner": further}))))


def test_writes_are_off_until_they_are_asked_for_by_connection() -> None:
    partner = {"tenant_id": "partner.example", "client_id": CLIENT, "credential": "secret", "credential_name": "s"}
    given = json.dumps({"partner": partner | {"bookings_writes": "on"}, "other": partner})
    loaded = load(GRAPH_CONNECTIONS=given, AzureWebJobsStorage="UseDevelopmentStorage=true")
    assert {name: each.may_write for name, each in loaded.connections.items()} == {
        "default": False,
        "partner": True,
        "other": False,
    }
    assert list(faults(BOOKINGS_WRITES="on")) == ["AzureWebJobsStorage"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"desk": {"kind": "webhook" "url": "x"}}', "line 1, column 29: expecting ',' delimiter"),
        ("{\n  desk: {}}", "line 2, column 3: expecting property name enclosed in double quotes"),
        ("{", "line 1, column 2"),
    ],
)
def test_what_is_not_json_is_reported_with_its_place_and_without_faults_that_follow_from_it(
    text: str, words: str
) -> None:
    mailboxes = [
        {"name": "a", "address": "a@contoso.example", "sinks": ["desk"], "rules": [{"name": "r", "sink": "desk"}]},
        {"name": "b", "address": "b@contoso.example", "sinks": ["desk"], "connection": "partner", "adress": "x"},
    ]
    given = {"MAILBOXES": json.dumps(mailboxes), "AzureWebJobsStorage": "UseDevelopmentStorage=true"}
    found = faults(**given, SINKS=text)
    assert {"SINKS", "MAILBOXES[1].adress"} <= set(found) <= {"SINKS", "MAILBOXES[1].adress", "MAILBOXES.a.rules[0]"}
    assert words in found["SINKS"]
    both = faults(**given, SINKS=text, GRAPH_CONNECTIONS=text)
    assert words in both["GRAPH_CONNECTIONS"]
    assert "MAILBOXES[1].connection" not in both


def test_a_sink_with_a_fault_is_not_missing_as_well() -> None:
    mailbox = {"name": "a", "address": "a@contoso.example", "sinks": ["desk"]}
    given = {"MAILBOXES": json.dumps([mailbox]), "AzureWebJobsStorage": "UseDevelopmentStorage=true"}
    assert set(faults(**given, SINKS='{"desk": {}}')) == {"SINKS.desk"}


def test_every_placeholder_of_the_sample_file_is_refused_with_what_to_fill_in() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    found = faults(**sample)
    assert set(found) == {"KEY_VAULT_URL", "GRAPH_TENANT_ID", "GRAPH_CLIENT_ID", "BOOKINGS_BUSINESSES"}
    for setting, command in (
        ("KEY_VAULT_URL", "`az keyvault list "),
        ("GRAPH_TENANT_ID", "`az account show "),
        ("GRAPH_CLIENT_ID", "`python3 -m devkit register`"),
        ("BOOKINGS_BUSINESSES", "booking pages"),
    ):
        assert "placeholder of the sample file" in found[setting]
        assert command in found[setting]
    further = {"partner": {"tenant_id": SAMPLE_GUID, "client_id": SAMPLE_GUID, "credential": "federated"}}
    found = faults(GRAPH_CONNECTIONS=json.dumps(further), IDENTITY_CLIENT_ID=IDENTITY)
    assert set(found) == {"GRAPH_CONNECTIONS.partner.tenant_id", "GRAPH_CONNECTIONS.partner.client_id"}
