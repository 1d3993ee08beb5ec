"""What flows and operators read: mailboxes with their state, mails in order, one mail; and redelivery."""

import json
from datetime import UTC, datetime
from typing import Any

from inbound_mail.ledger.ledger import DeliveryState
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import Conflict, NotFound
from shared.json_text import Json
from shared.storage.queues import Queue
from shared.storage.tables import Entity, Operation, Row
from shared.time_zones.zones import utc_text
from shared.workers import Workers

_COUNTERS = {
    "delivered": "delivered",
    "new": "received",
    "skipped": "skipped",
    "gone": "gone",
    "resyncs": "resyncs",
    "swept": "foundBySweep",
}


def describe_mailbox(mailbox: SupportMailbox) -> Json:
    """Return a mailbox with its state: last success, lag, backlog, counters, last error."""
    state = mailbox.ledger.state().values
    last = state.get("last_success")
    answer: Json = {
        "name": mailbox.name,
        "address": mailbox.settings.address,
        "folders": list(mailbox.settings.folders),
        "sinks": list(mailbox.settings.sinks),
        "lastSuccessDateTime": _text(last),
        "lagSeconds": round((datetime.now(UTC) - last).total_seconds()) if last else None,
        "backlog": sum(1 for _ in mailbox.ledger.open_mails()),
        "quarantined": mailbox.ledger.quarantined(),
        "isPaused": state.get("paused_until", datetime.min.replace(tzinfo=UTC)) > datetime.now(UTC),
    }
    answer |= {shown: int(state.get(name, 0)) for name, shown in _COUNTERS.items()}
    if "last_error" in state:
        answer["lastError"] = {
            "code": state["last_error"],
            "message": state["last_error_message"],
            "dateTime": _text(state["last_error_at"]),
        }
    return answer


def list_mails(mailbox: SupportMailbox, after: int, limit: int, workers: Workers) -> tuple[list[Json], int]:
    """Return the mails that became complete after a position, and the position behind the last of them."""
    entries = mailbox.ledger.feed(after, limit)
    found = workers.map(lambda entry: describe_mail(mailbox, entry[1]), entries)
    return found, entries[-1][0] if entries else after


def list_quarantined(mailbox: SupportMailbox, limit: int, workers: Workers) -> list[Json]:
    """Return mails of which a delivery is in quarantine."""
    rows = mailbox.ledger.table.query(mailbox.name, start="q|", end="q}", limit=limit)
    keys = dict.fromkeys(row.row_key.split("|")[1] for row in rows)
    return workers.map(lambda key: describe_mail(mailbox, key), keys)


def describe_mail(mailbox: SupportMailbox, key: str) -> Json:
    """Return what the ledger knows about one mail and its deliveries. Raises NotFound."""
    values = find_mail(mailbox, key)
    deliveries = [_describe_delivery(delivery) for delivery in mailbox.ledger.deliveries(key)]
    return {
        "key": key,
        "number": values.get("number"),
        "reference": values["reference"],
        "state": _state_of(values, deliveries),
        **({"reason": values["reason"]} if "reason" in values else {}),
        "subject": values["subject"],
        "from": values["sender"],
        "receivedDateTime": values["received"],
        "messageId": values["message_id"],
        "conversationId": values["conversation_id"],
        "folder": values["folder"],
        "deliveries": deliveries,
    }


def find_mail(mailbox: SupportMailbox, key: str) -> Entity:
    """Return a mail's row of the ledger. Raises NotFound."""
    row = mailbox.ledger.mail(key)
    if row is None:
        raise NotFound("There is no such mail in this mailbox's ledger.", code="MailNotFound", target="key")
    return row.values


def read_mail(mailbox: SupportMailbox, key: str) -> Json:
    """Return one mail whole: what the ledger knows, Graph's message, and the attachments. Raises NotFound."""
    known = describe_mail(mailbox, key)
    mail = mailbox.store.load(key)
    if mail is None:
        return known | {"message": None, "attachments": []}
    shown = [
        {
            "number": one.number,
            "name": one.name,
            "contentType": one.content_type,
            "size": one.size,
            "kind": one.kind.value,
            "isInline": one.is_inline,
            "contentId": one.content_id,
            "sha256": one.sha256,
            "omitted": one.omitted,
        }
        for one in mail.attachments
    ]
    return known | {"message": mail.message, "attachments": shown}


def redeliver(mailbox: SupportMailbox, queue: Queue, key: str, sink: str | None) -> list[str]:
    """Let deliveries in quarantine begin anew, one sink's or all; return the sinks. Raises NotFound and Conflict.

    The next attempt looks first whether the ticket is there, and screening does not stand in its way.
    """
    describe_mail(mailbox, key)
    chosen = [
        row
        for row in mailbox.ledger.deliveries(key)
        if row.values["state"] == DeliveryState.QUARANTINED and sink in (None, _sink_of(row))
    ]
    if not chosen:
        raise Conflict("No delivery of this mail is in quarantine.", code="NotInQuarantine", target="key")
    again = [_sink_of(row) for row in chosen]
    now = datetime.now(UTC)
    mail = mailbox.store.load(key)
    if mail is None:
        raise Conflict("The mail's copy in the gateway's own storage is gone.", code="MailLost", target="key")
    parts: Entity = {}
    operations = []
    for row in chosen:
        fresh = mailbox.ledger.new_delivery(key, _sink_of(row), now) | {
            "interrupted": True,
            "forced": True,
            "progress": row.values["progress"],
        }
        operations += [
            Operation("replace", fresh, row.etag),
            mailbox.ledger.out_of_quarantine(key, _sink_of(row)),
        ]
        parts |= mailbox.ledger.part(_sink_of(row), DeliveryState.WAITING, now)
    operations.append(mailbox.ledger.reopen(key, mail.message, parts))
    mailbox.ledger.table.transact(operations)
    for name in again:
        queue.put({"mailbox": mailbox.name, "key": key, "sink": name})
    return again


def _sink_of(row: Row) -> str:
    return row.row_key.split("|")[2]


def _state_of(values: Entity, deliveries: list[Json]) -> str:
    """Return the state of a mail as of now: the ledger's own is brought up to date by the next poll."""
    states = {delivery["state"] for delivery in deliveries}
    if not states:
        return str(values["state"])
    if DeliveryState.QUARANTINED in states:
        return DeliveryState.QUARANTINED
    return DeliveryState.DELIVERED if states == {DeliveryState.DELIVERED} else DeliveryState.WAITING


def _describe_delivery(row: Row) -> Json:
    values = row.values
    state = DeliveryState(values["state"])
    answer: dict[str, Any] = {"sink": _sink_of(row), "state": state.value, "attempts": int(values["attempts"])}
    answer |= {"correlationId": values["correlation_id"]} if "correlation_id" in values else {}
    if state is DeliveryState.DELIVERED:
        answer |= {
            "ticket": values["ticket"] or None,
            "isReply": bool(values["is_reply"]),
            "notes": json.loads(values["notes"]),
            "finishedDateTime": _text(values["finished_at"]),
        }
    elif state is DeliveryState.QUARANTINED:
        answer |= {"cause": values["cause"], "message": values["message"], "ticket": values.get("ticket") or None}
    else:
        answer |= {"nextAttemptDateTime": _text(values["due"]), "lastError": values.get("last_error")}
    return answer


def _text(moment: datetime | None) -> str | None:
    return utc_text(moment) if moment else None
