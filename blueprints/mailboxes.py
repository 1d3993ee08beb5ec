"""HTTP: support mailboxes and their mails; polls and redeliveries that a person asks for."""

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from blueprints._bounds import MAIL_PAGE
from blueprints._http import Content, Request, answers
from blueprints._routes import Blueprint
from inbound_mail.messages import PollRequest
from shared import context
from shared.errors import AnswerTooLarge, Invalid, NotFound
from shared.json_text import Json

if TYPE_CHECKING:
    from blueprints._fields import Fields
    from inbound_mail.content.models import Attachment
    from inbound_mail.ledger.decisions import Decision

bp = Blueprint()

MOST_BYTES = 32 * 1024 * 1024
# Exchange Online takes mails of 36 MB by default; this way is named to people when a mail's text is too large.
MOST_BYTES_OF_A_MAIL = 64 * 1024 * 1024
_SET_ASIDE = ("automatic", "rule", "loop", "thanks", "copy", "before-cutover", "by-hand")
_LONGEST_NAME, _LONGEST_REASON = 100, 500
# Whatever a file is: engines of flows read text/* as text and application/json as an object, and write other bytes.
_OCTETS = "application/octet-stream"
_RANGE = r"bytes=(\d{1,12})-(\d{0,12})"


@bp.route(route="mailboxes", methods=["GET"])
@answers()
def list_mailboxes(request: Request) -> Json:
    """List the mailboxes with their state."""
    request.services.mail.check_in_force()
    return {"value": request.services.mail.describe_mailboxes()}


@bp.route(route="mailboxes/{mailbox}", methods=["GET"])
@answers()
def get_mailbox(request: Request) -> Json:
    """Get one mailbox with its state."""
    return request.services.mail.describe_mailbox(request.mailbox)


@bp.route(route="mailboxes/{mailbox}/poll", methods=["POST"])
@answers()
def poll_now(request: Request) -> Json:
    """Queue a poll of a mailbox, even if the mailbox pauses after a failure."""
    mailbox = request.mailbox
    mailbox.ledger.plan.keep_awake(
        mailbox.name
    )  # a lost message, or a mail that is still on its way, waits for no pause
    poll_request = PollRequest(mailbox.name, at_once=True, correlation_id=context.request_id())
    request.services.mail.polls.put(poll_request)
    return {"mailbox": mailbox.name, "status": "queued"}


@bp.route(route="mailboxes/{mailbox}/mails", methods=["GET"])
@answers("state", "limit", "cursor")
def list_mailbox_mails(request: Request) -> Json:
    """List mails in the order in which they became complete; the cursor in the answer continues, also later."""
    mailbox, mail = request.mailbox, request.services.mail
    limit = request.query.whole_number("limit", MAIL_PAGE)
    state = request.query.choice("state", "quarantined", *_SET_ASIDE)
    if state == "quarantined":
        return {"value": mail.list_quarantined(mailbox, limit)}
    if state:
        return {"value": mail.list_set_aside(mailbox, state, limit)}
    found, position = mail.list_mails(mailbox, int(request.cursor() or 0), limit)
    page: Json = {"value": found, "cursor": request.services.cursors.seal(position, binding=request.binding)}
    return page | ({"nextLink": request.next_link(position)} if len(found) == limit else {})


@bp.route(route="mailboxes/{mailbox}/mails/{key}", methods=["GET"])
@answers()
def get_mail(request: Request) -> Json:
    """Get one mail: Graph's message, its attachments, its deliveries."""
    return request.services.mail.read_mail(request.mailbox, request.mail_key)


@bp.route(route="mailboxes/{mailbox}/mails/{key}/attachments/{number}", methods=["GET"])
@answers()
def get_attachment(request: Request) -> Content:
    """Get the bytes of an attachment, or the part that the header Range names, whatever the file is."""
    from inbound_mail.content.names import safe_name

    mailbox, found = request.mailbox, _find_attachment(request)
    start, end = _read_range(request.http.headers.get("Range"), found.size)
    if end - start > MOST_BYTES:
        raise Invalid(
            f"This attachment has more than {MOST_BYTES // 1024 // 1024} MiB. Get it in parts with the header Range.",
            code="RangeNeeded",
            target="Range",
        )
    is_part = (start, end) != (0, found.size)
    body = b"".join(mailbox.store.open(found, offset=start, length=end - start)) if found.size else b""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(safe_name(found), safe='')}",
        "Accept-Ranges": "bytes",
    }
    headers |= {"Content-Range": f"bytes {start}-{end - 1}/{found.size}"} if is_part else {}
    return Content(body, status=206 if is_part else 200, content_type=_OCTETS, headers=headers)


