"""The settings of support mail: mailboxes, sinks, storage. `shared.settings.config` reads them from the environment."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.mail_address import is_mail_address

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_FOLDER = re.compile(r"[A-Za-z0-9_=-]{1,512}")
_MOST_FOLDERS = 8

type Blame = Callable[[str, str], None]


@dataclass(frozen=True)
class WriteBack:
    """What is done to a mail in its mailbox once it is delivered: effects for people, never the record of "done"."""

    read: bool = False
    category: str | None = None
    move_to: str | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether anything is to be written."""
        return self.read or bool(self.category) or bool(self.move_to)


@dataclass(frozen=True)
class Mailbox:
    """One mailbox to read. `name` identifies it for ever: the address may change, the name must not."""

    name: str
    address: str
    folders: tuple[str, ...]
    connection: str
    sinks: tuple[str, ...]
    since: datetime | None
    write_back: WriteBack
    attachment_mb: int
    page_size: int
    alarm_minutes: int


@dataclass(frozen=True)
class SinkSettings:
    """One place that takes tickets: its kind and the options of that kind, checked by the sink's own module."""

    name: str
    kind: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class StorageSettings:
    """How to reach the storage account: a connection string, or service addresses opened by the app's identity."""

    connection_string: str | None
    blob_url: str | None
    queue_url: str | None
    table_url: str | None
    client_id: str | None


_MAILBOX_FIELDS = {
    "name": str,
    "address": str,
    "folders": list,
    "connection": str,
    "sinks": list,
    "since": str,
    "write_back": dict,
    "attachment_mb": int,
    "page_size": int,
    "alarm_minutes": int,
}
_WRITE_BACK_FIELDS = {"read": bool, "category": str, "move_to": str}


def read_mailboxes(given: Any, connections: Sequence[str], sinks: Sequence[str], blame: Blame) -> dict[str, Mailbox]:
    """Read the JSON list MAILBOXES; blames every fault and returns what is right, by name."""
    if not isinstance(given, list):
        blame("MAILBOXES", "Write a JSON list of mailboxes.")
        return {}
    mailboxes: dict[str, Mailbox] = {}
    for number, fields in enumerate(given):
        where = f"MAILBOXES[{number}]"
        faults_before: list[str] = []

        def tell(field: str, message: str, where: str = where, told: list[str] = faults_before) -> None:
            told.append(field)
            blame(f"{where}.{field}" if field else where, message)

        if not isinstance(fields, dict):
            tell("", "A mailbox is a JSON object.")
            continue
        _check_fields(fields, _MAILBOX_FIELDS, tell)
        mailbox = None if faults_before else _read_mailbox(fields, connections, sinks, tell)
        if mailbox is None or faults_before:
            continue
        if mailbox.name in mailboxes:
            tell("name", "Two mailboxes bear this name.")
        else:
            mailboxes[mailbox.name] = mailbox
    return mailboxes


def read_sinks(given: Any, blame: Blame) -> dict[str, SinkSettings]:
    """Read the JSON object SINKS: name -> {"kind", ...options}. The options are checked by the kind itself."""
    if not isinstance(given, dict):
        blame("SINKS", "Write a JSON object, sink name -> its kind and options.")
        return {}
    sinks = {}
    for name, fields in given.items():
        if not NAME.fullmatch(name):
            blame("SINKS", f"{name!r} cannot name a sink: use a-z, 0-9 and dashes.")
        elif not isinstance(fields, dict) or not isinstance(fields.get("kind"), str):
            blame(f"SINKS.{name}", 'A sink is a JSON object with its "kind".')
        else:
            options = {key: value for key, value in fields.items() if key != "kind"}
            sinks[name] = SinkSettings(name, fields["kind"], options)
    return sinks


def read_storage(text: Callable[[str], str]) -> StorageSettings:
    """Read AzureWebJobsStorage as the platform does: a connection string, or the identity form with its parts."""
    root = "AzureWebJobsStorage"
    account = text(f"{root}__accountName")

    def address(service: str) -> str | None:
        return text(f"{root}__{service}ServiceUri") or (
            f"https://{account}.{service}.core.windows.net" if account else None
        )

    return StorageSettings(
        connection_string=text(root) or None,
        blob_url=address("blob"),
        queue_url=address("queue"),
        table_url=address("table"),
        client_id=text(f"{root}__clientId") or None,
    )


def _read_mailbox(fields: Mapping[str, Any], connections: Sequence[str], sinks: Sequence[str], tell: Blame) -> Mailbox:
    name, address = fields.get("name", ""), fields.get("address", "")
    if not NAME.fullmatch(name):
        tell("name", "Needed: a lasting name of a-z, 0-9 and dashes, which stays when the address changes.")
    if not is_mail_address(address):
        tell("address", "Needed: the mailbox's address or object id, such as support@contoso.example.")
    folders = tuple(fields.get("folders", ["inbox"]))
    if not 1 <= len(folders) <= _MOST_FOLDERS or not all(_is_folder(one) for one in folders):
        tell(
            "folders", f"Give 1 to {_MOST_FOLDERS} folder ids or well-known names (inbox); display names are no names."
        )
    connection = fields.get("connection", "default")
    if connection not in connections:
        tell("connection", "There is no such connection in the settings.")
    wanted = tuple(fields.get("sinks", ()))
    if not wanted or not all(isinstance(one, str) and one in sinks for one in wanted):
        tell("sinks", "Needed: names of sinks that SINKS defines.")
    write_back = fields.get("write_back", {})
    _check_fields(write_back, _WRITE_BACK_FIELDS, lambda field, message: tell(f"write_back.{field}", message))
    move_to = write_back.get("move_to")
    if isinstance(move_to, str) and (not _FOLDER.fullmatch(move_to) or move_to in folders):
        tell("write_back.move_to", "Give a folder id or well-known name other than the folders that are read.")
    return Mailbox(
        name=name,
        address=address,
        folders=folders,
        connection=connection,
        sinks=wanted,
        since=_read_since(fields.get("since"), tell),
        write_back=WriteBack(bool(write_back.get("read")), write_back.get("category") or None, move_to or None),
        attachment_mb=_bounded(fields, "attachment_mb", 25, (1, 150), tell),
        page_size=_bounded(fields, "page_size", 50, (5, 200), tell),
        alarm_minutes=_bounded(fields, "alarm_minutes", 30, (2, 24 * 60), tell),
    )


def _is_folder(one: Any) -> bool:
    return isinstance(one, str) and bool(_FOLDER.fullmatch(one))


def _check_fields(fields: Mapping[str, Any], known: Mapping[str, type], tell: Blame) -> None:
    for field, value in fields.items():
        kind = known.get(field)
        if kind is None:
            tell(field, f"There is no such field. Known: {', '.join(known)}.")
        elif not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            tell(field, f"This must be a JSON {_JSON_NAMES[kind]}.")


_JSON_NAMES = {str: "text", list: "list", dict: "object", int: "whole number", bool: "true or false"}


def _read_since(text: str | None, tell: Blame) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        tell("since", "Write a moment such as 2026-11-01T00:00:00Z.")
        return None
    return moment.astimezone(UTC)


def _bounded(fields: Mapping[str, Any], field: str, usual: int, bounds: tuple[int, int], tell: Blame) -> int:
    value, (least, most) = int(fields.get(field, usual)), bounds
    if not least <= value <= most:
        tell(field, f"Give a whole number from {least} to {most}.")
    return value
