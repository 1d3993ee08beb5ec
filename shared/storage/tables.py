"""Tables: entities by partition and row key, guarded by their versions; transactions write all or nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from shared.errors import Conflict, GatewayError, Unavailable
from shared.storage.account import Lazy, Storage, storage_errors

_OF_A_VERSION = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)
_OF_A_VERSION_ALONE = (HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED)  # 409 is then of the table
_ALONE = {"upsert": "replace", "upsert-merge": "merge", "replace": "replace", "merge": "merge"}
TRANSACTION_SIZE = 100  # the service's own limit

type Entity = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One entity as read, and the version that guards its update."""

    values: Entity
    etag: str

    @property
    def row_key(self) -> str:
        """Its RowKey."""
        return str(self.values["RowKey"])


@dataclass(frozen=True)
class Operation:
    """One step of a transaction: "create", "upsert", "upsert-merge", "merge", "replace" or "delete".

    An upsert replaces what is there, an upsert-merge adds to it. `etag` None: whatever version.
    """

    kind: str
    entity: Entity
    etag: str | None = None


class Table:
    """Entities of one table. Property values are texts, numbers, booleans and aware datetimes."""

    def __init__(self, storage: Storage, name: str) -> None:
        self._client = Lazy(lambda: storage.open_table(name))
        self._name = name

    def get(self, partition: str, row: str) -> Row | None:
        """Return one entity, or None."""
        from azure.core.exceptions import ResourceNotFoundError

        with storage_errors(self._name):
            try:
                return _row(self._client.get().get_entity(partition, row))
            except ResourceNotFoundError:
                return None

    def query(
        self, partition: str, *, start: str, end: str, select: Sequence[str] | None = None, limit: int | None = None
    ) -> Iterator[Row]:
        """Yield the entities of a partition whose row key lies in [start, end), in order."""
        from azure.core.exceptions import ResourceNotFoundError

        found = 0
        with storage_errors(self._name):
            pages = self._client.get().query_entities(
                "PartitionKey eq @partition and RowKey ge @start and RowKey lt @end",
                parameters={"partition": partition, "start": start, "end": end},
                select=list(select) if select else None,
                results_per_page=min(limit or 1000, 1000),
            )
            try:
                for entity in pages:
                    yield _row(entity)
                    found += 1
                    if found == limit:
                        return
            except ResourceNotFoundError:  # the table is not there before the first write
                return

    def create(self, entity: Entity) -> bool:
        """Insert. Return False if there is such an entity already."""
        try:
            self.transact([Operation("create", entity)])
        except Conflict:
            return False
        return True

    def update(self, entity: Entity, etag: str) -> bool:
        """Replace the version with this etag; False if it has another version by now, or was deleted."""
        try:
            self.transact([Operation("replace", entity, etag)])
        except Conflict:
            return False
        return True

    def upsert(self, entity: Entity) -> None:
        """Insert, or replace what is there."""
        self.transact([Operation("upsert", entity)])

    def transact(self, operations: Sequence[Operation]) -> list[str]:
        """Do all of it or nothing: at most 100 operations on one partition; return the new versions, "" for deletes.

        Raises Conflict (`target`: index of the operation) when an entity exists, is gone, or has another version, and
        Rejected when one is too large, or contains what the service does not take.
        """
        if len(operations) > TRANSACTION_SIZE:
            raise ValueError(f"a transaction takes {TRANSACTION_SIZE} operations")
        from azure.data.tables import TableErrorCode

        client = self._client.get()
        for _ in range(2):
            try:
                with storage_errors(self._name):
                    results = _write(client, operations)
            except GatewayError as error:
                cause = error.__cause__
                code = getattr(cause, "error_code", None)
                if code == TableErrorCode.TABLE_NOT_FOUND:
                    self._make(client)
                    continue
                if not _is_conflict(cause, operations):
                    raise
                raise Conflict(
                    f"An entry of {self._name} was changed by somebody else at the same time. Read it again first.",
                    target=str(getattr(cause, "index", 0)),
                    detail=str(code),
                ) from cause
            else:
                return [str(result.get("etag") or "") for result in results]
        raise Unavailable(f"The table {self._name} could not be created. Try again later.")

    def _make(self, client: Any) -> None:
        from azure.core.exceptions import ResourceExistsError

        with storage_errors(self._name):
            try:
                client.create_table()
            except ResourceExistsError:
                return


def _row(entity: Any) -> Row:
    return Row(dict(entity), str(entity.metadata["etag"]))


def _write(client: Any, operations: Sequence[Operation]) -> Sequence[Any]:
    """Send the operations; return what the service says of each.

    One overwritten entity needs no envelope of a transaction, which costs the library three times the work. As with
    a transaction, the library does not repeat a write whose answer was lost (`retry_read`). Creating and deleting stay
    transactions: only these say why a creation was refused, and that there was nothing to delete.
    """
    from azure.core import MatchConditions

    if len(operations) != 1 or operations[0].kind not in _ALONE:
        written: Sequence[Any] = client.submit_transaction([_step(operation) for operation in operations])
        return written
    [only] = operations
    mode = _ALONE[only.kind]
    if only.kind.startswith("upsert"):
        return [client.upsert_entity(only.entity, mode=mode, retry_read=0)]
    if only.etag is None:
        return [client.update_entity(only.entity, mode=mode, retry_read=0)]
    condition = MatchConditions.IfNotModified
    return [client.update_entity(only.entity, mode=mode, etag=only.etag, match_condition=condition, retry_read=0)]


def _is_conflict(cause: BaseException | None, operations: Sequence[Operation]) -> bool:
    """Say whether the service refused an operation for the version that it found."""
    from azure.core.exceptions import HttpResponseError
    from azure.data.tables import TableTransactionError

    if isinstance(cause, TableTransactionError):
        return cause.status_code in _OF_A_VERSION
    is_alone = len(operations) == 1 and operations[0].kind in _ALONE
    return is_alone and isinstance(cause, HttpResponseError) and cause.status_code in _OF_A_VERSION_ALONE


def _step(operation: Operation) -> Any:
    from azure.core import MatchConditions

    match operation.kind:
        case "create":
            return ("create", operation.entity)
        case "upsert":
            return ("upsert", operation.entity, {"mode": "replace"})
        case "upsert-merge":
            return ("upsert", operation.entity, {"mode": "merge"})
        case "delete":
            more = {"etag": operation.etag, "match_condition": MatchConditions.IfNotModified} if operation.etag else {}
            return ("delete", operation.entity, more)
        case kind:
            more = {"etag": operation.etag, "match_condition": MatchConditions.IfNotModified} if operation.etag else {}
            return ("update", operation.entity, {"mode": kind, **more})
