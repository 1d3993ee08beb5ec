"""Makes, renews and removes Graph subscriptions until what is there is what is wished.

One step compares what is wished with the rows, and with Graph's list where something is to be made or the last list is
old. It may die anywhere: the next one finds in the list what was made, by its address, which says with which key it was
made. What is neither under the gateway's own address nor in its rows belongs to others and is left alone.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from graph_notifications.proofs import Proofs
from graph_notifications.receiving import Lifecycle
from graph_notifications.resources import WatchedResource
from graph_notifications.store import GraphSubscriptionStore, Known, Record, begin_record
from shared import context
from shared.errors import GatewayError, NotFound, Unavailable
from shared.graph.subscriptions import GraphSubscription, GraphSubscriptions
from shared.time_zones.zones import LONG_AGO
from shared.workers import Workers

_log = logging.getLogger("gateway.notifications")

ROUTE = "graph-notifications"
RENEW_EVERY = timedelta(days=2)
LIST_EVERY = timedelta(hours=12)
_REPEATED_AFTER = timedelta(minutes=1)
ANEW_EVERY = timedelta(hours=6)  # of a subscription that is silent
_FIRST_RETRY, _LONGEST_RETRY = timedelta(minutes=1), timedelta(hours=1)
_LEAST_SECONDS = 12.0  # that must be left of a run for one more call
_AT_ONCE = 4


@dataclass(frozen=True)
class Wish:
    """A resource that is to be watched, and the address to which Graph is to post."""

    resource: WatchedResource
    url: str


class Converger:
    """Works on the subscriptions of all connections. `graphs`: those that can subscribe, by name."""

    def __init__(self, store: GraphSubscriptionStore, graphs: Mapping[str, GraphSubscriptions], proofs: Proofs) -> None:
        self._store = store
        self._graphs = graphs
        self._proofs = proofs
        self._workers = Workers(_AT_ONCE)

    def make_wishes(self, resources: Sequence[WatchedResource], base_url: str) -> dict[str, Wish]:
        """Return the wishes for these resources by id; those of connections that cannot subscribe are left out."""
        able = [one for one in resources if one.connection in self._graphs]
        return {one.id: Wish(one, f"{base_url}/{ROUTE}/{self._proofs.make_part(one.id)}") for one in able}

    def read(self) -> Known:
        """Return all rows."""
        return self._store.read()

    def list_at_graph(self, connection: str) -> list[GraphSubscription]:
        """Return the subscriptions of a connection's app as Graph lists them. Raises GatewayErrors."""
        return self._graphs[connection].list()

    def suspect(self, silent: Mapping[str, datetime]) -> None:
        """Have the subscriptions made anew with which something was not announced, by owner and moment.

        Those that were made a short time ago are left: then a new one helps as little.
        """
        now = datetime.now(UTC)
        for record in self._store.read().records:
            moment = silent.get(record.owner, LONG_AGO)
            is_old = record.made_at < moment and now - record.made_at >= ANEW_EVERY
            if record.subscription and is_old and not record.is_suspect:
                _log.warning("Graph has not announced new mail of %s, its subscription is made anew", record.owner)
                self._store.put(replace(record, is_suspect=True))

    def note_lifecycle(self, owner: str, events: Collection[Lifecycle]) -> None:
        """Have that done with an owner's subscriptions which Graph wants: renew them, or make them anew.

        What was done a moment ago is not done again: Graph repeats itself, and others may repeat what it has said.
        """
        known, now = self._store.read(), datetime.now(UTC)
        for record in known.records:
            changed = record
            if Lifecycle.REAUTHORIZE in events and now - record.renewed_at >= _REPEATED_AFTER:
                changed = replace(changed, renewed_at=LONG_AGO)
            listed_at = known.listed_at.get(record.connection, LONG_AGO)
            if Lifecycle.REMOVED in events and now - listed_at >= _REPEATED_AFTER:
                changed = replace(changed, subscription="")
            if record.owner == owner and changed != record:
                self._store.put(changed)

    def converge(self, wishes: Mapping[str, Wish], base_url: str | None) -> Known:
        """Do what is due of each connection; return the rows as they are then.

        Raises Unavailable if the storage account is away; what Graph refuses is in the rows.
        """
        known, now = self._store.read(), datetime.now(UTC)
        connections = {one.connection for one in known.records} | {one.resource.connection for one in wishes.values()}
        has_worked = False
        for connection in sorted(connections):
            own = {key: wish for key, wish in wishes.items() if wish.resource.connection == connection}
            if is_due(own, known, connection, now) and self._store.claim(connection):
                has_worked = True
                self._converge_one(connection, own, base_url)
        return self._store.read() if has_worked else known

    def _converge_one(self, connection: str, wishes: Mapping[str, Wish], base_url: str | None) -> None:
        known = self._store.read()  # behind the claim
        records, listed_at = known.of(connection), known.listed_at.get(connection, LONG_AGO)
        graph = self._graphs.get(connection)
        try:
            if graph is None:  # the settings do not have it any more, so that nothing of it can be asked
                for record in records.values():
                    self._store.remove(record)
                return
            step = _Step(self._store, graph, self._proofs, wishes, records)
            if step.needs_list or datetime.now(UTC) - listed_at >= LIST_EVERY:
                step.compare(graph.list(), f"{base_url}/{ROUTE}/" if base_url else None)
                listed_at = datetime.now(UTC)
            self._workers.map(step.work, sorted(wishes.keys() | records.keys()))
        except GatewayError as error:
            _log.warning("the Graph subscriptions of connection %s could not be compared: %s", connection, error)
        finally:
            self._store.release(connection, listed_at)


