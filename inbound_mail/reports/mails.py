"""Mails and mailboxes as the routes and the status page show them."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inbound_mail.ledger.records import DeliveryRecord, DeliveryState, MailRecord
from shared.json_text import Json
from shared.time_zones.zones import utc_text
from shared.workers import Workers

if TYPE_CHECKING:
    from inbound_mail.support_mailbox import SupportMailbox

# Counters of the mailbox's own row, and their names in answers.
_COUNTERS = {
    "delivered": "delivered",
    "new": "received",
    "skipped": "skipped",
    "gone": "gone",
    "resyncs": "resyncs",
    "swept": "foundBySweep",
}


def describe_mailbox(mailbox: "SupportMailbox") -> Json:
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
        "quarantined": mailbox.ledger.count_quarantined(),
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


def list_mails(mailbox: "SupportMailbox", after: int, limit: int, workers: Workers) -> tuple[list[Json], int]:
    """Return the mails that became complete after a number of the feed, and the number of the last of them."""
    entries = mailbox.ledger.feed(after, limit)
    found = workers.map(lambda entry: describe_mail(mailbox, entry.key), entries)
    return found, entries[-1].number if entries else after


def list_quarantined(mailbox: "SupportMailbox", limit: int, workers: Workers) -> list[Json]:
    """Return the mails of the first `limit` deliveries in quarantine."""
    keys = dict.fromkeys(delivery.key for delivery in mailbox.ledger.quarantined(limit))
    return workers.map(lambda key: describe_mail(mailbox, key), keys)


def describe_mail(mailbox: "SupportMailbox", key: str) -> Json:
    """Return what the ledger knows about a mail and its deliveries. Raises NotFound."""
    mail = mailbox.ledger.find_mail(key)
    deliveries = [_describe_delivery(delivery) for delivery in mailbox.ledger.deliveries(key)]
    return {
        "key": key,
        "number": mail.number,
        "reference": mail.reference,
        "state": _current_state(mail, deliveries),
        **({"reason": mail.reason} if mail.reason is not None else {}),
        "subject": mail.subject,
        "from": mail.sender,
        "receivedDateTime": mail.received,
        "messageId": mail.message_id,
        "conversationId": mail.conversation_id,
        "folder": mail.folder,
        "deliveries": deliveries,
    }


def read_mail(mailbox: "SupportMailbox", key: str) -> Json:
    """Return a mail with its deliveries, Graph's message and the list of attachments. Raises NotFound."""
    described = describe_mail(mailbox, key)
    mail = mailbox.store.load(key)
    if mail is None:
        return described | {"message": None, "attachments": []}
    attachments = [
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
    return described | {"message": mail.message, "attachments": attachments}


def _current_state(mail: MailRecord, deliveries: list[Json]) -> str:
    """Return the state of a mail as its deliveries show it: the mail's own state is updated by the next poll."""
    states = {delivery["state"] for delivery in deliveries}
    if not states:
        return mail.state
    if DeliveryState.QUARANTINED in states:
        return DeliveryState.QUARANTINED
    return DeliveryState.DELIVERED if states == {DeliveryState.DELIVERED} else DeliveryState.WAITING


def _describe_delivery(delivery: DeliveryRecord) -> Json:
    state = delivery.state
    answer: dict[str, Any] = {"sink": delivery.sink, "state": state.value, "attempts": delivery.attempts}
    answer |= {"correlationId": delivery.correlation_id} if delivery.correlation_id else {}
    if state is DeliveryState.DELIVERED:
        answer |= {
            "ticket": delivery.ticket,
            "isReply": delivery.is_reply,
            "notes": delivery.notes,
            "finishedDateTime": _text(delivery.finished_at),
        }
    elif state is DeliveryState.QUARANTINED:
        answer |= {"cause": delivery.cause, "message": delivery.message, "ticket": delivery.ticket}
    else:
        answer |= {"nextAttemptDateTime": _text(delivery.due), "lastError": delivery.last_error}
    return answer


def _text(moment: datetime | None) -> str | None:
    return utc_text(moment) if moment else None
