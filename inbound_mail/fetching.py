"""Attachments: twenty mails' worth in one call, and what is too large for that one by one, streamed.

Graph lists attachments with their bytes, and options that would keep the bytes out are ignored in a delta; so small
ones come in a batch whose answer is given up past a bound, and then in smaller batches, down to a single mail whose
sizes are asked for first.
"""

import base64
import binascii
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from inbound_mail.desk import Desk
from inbound_mail.ledger import MailState, OpenMail
from inbound_mail.models import Attachment, AttachmentKind, Json, clean_message_id
from inbound_mail.rounds import Seen
from shared.blobs import Lease
from shared.errors import AnswerTooLarge, Forbidden, GatewayError, NotFound, OutcomeUnknown, Refused, Rejected
from shared.graph.answers import Expected

_log = logging.getLogger("gateway.mail")

_GROUP = 20
_MOST_BYTES_AT_ONCE = 12 * 1024 * 1024
_SMALL = 1024 * 1024
_MIB = 1024 * 1024
_TRIES = 3
_KINDS = {
    "#microsoft.graph.fileAttachment": AttachmentKind.FILE,
    "#microsoft.graph.itemAttachment": AttachmentKind.ITEM,
    "#microsoft.graph.referenceAttachment": AttachmentKind.REFERENCE,
}
# Stands for attachments that cannot even be listed, so that whoever delivers the mail all the same is told.
_UNREADABLE = Attachment(1, "attachments", "", 0, AttachmentKind.FILE, omitted="Unreadable")


