"""A mail as an event: CloudEvents 1.0 in structured mode, one JSON object (CloudEvents specification, JSON format).

The same mail gives the same bytes at each attempt, for receivers compare a repetition with what they know. What may
change meanwhile, the ticket that the mail answers, is settled in the progress before the first attempt.
"""

import json
from collections.abc import Iterable, Sequence

from inbound_mail.content.files import FileChoice
from inbound_mail.content.names import safe_line, safe_media_type, safe_name
from inbound_mail.sinks._bounds import MOST_ADDRESSES, MOST_IDS, locate_mail, shorten
from inbound_mail.sinks._files import settle_files
from inbound_mail.sinks._placeholders import describe_rule
from inbound_mail.sinks._threads import answered_ids, find_answered, find_bounced, find_conversation
from inbound_mail.sinks.protocol import PreparedMail, Progress, refuse_automatic_mail
from shared.json_text import Json

RECEIVED, REPLY = "mail.received.v1", "mail.reply.v1"
# Automatic mails of known tickets: a note at most, nobody is answered, and nothing is reopened.
NOTE, BOUNCED = "mail.note.v1", "ticket.notificationBounced.v1"


def settle_ticket(prepared: PreparedMail, progress: Progress) -> str | None:
    """Return the ticket that the mail answers, None for none: as it was found at the first attempt.

    Raises Refused for an automatic mail that belongs to no known ticket.
    """
    if "answers" not in progress.values:
        thread = find_bounced(prepared) or find_answered(prepared)
        if prepared.is_note and thread is None:
            raise refuse_automatic_mail(prepared.screening)
        thread = thread or find_conversation(prepared)
        progress.save(answers=thread.ticket if thread else None)
    answers: str | None = progress.values["answers"]
    return answers


def make_event(prepared: PreparedMail, ticket: str | None, data: Json) -> Json:
    """Return the event with this data. Its id is the mail's reference; (source, id) is the mail's name for ever."""
    return {
        "specversion": "1.0",
        "id": prepared.reference,
        "source": f"/gateway/{prepared.mail.mailbox}",
        "type": _type_of(prepared, ticket),
        "time": prepared.mail.received.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        **({"subject": ticket} if ticket else {}),
        "data": data,
    }


def _type_of(prepared: PreparedMail, ticket: str | None) -> str:
    if prepared.is_note:
        return BOUNCED if prepared.screening.is_bounce else NOTE
    return REPLY if ticket else RECEIVED


def make_data(prepared: PreparedMail, attachments: Iterable[Json], *, with_html: bool) -> Json:
    """Return what the event says about the mail. `truncated` names the members that hold only a part of theirs."""
    mail, rendering = prepared.mail, prepared.rendering
    to, cc, answered = mail.recipients("toRecipients"), mail.recipients("ccRecipients"), answered_ids(mail)
    truncated = [
        name
        for name, is_part in {
            "inReplyTo": len(answered) > MOST_IDS,
            "fromName": shorten(mail.sender_name) != mail.sender_name,
            "to": len(to) > MOST_ADDRESSES,
            "cc": len(cc) > MOST_ADDRESSES,
            "subject": shorten(mail.subject) != mail.subject,
            "bodyText": rendering.is_truncated,
        }.items()
        if is_part
    ]
    data: Json = {
        "mailbox": mail.mailbox,
        "mailboxAddress": mail.address,
        "messageId": mail.message_id,
        "inReplyTo": answered[:MOST_IDS],
        "conversationId": mail.message.get("conversationId"),
        "from": mail.sender,
        "fromName": safe_line(shorten(mail.sender_name)),
        "to": to[:MOST_ADDRESSES],
        "cc": cc[:MOST_ADDRESSES],
        "subject": safe_line(shorten(mail.subject)),
        "importance": mail.message.get("importance") or "normal",
        "bodyText": rendering.text,
        "screening": prepared.screening.describe(),
        "attachments": list(attachments),
    }
    rule = describe_rule(prepared)
    data |= {"rule": rule} if rule else {}
    data |= {"newText": rendering.new_text} if rendering.was_cut else {}
    data |= {"failedRecipients": list(prepared.screening.failed_recipients)} if prepared.screening.is_bounce else {}
    data |= {"truncated": truncated, "wholeMail": locate_mail(mail)} if truncated else {}
    data |= {"bodyHtml": rendering.html} if with_html and rendering.html is not None else {}
    return data


def settle_event_files(prepared: PreparedMail, progress: Progress, ticket: str | None) -> Sequence[FileChoice]:
    """Return every attachment, and why a ticket does not need it: the same at each attempt."""
    is_cut = ticket is not None and prepared.rendering.was_cut and prepared.history_in == ticket
    return settle_files(prepared, progress, ticket, is_cut=is_cut)


def describe_attachment(choice: FileChoice) -> Json:
    """Return what is known of an attachment, without its bytes and where they are."""
    attachment = choice.attachment
    described: Json = {
        "name": attachment.name,
        "safeName": safe_name(attachment),
        "contentType": safe_media_type(attachment.content_type),
        "size": attachment.size,
        "sha256": attachment.sha256,
    }
    described |= {"contentId": attachment.content_id, "isInline": True} if attachment.is_inline else {}
    described |= {"omitted": attachment.omitted} if attachment.omitted else {}
    described |= {"reason": choice.reason} if choice.reason else {}
    described |= {"link": choice.link} if choice.link else {}
    return described | ({"isDecoration": True} if choice.is_decoration else {})


def write(event: Json) -> bytes:
    """Return the event as it is sent."""
    return json.dumps(event, separators=(",", ":")).encode()
