"""Steps that examine the storage account: each writes, reads and deletes a probe."""

import uuid
from collections.abc import Callable, Iterator
from functools import partial

from composition.connections import Services
from doctor.examination import Name, Step, Verdict
from doctor.step_names import StepName, explain_role
from inbound_mail.ledger import ledger, mail_store
from shared.errors import OutcomeUnknown
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.queues import Queue
from shared.storage.tables import Operation, Table

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


def _try_queues(storage: Storage) -> str:
    return _describe_result(seen=Queue(storage, _QUEUE).try_out(), what="message")


def _describe_result(*, seen: bool, what: str) -> str:
    if not seen:
        raise OutcomeUnknown(
            f"A {what} was written and could not be read. Run the doctor again.", code="UpstreamBadAnswer"
        )
    return f"A {what} was written, read and deleted."
