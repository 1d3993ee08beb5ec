"""Mails as the routes show them."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from inbound_mail.content.confirmation import recommend_confirmation
from inbound_mail.content.files import explain_omission
from inbound_mail.content.models import Attachment, InboundMail, Rendering
from inbound_mail.content.names import safe_line, safe_name
from inbound_mail.content.rendering import cut, render_mail
from inbound_mail.content.requestor import find_requestor
from inbound_mail.content.rules import SET_ASIDE
from inbound_mail.content.screening import screen_mail
from inbound_mail.content.thanks import THANKS_ONLY
from inbound_mail.ledger.delivery_history import read_history
from inbound_mail.ledger.records import BY_HAND, DeliveryRecord, DeliveryState, EndedDelivery, MailRecord, MailState
from inbound_mail.reports.mail_story import make_mail_story
from inbound_mail.reports.mail_threads import find_thread
from inbound_mail.sinks import link_ticket
from shared.errors import GatewayError, place_of
from shared.json_text import Json
from shared.settings.requestor_policy import NAMED_POLICIES
from shared.time_zones.zones import utc_text
from shared.workers import Workers

if TYPE_CHECKING:
    from inbound_mail.support_mailbox import SupportMailbox

_log = logging.getLogger("gateway.mail")

# The cause in quarantine of automatic mails, and what lists call mails that are set aside there.
AUTOMATIC = "AutomaticMail"
LOOP = "LoopSuspected"
_SET_ASIDE = {"automatic": AUTOMATIC, "rule": SET_ASIDE, "loop": LOOP, "thanks": THANKS_ONLY}
SET_ASIDE_CAUSES = frozenset(_SET_ASIDE.values())
# Of each mail in an answer with many; one mail's answer has the whole.
_LONGEST_CONTENT = 100_000


def list_mails(mailbox: "SupportMailbox", after: int, limit: int, workers: Workers) -> tuple[list[Json], int]:
    """Return the mails that became complete after a number of the feed, and the number of the last of them."""
    entries = mailbox.ledger.feed(after, limit)
    found = workers.map(lambda entry: describe_mail(mailbox, entry.key), entries)
    return found, entries[-1].number if entries else after


def list_quarantined(mailbox: "SupportMailbox", limit: int, workers: Workers) -> list[Json]:
    """Return the mails of the first `limit` deliveries in quarantine."""
    keys = dict.fromkeys(delivery.key for delivery in mailbox.ledger.quarantined(limit))
    return workers.map(lambda key: describe_mail(mailbox, key), keys)


def list_set_aside(mailbox: "SupportMailbox", reason: str, limit: int, workers: Workers) -> list[Json]:
    """Return the first `limit` mails that were set aside for a reason.

    The reasons: `automatic`, `rule`, `loop`, `thanks`, `copy`, `before-cutover`, `by-hand`.
    """
    if cause := _SET_ASIDE.get(reason):
        aside = (delivery.key for delivery in mailbox.ledger.quarantined() if delivery.cause == cause)
        keys = list(islice(dict.fromkeys(aside), limit))
    else:
        keys = list(dict.fromkeys(mail.key for mail in mailbox.ledger.skipped(reason, limit)))
    return workers.map(lambda key: describe_mail(mailbox, key), keys)


def describe_mail(mailbox: "SupportMailbox", key: str) -> Json:
    """Return what the ledger knows about a mail and its deliveries. Raises NotFound."""
    mail = mailbox.ledger.find_mail(key)
    return _describe(mailbox, mail, mailbox.ledger.deliveries(key))


def _describe(mailbox: "SupportMailbox", mail: MailRecord, records: Sequence[DeliveryRecord]) -> Json:
    deliveries = [_describe_delivery(delivery, mailbox.ticket_links) for delivery in records]
    state = _current_state(mail, deliveries)
    reason = BY_HAND if deliveries and state == MailState.SKIPPED else mail.reason
    return {
        "key": mail.key,
        "number": mail.number,
        "reference": mail.reference,
        "state": state,
        **({"reason": reason} if reason is not None and state == MailState.SKIPPED else {}),
        **({"copyOf": mail.copy_of} if mail.copy_of is not None else {}),
        "subject": safe_line(mail.subject),
        "from": mail.sender,
        **({"sender": mail.sent_by} if mail.sent_by else {}),
        **({"replyTo": list(mail.reply_to)} if mail.reply_to else {}),
        "receivedDateTime": mail.received,
        "messageId": mail.message_id,
        "conversationId": mail.conversation_id,
        "folder": mail.folder,
        "screening": mail.screening,
        **({"rule": mail.rule} if mail.rule is not None else {}),
        "deliveries": deliveries,
    }


def read_mail(mailbox: "SupportMailbox", key: str) -> Json:
    """Return a mail with its deliveries and their history, Graph's message and the attachments. Raises NotFound."""
    record, deliveries = mailbox.ledger.find_mail(key), mailbox.ledger.deliveries(key)
    described = _describe(mailbox, record, deliveries)
    for shown, delivery in zip(described["deliveries"], deliveries, strict=True):
        shown["history"] = [_describe_entry(entry) for entry in read_history(delivery.values)]
    mail = mailbox.store.load(key)
    described["thread"] = find_thread(mailbox, record, mail).describe()
    described["isSetAside"] = is_set_aside(described["state"], deliveries)
    described["story"] = make_mail_story(
        record, deliveries, mail.attachments if mail else (), described["thread"], set_aside=SET_ASIDE_CAUSES
    )
    if mail is None:
        nothing = {"text": None, "html": None, "message": None, "requestor": None, "confirmation": None}
        return described | nothing | {"attachments": []}
    rendering = _render(mail)
    attachments = [_describe_attachment(one, mail, rendering) for one in mail.attachments]
    answer = described | _describe_content(rendering) | _describe_requestor(mailbox, record, mail, rendering)
    return answer | {"message": mail.message, "attachments": attachments}


