"""HTTP: the files of mails, and whole mails as files: as bytes, in parts, or by a link that ends by itself."""

import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from blueprints._bounds import MOST_ANSWER_BYTES
from blueprints._http import Content, Request, answers
from blueprints._routes import Blueprint
from shared.errors import Invalid, NotFound
from shared.json_text import Json

if TYPE_CHECKING:
    from inbound_mail.ledger.mail_file import MailFile
    from shared.storage.file_links import FileLink

bp = Blueprint()

MOST_BYTES = MOST_ANSWER_BYTES
# Exchange Online takes mails of 150 MB at most, attachments in Base64 included.
MOST_BYTES_OF_A_MAIL = 200 * 1024 * 1024
# Whatever a file is: engines of flows read text/* as text and application/json as an object, and write other bytes.
_OCTETS = "application/octet-stream"
_RANGE = r"bytes=(\d{1,12})-(\d{0,12})"


@bp.route(route="mailboxes/{mailbox}/mails/{key}/attachments/{number}", methods=["GET"])
@answers()
def get_attachment(request: Request) -> Content:
    """Get the bytes of an attachment, or the part that the header Range names, whatever the file is."""
    return _hand_out(request, _find_attachment(request))


@bp.route(route="mailboxes/{mailbox}/mails/{key}/attachments/{number}/link", methods=["GET"])
@answers()
def get_attachment_link(request: Request) -> Json:
    """Get a link to an attachment, however small: it lasts ten minutes and needs no key."""
    return _make_link(request, _find_attachment(request))


@bp.route(route="mailboxes/{mailbox}/mails/{key}/eml", methods=["GET"])
@answers(seconds=90)  # a flow's call is cut at 100 to 120, and Exchange must write the mail first
def get_mail_as_eml(request: Request) -> Content:
    """Get the mail as MIME. Exchange writes it, so the mail must still be in the mailbox; a large one is kept a day."""
    from inbound_mail.ledger.mail_exports import name_export

    graph_id, kept = _find_export(request)
    if kept is not None:
        return _hand_out(request, kept)
    with _stream_mail(request, graph_id) as chunks:
        begun: deque[bytes] = deque()
        size = 0
        for chunk in chunks:
            begun.append(chunk)
            size += len(chunk)
            if size > MOST_BYTES:
                kept = _export(request, _follow(begun, chunks))
                break
    if kept is not None:
        return _hand_out(request, kept)
    return Content(b"".join(begun), content_type=_OCTETS, headers=_describe_file(name_export(request.mail_key)))


@bp.route(route="mailboxes/{mailbox}/mails/{key}/eml/link", methods=["GET"])
@answers(seconds=90)
def get_mail_link(request: Request) -> Json:
    """Get a link to the mail as MIME, however small: it lasts ten minutes and needs no key."""
    request.services.mail.file_links.require()
    graph_id, kept = _find_export(request)
    if kept is None:
        with _stream_mail(request, graph_id) as chunks:
            kept = _export(request, chunks)
    return _make_link(request, kept)


def _hand_out(request: Request, file: "MailFile") -> Content:
    """Return a file, or the part that is asked for; where that is too much for one answer, the way to a link."""
    start, end = _read_range(request.http.headers.get("Range"), file.size)
    is_part = (start, end) != (0, file.size)
    if end - start > MOST_BYTES:
        if not is_part and request.services.mail.file_links.are_possible():
            return Content(b"", status=303, content_type=_OCTETS, headers={"Location": _sign(request, file).url})
        raise Invalid(
            f"This file has more than {MOST_BYTES // 1024 // 1024} MiB. Get it in parts with the header Range.",
            code="RangeNeeded",
            target="Range",
        )
    body = b"".join(file.open(offset=start, length=end - start))
    headers = _describe_file(file.name) | {"Accept-Ranges": "bytes"}
    headers |= {"Content-Range": f"bytes {start}-{end - 1}/{file.size}"} if is_part else {}
    return Content(body, status=206 if is_part else 200, content_type=_OCTETS, headers=headers)


def _make_link(request: Request, file: "MailFile") -> Json:
    from shared.time_zones.zones import utc_text

    link = _sign(request, file)
    return {"url": link.url, "expiresDateTime": utc_text(link.expires_at), "name": file.name, "size": file.size}


def _sign(request: Request, file: "MailFile") -> "FileLink":
    return request.services.mail.file_links.make(file.container.name, file.blob, file_name=file.name)


def _describe_file(name: str) -> dict[str, str]:
    from shared.storage.file_links import save_as

    return {"Content-Disposition": save_as(name)}


def _find_export(request: Request) -> tuple[str, "MailFile | None"]:
    """Return Graph's id of the mail, and the copy that is kept. Raises NotFound for a mail that is not known."""
    mailbox = request.mailbox
    graph_id = mailbox.ledger.find_mail(request.mail_key).graph_id
    return graph_id, request.services.mail.exports.find(mailbox.name, request.mail_key)


def _export(request: Request, chunks: Iterator[bytes]) -> "MailFile":
    exports = request.services.mail.exports
    return exports.put(request.mailbox.name, request.mail_key, chunks, most_bytes=MOST_BYTES_OF_A_MAIL)


@contextmanager
def _stream_mail(request: Request, graph_id: str) -> Iterator[Iterator[bytes]]:
    """Read the mail as MIME from Exchange. Raises NotFound, MailGone if it is not in the mailbox any more."""
    try:
        with request.mailbox.graph.stream_mime(graph_id) as chunks:
            yield chunks
    except NotFound as error:
        if error.code != NotFound.code:  # the mailbox itself is not there
            raise
        raise NotFound(
            "The mail is not in the mailbox any more. Get it without `eml`: the gateway keeps text and attachments.",
            code="MailGone",
            target="key",
        ) from error


def _follow(begun: deque[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what was read already, which is forgotten on the way, and what follows."""
    while begun:
        yield begun.popleft()
    yield from rest


def _find_attachment(request: Request) -> "MailFile":
    from inbound_mail.content.files import explain_omission

    mailbox = request.mailbox
    mail = mailbox.store.load(request.mail_key)
    number = str(request.http.route_params.get("number", ""))
    for one in mail.attachments if mail else ():
        if mail and str(one.number) == number:
            file = mailbox.store.find_file(one)
            if file is None:
                reason, link = explain_omission(one, mail)
                raise NotFound(
                    f"The gateway has not stored this file: {reason}{f' ({link})' if link else ''}. Open it there.",
                    code="AttachmentOmitted",
                    target="number",
                )
            return file
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
