"""Fetches attachments: those of twenty mails in one call; large ones one by one, streamed to storage.

Graph lists attachments together with their bytes, and a delta query ignores the options that would leave the bytes out.
So the lists of twenty mails come in one batch. If the answer exceeds a limit, it is discarded and the batch is halved.
For a single mail that still exceeds the limit, the sizes are asked for first and each attachment is read by itself.
"""

import base64
import binascii
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from inbound_mail.content.files import Omission
from inbound_mail.content.models import Attachment, AttachmentKind, clean_message_id, read_web_address
from inbound_mail.content.pictures import is_tracking_pixel
from inbound_mail.intake.folder_reader import PollCounts, report_quarantined
from inbound_mail.ledger.records import MailState, OpenMail
from inbound_mail.ledger.references import files_digest
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import (
    AnswerTooLarge,
    Conflict,
    Forbidden,
    GatewayError,
    NotFound,
    OutcomeUnknown,
    Refused,
    Rejected,
)
from shared.graph.answers import Expected
from shared.graph.mail import STREAM, is_of_one_mail
from shared.json_text import Json
from shared.retry import call_with_retry
from shared.storage.blobs import Lease

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
# Stands for attachments that cannot be listed: if a person has the mail delivered anyway, the ticket mentions them.
_UNREADABLE = Attachment(1, "attachments", "", 0, AttachmentKind.FILE, omitted=Omission.UNREADABLE)

# What reading an answer raises that does not have the documented form; it concerns that mail only.
_UNEXPECTED_FORM = (KeyError, TypeError, ValueError, AttributeError)


