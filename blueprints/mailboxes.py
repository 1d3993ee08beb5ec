"""HTTP: support mailboxes, their mails, and what a person may do about them."""

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import azure.functions as func

from blueprints._bounds import MAIL_PAGE
from blueprints._http import Content, Request, answers
from shared import context
from shared.errors import AnswerTooLarge, Invalid, NotFound
from shared.json_text import Json

if TYPE_CHECKING:
    from inbound_mail.content.models import Attachment

bp = func.Blueprint()

MOST_BYTES = 32 * 1024 * 1024
_RANGE = re.compile(r"bytes=(\d{1,12})-(\d{0,12})")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}")


@bp.route(route="mailboxes", methods=["GET"])
@answers()
def list_mailboxes(request: Request) -> Json:
    """List the mailboxes with their state."""
    from inbound_mail.reports.mails import describe_mailbox

    mail = request.services.mail
    return {"value": mail.workers.map(describe_mailbox, list(mail.mailboxes.values()))}


@bp.route(route="mailboxes/{mailbox}", methods=["GET"])
@answers()
def get_mailbox(request: Request) -> Json:
    """Get one mailbox with its state."""
    from inbound_mail.reports.mails import describe_mailbox

    return describe_mailbox(request.mailbox)


@bp.route(route="mailboxes/{mailbox}/poll", methods=["POST"])
@answers()
def poll_now(request: Request) -> Content:
    """Ask for a poll at once, also of a mailbox that rests after a failure."""
    mailbox = request.mailbox
    message = {"mailbox": mailbox.name, "atOnce": True, "correlationId": context.request_id()}
    request.services.mail.polls.put(message, ttl=600)
    return Content({"mailbox": mailbox.name, "status": "queued"}, status=202)


@bp.route(route="mailboxes/{mailbox}/mails", methods=["GET"])
@answers("state", "limit", "cursor")
def list_mailbox_mails(request: Request) -> Json:
    """List mails in the order in which they became complete; `cursor` of the answer leads on, also later."""
    from inbound_mail.reports.mails import list_mails, list_quarantined

    mailbox, workers = request.mailbox, request.services.mail.workers
    limit = request.query.whole_number("limit", MAIL_PAGE)
    if request.query.choice("state", "quarantined"):
        return {"value": list_quarantined(mailbox, limit, workers)}
    found, position = list_mails(mailbox, int(request.cursor() or 0), limit, workers)
    page: Json = {"value": found, "cursor": request.services.cursors.seal(position, binding=request.binding)}
    return page | ({"nextLink": request.next_link(position)} if len(found) == limit else {})


@bp.route(route="mailboxes/{mailbox}/mails/{key}", methods=["GET"])
@answers()
def get_mail(request: Request) -> Json:
    """Get one mail: Graph's message, its attachments, its deliveries."""
    from inbound_mail.reports.mails import read_mail

    return read_mail(request.mailbox, request.mail_key)


@bp.route(route="mailboxes/{mailbox}/mails/{key}/attachments/{number}", methods=["GET"])
@answers()
def get_attachment(request: Request) -> Content:
    """Get the bytes of an attachment, or a part of them by the header Range."""
    mailbox, found = request.mailbox, _find_attachment(request)
    start, end = _read_range(request.http.headers.get("Range"), found.size)
    if end - start > MOST_BYTES:
        raise Invalid(
            f"This attachment has more than {MOST_BYTES // 1024 // 1024} MiB. Ask for parts with the header Range.",
            code="RangeNeeded",
            target="Range",
        )
    is_part = (start, end) != (0, found.size)
    body = b"".join(mailbox.store.open(found, offset=start, length=end - start)) if found.size else b""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name or str(found.number), safe='')}",
        "Accept-Ranges": "bytes",
    }
    headers |= {"Content-Range": f"bytes {start}-{end - 1}/{found.size}"} if is_part else {}
    media_type = found.content_type.partition(";")[0].strip()
    return Content(
        body,
        status=206 if is_part else 200,
        content_type=media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream",
        headers=headers,
    )


@bp.route(route="mailboxes/{mailbox}/mails/{key}/eml", methods=["GET"])
@answers()
def get_mail_as_eml(request: Request) -> Content:
    """Get the whole mail as MIME, which Exchange makes anew each time: only while it is in the mailbox."""
    from inbound_mail.reports.mails import find_mail

    mailbox = request.mailbox
    graph_id = str(find_mail(mailbox, request.mail_key)["graph_id"])
    data = bytearray()
    with mailbox.graph.stream_mime(graph_id) as chunks:
        for chunk in chunks:
            data += chunk
            if len(data) > MOST_BYTES:
                raise AnswerTooLarge("This mail is too large to be handed on whole. Ask for its attachments.")
    headers = {"Content-Disposition": f'attachment; filename="{request.mail_key}.eml"'}
    return Content(bytes(data), content_type="message/rfc822", headers=headers)


@bp.route(route="mailboxes/{mailbox}/mails/{key}/redeliver", methods=["POST"])
@answers()
def redeliver_mail(request: Request) -> Content:
    """Let deliveries in quarantine begin anew: {"sink"?}."""
    from inbound_mail.reports.mails import redeliver

    mailbox, body = request.mailbox, request.http.get_body()
    sink = request.body("sink").text("sink") if body.strip() else None
    sinks = redeliver(mailbox, request.services.mail.deliveries, request.mail_key, sink)
    return Content({"key": request.mail_key, "sinks": sinks, "status": "queued"}, status=202)


def _find_attachment(request: Request) -> "Attachment":
    mail = request.mailbox.store.load(request.mail_key)
    number = str(request.http.route_params.get("number", ""))
    for one in mail.attachments if mail else ():
        if str(one.number) == number:
            if one.blob is None:
                raise NotFound(
                    f"This attachment has no bytes here ({one.omitted}).", code="AttachmentOmitted", target="number"
                )
            return one
    raise NotFound("There is no such attachment.", code="AttachmentNotFound", target="number")


def _read_range(header: str | None, size: int) -> tuple[int, int]:
    """Return the first byte and the one behind the last; anything but one simple range means all, as HTTP allows."""
    match = _RANGE.fullmatch(header or "")
    if match is None or int(match[1]) >= size:
        return 0, size
    return int(match[1]), min(int(match[2]) + 1 if match[2] else size, size)
