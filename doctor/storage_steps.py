"""Steps that examine the storage account: each writes, reads and deletes a probe."""

import uuid
from collections.abc import Callable, Iterator
from functools import partial

from composition.connections import Services
from doctor.examination import Name, Status, Step, Verdict
from doctor.step_names import StepName, explain_role
from inbound_mail.ledger import ledger, mail_store
from shared.errors import OutcomeUnknown
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.file_links import FileLinks
from shared.storage.queues import Queue
from shared.storage.tables import Operation, Table
from shared.transport import Transport

# No mailbox can have this name, so the probe cannot collide with rows and blobs of a mailbox.
_PROBE_OWNER = "$doctor"
_QUEUE = "doctor-probe"  # its own queue: in the real queues a function would take the probe for work
_ROLES = {
    "tables": "Storage Table Data Contributor",
    "blobs": "Storage Blob Data Owner",
    "queues": "Storage Queue Data Contributor",
}


def list_storage_steps(services: Services, needs: tuple[Name, ...]) -> Iterator[Step]:
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
            partial(check, storage),
            f"Check AzureWebJobsStorage and the account's network; {explain_role(_ROLES[kind], 'the storage account')}",
            needs,
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