class _Step:
    """One step for one connection, whose claim is held."""

    def __init__(
        self,
        store: GraphSubscriptionStore,
        graph: GraphSubscriptions,
        proofs: Proofs,
        wishes: Mapping[str, Wish],
        records: Mapping[str, Record],
    ) -> None:
        self._store = store
        self._graph = graph
        self._proofs = proofs
        self._wishes = wishes
        self._records = {key: _begin_anew(record, wishes.get(key)) for key, record in records.items()}
        for key, record in self._records.items():
            if record != records[key]:
                store.put(record)

    @property
    def needs_list(self) -> bool:
        """Whether there may be something at Graph that no row knows: what is made, was or is to be."""
        now = datetime.now(UTC)
        new = self._wishes.keys() - self._records.keys()
        return bool(new) or any(not one.subscription and one.retry_at <= now for one in self._records.values())

    def compare(self, listed: Sequence[GraphSubscription], own: str | None) -> None:
        """Adopt what is there of what is wished, and remove what is there of ours beside that.

        `own`: what all addresses of this gateway begin with.
        """
        former = {one for record in self._records.values() for one in record.former}
        for key, record in list(self._records.items()):
            fitting = [one for one in listed if one.url == record.url == one.lifecycle_url and one.id not in former]
            best = max(fitting, key=lambda one: (one.id == record.subscription, one.ends_at), default=None)
            if (best.id if best else "") != record.subscription:
                _log.info("Graph has %s subscription for %s", "an unrecorded" if best else "no", key)
                self._put(_note_made(record, best) if best else replace(record, subscription=""))
        kept = {one.subscription for one in self._records.values()} | former
        urls = {one.url for one in self._records.values()} | {one.url for one in self._wishes.values()}
        for one in listed:
            is_ours = one.url in urls or (own is not None and one.url.startswith(own))
            if is_ours and one.id not in kept:
                self._remove_stray(one.id)

    def work(self, key: str) -> None:
        """Do what is due for one resource; what fails is written into its row, and tried again later."""
        wish, record = self._wishes.get(key), self._records.get(key)
        if context.remaining() < _LEAST_SECONDS or (record is not None and record.retry_at > datetime.now(UTC)):
            return
        if record is None and wish is not None:
            record = self._put(begin_record(wish.resource, wish.url))
        if record is None:
            return
        try:
            self._keep(wish, record) if wish else self._end(record)
        except GatewayError as error:
            _log.warning("the Graph subscription of %s, folder %s: %s", record.owner, record.folder, error)
            self._put(_note_failure(self._records[key], error))

    def _keep(self, wish: Wish, record: Record) -> None:
        """Have the one subscription of a resource, and none of its former ones."""
        if not record.subscription:
            state = self._proofs.make_client_state(record.id)
            made = self._graph.create(wish.resource.path, wish.resource.change_types, record.url, state)
            record = self._put(_note_made(record, made))
        elif is_renewal_due(record, datetime.now(UTC)):
            try:
                ends_at = self._graph.renew(record.subscription)
            except NotFound:
                self._put(replace(record, subscription=""))  # the next step makes it anew
                return
            record = self._put(_note_well(replace(record, renewed_at=datetime.now(UTC), ends_at=ends_at)))
        self._end_former(record)

    def _end(self, record: Record) -> None:
        """Remove the subscription of a resource that is not to be watched any more, and its row."""
        for subscription in filter(None, (record.subscription, *record.former)):
            self._graph.delete(subscription)
        self._store.remove(record)

    def _end_former(self, record: Record) -> None:
        for subscription in record.former:
            self._graph.delete(subscription)
        if record.former:
            self._put(replace(record, former=()))

    def _remove_stray(self, subscription: str) -> None:
        try:
            self._graph.delete(subscription)
        except GatewayError as error:  # the next list shows it again
            _log.warning("a Graph subscription that nobody wishes could not be removed: %s", error)

    def _put(self, record: Record) -> Record:
        self._store.put(record)
        self._records[record.id] = record
        return record


