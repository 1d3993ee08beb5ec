"""The commands and settings that mend what a step found, with the names of this deployment filled in.

What the gateway cannot know stands in angle brackets, and a secret never stands there at all. Each remedy mends one
cause. `python3 -m devkit register` finds an app by its client id, so that it suits apps that were made by hand, too.
"""

import shlex
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from shared.graph.permissions import CALENDARS_READ, Feature, list_permissions
from shared.key_vault import READER_ROLE
from shared.settings.catalogue import SETTINGS
from shared.settings.choices import Credential, IdentitySource
from shared.settings.config import Connection, find_app
from shared.settings.kinds import JsonText

_SETTINGS = {each.name: each for each in SETTINGS}
_CLOCKS = {"linux": "sudo timedatectl set-ntp true", "darwin": "sudo sntp -sS time.apple.com", "win32": "w32tm /resync"}
_USER_ADDRESS = "<address of the user>"
_TOKEN_LIFE = "The token that the running app has lacks it for up to an hour"  # noqa: S105 - a sentence


@dataclass(frozen=True)
class Place:
    """Where the examined gateway runs: a function app, or a developer's machine (`app` None)."""

    group: str = "<group>"
    app: str | None = None

    @property
    def named_app(self) -> str:
        """The options of Azure's command line that name the app."""
        return f"-g {self.group} -n {self.app or '<app>'}"


def find_place(environ: Mapping[str, str] | None) -> Place:
    """Return where the gateway runs, by the variables that the platform sets."""
    group, app = find_app(environ)
    return Place(group or "<group>", app)


# -- settings ----------------------------------------------------------------------------------------------------------


def set_setting(place: Place, name: str, value: str | None = None) -> str:
    """Return how a setting is changed where the gateway runs; without a value, to the default or what it may hold."""
    given = f"{name}={_find_example(name) if value is None else value}"
    if place.app is None:
        return f"In the settings file (local.settings.json), under Values, set {shlex.quote(given)}"
    return f"az functionapp config appsettings set {place.named_app} --output none --settings {shlex.quote(given)}"


def correct_setting(place: Place, setting: str) -> str:
    """Return the remedy for a wrong setting, whose name may lead to a part of it, such as SINKS.desk.url."""
    name = setting.partition(".")[0].partition("[")[0]
    part = "" if name == setting else f"Correct {setting}. "
    return f"{part}{set_setting(place, name)}; see docs/settings.md"


def set_of_connection(place: Place, connection: Connection, field: str, value: str) -> str:
    """Return how a field of a connection is changed; those of `default` are settings of their own."""
    if connection.name == "default":
        return set_setting(place, f"GRAPH_{field.upper()}", value)
    return f"In GRAPH_CONNECTIONS, give {connection.name} another {field}: {value}"


def _find_example(name: str) -> str:
    setting = _SETTINGS.get(name)
    if setting is None:
        return "<value>"
    if isinstance(setting.kind, JsonText):
        return "<JSON list>" if setting.kind.is_list else "<JSON object>"
    if setting.default:
        return setting.default
    return f"<{setting.kind.describe().replace('`', '')}>"


# -- vault -------------------------------------------------------------------------------------------------------------


def correct_vault(place: Place) -> str:
    """Return what mends the address of a vault that does not exist."""
    address = "<address of the vault>"
    return (
        f"`az keyvault list --query [].properties.vaultUri -o tsv` lists the vaults. "
        f"{set_setting(place, 'KEY_VAULT_URL', address)}"
    )


def open_firewall(vault: str, address: str | None) -> str:
    """Return what lets the gateway through the firewall of the vault."""
    where = f"--ip-address {address or '<the outbound address of the app>'}"
    return f"az keyvault network-rule add --name {vault} {where} --output none"


def assign_vault_role(vault: str, principal: str | None, source: IdentitySource) -> str:
    """Return what gives the identity the role that reads secrets."""
    scope = f'"$(az keyvault show --name {vault} --query id -o tsv)"'
    return assign_role(READER_ROLE, scope=scope, principal=principal, source=source)


def assign_role(
    role: str, *, scope: str, principal: str | None = None, source: IdentitySource = IdentitySource.MANAGED
) -> str:
    """Return what gives the gateway's identity a role; `scope` is a resource id, or what prints one."""
    kind = "User" if source is IdentitySource.AZURE_CLI else "ServicePrincipal"
    return (
        f"az role assignment create --role {shlex.quote(role)} --assignee-object-id "
        f"{principal or '<principal id of the identity>'} --assignee-principal-type {kind} --scope {scope} "
        "--output none. A new role works within ten minutes as a rule"
    )


def store_secret(vault: str, name: str) -> str:
    """Return what stores the value of a secret that somebody else gave out."""
    return f"az keyvault secret set --vault-name {vault} --name {name} --output none --file <file with the value>"


def make_state_key(vault: str, name: str) -> str:
    """Return what makes a new key that signs cursors."""
    return (
        f'az keyvault secret set --vault-name {vault} --name {name} --output none --value "$(openssl rand -base64 32)"'
    )


# -- Entra ID and Exchange ---------------------------------------------------------------------------------------------


