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

from shared.settings.businesses import AllowList, read_businesses
from shared.settings.catalogue import SAMPLE_GUID, SETTINGS, list_unfilled
from shared.settings.choices import Credential, IdentitySource, Switch
from shared.settings.clouds import CLOUDS, Cloud
from shared.settings.event_targets import AllowedTargets, read_event_targets
from shared.settings.faults import Fault, SettingsError
from shared.settings.json_catalogue import CONNECTION_FIELDS
from shared.settings.json_fields import NamedTwiceError, explain_json_fault, parse_once_named
from shared.settings.kinds import Schedule, WholeNumber
from shared.settings.mail_settings import (
    NAME,
    Mailbox,
    SinkSettings,
    StorageSettings,
    read_mailboxes,
    read_sinks,
    read_storage,
)
from shared.settings.notification_settings import NotificationSettings, read_notification_settings
from shared.settings.settings_blobs import BlobContents, BlobPlace, find_place, is_in_blob, read_value
from shared.settings.target_hosts import TargetHosts, read_target_hosts
from shared.settings.telemetry_settings import TelemetrySettings, read_telemetry_settings
from shared.web_address import HTTPS_HOST, HTTPS_PATH

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.IGNORECASE)
_VAULT_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")


@dataclass(frozen=True)
class Connection:
    """One tenant that the gateway calls, with the credential it signs in with."""

    name: str
    cloud: Cloud
    tenant_id: str
    client_id: str
    credential: Credential
    credential_name: str | None
    identity_client_id: str | None
    businesses: AllowList
    may_write: bool = False

    @property
    def is_delegated(self) -> bool:
        """Whether it signs in as a user, with delegated permissions."""
        return self.credential is Credential.PASSWORD


@dataclass(frozen=True)
class Settings:
    """All settings, checked. Secrets stay in Key Vault; the settings hold their names there."""

    connections: Mapping[str, Connection]
    key_vault_url: str | None
    identity_source: IdentitySource
    identity_client_id: str | None
    state_key_name: str
    public_base_url: str | None
    notifications: NotificationSettings
    has_file_links: bool  # FILE_LINKS
    telemetry: TelemetrySettings | None
    target_hosts: TargetHosts
    event_targets: AllowedTargets
    storage: StorageSettings
    mailboxes: Mapping[str, Mailbox]
    sinks: Mapping[str, SinkSettings]
    numbers: Mapping[str, int]  # every whole number of the catalogue, by the name of its setting
    schedules: Mapping[str, str | None]  # as they are set; None where the platform finds nothing
    blobs: Mapping[str, BlobPlace]  # where the values of MAILBOXES and SINKS are, by setting, if in a blob


def is_on(switch: str) -> bool:
    """Return whether a switch of the catalogue is on; also while other settings are wrong, and off if it is itself."""
    return _Reader(os.environ).text(switch) == Switch.ON


def has_sign_in_in_front() -> bool:
    """Return whether the platform says that its own sign-in is in front of the app."""
    return os.environ.get("WEBSITE_AUTH_ENABLED", "").casefold() == "true"


def find_app(environ: Mapping[str, str] | None = None) -> tuple[str | None, str | None]:
    """Return resource group and name of the function app, as the platform sets them; None on a developer's machine."""
    given = os.environ if environ is None else environ
    return given.get("WEBSITE_RESOURCE_GROUP") or None, given.get("WEBSITE_SITE_NAME") or None


type CheckSink = Callable[[SinkSettings], Iterable[tuple[str, str]]]

_CONNECTION_FIELDS = tuple(field.name for field in CONNECTION_FIELDS)
_NUMBERS = {each.name: each.kind for each in SETTINGS if isinstance(each.kind, WholeNumber)}
# Those of the app as a whole.
_SWITCHES = ("API_DOCS", "CONSOLE_SIGN_IN", "GRAPH_NOTIFICATIONS", "GRAPH_NOTIFICATIONS_BOOKINGS")
_SCHEDULES = tuple(each.name for each in SETTINGS if isinstance(each.kind, Schedule))


