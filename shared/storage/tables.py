"""Tables: entities by partition and row key, guarded by their versions; transactions write all or nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice, starmap
from typing import TYPE_CHECKING, Any

from shared.errors import Conflict, GatewayError, Unavailable
from shared.storage.account import Lazy, Storage, storage_errors

if TYPE_CHECKING:
    from shared.storage.table_client import TableClient

_OF_A_VERSION = (HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED)
_EXISTS = "EntityAlreadyExists"  # other conflicts (409) are of the table
_NO_TABLE = "TableNotFound"
_MOST_IN_A_PAGE = 1000  # the service's own limit
_MOST_KEYS = 10  # the service takes fifteen comparisons in one condition
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
        with storage_errors(self._name):
            found = self._client.get().get(partition, row)
        return None if found is None else Row(*found)

    def find(self, partition: str, rows: Sequence[str]) -> dict[str, Row]:
        """Return those entities that are there, by row key: ten in one request.

        The service looks through all rows between the first and the last of the ten, so these should be neighbours.
        """
        found: dict[str, Row] = {}
        ordered = sorted(set(rows))
        for first in range(0, len(ordered), _MOST_KEYS):
            keys = ordered[first : first + _MOST_KEYS]
            if len(keys) == 1:
                one = self.get(partition, keys[0])
                found |= {keys[0]: one} if one else {}
            else:
                span = self.query(partition, start=keys[0], end=f"{keys[-1]} ", only=keys)
                found |= {row.row_key: row for row in span}
        return found

    def query(
        self,
        partition: str,
        *,
        start: str,
        end: str,
        select: Sequence[str] | None = None,
        limit: int | None = None,
        only: Sequence[str] = (),
    ) -> Iterator[Row]:
        """Yield the entities of a partition whose row key lies in [start, end), in order.

        `only`: these keys, at most ten.
        """
        from azure.core.exceptions import AzureError

        condition = f"PartitionKey eq {_quote(partition)} and RowKey ge {_quote(start)} and RowKey lt {_quote(end)}"
        if only:
            condition += f" and ({' or '.join(f'RowKey eq {_quote(row)}' for row in only)})"
        page_size = min(limit or _MOST_IN_A_PAGE, _MOST_IN_A_PAGE)
        with storage_errors(self._name):
            try:
                found = self._client.get().query(condition, select=select, page_size=page_size)
                yield from starmap(Row, islice(found, limit))
            except AzureError as error:
                if getattr(error, "status_code", None) != HTTPStatus.NOT_FOUND:
                    raise  # but the table is not there before the first write

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
        client = self._client.get()
        for _ in range(2):
            try:
                with storage_errors(self._name):
                    return _write(client, operations)
            except GatewayError as error:
                cause = error.__cause__
                code = getattr(cause, "error_code", None)
                if code == _NO_TABLE:
                    self._make(client)
                    continue
                if getattr(cause, "status_code", None) not in _OF_A_VERSION and code != _EXISTS:
                    raise
                raise Conflict(
                    f"An entry of {self._name} was changed by somebody else at the same time. Read it again first.",
                    target=str(getattr(cause, "index", 0)),
                    detail=str(code),
                ) from cause
        raise Unavailable(f"The table {self._name} could not be created. Try again later.")

    def _make(self, client: "TableClient") -> None:
        from azure.core.exceptions import AzureError

        with storage_errors(self._name):
            try:
                client.make_table()
            except AzureError as error:
                if getattr(error, "error_code", None) != "TableAlreadyExists":
                    raise


def _write(client: "TableClient", operations: Sequence[Operation]) -> list[str]:
    """Send the operations; return the new versions. One needs no envelope of a transaction."""
    from shared.storage.table_client import Write

    if not operations:
        return []
    writes = [Write(operation.kind, operation.entity, operation.etag) for operation in operations]
    return [client.write(writes[0])] if len(writes) == 1 else client.write_all(writes)


def _quote(text: str) -> str:
    """Return a text as a condition takes it."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