def _describe_requestor(
    mailbox: "SupportMailbox", record: MailRecord, mail: InboundMail, rendering: Rendering | None
) -> Json:
    """Return whom a ticket is for, as the settings of now say, and to whom a confirmation may go."""
    policy = NAMED_POLICIES.get(str((record.rule or {}).get("requestor") or ""), mailbox.settings.requestor)
    text, own = rendering.text if rendering else "", mailbox.own_addresses
    try:
        screening = screen_mail(mail, own, mailbox.settings.own_senders)
        requestor = find_requestor(mail, text, policy, own, mailbox.store.open)
    except GatewayError:  # the storage account, not the mail
        raise
    except Exception as error:  # noqa: BLE001 - the mail may hold anything; the rest of the answer is of use
        _log.error("the requestor of mail %s cannot be found: %s", mail.key, place_of(error))
        return {"requestor": None, "confirmation": None}
    return {
        "requestor": requestor.describe(),
        "confirmation": recommend_confirmation(mail, screening, requestor, own).describe(),
    }


def _describe_attachment(one: Attachment, mail: InboundMail, rendering: Rendering | None) -> Json:
    """Return an attachment; if there are no bytes, why, in words, and the link to them."""
    reason, link = (None, None) if one.blob else explain_omission(one, mail, rendering)
    return {
        "number": one.number,
        "name": one.name,
        "safeName": safe_name(one),
        "contentType": one.content_type,
        "size": one.size,
        "kind": one.kind.value,
        "isInline": one.is_inline,
        "contentId": one.content_id,
        "sha256": one.sha256,
        "omitted": one.omitted,
        "reason": reason,
        "link": link,
    }


def read_content(mailbox: "SupportMailbox", key: str) -> Json:
    """Return the text and the sanitised HTML of a stored mail, as far as they are of moderate size."""
    mail = mailbox.store.load(key)
    content = _describe_content(_render(mail) if mail else None)
    if content["html"] and len(content["html"]) > _LONGEST_CONTENT:
        content["html"] = None
    return content | {"text": content["text"] and cut(content["text"], _LONGEST_CONTENT)}


def _render(mail: InboundMail) -> Rendering | None:
    """Return the rendering, None for a mail that cannot be rendered."""
    try:
        return render_mail(mail)
    except Exception as error:  # noqa: BLE001 - the mail may hold anything; the rest of the answer is of use
        _log.error("mail %s cannot be rendered: %s", mail.key, place_of(error))
        return None


def _describe_content(rendering: Rendering | None) -> Json:
    """Return text and sanitised HTML, None for a mail that cannot be rendered; its HTML is None for plain text."""
    if rendering is None:
        return {"text": None, "html": None}
    return {"text": rendering.text, "html": rendering.html}


def _current_state(mail: MailRecord, deliveries: list[Json]) -> str:
    """Return the state of a mail as its deliveries show it: the mail's own state is updated by the next poll."""
    return find_state([DeliveryState(delivery["state"]) for delivery in deliveries], mail.state)


def find_state(deliveries: Sequence[DeliveryState], without: str) -> str:
    """Return the state of a mail as the states of its deliveries show it. `without`: its state without any."""
    states = set(deliveries)
    if not states:
        return without
    if DeliveryState.QUARANTINED in states:
        return DeliveryState.QUARANTINED
    if states == {DeliveryState.SET_ASIDE}:
        return MailState.SKIPPED
    is_done = states <= {DeliveryState.DELIVERED, DeliveryState.SET_ASIDE}
    return DeliveryState.DELIVERED if is_done else DeliveryState.WAITING


def is_set_aside(state: str, deliveries: Iterable[DeliveryRecord | EndedDelivery]) -> bool:
    """Return whether a mail needs nobody: it was skipped, or is in quarantine for reasons that need no person."""
    if state != DeliveryState.QUARANTINED:
        return state == MailState.SKIPPED
    causes = [one.cause for one in deliveries if one.state is DeliveryState.QUARANTINED]
    return bool(causes) and SET_ASIDE_CAUSES.issuperset(cause or "" for cause in causes)


def _describe_delivery(delivery: DeliveryRecord, links: Mapping[str, str]) -> Json:
    state = delivery.state
    url = delivery.ticket_url or link_ticket(links.get(delivery.sink), delivery.ticket)
    answer: dict[str, Any] = {"sink": delivery.sink, "state": state.value, "attempts": delivery.attempts}
    answer |= {"correlationId": delivery.correlation_id} if delivery.correlation_id else {}
    if state is DeliveryState.DELIVERED:
        answer |= {
            "ticket": delivery.ticket,
            "ticketUrl": url,
            "isReply": delivery.is_reply,
            "notes": delivery.notes,
            "finishedDateTime": _text(delivery.finished_at),
        }
    elif state is DeliveryState.QUARANTINED:
        answer |= {"cause": delivery.cause, "message": delivery.message, "ticket": delivery.ticket, "ticketUrl": url}
    elif state is DeliveryState.SET_ASIDE:
        answer |= {
            "cause": delivery.cause,
            "message": delivery.message,
            "finishedDateTime": _text(delivery.finished_at),
        }
    else:
        answer |= {"nextAttemptDateTime": _text(delivery.due), "lastError": delivery.last_error}
    return answer


def _describe_entry(entry: Json) -> Json:
    named = {name: value for name, value in entry.items() if name != "at"}
    return ({"dateTime": utc_text(datetime.fromisoformat(entry["at"]))} if "at" in entry else {}) | named


def _text(moment: datetime | None) -> str | None:
    return utc_text(moment) if moment else None