class _Reader:
    """Reads settings and collects every fault instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str], blobs: BlobContents | None = None) -> None:
        self._environ = environ
        self._blobs = blobs
        self._defaults = {setting.name: setting.default or "" for setting in SETTINGS}
        self.faults: list[Fault] = []
        self.places: dict[str, BlobPlace] = {}

    def report(self, setting: str, message: str) -> None:
        self.faults.append(Fault(setting, message))

    def text(self, name: str) -> str:
        return self.given(name) or self._defaults.get(name, "")

    def given(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def json(self, name: str) -> Any:
        """Return the value of a JSON setting. For anything but JSON, report a fault and return None."""
        try:
            return parse_once_named(self.text(name))
        except NamedTwiceError as error:
            self.report(name, str(error))
            return None
        except json.JSONDecodeError as error:
            self.report(name, f"This is not valid JSON, {explain_json_fault(error)}. docs/settings.md has an example.")
            return None
        except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets in each other
            self.report(name, "This is not valid JSON. Correct it; docs/settings.md has an example.")
            return None

    def find_places(self, *names: str) -> None:
        """Find the settings whose value is in a blob. Report those that name none rightly."""
        for name in names:
            if is_in_blob(self.text(name)):
                place = find_place(self.text(name))
                if place is None:
                    self.report(name, "Name a container and a blob, such as blob:config/mailboxes.json.")
                else:
                    self.places[name] = place

    def json_or_blob(self, name: str) -> Any:
        """Return the value of a JSON setting that may be in a blob; None with a fault, or if the blob was not read."""
        place = self.places.get(name)
        if place is None:
            return None if is_in_blob(self.text(name)) else self.json(name)
        if self._blobs is None:
            return None
        try:
            return read_value(name, place, self._blobs, is_shared=list(self.places.values()).count(place) > 1)
        except ValueError as error:
            self.report(name, str(error))
            return None

    def checked(self, name: str, value: str, is_right: Callable[[str], Any], message: str) -> str:
        if not is_right(value):
            self.report(name, message)
        return value


def load_settings(
    environ: Mapping[str, str] | None = None,
    *,
    check_sink: CheckSink | None = None,
    blobs: BlobContents | None = None,
) -> Settings:
    """Read and check all settings. Raises SettingsError with every fault at once.

    `check_sink` returns what is wrong with a sink's options, as (option, sentence). It is passed in, because this
    package must not import the kinds of sinks. `blobs` are the contents of the blobs that MAILBOXES and SINKS name;
    without them, a setting that names one is empty, and nothing that depends on it is checked.
    """
    reader = _Reader(os.environ if environ is None else environ, blobs)
    for name, sentence in list_unfilled(reader.given):
        reader.report(name, sentence)
    reader.find_places("MAILBOXES", "SINKS")
    connections = {"default": _read_connection(reader, "default", _plain_fields(reader), _plain_name)}
    further = reader.json("GRAPH_CONNECTIONS")
    connections |= _read_further_connections(reader, further)
    given = reader.json_or_blob("SINKS")
    sinks = read_sinks(given, reader.report) if given is not None else {}
    for sink in sinks.values():
        for option, message in check_sink(sink) if check_sink else ():
            reader.report(f"SINKS.{sink.name}.{option}", message)
    is_read_later = blobs is None and "SINKS" in reader.places
    mailboxes = None if is_read_later else reader.json_or_blob("MAILBOXES")
    settings = Settings(
        storage=read_storage(reader.text),
        sinks=sinks,
        mailboxes=read_mailboxes(
            mailboxes,
            ["default", *further] if isinstance(further, dict) else None,
            list(given) if isinstance(given, dict) else None,
            reader.report,
        )
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
        notifications=read_notification_settings(reader.text, reader.report),
        has_file_links=_read_choice(reader, "FILE_LINKS", reader.text("FILE_LINKS"), Switch) is Switch.ON,
        target_hosts=read_target_hosts(reader.text, reader.report),
        telemetry=read_telemetry_settings(reader.given),
        event_targets=read_event_targets(reader.text, reader.report),
        numbers={name: _read_number(reader, name, bounds) for name, bounds in _NUMBERS.items()},
        schedules={name: reader.given(name) or None for name in _SCHEDULES},
        blobs=reader.places,
    )
    for switch in _SWITCHES:
        _read_choice(reader, switch, reader.text(switch), Switch)
    _check_together(reader, settings)
    if reader.faults:
        raise SettingsError(tuple(reader.faults))
    return settings


def _plain_name(field: str) -> str:
    own = ("identity_client_id", "bookings_businesses", "bookings_writes")
    return field.upper() if field in own else f"GRAPH_{field.upper()}"


def _plain_fields(reader: _Reader) -> dict[str, str]:
    return {field: reader.text(_plain_name(field)) for field in _CONNECTION_FIELDS}


def _read_further_connections(reader: _Reader, given: Any) -> dict[str, Connection]:
    name = "GRAPH_CONNECTIONS"
    if not isinstance(given, dict):
        if given is not None:
            reader.report(name, "Write a JSON object that gives each connection's fields by its name.")
        return {}
    connections = {}
    for key, fields in given.items():
        if key == "default" or not NAME.fullmatch(key):
            reader.report(name, f"{key!r} cannot name a connection. Use a-z, 0-9 and dashes, but not default.")
        elif not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
            reader.report(name, f"The connection {key} must be a JSON object whose values are texts.")
        elif unknown := sorted(set(fields) - set(_CONNECTION_FIELDS)):
            reader.report(name, f"The connection {key} has unknown fields: {', '.join(unknown)}.")
        else:
            connections[key] = _read_connection(reader, key, fields, f"{name}.{key}.{{}}".format)
    return connections


def _read_connection(
    reader: _Reader, name: str, fields: Mapping[str, str], setting_name: Callable[[str], str]
) -> Connection:
    """Read one connection. `setting_name` returns the name under which a fault of a field is reported."""
    unfilled = "" if name == "default" else SAMPLE_GUID  # placeholders of the former are reported already

    def text(field: str) -> str:
        return (fields.get(field) or "").strip()

    cloud = CLOUDS.get(text("cloud") or "global")
    if cloud is None:
        reader.report(setting_name("cloud"), f"Choose one of {', '.join(CLOUDS)}.")
    credential = _read_choice(
        reader, setting_name("credential"), text("credential") or Credential.FEDERATED, Credential
    )
    reader.checked(
        setting_name("tenant_id"),
        text("tenant_id"),
        lambda value: value != unfilled and (_GUID.fullmatch(value) or _DOMAIN.fullmatch(value)),
        "Give the tenant's id (a GUID) or one of its verified domains.",
    )
    reader.checked(
        setting_name("client_id"),
        text("client_id"),
        lambda value: value != unfilled and _GUID.fullmatch(value),
        "Give the application (client) id, a GUID.",
    )
    reader.checked(
        setting_name("identity_client_id"),
        text("identity_client_id"),
        lambda value: not value or _GUID.fullmatch(value),
        "Give the client id of a user-assigned identity (a GUID), or nothing.",
    )
    if credential:
        _check_credential_name(reader, setting_name("credential_name"), credential, text("credential_name"))
    businesses = read_businesses(setting_name("bookings_businesses"), text("bookings_businesses"), reader.report)
    if cloud and not cloud.has_bookings and not businesses.is_empty:
        reader.report(setting_name("bookings_businesses"), f"The cloud {cloud.name} has no Bookings: leave it empty.")
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
            reader.report(setting, "A federated credential has no secret. Remove the name, or choose another one.")
    elif not _VAULT_NAME.fullmatch(name):
        reader.report(setting, f"The credential {credential} needs its Key Vault name: letters, digits and dashes.")


def _read_choice[E: StrEnum](reader: _Reader, setting: str, text: str, kind: type[E]) -> E | None:
    try:
        return kind(text)
    except ValueError:
        reader.report(setting, f"Choose one of {', '.join(kind)}.")
        return None


def _read_vault_url(reader: _Reader) -> str | None:
    text = reader.text("KEY_VAULT_URL").rstrip("/")
    if not text:
        return None
    known = tuple(f".{cloud.vault_suffix}" for cloud in CLOUDS.values())
    found = HTTPS_HOST.fullmatch(text)
    if found is None or not found["host"].lower().endswith(known):
        reader.report("KEY_VAULT_URL", "Give the vault's address, such as https://my-vault.vault.azure.net.")
    return text


def _read_public_url(reader: _Reader) -> str | None:
    text = reader.text("PUBLIC_BASE_URL").rstrip("/")
    if text and not HTTPS_PATH.fullmatch(text):
        reader.report("PUBLIC_BASE_URL", "Give an https address without query, such as https://gateway.example/api.")
    return text or None


def _read_number(reader: _Reader, name: str, bounds: WholeNumber) -> int:
    text = reader.text(name)
    if not text.isdecimal() or not bounds.allows(int(text)):
        reader.report(name, bounds.fault)
        return bounds.least
    return int(text)


def _check_secrets_of_sinks(reader: _Reader, settings: Settings) -> None:
    """Report sinks that would send the gateway's own secrets to their address. The vault ignores case in names."""
    names = [settings.state_key_name, *(each.credential_name for each in settings.connections.values())]
    own = {name.lower() for name in names if name}
    for sink in settings.sinks.values():
        for option, value in sink.options.items():
            values = value if isinstance(value, list) else [value]
            if any(isinstance(one, str) and one.lower() in own for one in values):
                message = "The gateway itself signs in, or signs cursors, with this secret. Give the sink another one."
                reader.report(f"SINKS.{sink.name}.{option}", message)


