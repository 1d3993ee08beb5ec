"""Idempotency keys: a write that a caller repeats, or sends twice at once, is done once, for 24 hours.

    (no entry) --claim--> in progress --complete--> done, with its answer
                              |---release----> (no entry)    nothing was written
                              +---leave------> unknown --claim--> in progress, interrupted: the work looks first
    (a claim whose lease has run out counts as unknown: its worker died)

Every step is one transaction guarded by the entry's version. A write may also say what makes it the same as another
one (`Sameness`): then it is done once within minutes, key or not, as long as what it made still stands. Without a key
an unknown outcome becomes a `Conflict`, because callers that repeat 5xx automatically, as Power Automate does, would
write twice after those minutes.

Source: the IETF draft "The Idempotency-Key HTTP Header Field", for the header, the refusal of another payload and 409
while the first request is under way.
"""

import hashlib
import json
import logging
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from shared import context
from shared.errors import Conflict, GatewayError, InProgress, Invalid, OutcomeUnknown
from shared.json_text import Json
from shared.storage.tables import Entity, Operation, Row, Table

_log = logging.getLogger("gateway.idempotency")

TABLE = "idempotency"
KEPT = timedelta(hours=24)
SAME_FOR = timedelta(minutes=10)  # so long an equal write without a key counts as the same one
LEASE = timedelta(seconds=45)  # longer than any call may take, see blueprints._http.TIME_BUDGET
LONGEST_WAIT = 15.0  # seconds a second call waits for the first one's answer
_TIME_KEPT = 10.0  # of the call's budget, to answer in
_PAUSE = 0.25
_SWEPT_AT_ONCE = 5
_MOST_BYTES = 60 * 1024  # a property holds 64 KiB

_IN_PROGRESS, _UNKNOWN, _DONE = "in-progress", "unknown", "done"


class WriteLost(OutcomeUnknown):
    """A write was sent, and neither its answer nor a search for it afterwards shows if it was done."""

    code = "OutcomeUnknown"


@dataclass(frozen=True)
class Sameness:
    """What makes a write the same as another one, and whether the answer of the earlier one still holds."""

    identity: Any = field(repr=False)
    is_current: Callable[[Json], bool]


