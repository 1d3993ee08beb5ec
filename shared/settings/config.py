"""Every setting of the app, read once and checked as a whole.

The only module that reads the environment. No setting of ours begins with AZURE_: azure-identity reads those names with
meanings of its own.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from shared.errors import ConfigurationError
from shared.mail_address import is_mail_address
from shared.settings.catalogue import SETTINGS
from shared.settings.clouds import CLOUDS, Cloud
from shared.settings.mail_settings import (
    NAME,
    Mailbox,
    SinkSettings,
    StorageSettings,
    read_mailboxes,
    read_sinks,
    read_storage,
)

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.IGNORECASE)
_VAULT_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")


class Credential(StrEnum):
    """How the app proves to Entra ID who it is."""

    FEDERATED = "federated"
    CERTIFICATE = "certificate"
    SECRET = "secret"  # noqa: S105 - the name of a mode, not a secret
    PASSWORD = "password"  # noqa: S105 - the name of a mode, not a password


class Switch(StrEnum):
    """A setting that is off or on."""

    OFF = "off"
    ON = "on"


class IdentitySource(StrEnum):
    """Whose identity opens Key Vault (and signs the federated assertion)."""

    MANAGED = "managed-identity"
    AZURE_CLI = "azure-cli"


@dataclass(frozen=True)
class AllowList:
    """Which booking businesses may be asked about. Empty allows none."""

    ids: frozenset[str]
    everything: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no business at all may be asked about."""
        return not self.everything and not self.ids

    def allows(self, business: str) -> bool:
        """Say whether this business id (an SMTP address, any case) may be used."""
        return self.everything or business.lower() in self.ids


@dataclass(frozen=True)
class Connection:
    """One tenant the gateway speaks to, and how."""

    name: str
    cloud: Cloud
    tenant_id: str
    client_id: str
    credential: Credential
    credential_name: str | None
    identity_client_id: str | None
    businesses: AllowList
    may_write: bool = False


@dataclass(frozen=True)
class Settings:
    """All settings, checked. Holds no secret: those stay in Key Vault under the names given here."""

    connections: Mapping[str, Connection]
    key_vault_url: str | None
    identity_source: IdentitySource
    identity_client_id: str | None
    state_key_name: str
    public_base_url: str | None
    graph_concurrency: int
    changes_refresh_seconds: int
    changes_window_days: int
    storage: StorageSettings
    mailboxes: Mapping[str, Mailbox]
    sinks: Mapping[str, SinkSettings]
    schedules: Mapping[str, str | None]  # as they are set: the platform reads them itself and knows no default


type CheckSink = Callable[[SinkSettings], Iterable[tuple[str, str]]]

_CONNECTION_FIELDS = (
    "cloud",
    "tenant_id",
    "client_id",
    "credential",
    "credential_name",
    "identity_client_id",
    "bookings_businesses",
    "bookings_writes",
)


@dataclass(frozen=True)
class Fault:
    """One wrong setting: its name and a sentence that says what to do."""

    setting: str
    message: str