def _check_together(reader: _Reader, settings: Settings) -> None:
    has_storage = settings.storage.connection_string or settings.storage.table_url
    if settings.blobs and not (settings.storage.connection_string or settings.storage.blob_url):
        reader.report("AzureWebJobsStorage", f"Needed: {' and '.join(settings.blobs)} are in a blob of this account.")
    elif settings.mailboxes and not has_storage:
        reader.report("AzureWebJobsStorage", "Needed: the state of mailboxes is kept in this storage account.")
    elif any(each.may_write for each in settings.connections.values()) and not has_storage:
        reader.report("AzureWebJobsStorage", "Needed: idempotency keys of writes are kept in this storage account.")
    elif (settings.target_hosts.allowed or not settings.event_targets.is_empty) and not has_storage:
        reader.report("AzureWebJobsStorage", "Needed: subscriptions are kept in this storage account.")
    _check_secrets_of_sinks(reader, settings)
    if settings.key_vault_url is None:
        reader.report("KEY_VAULT_URL", "Needed: it holds the state key, and every credential but a federated one.")
    for connection in settings.connections.values():
        prefix = "" if connection.name == "default" else f"GRAPH_CONNECTIONS.{connection.name}."
        if connection.credential is not Credential.FEDERATED:
            continue
        if settings.identity_source is IdentitySource.AZURE_CLI:
            reader.report(
                f"{prefix}credential" if prefix else "GRAPH_CREDENTIAL",
                "A federated credential needs a managed identity. Entra ID refuses the Azure CLI's token for it.",
            )
        elif not connection.identity_client_id:
            reader.report(
                f"{prefix}identity_client_id" if prefix else "IDENTITY_CLIENT_ID",
                "A federated credential needs the client id of its user-assigned identity.",
            )
