"""The settings of support mail: mailboxes, sinks, storage. `shared.settings.config` reads them from the environment."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.mail_address import is_mail_address
from shared.settings.json_catalogue import BRAKE_FIELDS, MAILBOX_FIELDS, MOST_FOLDERS, WRITE_BACK_FIELDS
from shared.settings.json_fields import Report, check_fields
from shared.settings.requestor_policy import NO_POLICY, RequestorPolicy, read_requestor_policy

if TYPE_CHECKING:
    from shared.settings.rules import Rule

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_FOLDER = re.compile(r"[A-Za-z0-9_=-]{1,512}")


@dataclass(frozen=True)
class WriteBack:
    """What is changed in the mailbox after delivery, for people to see. It is never the record that a mail is done."""

    read: bool = False
    category: str | None = None
    move_to: str | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether anything is to be changed."""
        return self.read or bool(self.category) or bool(self.move_to)


@dataclass(frozen=True)
class Brakes:
    """How many mails of one correspondent may become tickets, and comments, of one sink within an hour.

    `exempt`: addresses, and domains that begin with `@`, in lower case, without limits.
    """

    tickets_per_hour: int = 20
    comments_per_hour: int = 40
    exempt: frozenset[str] = frozenset()

    def spares(self, correspondent: str) -> bool:
        """Return whether there are no limits for this address (lower case)."""
        return not self.exempt.isdisjoint({correspondent, f"@{correspondent.rpartition('@')[2]}"})


@dataclass(frozen=True)
class Mailbox:
    """One mailbox to read. `name` identifies it in the ledger: the address may change, the name must not."""

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
    quiet_minutes: int
    announced_minutes: int = 15
    rules: tuple["Rule", ...] = ()
    requestor: RequestorPolicy = NO_POLICY
    brakes: Brakes = field(default_factory=Brakes)
    own_senders: tuple[str, ...] = ()

    @property
    def all_sinks(self) -> tuple[str, ...]:
        """The sinks that its mails may go to: its own, and those of its rules."""
        return tuple(dict.fromkeys([*self.sinks, *(rule.sink for rule in self.rules if rule.sink)]))


@dataclass(frozen=True)
class SinkSettings:
    """One sink: its kind, and the options of that kind, which the sink's own module checks."""

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


def read_mailboxes(
    given: Any, connections: Sequence[str] | None, sinks: Sequence[str] | None, report: Report
) -> dict[str, Mailbox]:
    """Read the JSON list MAILBOXES. Reports every fault and returns the mailboxes without one, by name.

    `connections` or `sinks` None: their setting cannot be read, which is a fault of its own, so the names are not
    checked.
    """
    if not isinstance(given, list):
        report("MAILBOXES", "Write a JSON list of mailboxes.")
        return {}
    mailboxes: dict[str, Mailbox] = {}
    for number, fields in enumerate(given):
        where = f"MAILBOXES[{number}]"
        faults: list[str] = []

        def report_field(field: str, message: str, where: str = where, faults: list[str] = faults) -> None:
            faults.append(field)
            report(f"{where}.{field}" if field else where, message)

        if not isinstance(fields, dict):
            report_field("", "A mailbox is a JSON object.")
            continue
        check_fields(fields, MAILBOX_FIELDS, report_field)
        mailbox = None if faults else _read_mailbox(fields, connections, sinks, report_field)
        rules = _read_rules(fields, where, sinks, report)
        if mailbox is None or rules is None or faults:
            continue
        if mailbox.name in mailboxes:
            report_field("name", "Two mailboxes have this name. Give each its own.")
        else:
            mailboxes[mailbox.name] = replace(mailbox, rules=rules)
    return mailboxes


def read_sinks(given: Any, report: Report) -> dict[str, SinkSettings]:
    """Read the JSON object SINKS: name -> {"kind", ...options}. The options are checked by the kind itself."""
    if not isinstance(given, dict):
        report("SINKS", "Write a JSON object that gives each sink's kind and options by its name.")
        return {}
    sinks = {}
    for name, fields in given.items():
        if not NAME.fullmatch(name):
            report("SINKS", f"{name!r} cannot name a sink. Use a-z, 0-9 and dashes.")
        elif not isinstance(fields, dict) or not isinstance(fields.get("kind"), str):
            report(f"SINKS.{name}", 'A sink is a JSON object with its "kind".')
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