class SettingsError(ConfigurationError):
    """The settings are wrong; `faults` lists every one of them."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(
            "The gateway's settings are wrong. An administrator finds the list in the log and in the health answer.",
            detail="; ".join(f"{fault.setting}: {fault.message}" for fault in faults),
        )
        self.faults = faults


class _Reader:
    """Reads texts and collects faults instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._defaults = {setting.name: setting.default or "" for setting in SETTINGS}
        self.faults: list[Fault] = []

    def blame(self, setting: str, message: str) -> None:
        self.faults.append(Fault(setting, message))

    def text(self, name: str) -> str:
        return self.given(name) or self._defaults.get(name, "")

    def given(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def json(self, name: str) -> Any:
        """Return the JSON of a setting, None (and a fault) where it is none."""
        try:
            return json.loads(self.text(name))
        except ValueError:
            self.blame(name, "This is not JSON.")
            return None

    def checked(self, name: str, value: str, is_right: Callable[[str], Any], message: str) -> str:
        if not is_right(value):
            self.blame(name, message)
        return value


def load_settings(environ: Mapping[str, str] | None = None, *, check_sink: CheckSink | None = None) -> Settings:
    """Read and check all settings. Raises SettingsError with every fault at once.

    `check_sink` tells what is wrong with a sink's options, as (option, sentence); the kinds of sinks live above us.
    """
    reader = _Reader(os.environ if environ is None else environ)
    connections = {"default": _read_connection(reader, "default", _plain_fields(reader), _plain_name)}
    connections |= _read_further_connections(reader)
    sinks = read_sinks(given, reader.blame) if (given := reader.json("SINKS")) is not None else {}
    for sink in sinks.values():
        for option, message in check_sink(sink) if check_sink else ():
            reader.blame(f"SINKS.{sink.name}.{option}", message)
    mailboxes = reader.json("MAILBOXES")
    settings = Settings(
        storage=read_storage(reader.text),
        sinks=sinks,
        mailboxes=read_mailboxes(mailboxes, list(connections), list(sinks), reader.blame)
        if mailboxes is not None
        else {},
        connections=connections,
        key_vault_url=_read_vault_url(reader),
        identity_source=_read_choice(reader, "IDENTITY_SOURCE", reader.text("IDENTITY_SOURCE"), IdentitySource)
        or IdentitySource.MANAGED,
        identity_client_id=reader.text("IDENTITY_CLIENT_ID") or None,
        state_key_name=reader.checked(
            "STATE_KEY_NAME",
            reader.text("STATE_KEY_NAME"),
            _VAULT_NAME.fullmatch,
            "A Key Vault name has 1 to 127 letters, digits and dashes.",
        ),
        public_base_url=_read_public_url(reader),
        graph_concurrency=_read_number(reader, "GRAPH_CONCURRENCY", 1, 64),
        changes_refresh_seconds=_read_number(reader, "CHANGES_REFRESH_SECONDS", 10, 3_600),
        changes_window_days=_read_number(reader, "CHANGES_WINDOW_DAYS", 1, 366),
        schedules={each.name: reader.given(each.name) or None for each in SETTINGS if each.name.endswith("_SCHEDULE")},
    )
    _check_together(reader, settings)
    if reader.faults:
        raise SettingsError(tuple(reader.faults))
    return settings


def _plain_name(field: str) -> str:
    own = ("identity_client_id", "bookings_businesses", "bookings_writes")
    return field.upper() if field in own else f"GRAPH_{field.upper()}"


def _plain_fields(reader: _Reader) -> dict[str, str]:
    return {field: reader.text(_plain_name(field)) for field in _CONNECTION_FIELDS}


def _read_further_connections(reader: _Reader) -> dict[str, Connection]:
    name = "GRAPH_CONNECTIONS"
    given = reader.json(name)
    if not isinstance(given, dict):
        if given is not None:
            reader.blame(name, "Write a JSON object, connection name -> fields.")
        return {}
    connections = {}
    for key, fields in given.items():
        if key == "default" or not NAME.fullmatch(key):
            reader.blame(name, f"{key!r} cannot name a connection: use a-z, 0-9 and dashes, and not default.")
        elif not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
            reader.blame(name, f"The connection {key} must be an object of texts.")
        elif unknown := sorted(set(fields) - set(_CONNECTION_FIELDS)):
            reader.blame(name, f"The connection {key} has unknown fields: {', '.join(unknown)}.")
        else:
            connections[key] = _read_connection(reader, key, fields, f"{name}.{key}.{{}}".format)
    return connections


def _read_connection(
    reader: _Reader, name: str, fields: Mapping[str, str], setting_name: Callable[[str], str]
) -> Connection:
    """Read one connection; `setting_name` turns a field into the name by which an administrator knows it."""

    def text(field: str) -> str:
        return (fields.get(field) or "").strip()

    cloud = CLOUDS.get(text("cloud") or "global")
    if cloud is None:
        reader.blame(setting_name("cloud"), f"Choose one of {', '.join(CLOUDS)}.")
    credential = _read_choice(
        reader, setting_name("credential"), text("credential") or Credential.FEDERATED, Credential
    )
    reader.checked(
        setting_name("tenant_id"),
        text("tenant_id"),
        lambda value: _GUID.fullmatch(value) or _DOMAIN.fullmatch(value),
        "Give the tenant's id (a GUID) or one of its verified domains.",
    )
    reader.checked(
        setting_name("client_id"), text("client_id"), _GUID.fullmatch, "Give the application (client) id, a GUID."
    )
    reader.checked(
        setting_name("identity_client_id"),
        text("identity_client_id"),
        lambda value: not value or _GUID.fullmatch(value),
        "Give the client id of a user-assigned identity (a GUID), or nothing.",
    )
    if credential:
        _check_credential_name(reader, setting_name("credential_name"), credential, text("credential_name"))
    businesses = _read_businesses(reader, setting_name("bookings_businesses"), text("bookings_businesses"))
    if cloud and not cloud.has_bookings and not businesses.is_empty:
        reader.blame(setting_name("bookings_businesses"), f"The cloud {cloud.name} has no Bookings: leave it empty.")
    writes = _read_choice(reader, setting_name("bookings_writes"), text("bookings_writes") or Switch.OFF, Switch)
    return Connection(
        name=name,
        cloud=cloud or CLOUDS["global"],
        tenant_id=text("tenant_id"),
        client_id=text("client_id"),
        credential=credential or Credential.SECRET,  # only reached with a fault
        credential_name=text("credential_name") or None,
        identity_client_id=text("identity_client_id") or reader.text("IDENTITY_CLIENT_ID") or None,
        businesses=businesses,
        may_write=writes is Switch.ON,
    )


def _check_credential_name(reader: _Reader, setting: str, credential: Credential, name: str) -> None:
    if credential is Credential.FEDERATED:
        if name:
            reader.blame(setting, "A federated credential has no secret: remove the name or choose another credential.")
    elif not _VAULT_NAME.fullmatch(name):
        reader.blame(setting, f"The credential {credential} needs its Key Vault name: letters, digits and dashes.")


def _read_businesses(reader: _Reader, setting: str, text: str) -> AllowList:
    ids = [part.strip() for part in text.split(",") if part.strip()]
    everything = "*" in ids
    if everything and len(ids) > 1:
        reader.blame(setting, "Give either * or a list of ids, not both.")
    for wrong in (part for part in ids if part != "*" and not is_mail_address(part)):
        reader.blame(setting, f"{wrong!r} is not a business id: those are SMTP addresses such as desk@contoso.example.")
    return AllowList(frozenset(part.lower() for part in ids if part != "*"), everything=everything)


def _read_choice[E: StrEnum](reader: _Reader, setting: str, text: str, kind: type[E]) -> E | None:
    try:
        return kind(text)
    except ValueError:
        reader.blame(setting, f"Choose one of {', '.join(kind)}.")
        return None


def _read_vault_url(reader: _Reader) -> str | None:
    text = reader.text("KEY_VAULT_URL").rstrip("/")
    if not text:
        return None
    parts = urlsplit(text)
    known = [cloud.vault_suffix for cloud in CLOUDS.values()]
    host = parts.hostname or ""
    if parts.scheme != "https" or parts.path or not any(host.endswith(f".{suffix}") for suffix in known):
        reader.blame("KEY_VAULT_URL", "Give the vault's address, such as https://my-vault.vault.azure.net.")
    return text


def _read_public_url(reader: _Reader) -> str | None:
    text = reader.text("PUBLIC_BASE_URL").rstrip("/")
    parts = urlsplit(text)
    if text and (parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment):
        reader.blame("PUBLIC_BASE_URL", "Give an https address without query, such as https://gateway.example/api.")
    return text or None


def _read_number(reader: _Reader, name: str, least: int, most: int) -> int:
    text = reader.text(name)
    if not text.isdecimal() or not least <= int(text) <= most:
        reader.blame(name, f"Give a whole number from {least} to {most}.")
        return least
    return int(text)


def _check_together(reader: _Reader, settings: Settings) -> None:
    has_storage = settings.storage.connection_string or settings.storage.table_url
    if settings.mailboxes and not has_storage:
        reader.blame("AzureWebJobsStorage", "Needed: mailboxes keep their state in this storage account.")
    elif any(each.may_write for each in settings.connections.values()) and not has_storage:
        reader.blame(
            "AzureWebJobsStorage", "Needed: writes keep their keys against repetition in this storage account."
        )
    if settings.key_vault_url is None:
        reader.blame("KEY_VAULT_URL", "Needed: the state key, and every credential but a federated one, live there.")
    for connection in settings.connections.values():
        prefix = "" if connection.name == "default" else f"GRAPH_CONNECTIONS.{connection.name}."
        if connection.credential is not Credential.FEDERATED:
            continue
        if settings.identity_source is IdentitySource.AZURE_CLI:
            reader.blame(
                f"{prefix}credential" if prefix else "GRAPH_CREDENTIAL",
                "A federated credential needs a managed identity: the Azure CLI's user token is refused by Entra ID.",
            )
        elif not connection.identity_client_id:
            reader.blame(
                f"{prefix}identity_client_id" if prefix else "IDENTITY_CLIENT_ID",
                "A federated credential needs the client id of its user-assigned identity.",
            )