class Fetcher:
    """Fetches the attachments of one mailbox's mails, for the holder of its lease."""

    def __init__(self, desk: Desk) -> None:
        self._mailbox = desk.mailbox
        self._graph = desk.graph
        self._ledger = desk.ledger
        self._store = desk.store
        self._limit = desk.mailbox.attachment_mb * _MIB

    def fetch(self, mails: Sequence[OpenMail], lease: Lease, seen: Seen) -> None:
        """Complete these mails. One that cannot be is set aside; raises what stops the mailbox as a whole."""
        for start in range(0, len(mails), _GROUP):
            lease.check()
            self._fetch_group(mails[start : start + _GROUP], lease, seen)

    def _fetch_group(self, mails: Sequence[OpenMail], lease: Lease, seen: Seen) -> None:
        answers = self._graph.read_attachments([mail.graph_id for mail in mails], most_bytes=_MOST_BYTES_AT_ONCE)
        too_large = [mail for mail in mails if isinstance(answers[mail.graph_id], AnswerTooLarge)]
        stopped: GatewayError | None = None
        for mail in mails:
            if mail not in too_large:
                stopped = self._take_answer(mail, answers.pop(mail.graph_id), seen) or stopped
        half = len(too_large) // 2
        if half:
            self._fetch_group(too_large[:half], lease, seen)
            self._fetch_group(too_large[half:], lease, seen)
        elif too_large:
            self._fetch_singly(too_large[0], lease, seen)
        if stopped:
            raise stopped

    def _take_answer(self, mail: OpenMail, answer: Expected, seen: Seen) -> GatewayError | None:
        """Keep what came for one mail; return an error that is more than this mail's own matter."""
        try:
            if isinstance(answer, GatewayError):
                raise answer
            self._complete(mail, [self._keep(mail, number, item) for number, item in _numbered(answer)])
        except NotFound:
            self._ledger.close([(mail, MailState.GONE)], guarded=False)
            seen.gone += 1
        except Forbidden as error:
            return error
        except (OutcomeUnknown, Refused) as error:
            self._try_again(mail, error, seen)
        except GatewayError as error:
            return error
        return None

    def _try_again(self, mail: OpenMail, error: GatewayError, seen: Seen) -> None:
        """Leave it for the next poll; the third time try another way, and then leave it to a person."""
        tries = int(mail.values.get("fetch_tries", 0)) + 1
        _log.warning("%s: attachments of mail %s failed (%d): %s", self._mailbox.name, mail.key, tries, error)
        if tries < _TRIES:
            self._ledger.merge_open([(mail.key, {"fetch_tries": tries})])
        else:
            self._fetch_singly(mail, None, seen)

    def _fetch_singly(self, mail: OpenMail, lease: Lease | None, seen: Seen) -> None:
        try:
            kept = []
            for number, item in enumerate(self._graph.list_attachments(mail.graph_id), start=1):
                if lease:
                    lease.check()
                kept.append(self._fetch_one(mail, number, item))
            self._complete(mail, kept)
        except NotFound:
            self._ledger.close([(mail, MailState.GONE)], guarded=False)
            seen.gone += 1
        except Forbidden:
            raise
        except (Refused, OutcomeUnknown) as error:
            _log.warning("%s: mail %s goes to quarantine: %s", self._mailbox.name, mail.key, error)
            self._store.put_attachments(mail.key, [_UNREADABLE])
            cause = Rejected(error.message, code="AttachmentsUnreadable")
            self._ledger.complete(mail, self._mailbox.sinks, cause=(cause.code, cause.message))

    def _fetch_one(self, mail: OpenMail, number: int, item: Json) -> Attachment:
        described = _describe(number, item)
        if described.kind is AttachmentKind.REFERENCE:
            return described
        if described.size > self._limit:
            return replace(described, omitted="TooLarge")
        if described.is_inline and described.kind is AttachmentKind.FILE and described.size <= _SMALL:
            # Only this form tells the content id, by which the body refers to a picture.
            return self._keep(mail, number, self._graph.get_attachment(mail.graph_id, str(item["id"])))
        return self._stream(mail, described, str(item["id"]))

    def _keep(self, mail: OpenMail, number: int, item: Json) -> Attachment:
        """Keep one attachment of a list that came with bytes."""
        described = _describe(number, item)
        if described.kind is AttachmentKind.REFERENCE:
            return described
        text = item.get("contentBytes")
        if described.kind is AttachmentKind.ITEM or text is None:
            return self._stream(mail, described, str(item["id"]))
        try:
            data = base64.b64decode(text)
        except (binascii.Error, ValueError):
            return replace(described, omitted="Unreadable")
        return self._put(mail, described, [data])

    def _stream(self, mail: OpenMail, described: Attachment, attachment_id: str) -> Attachment:
        try:
            with self._graph.stream_attachment(mail.graph_id, attachment_id) as chunks:
                return self._put(mail, described, chunks)
        except Forbidden:
            raise
        except (Refused, OutcomeUnknown) as error:
            _log.warning("%s: an attachment of mail %s is left out: %s", self._mailbox.name, mail.key, error)
            return replace(described, omitted="Unreadable")

    def _put(self, mail: OpenMail, described: Attachment, chunks: Iterable[bytes]) -> Attachment:
        try:
            blob, sha256, size = self._store.put_bytes(
                mail.key, described.number, chunks, content_type=described.content_type, limit=self._limit
            )
        except AnswerTooLarge:
            return replace(described, omitted="TooLarge")
        return replace(described, blob=blob, sha256=sha256, size=size)

    def _complete(self, mail: OpenMail, attachments: Sequence[Attachment]) -> None:
        self._store.put_attachments(mail.key, attachments)
        self._ledger.complete(mail, self._mailbox.sinks)


def _numbered(answer: Json) -> Iterator[tuple[int, Json]]:
    items = answer.get("value")
    if not isinstance(items, list):
        raise OutcomeUnknown("Microsoft Graph sent no list where one belongs.", code="UpstreamBadAnswer")
    return enumerate(items, start=1)


def _describe(number: int, item: Json) -> Attachment:
    kind = _KINDS.get(str(item.get("@odata.type")), AttachmentKind.FILE)
    content_type = str(item.get("contentType") or "")
    return Attachment(
        number=number,
        name=str(item.get("name") or ""),
        content_type=content_type or ("message/rfc822" if kind is AttachmentKind.ITEM else "application/octet-stream"),
        size=int(item.get("size") or 0),
        kind=kind,
        is_inline=bool(item.get("isInline")),
        content_id=clean_message_id(str(item.get("contentId") or "")),
        omitted="Link" if kind is AttachmentKind.REFERENCE else None,
    )