def _read_mailbox(
    given: Mapping[str, Any], connections: Sequence[str] | None, sinks: Sequence[str] | None, report: Report
) -> Mailbox:
    fields = {field.name: field.default for field in MAILBOX_FIELDS} | dict(given)
    name, address = fields["name"] or "", fields["address"] or ""
    if not NAME.fullmatch(name):
        report("name", "Needed: a lasting name of a-z, 0-9 and dashes.")
    if not is_mail_address(address):
        report("address", "Needed: the mailbox's SMTP address, such as support@contoso.example.")
    folders = tuple(fields["folders"])
    if not 1 <= len(folders) <= MOST_FOLDERS or not all(_is_folder(one) for one in folders):
        report("folders", f"Give 1 to {MOST_FOLDERS} folder ids or well-known names such as inbox, not display names.")
    connection = fields["connection"]
    if connections is not None and connection not in connections:
        report("connection", "There is no such connection. Use default or a name in GRAPH_CONNECTIONS.")
    wanted = tuple(fields["sinks"] or ())
    if not wanted or not all(isinstance(one, str) and (sinks is None or one in sinks) for one in wanted):
        report("sinks", "Needed: at least one name of a sink in SINKS, and no other names.")
    if not all(isinstance(one, str) and is_mail_address(one) for one in fields["own_senders"]):
        report("own_senders", "Give mail addresses, such as servicedesk@contoso.example.")
    longest_pause = fields["alarm_minutes"] // 2
    if "quiet_minutes" in given and fields["quiet_minutes"] > longest_pause:
        report("quiet_minutes", f"At most half of alarm_minutes: {longest_pause}. Or raise alarm_minutes.")
    write_back = fields["write_back"]
    check_fields(write_back, WRITE_BACK_FIELDS, lambda field, message: report(f"write_back.{field}", message))
    move_to = write_back.get("move_to")
    if isinstance(move_to, str) and (not _FOLDER.fullmatch(move_to) or move_to in folders):
        report("write_back.move_to", "Give a folder id or well-known name other than the folders that are read.")
    return Mailbox(
        name=name,
        address=address,
        folders=folders,
        connection=connection,
        sinks=wanted,
        since=_read_since(fields["since"], report),
        write_back=WriteBack(bool(write_back.get("read")), write_back.get("category") or None, move_to or None),
        attachment_mb=fields["attachment_mb"],
        page_size=fields["page_size"],
        alarm_minutes=fields["alarm_minutes"],
        quiet_minutes=min(fields["quiet_minutes"], longest_pause),
        announced_minutes=fields["announced_minutes"],
        requestor=read_requestor_policy(
            fields["requestor"], lambda field, message: report(f"requestor.{field}", message)
        ),
        own_senders=tuple(one.lower() for one in fields["own_senders"] if isinstance(one, str)),
        brakes=_read_brakes(fields["brakes"], lambda field, message: report(f"brakes.{field}", message)),
    )


def _read_brakes(given: Mapping[str, Any], report: Report) -> Brakes:
    faults: list[str] = []

    def report_field(field: str, message: str) -> None:
        faults.append(field)
        report(field, message)

    check_fields(given, BRAKE_FIELDS, report_field)
    if faults:
        return Brakes()
    fields = {field.name: field.default for field in BRAKE_FIELDS} | dict(given)
    if not all(
        isinstance(one, str) and is_mail_address(f"x{one}" if one[:1] == "@" else one) for one in fields["exempt"]
    ):
        report_field("exempt", "Give mail addresses, and domains such as @monitoring.example.com.")
        return Brakes()
    exempt = frozenset(one.lower() for one in fields["exempt"])
    return Brakes(fields["tickets_per_hour"], fields["comments_per_hour"], exempt)


def _read_rules(
    given: Mapping[str, Any], where: str, sinks: Sequence[str] | None, report: Report
) -> "tuple[Rule, ...] | None":
    """Read the rules of a mailbox, whose faults are reported by its name; None if there are any."""
    from shared.settings.rules import read_rules

    name, folders, rules = given.get("name"), given.get("folders"), given.get("rules")
    place = f"MAILBOXES.{name}" if isinstance(name, str) and NAME.fullmatch(name) else where
    faults: list[str] = []

    def report_path(path: str, message: str) -> None:
        faults.append(path)
        report(f"{place}.{path}", message)

    found = read_rules(
        rules if isinstance(rules, list) else [],
        folders if isinstance(folders, list) else ["inbox"],
        sinks,
        report_path,
    )
    return None if faults else found


def _is_folder(one: Any) -> bool:
    return isinstance(one, str) and bool(_FOLDER.fullmatch(one))


def _read_since(text: str | None, report: Report) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        report("since", "Give a date and time with Z or an offset, such as 2026-11-01T00:00:00Z.")
        return None
    return moment.astimezone(UTC)
