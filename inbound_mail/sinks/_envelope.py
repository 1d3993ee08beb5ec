"""A mail as an event: CloudEvents 1.0 in structured mode, one JSON object (CloudEvents specification, JSON format).

The same mail gives the same bytes at each attempt, for receivers compare a repetition with what they know. What may
change meanwhile, the ticket that the mail answers, is settled in the progress before the first attempt.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inbound_mail.content.belonging import PROOFS_OF_AUTHOR, list_answered_ids
from inbound_mail.content.files import FileChoice
from inbound_mail.content.names import safe_line, safe_media_type, safe_name
from inbound_mail.sinks._bounds import MOST_ADDRESSES, MOST_IDS, describe_report, list_reply_to, locate_mail, shorten
from inbound_mail.sinks._files import settle_files
from inbound_mail.sinks._placeholders import describe_rule
from inbound_mail.sinks.protocol import PreparedMail, Progress, refuse_automatic_mail
from shared import cloud_events
from shared.json_text import Json

RECEIVED, REPLY = "mail.received.v1", "mail.reply.v1"
# Automatic mails of known tickets: a note at most, nobody is answered, and nothing is reopened.
NOTE, BOUNCED = "mail.note.v1", "ticket.notificationBounced.v1"


@dataclass(frozen=True)
class Settled:
    """What was decided at the first attempt about the ticket that the mail belongs to.

    `ticket`: the one that the mail belongs to, None for none. `is_participant`: it is proven that the author takes part
    in it. `related`: tickets that the mail seems to be about, without proof. `notes`: why. `unreached`: participants
    whom a delivery report names.
    """

    ticket: str | None
    is_participant: bool
    related: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()


def settle_ticket(prepared: PreparedMail, progress: Progress) -> Settled:
    """Return which ticket the mail belongs to, as it was found at the first attempt. It is noted: the sink saves it.

    Raises Refused for an automatic mail that belongs to no known ticket.
    """
    values = progress.values
    if "proof" not in values and not values.get("sent"):  # an earlier version did not ask who the author is
        found = prepared.find_ticket()
        if prepared.is_note and found.ticket is None:
            raise refuse_automatic_mail(prepared.screening, " ".join(found.notes))
        progress.note(
            answers=found.ticket,
            proof=found.proof,
            related=found.related,
            thread_notes=found.notes,
            unreached=found.unreached,
        )
        values = progress.values
    return Settled(
        values["answers"],
        is_participant=values.get("proof") in PROOFS_OF_AUTHOR,
        related=tuple(values.get("related") or ()),
        notes=tuple(values.get("thread_notes") or ()),
        unreached=tuple(values.get("unreached") or ()),
    )


def make_event(prepared: PreparedMail, settled: Settled, data: Json) -> Json:
    """Return the event with this data. Its id is the mail's reference; (source, id) is the mail's name for ever."""
    return cloud_events.make_event(
        id=prepared.reference,
        source=f"/gateway/{prepared.mail.mailbox}",
        type=_type_of(prepared, settled),
        time=prepared.mail.received,
        subject=settled.ticket,
        data=data,
    )


def _type_of(prepared: PreparedMail, settled: Settled) -> str:
    if prepared.is_note:
        return BOUNCED if prepared.is_report else NOTE
    return REPLY if settled.ticket and settled.is_participant else RECEIVED


def make_data(prepared: PreparedMail, settled: Settled, attachments: Iterable[Json], *, with_html: bool) -> Json:
    """Return what the event says about the mail. `truncated` names the members that hold only a part of theirs."""
    mail = prepared.mail
    to, cc, answered = mail.recipients("toRecipients"), mail.recipients("ccRecipients"), list_answered_ids(mail)
    truncated = [
        name
        for name, is_part in {
            "inReplyTo": len(answered) > MOST_IDS,
            "fromName": shorten(mail.sender_name) != mail.sender_name,
            "to": len(to) > MOST_ADDRESSES,
            "cc": len(cc) > MOST_ADDRESSES,
            "subject": shorten(mail.subject) != mail.subject,
            "bodyText": prepared.rendering.is_truncated or prepared.is_report,
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
        "to": to[:MOST_ADDRESSES],
        "cc": cc[:MOST_ADDRESSES],
        "importance": mail.message.get("importance") or "normal",
        "screening": prepared.screening.describe(),
        "authorIsParticipant": settled.is_participant,
        **(
            _describe_report(settled)
            if prepared.is_report
            else _describe_words(prepared, attachments, with_html=with_html)
        ),
    }
    data |= {"relatedTickets": list(settled.related)} if settled.related else {}
    data |= {"notes": list(settled.notes)} if settled.notes else {}
    return data | ({"truncated": truncated, "wholeMail": locate_mail(mail)} if truncated else {})


def _describe_words(prepared: PreparedMail, attachments: Iterable[Json], *, with_html: bool) -> Json:
    """Return what the author wrote and attached."""
    mail, rendering = prepared.mail, prepared.rendering
    data: Json = {
        "fromName": safe_line(shorten(mail.sender_name)),
        "subject": safe_line(shorten(mail.subject)),
        "bodyText": rendering.text,
        "requestor": _describe_requestor(prepared),
        "attachments": list(attachments),
    }
    data |= {"sender": shorten(mail.sent_by)} if mail.sent_by else {}
    data |= {"replyTo": list_reply_to(mail)} if mail.reply_to else {}
    data |= {"subject": prepared.loop.title, "loopSuspected": prepared.loop.describe()} if prepared.loop else {}
    rule = describe_rule(prepared)
    data |= {"rule": rule} if rule else {}
    data |= {"newText": rendering.new_text} if rendering.was_cut else {}
    data |= {"failedRecipients": list(prepared.screening.failed_recipients)} if prepared.screening.is_bounce else {}
    return data | ({"bodyHtml": rendering.html} if with_html and rendering.html is not None else {})


def _describe_requestor(prepared: PreparedMail) -> Json:
    described = prepared.who_asks.describe()
    return described | {"address": shorten(described["address"]), "name": safe_line(shorten(described["name"]))}


def _describe_report(settled: Settled) -> Json:
    """Return a delivery report in our own words: nothing proves who wrote it."""
    return {
        "fromName": "",
        "subject": "Delivery report",
        "bodyText": describe_report(settled.unreached),
        "attachments": [],
        "failedRecipients": list(settled.unreached),
    }


def settle_event_files(prepared: PreparedMail, progress: Progress, settled: Settled) -> Sequence[FileChoice]:
    """Return every attachment, and why a ticket does not need it: the same at each attempt. None of a report."""
    ticket = settled.ticket
    if prepared.is_report:
        return ()
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