def rotate(connection: Connection, vault: str, tags: Mapping[str, str]) -> str:
    """Return what makes a new credential and stores it: `register`, or by hand if the stored one was stored by hand.

    `tags` are those of the vault's secret: `register` leaves the app's id there, and touches no other secret.
    """
    name = connection.credential_name or ""
    if tags.get("appId") != connection.client_id and connection.credential is Credential.SECRET:
        make = f"az ad app credential reset --id {connection.client_id} --append --query password -o tsv"
        return f'az keyvault secret set --vault-name {vault} --name {name} --output none --value "$({make})"'
    words = f"rotate --app {connection.client_id} {_describe_tenant(connection)} --credential {connection.credential}"
    user = f" --service-user {_USER_ADDRESS}" if connection.is_delegated else ""
    return f"python3 -m devkit register {words} --credential-name {name} --vault {vault}{user} --apply"


def consent(place: Place, connection: Connection, features: Iterable[Feature], *more: str) -> str:
    """Return what grants an app the permissions of features, and nothing else."""
    words = f"consent --app {connection.client_id} {_describe_tenant(connection)} --for {' '.join(features)}"
    user = f" --credential password --service-user {_USER_ADDRESS}" if connection.is_delegated else ""
    extra = "".join(f" {each}" for each in more)
    restart = (
        f"{_TOKEN_LIFE}; to get another at once: az functionapp restart {place.named_app}" if place.app else _TOKEN_LIFE
    )
    return f"python3 -m devkit register {words}{user}{extra} --apply. {restart}"


def list_features(connection: Connection) -> list[Feature]:
    """Return what the settings of a connection ask of Bookings."""
    return [Feature.READ, Feature.WRITES] if connection.may_write else [Feature.READ]


def list_missing(connection: Connection, held: Collection[str]) -> list[Feature]:
    """Return those of them whose permissions are missing among those that the app holds."""
    wanted = list_features(connection)
    return [each for each in wanted if any(one.name not in held for one in list_permissions(each))] or wanted


def open_mailbox(connection: Connection, address: str, *, reads_only: bool) -> str:
    """Return what prints the commands with which an Exchange administrator opens a mailbox to the app."""
    words = f"consent --app {connection.client_id} {_describe_tenant(connection)} --for mail --mailbox {address}"
    only = " --mail-read-only" if reads_only else ""
    return (
        f"An Exchange administrator runs, in Exchange Online PowerShell, the commands that this prints: "
        f"python3 -m devkit register {words}{only}. They take half an hour to two hours to work"
    )


def open_pages(connection: Connection, pages: Iterable[str]) -> str:
    """Return what prints the commands by which Graph may announce changes in the calendars of booking pages."""
    named = "".join(f" --page {each}" for each in pages)
    words = f"consent --app {connection.client_id} {_describe_tenant(connection)} --for {Feature.CALENDARS}{named}"
    return (
        f"Grant {CALENDARS_READ.exchange_role} for the mailboxes of booking pages: an Exchange administrator runs, in "
        f"Exchange Online PowerShell, the commands that this prints: python3 -m devkit register {words}. They take "
        "half an hour to two hours to work; then wait for the next runs of schedule_mailbox_polls"
    )


def close_mail(connection: Connection, mailboxes: Iterable[str], *, reads_only: bool) -> str:
    """Return what leaves mailboxes to Exchange alone: its commands are printed, then Entra ID's grant is withdrawn."""
    named = " --mailbox ".join(mailboxes)
    opened = open_mailbox(connection, named, reads_only=reads_only)
    return f"{opened}; then withdraw what Entra ID grants: {withdraw_mail(connection)}"


def withdraw_mail(connection: Connection) -> str:
    """Return what withdraws the permissions in Entra ID that open every mailbox of the tenant."""
    words = f"consent --app {connection.client_id} {_describe_tenant(connection)} --for mail --close-mail --apply"
    return f"python3 -m devkit register {words}"


def _describe_tenant(connection: Connection) -> str:
    cloud = "" if connection.cloud.name == "global" else f" --cloud {connection.cloud.name}"
    return f"--tenant {connection.tenant_id}{cloud}"


# -- the machine -------------------------------------------------------------------------------------------------------


def set_clock(place: Place) -> str:
    """Return what sets the clock: Azure sets that of its machines, and a restart moves the app to another one."""
    if place.app:
        return f"az functionapp restart {place.named_app}"
    return _CLOCKS.get(sys.platform, _CLOCKS["linux"])


def open_network(host: str) -> str:
    """Return what mends a machine that cannot reach a host."""
    return (
        f"Let this machine reach {host}, port 443: check its network, name server and firewall, and the proxy in "
        "HTTPS_PROXY"
    )


def name_vault(url: str | None) -> str:
    """Return the name of the vault for Azure's command line."""
    return (urlsplit(url or "").hostname or "<vault>").partition(".")[0]


def name_account(settings: Any) -> str:
    """Return the name of the storage account, as far as the settings show it."""
    for url in (settings.storage.table_url, settings.storage.blob_url, settings.storage.queue_url):
        host = urlsplit(url or "").hostname
        if host:
            return host.partition(".")[0]
    return "<storage account>"
