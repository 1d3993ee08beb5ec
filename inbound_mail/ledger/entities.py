"""The entities behind the ledger's records: built for writing, and read back."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from inbound_mail.content.models import InboundMail
from inbound_mail.ledger import rows
from inbound_mail.ledger.records import (
    FACTS,
    DeliveryRecord,
    DeliveryState,
    EndedDelivery,
    FeedEntry,
    MailDates,
    MailOutcome,
    MailRecord,
    MailState,
    MailSummary,
    NewMail,
    OpenMail,
    Phase,
    read_sinks,
)
from inbound_mail.ledger.references import identity_digest, message_id_of, reference_of
from shared import context
from shared.json_text import Json
from shared.storage.tables import Entity, Operation, Row

_SUMMARY_LENGTH = 500
_MOST_REPLY_TO = 10
_FACTS = ("reference", "sender", "received", "rule", "sinks", "subject")
_LONGEST_FACTS = 30_000  # a property holds 32,768 characters


def identity(mailbox: str, row_key: str) -> Entity:
    """Return the key of an entity."""
    return {"PartitionKey": mailbox, "RowKey": row_key}


def new_mail(mailbox: str, mail: NewMail, reference: str, now: datetime) -> Entity:
    """Return the entity of a mail, without its state."""
    message = mail.message
    author = (message.get("from") or message.get("sender") or {}).get("emailAddress") or {}
    return {
        **identity(mailbox, rows.mail_row(mail.key)),
        "graph_id": str(message["id"]),
        "reference": reference,
        "message_id": _short(message_id_of(message) or ""),
        "conversation_id": _short(str(message.get("conversationId") or "")),
        "subject": _short(str(message.get("subject") or "")),
        "sender": _short(str(author.get("address") or "").lower()),
        **_name_others(message),
        "received": _short(str(message.get("receivedDateTime") or "")),
        "folder": mail.folder,
        "seen_at": now,
        **({"screening": json.dumps(mail.screening)} if mail.screening is not None else {}),
        **({"copy_of": mail.copy_of} if mail.copy_of else {}),
        **({"rule": json.dumps(mail.rule)} if mail.rule is not None else {}),
        **name_sinks(mail.sinks),
    }


def _name_others(message: Json) -> Entity:
    """Return the columns of Sender and Reply-To, each only if it names somebody else than the author."""
    mail = InboundMail("", "", "", message)
    reply_to = [_short(address) for address, _ in mail.reply_to[:_MOST_REPLY_TO]]
    return ({"sent_by": _short(mail.sent_by)} if mail.sent_by else {}) | (
        {"reply_to": json.dumps(reply_to)} if reply_to else {}
    )


def name_sinks(sinks: Sequence[str] | None) -> Entity:
    """Return the column that holds where a mail goes, none for the sinks of the mailbox."""
    return {"sinks": ",".join(sinks)} if sinks else {}


def new_open_work(mailbox: str, key: str, message: Json, phase: Phase) -> Entity:
    """Return the entity of open work on a mail."""
    return {
        **identity(mailbox, rows.open_row(key)),
        "phase": phase,
        "graph_id": str(message["id"]),
        "folder_id": str(message.get("parentFolderId") or ""),
        "since": datetime.now(UTC),
        "enqueued": phase is Phase.DELIVER,  # earlier versions would else note that they enqueued what they cannot see
        **({"identity": identity_digest(message) or ""} if phase is Phase.FETCH else {}),
    }


def name_facts(mail: Mapping[str, Any]) -> Entity:
    """Return the column that holds what deliveries must know of a mail. `mail`: its row."""
    facts = {name: mail[name] for name in _FACTS if mail.get(name)}
    text = json.dumps({"sender": "", "received": "", "subject": ""} | facts)
    return {FACTS: text} if len(text) <= _LONGEST_FACTS else {}  # without the column, the mail's row is read


def new_delivery(mailbox: str, key: str, sink: str, now: datetime) -> Entity:
    """Return a new delivery; its correlation id is that of the current call: a poll, or a redelivery request."""
    return {
        **identity(mailbox, rows.pending_row(key, sink)),
        "state": DeliveryState.WAITING,
        "attempts": 0,
        "crashes": 0,
        "interrupted": False,
        "created_at": now,
        "due": now,
        "progress": "{}",
        "correlation_id": context.request_id(),
    }


def own_reference(mailbox: str, message: Json) -> str:
    """Return the reference of a mail that shares its message id with another mail."""
    return reference_of(mailbox, str(message["id"]))


def list_quarantined(mailbox: str, key: str, sink: str, cause: str) -> Operation:
    """Return the operation that adds a delivery to the list of quarantined ones."""
    listed = identity(mailbox, rows.quarantine_row(key, sink))
    return Operation("upsert", listed | {"cause": cause, "since": datetime.now(UTC)})


def move_delivery(mailbox: str, delivery: DeliveryRecord, row_key: str, values: Entity) -> list[Operation]:
    """Return the operations that store a delivery, with other values, under another row key."""
    return [
        Operation("delete", identity(mailbox, delivery.row.row_key), delivery.row.etag),
        Operation("upsert", {**values, **identity(mailbox, row_key)}),
    ]


def move_all(
    mailbox: str, deliveries: Iterable[DeliveryRecord], name_row: Callable[[str, str], str]
) -> list[Operation]:
    """Return the operations that move deliveries as they are. `name_row` gives the new row key for (key, sink)."""
    moves = (move_delivery(mailbox, one, name_row(one.key, one.sink), dict(one.values)) for one in deliveries)
    return list(chain.from_iterable(moves))


def make_deliverable(
    open_work: Entity,
    number: int,
    sinks: Sequence[str],
    now: datetime,
    cause: tuple[str, str] | None = None,
    *,
    begun: Entity | None = None,
) -> list[Operation]:
    """Return the operations that make a stored mail deliverable: open work, feed entry, a delivery for each sink.

    With a `cause` (code and message) the deliveries begin in quarantine. `begun`: further columns of them.
    """
    mailbox, [key] = str(open_work["PartitionKey"]), rows.parts_of(str(open_work["RowKey"]))
    columns: Entity = {"phase": Phase.DELIVER, "enqueued": True}
    facts = {FACTS: open_work[FACTS]} if open_work.get(FACTS) else {}
    operations = [Operation("create", {**identity(mailbox, rows.feed_row(number)), "key": key, "stored_at": now})]
    state = DeliveryState.QUARANTINED if cause else DeliveryState.WAITING
    for sink in sinks:
        delivery = new_delivery(mailbox, key, sink, now) | facts | (begun or {})
        if cause:
            delivery |= {"state": state, "cause": cause[0], "message": cause[1]}
            operations.append(list_quarantined(mailbox, key, sink, cause[0]))
        operations.append(Operation("create", delivery))
    return [Operation("upsert", open_work | columns), *operations]


def read_mail(row: Row) -> MailRecord:
    """Return the record of a mail."""
    values = row.values
    return MailRecord(
        key=rows.parts_of(row.row_key)[0],
        state=MailState(values["state"]),
        graph_id=str(values["graph_id"]),
        reference=str(values["reference"]),
        message_id=str(values["message_id"]),
        conversation_id=str(values["conversation_id"]),
        subject=str(values["subject"]),
        sender=str(values["sender"]),
        sent_by=values.get("sent_by"),
        reply_to=tuple(json.loads(values.get("reply_to") or "[]")),
        received=str(values["received"]),
        folder=str(values["folder"]),
        number=int(values["number"]) if "number" in values else None,
        reason=values.get("reason"),
        screening=json.loads(values["screening"]) if "screening" in values else None,
        copy_of=values.get("copy_of"),
        rule=json.loads(values["rule"]) if "rule" in values else None,
        sinks=read_sinks(values),
        dates=MailDates(*(values.get(name) for name in MailDates._fields)),
        written_back=values.get("written_back"),
    )


def read_delivery(row: Row) -> DeliveryRecord:
    """Return the record of a delivery."""
    key, sink = rows.parts_of(row.row_key)
    return DeliveryRecord(key, sink, row)


def read_open_work(row: Row, deliveries: Sequence[DeliveryRecord]) -> OpenMail:
    """Return a mail on which work is open."""
    values = row.values
    done_before = str(values.get("told", "")).split(",")
    return OpenMail(
        key=rows.parts_of(row.row_key)[0],
        phase=Phase(values["phase"]),
        graph_id=str(values["graph_id"]),
        folder_id=str(values["folder_id"]),
        deliveries=tuple(deliveries),
        newly_delivered=tuple(
            one.sink for one in deliveries if one.state is DeliveryState.DELIVERED and one.sink not in done_before
        ),
        asked=rows.read_asked(values),
        row=row,
    )


def new_outcome(mailbox: str, outcome: MailOutcome) -> Operation:
    """Return the operation that records how the work on a mail ended."""
    values = {"key": outcome.key, "state": outcome.state, "at": outcome.at, "sinks": ",".join(sorted(outcome.sinks))}
    values |= {"summary": json.dumps(outcome.summary)} if outcome.summary else {}
    values |= {"again": True} if outcome.is_again else {}
    if outcome.deliveries is not None:
        values["ended"] = json.dumps([_write_ended(one) for one in outcome.deliveries])
    return Operation("create", identity(mailbox, rows.outcome_row(outcome.number)) | values)


def _write_ended(delivery: EndedDelivery) -> list[str | None]:
    return [*delivery[:-1], delivery.at.isoformat() if delivery.at else None]


def end_delivery(delivery: DeliveryRecord) -> EndedDelivery:
    """Return how a delivery stands, for the outcome of its mail."""
    at = delivery.values.get("finished_at")
    return EndedDelivery(delivery.sink, delivery.state, delivery.ticket, delivery.cause, at)


def skip_copy(mailbox: str, mail: OpenMail, owner: str, number: int, now: datetime) -> list[Operation]:
    """Return the operations that end the work on a mail as a copy of another one."""
    key = mail.key
    skipped = {"state": MailState.SKIPPED, "reason": "copy", "copy_of": owner, "closed_at": now}
    return [
        Operation("merge", identity(mailbox, rows.mail_row(key)) | skipped),
        Operation("create", identity(mailbox, rows.skipped_row("copy", key)) | {"since": now}),
        Operation("delete", identity(mailbox, rows.open_row(key))),
        new_outcome(
            mailbox,
            MailOutcome(
                number,
                key,
                MailState.SKIPPED,
                now,
                summary=mail.summary,
                deliveries=(),
                is_again=mail.was_closed,
            ),
        ),
    ]


def skip_new(mailbox: str, mail: Entity, number: int, now: datetime) -> Operation:
    """Return the operation that records that a mail was skipped when it was entered. `mail`: its row."""
    summary = MailSummary(mail["sender"], mail["subject"], mail["received"])
    key = rows.parts_of(str(mail["RowKey"]))[0]
    return new_outcome(mailbox, MailOutcome(number, key, MailState.SKIPPED, now, summary=summary, deliveries=()))


def read_feed_entry(row: Row) -> FeedEntry:
    """Return an entry of the feed of mails that became complete."""
    return FeedEntry(int(rows.parts_of(row.row_key)[0]), str(row.values["key"]), row.values["stored_at"])


def read_outcome(row: Row) -> MailOutcome:
    """Return how the work on a mail ended."""
    return MailOutcome(
        int(rows.parts_of(row.row_key)[0]),
        str(row.values["key"]),
        MailState(row.values["state"]),
        row.values["at"],
        frozenset(str(row.values["sinks"]).split(",")),
        MailSummary(*json.loads(row.values["summary"])) if row.values.get("summary") else None,
        _read_ended(row.values["ended"]) if row.values.get("ended") else None,
        is_again=bool(row.values.get("again")),
    )


def _read_ended(text: str) -> tuple[EndedDelivery, ...]:
    return tuple(
        EndedDelivery(sink, DeliveryState(state), ticket, cause, datetime.fromisoformat(at) if at else None)
        for sink, state, ticket, cause, at in json.loads(text)
    )


def _short(text: str) -> str:
    return text[:_SUMMARY_LENGTH].encode("utf-8", "replace").decode()