class AttachmentFetcher:
    """Fetches the attachments of one mailbox's mails, for the holder of its lease."""

    def __init__(self, mailbox: SupportMailbox) -> None:
        self._settings = mailbox.settings
        self._graph = mailbox.graph
        self._ledger = mailbox.ledger
        self._store = mailbox.store
        self._limit = mailbox.settings.attachment_mb * _MIB
        self._forbidden: dict[str, tuple[OpenMail, Forbidden]] = {}
        self._completed = 0

    def fetch(self, mails: Sequence[OpenMail], lease: Lease, counts: PollCounts) -> None:
        """Fetch the attachments of these mails and complete them in the ledger.

        A mail that fails repeatedly goes to quarantine. Raises the error that stops the whole mailbox.
        """
        for start in range(0, len(mails), _GROUP):
            lease.check()
            with suppress(Forbidden):  # Graph may refuse access to a single mail; the others do not wait for it
                self._fetch_group(mails[start : start + _GROUP], lease, counts)
        denied: GatewayError | None = None
        for mail, refusal in self._forbidden.values():
            # Access to other mails works, now or in the last poll: the refusal concerns this mail only.
            if self._completed or mail.was_forbidden:
                self._count_failure(mail, refusal, forbidden=True)
            else:
                denied = refusal
        if denied:
            raise denied

    def _fetch_group(self, mails: Sequence[OpenMail], lease: Lease, counts: PollCounts) -> None:
        answers = self._graph.read_attachments([mail.graph_id for mail in mails], most_bytes=_MOST_BYTES_AT_ONCE)
        too_large = [mail for mail in mails if isinstance(answers[mail.graph_id], AnswerTooLarge)]
        stopped: GatewayError | None = None
        for mail in mails:
            if mail not in too_large:
                stopped = self._take_answer(mail, answers.pop(mail.graph_id), lease, counts) or stopped
        half = len(too_large) // 2
        if half:
            self._fetch_group(too_large[:half], lease, counts)
            self._fetch_group(too_large[half:], lease, counts)
        elif too_large:
            stopped = self._fetch_singly(too_large[0], lease, counts) or stopped
        if stopped:
            raise stopped

    def _take_answer(self, mail: OpenMail, answer: Expected, lease: Lease, counts: PollCounts) -> GatewayError | None:
        """Store the attachments in an answer for one mail; return an error that concerns the whole mailbox."""
        if isinstance(answer, GatewayError):
            return self._fail(mail, answer, lease, counts)
        try:
            kept = [self._keep(mail, number, item) for number, item in _numbered(answer)]
        except GatewayError as error:
            return self._fail(mail, error, lease, counts)
        except _UNEXPECTED_FORM as error:
            return self._fail(mail, _bad_answer(error), lease, counts)
        self._complete(mail, kept, counts)
        return None

    def _fetch_singly(self, mail: OpenMail, lease: Lease, counts: PollCounts) -> GatewayError | None:
        kept = []
        try:
            for number, item in enumerate(self._graph.list_attachments(mail.graph_id), start=1):
                lease.check()
                kept.append(self._fetch_one(mail, number, item))
        except Conflict:
            raise
        except GatewayError as error:
            return self._fail(mail, error, lease, counts, is_last_way=True)
        except _UNEXPECTED_FORM as error:
            return self._fail(mail, _bad_answer(error), lease, counts, is_last_way=True)
        self._complete(mail, kept, counts)
        return None

    def _fail(
        self, mail: OpenMail, error: GatewayError, lease: Lease, counts: PollCounts, *, is_last_way: bool = False
    ) -> GatewayError | None:
        """Leave a failed mail for the next poll; the third time fetch it singly, and then put it into quarantine.

        Returns the error if it concerns the whole mailbox; while no folder could be read, every error does.
        """
        if isinstance(error, Forbidden):
            self._forbidden[mail.key] = (mail, error)
        if not (counts.answered and is_of_one_mail(error)):
            return error
        if isinstance(error, NotFound):
            self._ledger.close([(mail, MailState.GONE)], guarded=False)
            counts.gone += 1
            return None
        if is_last_way or mail.fetch_tries + 1 < _TRIES:
            self._count_failure(mail, error)
            return None
        return self._fetch_singly(mail, lease, counts)

    def _count_failure(self, mail: OpenMail, error: GatewayError, *, forbidden: bool = False) -> None:
        tries = mail.fetch_tries + 1
        _log.warning("%s: attachments of mail %s failed (%d): %s", self._settings.name, mail.key, tries, error)
        if tries < _TRIES:
            self._ledger.note_fetch_failure(mail, tries, forbidden=forbidden)
        else:
            self._put_into_quarantine(mail, Rejected(error.message, code="AttachmentsUnreadable"))

    def _put_into_quarantine(self, mail: OpenMail, cause: Rejected) -> None:
        self._store.put_attachments(mail.key, [_UNREADABLE])
        self._finish(mail, mail.cause or (cause.code, cause.message))

    def _fetch_one(self, mail: OpenMail, number: int, item: Json) -> Attachment:
        described = _describe(number, item)
        if described.kind is AttachmentKind.REFERENCE:
            return described
        if described.size > self._limit:
            return replace(described, omitted=Omission.TOO_LARGE)
        if described.is_inline and described.kind is AttachmentKind.FILE and described.size <= _SMALL:
            # Only this form contains the content id, by which the body refers to a picture.
            return self._read_or_omit(
                mail,
                described,
                lambda: self._keep(mail, number, self._graph.get_attachment(mail.graph_id, str(item["id"]))),
            )
        return self._stream(mail, described, str(item["id"]))

    def _keep(self, mail: OpenMail, number: int, item: Json) -> Attachment:
        """Store one attachment of a list that contains the bytes."""
        described = _describe(number, item)
        if described.kind is AttachmentKind.REFERENCE:
            return described
        text = item.get("contentBytes")
        if described.kind is AttachmentKind.ITEM or text is None:
            return self._stream(mail, described, str(item["id"]))
        try:
            data = base64.b64decode(text)
        except (binascii.Error, ValueError):
            return replace(described, omitted=Omission.UNREADABLE)
        return self._put(mail, replace(described, is_pixel=is_tracking_pixel(data)), [data])

    def _stream(self, mail: OpenMail, described: Attachment, attachment_id: str) -> Attachment:
        def read() -> Attachment:
            with self._graph.stream_attachment(mail.graph_id, attachment_id) as chunks:
                return self._put(mail, described, chunks)

        return self._read_or_omit(mail, described, lambda: call_with_retry(STREAM, read))

    def _read_or_omit(self, mail: OpenMail, described: Attachment, read: Callable[[], Attachment]) -> Attachment:
        """Read an attachment. Omit it if Graph refuses it, or if Graph fails to send it in the last attempt."""
        try:
            return read()
        except (Refused, OutcomeUnknown) as error:
            may_come = isinstance(error, OutcomeUnknown) and mail.fetch_tries + 1 < _TRIES
            if may_come or not is_of_one_mail(error):
                raise
            _log.warning("%s: an attachment of mail %s is omitted: %s", self._settings.name, mail.key, error)
            return replace(described, omitted=Omission.UNREADABLE)

    def _put(self, mail: OpenMail, described: Attachment, chunks: Iterable[bytes]) -> Attachment:
        try:
            blob, sha256, size = self._store.put_bytes(
                mail.key, described.number, chunks, content_type=described.content_type, limit=self._limit
            )
        except AnswerTooLarge:
            return replace(described, omitted=Omission.TOO_LARGE)
        return replace(described, blob=blob, sha256=sha256, size=size)

    def _complete(self, mail: OpenMail, attachments: Sequence[Attachment], counts: PollCounts) -> None:
        self._store.put_attachments(mail.key, attachments)
        files = "" if mail.cause else files_digest(attachments)
        if not self._finish(mail, mail.cause, files):
            counts.skipped += 1
        self._completed += 1

    def _finish(self, mail: OpenMail, cause: tuple[str, str] | None, files: str = "") -> bool:
        """Complete the mail in the ledger; return False if it is a copy of another one."""
        is_new = self._ledger.complete(mail, self._settings.sinks, files=files, cause=cause)
        if cause is not None:
            report_quarantined(self._settings.name, mail.key, mail.sinks or self._settings.sinks, cause[0])
        return is_new


def _numbered(answer: Json) -> Iterator[tuple[int, Json]]:
    items = answer.get("value")
    if not isinstance(items, list):
        raise _bad_answer(items)
    return enumerate(items, start=1)


def _bad_answer(what: object) -> OutcomeUnknown:
    return OutcomeUnknown(
        "Microsoft Graph sent a list of attachments in an unexpected form.",
        code="UpstreamBadAnswer",
        detail=type(what).__name__,
    )


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
        omitted=Omission.LINK if kind is AttachmentKind.REFERENCE else None,
        url=read_web_address(item.get("sourceUrl")),  # of the beta version; v1.0 does not have it
    )
