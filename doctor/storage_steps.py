"""Steps that examine the storage account: each writes, reads and deletes a probe."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from composition.connections import Services
from doctor import remedies
from doctor.claims import read_principal
from doctor.examination import Name, Status, Step, Verdict
from doctor.remedies import Place
from doctor.step_names import StepName, explain_role
from inbound_mail.ledger import ledger, mail_store
from shared.errors import ConfigurationError, GatewayError, OutcomeUnknown
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.file_links import FileLinks
from shared.storage.queues import Queue
from shared.storage.tables import Operation, Table
from shared.transport import Transport

_RESOURCE = "https://storage.azure.com"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_EMULATOR = "UseDevelopmentStorage=true"
_PORTS = {"blob": 10000, "queue": 10001, "table": 10002}
# No mailbox can have this name, so the probe cannot collide with rows and blobs of a mailbox.
_PROBE_OWNER = "$doctor"
_QUEUE = "doctor-probe"  # its own queue: in the real queues a function would take the probe for work
_ROLES = {
    "tables": "Storage Table Data Contributor",
    "blobs": "Storage Blob Data Owner",
    "queues": "Storage Queue Data Contributor",
}


def list_storage_steps(services: Services, needs: tuple[Name, ...], place: Place) -> Iterator[Step]:
    """Yield a step for each kind of storage."""
    storage = Storage(services.settings.storage, services.authenticator.identity)
    checks: dict[str, Callable[[Storage], str | Verdict]] = {
        "tables": _try_tables,
        "blobs": _try_blobs,
        "queues": _try_queues,
    }
    for kind, check in checks.items():
        yield Step(
            StepName.STORAGE,
            kind,
            partial(_check, check, storage, partial(_mend, services, place, _ROLES[kind])),
            "Run the doctor again",
            needs,
        )


def _check(check: Callable[[Storage], str | Verdict], storage: Storage, mend: Callable[[GatewayError], str]) -> Any:
    try:
        return check(storage)
    except GatewayError as error:
        return Verdict(Status.FAIL, error.message, mend(error))


def _mend(services: Services, place: Place, role: str, error: GatewayError) -> str:
    """Return what mends the storage: the emulator, the key or the role that opens it, or its address and network."""
    known = services.settings.storage
    parts = dict(part.split("=", 1) for part in (known.connection_string or "").split(";") if "=" in part)
    if _is_emulator(parts):
        is_refused = isinstance(error, ConfigurationError)
        return remedies.set_setting(place, "AzureWebJobsStorage", _EMULATOR) if is_refused else _start_emulator(parts)
    account = parts.get("AccountName") or remedies.name_account(known)
    if not isinstance(error, ConfigurationError):
        return (
            f"Check that the storage account {account}, which AzureWebJobsStorage names, exists and lets the gateway's "
            f"network in: az storage account show --name {account} --query networkRuleSet"
        )
    if known.connection_string:
        read = f"az storage account show-connection-string --name {account} --query connectionString -o tsv"
        return remedies.set_setting(place, "AzureWebJobsStorage", f"<what `{read}` prints>")
    identity = services.authenticator.identity
    return remedies.assign_role(
        role,
        scope=f'"$(az storage account show --name {account} --query id -o tsv)"',
        principal=read_principal(identity.token(known.client_id, _RESOURCE)),
        source=services.settings.identity_source,
    )


def _is_emulator(parts: Mapping[str, str]) -> bool:
    """Return whether a connection string names the storage emulator of this machine."""
    hosts = {urlsplit(value).hostname for name, value in parts.items() if name.endswith("Endpoint")}
    return parts.get("UseDevelopmentStorage", "").lower() == "true" or bool(hosts & _LOOPBACK)


def _start_emulator(parts: Mapping[str, str]) -> str:
    """Return what starts the emulator where the connection string looks for it."""
    found = {kind: urlsplit(parts.get(f"{kind.title()}Endpoint", "")).port or usual for kind, usual in _PORTS.items()}
    ports = " ".join(f"--{kind}Port {port}" for kind, port in found.items())
    return (
        "Start Azurite, the storage emulator that AzureWebJobsStorage names, in another terminal: npx azurite --silent "
        f"--location .devkit/azurite {ports}. The command `up` starts one of its own"
    )


def make_links_step(services: Services, needs: tuple[Name, ...]) -> Step:
    """Return the step for links to large files."""
    storage = Storage(services.settings.storage, services.authenticator.identity)
    role = "Storage Blob Data Owner, or Storage Blob Delegator"
    return Step(
        StepName.FILE_LINKS,
        "",
        partial(_try_link, storage, FileLinks(storage, are_allowed=services.settings.has_file_links)),
        f"Set FILE_LINKS to off, or {explain_role(role, 'the storage account')}",
        (*needs, (StepName.STORAGE, "blobs")),
    )


def _try_tables(storage: Storage) -> str:
    table, key = Table(storage, ledger.TABLE), str(uuid.uuid4())
    name = {"PartitionKey": _PROBE_OWNER, "RowKey": key}
    table.upsert(name)
    found = table.get(_PROBE_OWNER, key)
    table.transact([Operation("delete", name)])
    return _describe_result(seen=found is not None, what="row")


def _try_blobs(storage: Storage) -> str:
    container, name = Container(storage, mail_store.CONTAINER), f"{_PROBE_OWNER}/{uuid.uuid4()}"
    container.put(name, b"probe")
    found = container.get(name)
    container.delete(name)
    return _describe_result(seen=found == b"probe", what="blob")


def _try_link(storage: Storage, links: FileLinks) -> str | Verdict:
    if not links.are_allowed:
        return "FILE_LINKS is off: large files leave in parts only."
    if not links.are_possible():
        return Verdict(
            Status.WARN,
            "AzureWebJobsStorage holds a signature, which can sign no link. Large files leave in parts only.",
            "Let the app's identity open the account, or set FILE_LINKS to off",
        )
    container, name = Container(storage, mail_store.CONTAINER), f"{_PROBE_OWNER}/{uuid.uuid4()}"
    container.put(name, b"probe")
    try:
        link = links.make(container.name, name, file_name="probe")
        answer = Transport().send("GET", link.url)
    finally:
        container.delete(name)
    if answer.body != b"probe":
        return Verdict(Status.FAIL, f"The storage account answered {answer.status} to a link that it should take.")
    return "A link to a blob was signed, and opened it."


def _try_queues(storage: Storage) -> str:
    return _describe_result(seen=Queue(storage, _QUEUE).try_out(), what="message")


def _describe_result(*, seen: bool, what: str) -> str:
    if not seen:
        raise OutcomeUnknown(
            f"A {what} was written and could not be read. Run the doctor again.", code="UpstreamBadAnswer"
        )
    return f"A {what} was written, read and deleted."
