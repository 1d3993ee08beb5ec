"""The options of `register`, and the values that it reads from azd."""

import argparse
from pathlib import Path

import pytest

from setup.application import NATIVE, TAG, find_changes
from setup.errors import Stopped
from setup.options import Options, Part, add_arguments, read_options
from setup.permissions import GRAPH_APP_ID, OfferedPermission, find_mailbox_roles, find_needed, resolve
from shared.graph.permissions import BOOKINGS_READ

IDENTITY = "1de00000-6666-4aaa-8bbb-000000000006"


def read(*words: str, **environ: str) -> Options:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return read_options(parser.parse_args(words), environ)


def test_values_of_azd_in_the_environment_are_enough() -> None:
    options = read(GATEWAY_IDENTITY_PRINCIPAL_ID=IDENTITY, KEY_VAULT_NAME="kv-1")
    assert (options.identity, options.vault_url) == (IDENTITY, "https://kv-1.vault.azure.net")
    assert (options.unique_name, options.features, options.apply) == ("graph-gateway", ("read",), False)


def test_azd_is_asked_in_a_folder_where_it_was_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    azd = tmp_path / "azd"
    azd.write_text(f"#!/bin/sh\necho 'GATEWAY_IDENTITY_PRINCIPAL_ID=\"{IDENTITY}\"'\necho 'KEY_VAULT_NAME=\"kv-2\"'\n")
    azd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Stopped, match="azd up"):
        read()
    (tmp_path / ".azure").mkdir()
    options = read()
    assert (options.identity, options.vault_url) == (IDENTITY, "https://kv-2.vault.azure.net")


def test_an_address_of_the_vault_must_be_in_the_chosen_cloud() -> None:
    assert read("verify", "--vault", "https://kv-1.vault.azure.net/").vault_url == "https://kv-1.vault.azure.net"
    assert read("verify", "--cloud", "usgov", "--vault", "kv-1").vault_url == "https://kv-1.vault.usgovcloudapi.net"
    for address in ("https://kv-1.evil.example", "http://kv-1.vault.azure.net", "https://a@kv-1.vault.azure.net"):
        with pytest.raises(Stopped, match="--vault"):
            read("verify", "--vault", address)


def test_the_command_for_another_person_has_all_options_it_needs() -> None:
    options = read("consent", "--tenant", "contoso.com", "--for", "read", "writes", "--cloud", "usgov")
    assert options.command(Part.CONSENT) == (
        "python3 -m setup register consent --tenant contoso.com --unique-name graph-gateway --for read writes "
        "--cloud usgov --apply"
    )


def test_a_permission_with_another_id_than_the_published_one_is_refused() -> None:
    graph = {"appRoles": [{"value": "Bookings.Read.All", "id": "33b1df99-4b29-4548-9339-7a7b83eaeebc"}]}
    with pytest.raises(Stopped, match=r"Bookings\.Read\.All"):
        resolve(graph, [BOOKINGS_READ], delegated=False)
    assert find_needed(("mail",), delegated=False) == []
    user = [each.name for each in find_needed(("writes", "cancel"), delegated=True)]
    assert user == ["BookingsAppointment.ReadWrite.All", "User.Read"]
    assert find_mailbox_roles(
        {"appRoles": [{"value": "Mail.Send", "id": "1"}, {"value": "User.Read.All", "id": "2"}]}
    ) == {"1": "Mail.Send"}


def test_calendars_are_asked_for_by_a_page_or_by_the_setting_of_the_deployment() -> None:
    pages = {"BOOKINGS_BUSINESSES": "desk@contoso.com, repairs@contoso.com"}
    announced = pages | {"GRAPH_NOTIFICATIONS_BOOKINGS": "on"}
    cases: list[tuple[tuple[str, ...], dict[str, str], tuple[str, ...], tuple[str, ...]]] = [
        ((), pages, ("read",), ()),
        ((), announced, ("read", "calendars"), ("desk@contoso.com", "repairs@contoso.com")),
        ((), announced | {"BOOKINGS_BUSINESSES": "*"}, ("read", "calendars"), ()),
        (("--for", "calendars"), pages, ("calendars",), ("desk@contoso.com", "repairs@contoso.com")),
        (("--page", "one@contoso.com"), announced, ("read", "calendars"), ("one@contoso.com",)),
        (("--credential", "password", "--service-user", "desk@contoso.com"), announced, ("read",), ()),
    ]
    for words, environ, features, named in cases:
        options = read("verify", *words, **environ)
        assert (options.features, options.pages) == (features, named)
    assert find_needed(("calendars",), delegated=False) == []
    user = ("--credential", "password", "--service-user", "desk@contoso.com")
    for refused in (("--page", "one@contoso.com"), ("--for", "calendars")):
        with pytest.raises(Stopped, match="--for calendars do not work"):
            read("verify", *user, *refused)
    with pytest.raises(Stopped, match="mail addresses"):
        read("verify", "--page", "desk")


def test_only_properties_that_differ_are_changed() -> None:
    options = read("verify", "--native-redirect")
    permission = OfferedPermission("Bookings.Read.All", "6e98f277-b046-4193-a4f2-6bf6a78cd491", "Role", "to read")
    app = {
        "displayName": "Graph gateway",
        "signInAudience": "AzureADMyOrg",
        "isFallbackPublicClient": None,
        "tags": ["theirs", TAG],
        "publicClient": {"redirectUris": [NATIVE]},
        "requiredResourceAccess": [
            {"resourceAppId": GRAPH_APP_ID, "resourceAccess": [{"id": permission.id, "type": "Role"}]}
        ],
    }
    assert find_changes(app, options, [permission]) == ({}, [])
    other = [{"resourceAppId": GRAPH_APP_ID, "resourceAccess": [{"id": permission.id, "type": "Scope"}]}]
    changes, reasons = find_changes(app | {"tags": [], "requiredResourceAccess": other}, options, [permission])
    assert sorted(changes) == ["requiredResourceAccess", "tags"]
    assert [entry["type"] for entry in changes["requiredResourceAccess"][0]["resourceAccess"]] == ["Scope", "Role"]
    assert len(reasons) == 2


SECRET = ("--credential", "secret", "--vault", "kv-1")


def test_a_longer_life_is_refused_with_the_reason_and_the_way_without_one() -> None:
    with pytest.raises(Stopped, match="--days must be from 1 to 180") as refused:
        read(*SECRET, "--days", "400")
    assert "replaces what ends within 30 days" in refused.value.message
    assert "--credential federated" in refused.value.message


def test_a_description_is_for_what_has_one() -> None:
    assert read(*SECRET, "--secret-description", "for the desk (2)").secret_description == "for the desk (2)"
    for words in ((*SECRET, "--secret-description", '"; drop'), (*SECRET, "--secret-description", "")):
        with pytest.raises(Stopped, match="--secret-description must be"):
            read(*words)
    with pytest.raises(Stopped, match="a federated credential has none"):
        read("--identity", IDENTITY, "--vault", "kv-1", "--secret-description", "mine")


def test_help_names_ropc() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert "ROPC" in parser.format_help()
