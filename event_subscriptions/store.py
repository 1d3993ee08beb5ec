"""Storage of event subscriptions: one table, one partition for each connection.

    s|{id}            a subscription: what it is about, where it stands, and the claim of the run that delivers
    f|{feed}|{id}     an active subscription of a feed: who is woken when the feed has grown
    p|{id}            a subscription that is paused for a reason that operators must know of
    d|{id}|{place}    an entry of its list of deliveries, which takes the place of the one `MOST_ENTRIES` before it
    n|count           how many subscriptions there are

Rows that must agree change in one transaction, and every change of a subscription is guarded by its version.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from event_subscriptions.subscription import EventSubscription, Reason, State
from shared.errors import Conflict, InProgress, NotFound
from shared.retry import space_tries
from shared.storage.tables import TRANSACTION_SIZE, Entity, Operation, Row, Table

TABLE = "subscriptions"
MOST_SUBSCRIPTIONS = 10_000  # of one connection
MOST_ENTRIES = 500
_COUNT = "n|count"
_TRIES = 8
_KNOWN_STATES = {state.value: state for state in State}
_KNOWN_REASONS: dict[str | None, Reason] = {reason.value: reason for reason in Reason}
_JSON = ("events", "filters", "target", "place")


@dataclass(frozen=True)
class Entry:
    """One event in the list of deliveries: what was answered last, and at which attempt."""

    number: int
    event: str
    type: str
    at: datetime
    verdict: str
    answer: str
    status: int | None
    attempts: int


@dataclass(frozen=True)
class Stored:
    """A subscription as it was read, with the version that guards its changes.

    `index`: the row that lists it as active or as paused. `holder`: the run that delivers, until `held_until`.
    `is_asked`: somebody asked for a run meanwhile.
    """

    subscription: EventSubscription
    etag: str
    index: str | None
    holder: str | None = None
    held_until: datetime | None = None
    is_asked: bool = False

    def is_held(self, now: datetime) -> bool:
        """Return whether a run delivers its events at this moment."""
        return self.holder is not None and self.held_until is not None and self.held_until > now


class SubscriptionStore:
    """The subscriptions of all connections. Methods raise Unavailable if the storage account fails."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, subscription: EventSubscription) -> bool:
        """Enter a subscription; False if there is one with its id. Raises Conflict if there are as many as may be."""
        connection = subscription.connection
        for _ in space_tries(_TRIES):
            count = self._table.get(connection, _COUNT)
            number = int(count.values["subscriptions"]) if count else 0
            if number >= MOST_SUBSCRIPTIONS and self.find(connection, subscription.id) is None:
                raise Conflict(
                    f"The connection has {MOST_SUBSCRIPTIONS} subscriptions already. Choose some and delete them.",
                    code="TooManySubscriptions",
                )
            operations = [
                Operation("create", _pack(subscription)),
                *_index_operations(subscription, None),
                _count_operation(connection, count, number + 1),
            ]
            try:
                self._table.transact(operations)
            except Conflict:
                if self.find(connection, subscription.id) is not None:
                    return False
                continue
            return True
        raise _changed_by_others()

    def find(self, connection: str, name: str) -> Stored | None:
        """Return a subscription, or None."""
        row = self._table.get(connection, f"s|{name}")
        return _unpack(row) if row else None

    def get(self, connection: str, name: str) -> Stored:
        """Return a subscription. Raises NotFound."""
        found = self.find(connection, name)
        if found is None:
            raise NotFound(
                "There is no such subscription. List the subscriptions; it may have expired.",
                code="SubscriptionNotFound",
                target="id",
            )
        return found

    def list_from(self, connection: str, after: str, limit: int | None = None) -> Iterator[Stored]:
        """Yield the subscriptions of a connection whose ids follow `after`, in the order of ids."""
        for row in self._table.query(connection, start=f"s|{after}!", end="s}", limit=limit):
            yield _unpack(row)

    def list_active(self, connection: str, feed: str) -> list[str]:
        """Return the ids of the active subscriptions of a feed: one request for a thousand."""
        start = f"f|{feed}|"
        rows = self._table.query(connection, start=start, end=f"f|{feed}}}", select=["RowKey"])
        return [row.row_key.removeprefix(start) for row in rows]

    def count(self, connection: str) -> int:
        """Return how many subscriptions a connection has."""
        row = self._table.get(connection, _COUNT)
        return int(row.values["subscriptions"]) if row else 0

    def list_paused(self, connection: str) -> list[str]:
        """Return the ids of the subscriptions that are paused, unless a caller paused them."""
        rows = self._table.query(connection, start="p|", end="p}", select=["RowKey"])
        return [row.row_key.removeprefix("p|") for row in rows]

    def claim(self, stored: Stored, holder: str, until: datetime) -> Stored | None:
        """Claim a subscription for one run; None if it has changed since it was read."""
        return self._update(replace(stored, holder=holder, held_until=until, is_asked=False))

    def ask(self, stored: Stored) -> bool:
        """Let the run that holds a subscription look again before it ends; False if it has just changed."""
        if stored.is_asked:
            return True
        return self._update(replace(stored, is_asked=True)) is not None

    def save(self, stored: Stored, entries: Sequence[Entry] = ()) -> Stored | None:
        """Write a subscription as it is now, and entries of its list; None if it has changed since it was read."""
        return self._update(stored, entries)

    def change(self, connection: str, name: str, **values: Any) -> EventSubscription:
        """Change a subscription for a caller; a run that holds it stops. Raises NotFound and Conflict."""
        for _ in space_tries(_TRIES):
            stored = self.get(connection, name)
            changed = replace(stored.subscription, **values)
            if self._update(replace(stored, subscription=changed, holder=None, held_until=None, is_asked=False)):
                return changed
        raise _changed_by_others()

    def delete(self, connection: str, name: str) -> bool:
        """Remove a subscription with all that belongs to it; False if there is none."""
        for _ in space_tries(_TRIES):
            stored, count = self.find(connection, name), self._table.get(connection, _COUNT)
            if stored is None:
                self._delete_entries(connection, name)
                return False
            number = int(count.values["subscriptions"]) if count else 1
            operations = [
                Operation("delete", {"PartitionKey": connection, "RowKey": f"s|{name}"}, stored.etag),
                _count_operation(connection, count, max(0, number - 1)),
            ]
            if stored.index:
                operations.append(Operation("delete", {"PartitionKey": connection, "RowKey": stored.index}))
            try:
                self._table.transact(operations)
            except Conflict:
                continue
            self._delete_entries(connection, name)
            return True
        raise _changed_by_others()

    def list_entries(self, subscription: EventSubscription, before: int | None, limit: int) -> list[Entry]:
        """Return entries of the list of deliveries, the latest first; `before`: only those with a lower number."""
        start, end = f"d|{subscription.id}|", f"d|{subscription.id}}}"
        entries = [_read_entry(row) for row in self._table.query(subscription.connection, start=start, end=end)]
        wanted = (entry for entry in entries if before is None or entry.number < before)
        return sorted(wanted, key=lambda entry: entry.number, reverse=True)[:limit]

    def _update(self, stored: Stored, entries: Sequence[Entry] = ()) -> Stored | None:
        """Replace a subscription, guarded by its version; the row of its feed follows its state."""
        subscription = stored.subscription
        held = {"holder": stored.holder, "held_until": stored.held_until, "is_asked": stored.is_asked}
        operations = [Operation("replace", _pack(subscription) | held, stored.etag)]
        operations += _index_operations(subscription, stored.index)
        operations += [Operation("upsert", _pack_entry(subscription, entry)) for entry in entries]
        try:
            etags = self._table.transact(operations)
        except Conflict:
            return None
        return replace(stored, etag=etags[0], index=_index_of(subscription))

    def _delete_entries(self, connection: str, name: str) -> None:
        while rows := list(
            self._table.query(
                connection, start=f"d|{name}|", end=f"d|{name}}}", select=["RowKey"], limit=TRANSACTION_SIZE
            )
        ):
            names = ({"PartitionKey": connection, "RowKey": row.row_key} for row in rows)
            self._table.transact([Operation("delete", name) for name in names])


