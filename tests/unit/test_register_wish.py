"""What `register` is told, and what it finds out by itself."""

import argparse
from pathlib import Path

import pytest

from setup.application import NATIVE, TAG, find_changes
from setup.errors import Stopped
from setup.permissions import GRAPH_APP_ID, Permission, find_mail_roles, name_permissions, resolve
from setup.wish import Part, Wish, add_arguments, read_wish

IDENTITY = "1de00000-6666-4aaa-8bbb-000000000006"


def read(*words: str, **environ: str) -> Wish:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return read_wish(parser.parse_args(words), environ)


def test_what_azd_put_into_the_environment_is_enough() -> None:
    wish = read(GATEWAY_IDENTITY_PRINCIPAL_ID=IDENTITY, KEY_VAULT_NAME="kv-1")
    assert (wish.identity, wish.vault_url) == (IDENTITY, "https://kv-1.vault.azure.net")
    assert (wish.unique_name, wish.features, wish.apply) == ("graph-gateway", ("read",), False)


def test_azd_is_asked_where_it_was_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    azd = tmp_path / "azd"
    azd.write_text(f"#!/bin/sh\necho 'GATEWAY_IDENTITY_PRINCIPAL_ID=\"{IDENTITY}\"'\necho 'KEY_VAULT_NAME=\"kv-2\"'\n")
    azd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Stopped, match="azd up"):
        read()
    (tmp_path / ".azure").mkdir()
    wish = read()
    assert (wish.identity, wish.vault_url) == (IDENTITY, "https://kv-2.vault.azure.net")


def test_the_vault_may_be_given_as_an_address_of_the_cloud_only() -> None:
    assert read("verify", "--vault", "https://kv-1.vault.azure.net/").vault_url == "https://kv-1.vault.azure.net"
    assert read("verify", "--cloud", "usgov", "--vault", "kv-1").vault_url == "https://kv-1.vault.usgovcloudapi.net"
    for address in ("https://kv-1.evil.example", "http://kv-1.vault.azure.net", "https://a@kv-1.vault.azure.net"):
        with pytest.raises(Stopped, match="--vault"):
            read("verify", "--vault", address)


def test_the_line_for_the_other_person_says_what_it_takes() -> None:
    wish = read("consent", "--tenant", "contoso.com", "--for", "read", "writes", "--cloud", "usgov")
    assert wish.command(Part.CONSENT) == (
        "python3 -m setup register consent --tenant contoso.com --unique-name graph-gateway --for read writes "
        "--cloud usgov --apply"
    )


def test_a_permission_under_another_id_than_the_published_one_is_not_asked_for() -> None:
    graph = {"appRoles": [{"value": "Bookings.Read.All", "id": "33b1df99-4b29-4548-9339-7a7b83eaeebc"}]}
    with pytest.raises(Stopped, match=r"Bookings\.Read\.All"):
        resolve(graph, ["Bookings.Read.All"], delegated=False)
    assert name_permissions(("mail",), delegated=False) == []
    assert find_mail_roles(
        {"appRoles": [{"value": "Mail.Send", "id": "1"}, {"value": "User.Read.All", "id": "2"}]}
    ) == {"1": "Mail.Send"}


def test_only_what_differs_is_changed() -> None:
    wish = read("verify", "--native-redirect")
    permission = Permission("Bookings.Read.All", "6e98f277-b046-4193-a4f2-6bf6a78cd491", "Role")
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
    assert find_changes(app, wish, [permission]) == ({}, [])
    other = [{"resourceAppId": GRAPH_APP_ID, "resourceAccess": [{"id": permission.id, "type": "Scope"}]}]
    changes, reasons = find_changes(app | {"tags": [], "requiredResourceAccess": other}, wish, [permission])
    assert sorted(changes) == ["requiredResourceAccess", "tags"]
    assert [entry["type"] for entry in changes["requiredResourceAccess"][0]["resourceAccess"]] == ["Scope", "Role"]
    assert len(reasons) == 2