@dataclass(frozen=True)
class _WriteRequest:
    """One write as its caller asked for it, see `IdempotencyStore.run`."""

    scope: str
    operation: str
    payload: Any = field(repr=False)
    key: str
    kept: timedelta | None = None
    is_current: Callable[[Json], bool] | None = None

    @property
    def row(self) -> str:
        """The row key under which the request is stored."""
        return hashlib.sha256(f"{self.operation}\n{self.key}".encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        """A hash that differs between two payloads."""
        return _hash(self.payload)


@dataclass(frozen=True)
class Attempt:
    """What the work must know: the mark of its writes, its begin, and whether an earlier attempt may have written."""

    mark: str
    began: datetime
    interrupted: bool


@dataclass(frozen=True)
class WriteAnswer:
    """The answer of a write, and whether an earlier call got it already."""

    body: Json
    is_replayed: bool = False


class IdempotencyStore:
    """The idempotency keys of all writes, in one table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def run(
        self,
        work: Callable[[Attempt], Json],
        *,
        scope: str,
        operation: str,
        payload: Any,
        key: str | None,
        same: Sameness | None = None,
    ) -> WriteAnswer:
        """Do the work, or return the answer of an earlier call with the same key, or of the same write.

        `scope` is connection and business, `payload` everything that shapes the write. The work raises WriteLost if
        something may have been written, another GatewayError if nothing was written. Raises Invalid for a key that was
        used with another payload, and InProgress while an earlier call is still working. A lost write raises WriteLost
        with a key, Conflict without one.
        """
        requests = [_WriteRequest(scope, operation, payload, key)] if key is not None else []
        if same is not None:
            identity = _hash(same.identity)
            requests.append(
                _WriteRequest(scope, f"same {operation}", same.identity, identity, SAME_FOR, same.is_current)
            )
        attempt = Attempt(_new_mark(), datetime.now(UTC), interrupted=False)
        try:
            return self._run_within(requests, work, attempt)
        except WriteLost as lost:
            if key is not None:
                raise
            raise Conflict(lost.message, code="OutcomeUnknown", detail=lost.detail) from lost

    def _run_within(
        self, requests: Sequence[_WriteRequest], work: Callable[[Attempt], Json], attempt: Attempt
    ) -> WriteAnswer:
        """Claim one request after the other, then do the work. A new entry takes over the attempt of the one before."""
        if not requests:
            return WriteAnswer(work(attempt))
        claim = self._claim(requests[0], attempt)
        if isinstance(claim, WriteAnswer):
            return claim
        is_replayed = False

        def go_on(own: Attempt) -> Json:
            nonlocal is_replayed
            given = self._run_within(requests[1:], work, own)
            is_replayed = given.is_replayed
            return given.body

        return WriteAnswer(claim.do(go_on), is_replayed=is_replayed)

    @contextmanager
    def alone(self, scope: str, name: str) -> Iterator[None]:
        """Keep every other call with this name out of the block while it runs. Raises InProgress."""
        attempt = Attempt(_new_mark(), datetime.now(UTC), interrupted=False)
        claim = self._claim(_WriteRequest(scope, "alone", None, name), attempt)
        if isinstance(claim, WriteAnswer):
            raise TypeError(name)
        try:
            yield
        finally:
            claim.forget()

    def _claim(self, request: _WriteRequest, attempt: Attempt) -> "_Claim | WriteAnswer":
        ends = time.monotonic() + max(0.0, min(LONGEST_WAIT, context.remaining() - _TIME_KEPT))
        while True:
            row = self._table.get(request.scope, request.row)
            now = datetime.now(UTC)
            if row is not None and row.values["expires"] <= now:
                row = None if _delete(self._table, row) else row
            if row is None:
                self._sweep(request.scope, now)
                if made := self._begin(request, attempt, now):
                    return made
            elif row.values["fingerprint"] != request.fingerprint:
                raise Invalid(
                    "This Idempotency-Key was used for another request. Use a new key for each request.",
                    code="IdempotencyKeyReused",
                    target="Idempotency-Key",
                )
            elif row.values["state"] == _DONE:
                answer = _unpack(row.values["answer"])
                if request.is_current is None or request.is_current(answer):
                    return WriteAnswer(answer, is_replayed=True)
                _delete(self._table, row)
                continue
            elif (row.values["state"] == _UNKNOWN or row.values["lease"] <= now) and (
                taken := self._take_over(row, now)
            ):
                return taken
            if time.monotonic() >= ends:
                raise InProgress(
                    "An earlier call with this request is still working. Try again in some seconds.",
                    retry_after=LEASE.total_seconds(),
                )
            time.sleep(_PAUSE)

    def _begin(self, request: _WriteRequest, attempt: Attempt, now: datetime) -> "_Claim | None":
        values: Entity = {
            "PartitionKey": request.scope,
            "RowKey": request.row,
            "fingerprint": request.fingerprint,
            "state": _IN_PROGRESS,
            "interrupted": attempt.interrupted,
            "mark": attempt.mark,
            "began": attempt.began,
            "lease": now + LEASE,
            "expires": now + (request.kept or KEPT),
        }
        index = {"PartitionKey": request.scope, "RowKey": _index(values)}
        try:
            etags = self._table.transact([Operation("create", values), Operation("upsert", index)])
        except Conflict:
            return None
        return _Claim(self._table, Row(values, etags[0]))

    def _take_over(self, row: Row, now: datetime) -> "_Claim | None":
        values = row.values | {"state": _IN_PROGRESS, "interrupted": True, "lease": now + LEASE}
        try:
            etags = self._table.transact([Operation("replace", values, row.etag)])
        except Conflict:
            return None
        return _Claim(self._table, Row(values, etags[0]))

    def _sweep(self, scope: str, now: datetime) -> None:
        """Delete a few expired entries: a table has no expiry of its own."""
        over = self._table.query(scope, start="e|", end=f"e|{_stamp(now)}", limit=_SWEPT_AT_ONCE)
        for index in list(over):
            row = self._table.get(scope, index.row_key.rpartition("|")[2])
            if row is None or row.values["expires"] > now or not _delete(self._table, row):
                with suppress(Conflict):
                    self._table.transact([Operation("delete", _key(index))])


class _Claim:
    """A key that one call has claimed."""

    def __init__(self, table: Table, row: Row) -> None:
        self._table = table
        self._row = row

    def do(self, work: Callable[[Attempt], Json]) -> Json:
        """Do the work and record its outcome."""
        values = self._row.values
        try:
            body = work(Attempt(values["mark"], values["began"], interrupted=values["interrupted"]))
        except WriteLost:
            self._leave()
            raise
        except GatewayError:
            if values["interrupted"]:
                self._leave()
            else:
                self.forget()
            raise
        except Exception:
            self._leave()
            raise
        self._record({"state": _DONE, "answer": _pack(body)})
        return body

    def forget(self) -> None:
        """Remove the key, because nothing was written: it may be used again."""
        with log_storage_errors():
            _delete(self._table, self._row)

    def _leave(self) -> None:
        self._record({"state": _UNKNOWN})

    def _record(self, values: Entity) -> None:
        """Record the outcome. If that fails, the claim ends with its lease, and the next call looks first."""
        with log_storage_errors():
            if not self._table.update(self._row.values | values, self._row.etag):
                _log.warning("a key was taken over by another call before this one ended")


@contextmanager
def log_storage_errors() -> Iterator[None]:
    """Log an error of the storage account instead of raising it: the write itself is done and must be answered."""
    try:
        yield
    except GatewayError as error:
        _log.warning("a key could not be recorded: %s", error)


def _delete(table: Table, row: Row) -> bool:
    """Delete an entry and its index row. Return False if somebody else changed it first."""
    index = {"PartitionKey": row.values["PartitionKey"], "RowKey": _index(row.values)}
    try:
        table.transact([Operation("delete", _key(row), row.etag), Operation("delete", index)])
    except Conflict:
        return False
    return True


def _key(row: Row) -> Entity:
    return {name: row.values[name] for name in ("PartitionKey", "RowKey")}


def _index(values: Entity) -> str:
    return f"e|{_stamp(values['expires'])}|{values['RowKey']}"


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S")


def _hash(payload: Any) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


def _new_mark() -> str:
    return uuid.uuid4().hex[:12]


def _pack(body: Json) -> bytes:
    """Return the answer, compressed to fit into one property; of one that does not fit, only its id."""
    packed = zlib.compress(json.dumps(body, separators=(",", ":")).encode())
    return packed if len(packed) <= _MOST_BYTES else _pack({"id": body.get("id")})


def _unpack(packed: bytes) -> Json:
    body: Json = json.loads(zlib.decompress(packed))
    return body