def is_due(wishes: Mapping[str, Wish], known: Known, connection: str, now: datetime) -> bool:
    """Return whether something is to be done for a connection. `wishes`: those of the connection."""
    records = known.of(connection)
    if not (wishes or records):
        return False
    if now - known.listed_at.get(connection, LONG_AGO) >= LIST_EVERY:
        return True
    return any(_is_due(wishes.get(key), records.get(key), now) for key in wishes.keys() | records.keys())


def _is_due(wish: Wish | None, record: Record | None, now: datetime) -> bool:
    if record is None:
        return True
    if record.retry_at > now:
        return False
    is_there = bool(record.subscription) and not record.former and not record.is_suspect
    return wish is None or wish.url != record.url or not is_there or is_renewal_due(record, now)


def is_renewal_due(record: Record, now: datetime) -> bool:
    """Return whether a subscription is to be renewed."""
    return bool(record.subscription) and now >= find_renewal(record)


def find_renewal(record: Record) -> datetime:
    """Return when to renew a subscription: after two days, or half of its life if Graph gives it less."""
    return record.renewed_at + min(RENEW_EVERY, (record.ends_at - record.renewed_at) / 2)


def find_next_step(wishes: Mapping[str, Wish], known: Known, now: datetime) -> datetime:
    """Return when something is due again, an hour from now at the latest: at once if something was not done."""
    records = {one.id: one for one in known.records}
    if any(_is_due(wishes.get(key), records.get(key), now) for key in wishes.keys() | records.keys()):
        return now
    moments = [one.retry_at if one.failures else find_renewal(one) for one in known.records]
    moments += [listed_at + LIST_EVERY for listed_at in known.listed_at.values()]
    return max(now, min([now + _LONGEST_RETRY, *moments]))


def _begin_anew(record: Record, wish: Wish | None) -> Record:
    """Return the record of a subscription that is to be replaced without it; else the record as it is."""
    if wish is None or (wish.url == record.url and not record.is_suspect):
        return record
    former = (*record.former, record.subscription) if record.subscription else record.former
    return replace(record, url=wish.url, subscription="", former=former, is_suspect=False, retry_at=LONG_AGO)


def _note_made(record: Record, made: GraphSubscription) -> Record:
    now = datetime.now(UTC)
    known = replace(record, subscription=made.id, made_at=now, renewed_at=now, ends_at=made.ends_at)
    return _note_well(known)


def _note_well(record: Record) -> Record:
    return replace(record, failures=0, retry_at=LONG_AGO, error="", message="")


def _note_failure(record: Record, error: GatewayError) -> Record:
    pause = min(_LONGEST_RETRY, _FIRST_RETRY * 2 ** min(record.failures, 10))
    if isinstance(error, Unavailable) and error.retry_after:
        pause = max(pause, min(timedelta(seconds=error.retry_after), _LONGEST_RETRY))
    retry_at = datetime.now(UTC) + pause
    return replace(record, failures=record.failures + 1, retry_at=retry_at, error=error.code, message=error.message)
