"""The doctor's look at the storage account: a probe is written, read and taken away in each kind of storage."""

import uuid
from collections.abc import Callable, Iterator
from functools import partial

from composition.connections import Services
from doctor.examination import Name, Step, Verdict
from inbound_mail.ledger import ledger, mail_store
from shared.errors import OutcomeUnknown
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.queues import Queue
from shared.storage.tables import Operation, Table

# No mailbox can bear this name, so the probe meets nobody's rows and blobs.
_NOBODY = "$doctor"
_QUEUE = "doctor-probe"  # of its own: in the real ones a function would take the probe for work
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
            "storage",
            kind,
            partial(check, storage),
            f"AzureWebJobsStorage, the account's network, and: az role assignment create --role '{_ROLES[kind]}' "
            "--assignee <the identity's principal id> --scope <the storage account's resource id>",
            needs,
        )


def _try_tables(storage: Storage) -> str:
    table, key = Table(storage, ledger.TABLE), str(uuid.uuid4())
    name = {"PartitionKey": _NOBODY, "RowKey": key}
    table.upsert(name)
    found = table.get(_NOBODY, key)
    table.transact([Operation("delete", name)])
    return _tell(seen=found is not None, what="row")


def _try_blobs(storage: Storage) -> str:
    container, name = Container(storage, mail_store.CONTAINER), f"{_NOBODY}/{uuid.uuid4()}"
    container.put(name, b"probe")
    found = container.get(name)
    container.delete(name)
    return _tell(seen=found == b"probe", what="blob")


def _try_queues(storage: Storage) -> str:
    return _tell(seen=Queue(storage, _QUEUE).try_out(), what="message")


def _tell(*, seen: bool, what: str) -> str:
    if not seen:
        raise OutcomeUnknown(f"The {what} that was just written was not there.", code="UpstreamBadAnswer")
    return f"A {what} was written, read and taken away."