def _changed_by_others() -> InProgress:
    return InProgress("The subscriptions are changed by others at this moment. Try again.", retry_after=2)


def _pack(subscription: EventSubscription) -> Entity:
    values: Entity = {field.name: getattr(subscription, field.name) for field in fields(subscription)}
    values |= {name: json.dumps(values[name], separators=(",", ":")) for name in _JSON}
    names = {"PartitionKey": values.pop("connection"), "RowKey": f"s|{values.pop('id')}"}
    return names | values | {"index": _index_of(subscription) or ""}


def _unpack(row: Row) -> Stored:
    values = dict(row.values)
    values |= {name: json.loads(values[name]) for name in _JSON}
    known = {field.name: values[field.name] for field in fields(EventSubscription) if field.name in values}
    known |= {"id": row.row_key.removeprefix("s|"), "connection": str(values["PartitionKey"])}
    # A newer version may have written others; what this one does not know sends nothing.
    known |= {"events": tuple(values["events"]), "state": _KNOWN_STATES.get(values["state"], State.PAUSED)}
    known |= {"reason": _KNOWN_REASONS.get(values.get("reason"))}
    known.setdefault("expires", None)
    subscription = EventSubscription(**known)
    return Stored(
        subscription,
        row.etag,
        index=values.get("index", _index_of(subscription)) or None,
        holder=values.get("holder"),
        held_until=values.get("held_until"),
        is_asked=bool(values.get("is_asked")),
    )


def _index_of(subscription: EventSubscription) -> str | None:
    if subscription.state is State.ACTIVE:
        return f"f|{subscription.feed}|{subscription.id}"
    is_trouble = subscription.state is State.PAUSED and subscription.reason is not Reason.BY_HAND
    return f"p|{subscription.id}" if is_trouble else None


def _index_operations(subscription: EventSubscription, known: str | None) -> list[Operation]:
    """Return what lists a subscription where it belongs. `known`: where it is listed."""
    index, partition = _index_of(subscription), {"PartitionKey": subscription.connection}
    if index == known:
        return []
    operations = [Operation("delete", partition | {"RowKey": known})] if known else []
    if index:
        operations.append(Operation("upsert", partition | {"RowKey": index, "feed": subscription.feed}))
    return operations


def _count_operation(connection: str, count: Row | None, number: int) -> Operation:
    values: Entity = {"PartitionKey": connection, "RowKey": _COUNT, "subscriptions": number}
    return Operation("replace", values, count.etag) if count else Operation("create", values)


def _pack_entry(subscription: EventSubscription, entry: Entry) -> Entity:
    place = f"d|{subscription.id}|{entry.number % MOST_ENTRIES:03}"
    values = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return {"PartitionKey": subscription.connection, "RowKey": place} | values


def _read_entry(row: Row) -> Entry:
    values: dict[str, Any] = {field.name: row.values.get(field.name) for field in fields(Entry)}
    return Entry(**values)