@bp.route(route="mailboxes/{mailbox}/mails/{key}/eml", methods=["GET"])
@answers()
def get_mail_as_eml(request: Request) -> Content:
    """Get the mail as MIME. Exchange builds it for each call, so the mail must still be in the mailbox."""
    mailbox = request.mailbox
    graph_id = mailbox.ledger.find_mail(request.mail_key).graph_id
    data = bytearray()
    try:
        with mailbox.graph.stream_mime(graph_id) as chunks:
            for chunk in chunks:
                data += chunk
                if len(data) > MOST_BYTES_OF_A_MAIL:
                    raise AnswerTooLarge("This mail is too large for one answer. Get its attachments one by one.")
    except NotFound as error:
        if error.code != NotFound.code:  # the mailbox itself is not there
            raise
        raise NotFound(
            "The mail is not in the mailbox any more. Get it without `eml`: the gateway keeps text and attachments.",
            code="MailGone",
            target="key",
        ) from error
    headers = {"Content-Disposition": f'attachment; filename="{request.mail_key}.eml"'}
    return Content(bytes(data), content_type=_OCTETS, headers=headers)


@bp.route(route="mailboxes/{mailbox}/mails/{key}/redeliver", methods=["POST"])
@answers()
def redeliver_mail(request: Request) -> Json:
    """Let the quarantined deliveries of a mail begin again; the body may name one sink: {"sink"}."""
    mailbox, sink = request.mailbox, request.optional_body("sink").text("sink")
    sinks = request.services.mail.redeliver(mailbox, request.mail_key, sink)
    return {"key": request.mail_key, "sinks": sinks, "status": "queued"}


@bp.route(route="mailboxes/{mailbox}/mails/{key}/deliver", methods=["POST"])
@answers()
def deliver_mail_by_hand(request: Request) -> Json:
    """Let a mail be delivered now, to another sink, or to a ticket: {"sink", "ticket", "insteadOf", "by", ...}."""
    from inbound_mail.delivery.by_hand import Wish

    body = request.optional_body("sink", "ticket", "insteadOf", "isNotThere", "by", "reason")
    wish = Wish(
        body.text("sink"),
        body.text("ticket"),
        body.text("insteadOf"),
        is_not_there=bool(body.flag("isNotThere")),
        decision=_read_decision(body),
    )
    sinks = request.services.mail.by_hand.deliver(request.mailbox, request.mail_key, wish)
    return {"key": request.mail_key, "sinks": sinks, "status": "queued"}


@bp.route(route="mailboxes/{mailbox}/mails/{key}/set-aside", methods=["POST"])
@answers()
def set_mail_aside(request: Request) -> Json:
    """Set a mail aside for good: {"reason", "sink", "by"}."""
    body = request.body("reason", "sink", "by")
    body.needed_text("reason")
    by_hand = request.services.mail.by_hand
    sinks = by_hand.set_aside(request.mailbox, request.mail_key, body.text("sink"), _read_decision(body))
    return {"key": request.mail_key, "sinks": sinks, "status": "set-aside"}


def _read_decision(body: "Fields") -> "Decision":
    from inbound_mail.ledger.decisions import Decision

    by, reason = body.text("by"), body.text("reason")
    for name, value, most in (("by", by, _LONGEST_NAME), ("reason", reason, _LONGEST_REASON)):
        if value and len(value) > most:
            raise Invalid(f"{name} is too long. Send {most} characters at most.", target=name)
    return Decision(by, reason)


def _find_attachment(request: Request) -> "Attachment":
    from inbound_mail.content.files import explain_omission

    mail = request.mailbox.store.load(request.mail_key)
    number = str(request.http.route_params.get("number", ""))
    for one in mail.attachments if mail else ():
        if mail and str(one.number) == number:
            if one.blob is None:
                reason, link = explain_omission(one, mail)
                raise NotFound(
                    f"The gateway has not stored this file: {reason}{f' ({link})' if link else ''}. Open it there.",
                    code="AttachmentOmitted",
                    target="number",
                )
            return one
    raise NotFound(
        "This mail has no attachment with this number. Take the number from GET mailboxes/{mailbox}/mails/{key}.",
        code="AttachmentNotFound",
        target="number",
    )


def _read_range(header: str | None, size: int) -> tuple[int, int]:
    """Return (first byte, byte after the last). Any header but one simple range selects all bytes, as HTTP allows."""
    match = re.fullmatch(_RANGE, header or "")
    if match is None or int(match[1]) >= size:
        return 0, size
    return int(match[1]), min(int(match[2]) + 1 if match[2] else size, size)
