"""Attachments: twenty mails' worth in one call, and what is too large for that one by one, streamed.

Graph lists attachments with their bytes, and options that would keep the bytes out are ignored in a delta; so small
ones come in a batch whose answer is given up past a bound, and then in smaller batches, down to a single mail whose
sizes are asked for first.
"""

import base64
import binascii
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from inbound_mail.content.models import Attachment, AttachmentKind, clean_message_id
from inbound_mail.intake.folder_reader import Seen
from inbound_mail.ledger.ledger import MailState, OpenMail
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
from shared.events import Event, log_event
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
# Stands for attachments that cannot even be listed, so that whoever delivers the mail all the same is told.
_UNREADABLE = Attachment(1, "attachments", "", 0, AttachmentKind.FILE, omitted="Unreadable")

# What comes of an answer of another form than the documented one; it is that mail's own trouble.
_ODD = (KeyError, TypeError, ValueError, AttributeError)


class Fetcher:
    """Fetches the attachments of one mailbox's mails, for the holder of its lease."""

    def __init__(self, mailbox: SupportMailbox) -> None:
        self._settings = mailbox.settings
        self._graph = mailbox.graph
        self._ledger = mailbox.ledger
        self._store = mailbox.store
        self._limit = mailbox.settings.attachment_mb * _MIB
        self._barred: dict[str, tuple[OpenMail, Forbidden]] = {}
        self._completed = 0

    def fetch(self, mails: Sequence[OpenMail], lease: Lease, seen: Seen) -> None:
        """Complete these mails. One that cannot be is set aside; raises what stops the mailbox as a whole."""
        for start in range(0, len(mails), _GROUP):
            lease.check()
            with suppress(Forbidden):  # one mail may be barred among many: the others do not wait for it
                self._fetch_group(mails[start : start + _GROUP], lease, seen)
        denied: GatewayError | None = None
        for mail, refusal in self._barred.values():
            # A mail that alone is barred, now or when it was first tried, is no matter of the mailbox.
            if self._completed or mail.values.get("barred"):
                self._count(mail, refusal, barred=True)
            else:
                denied = refusal
        if denied:
            raise denied

    def _fetch_group(self, mails: Sequence[OpenMail], lease: Lease, seen: Seen) -> None:
        answers = self._graph.read_attachments([mail.graph_id for mail in mails], most_bytes=_MOST_BYTES_AT_ONCE)
        too_large = [mail for mail in mails if isinstance(answers[mail.graph_id], AnswerTooLarge)]
        stopped: GatewayError | None = None
        for mail in mails:
            if mail not in too_large:
                stopped = self._take_answer(mail, answers.pop(mail.graph_id), lease, seen) or stopped
        half = len(too_large) // 2
        if half:
            self._fetch_group(too_large[:half], lease, seen)
            self._fetch_group(too_large[half:], lease, seen)
        elif too_large:
            stopped = self._fetch_singly(too_large[0], lease, seen) or stopped
        if stopped:
            raise stopped

    def _take_answer(self, mail: OpenMail, answer: Expected, lease: Lease, seen: Seen) -> GatewayError | None:
        """Keep what came for one mail; return an error that is more than this mail's own matter."""
        if isinstance(answer, GatewayError):
            return self._fail(mail, answer, lease, seen)
        try:
            kept = [self._keep(mail, number, item) for number, item in _numbered(answer)]
        except GatewayError as error:
            return self._fail(mail, error, lease, seen)
        except _ODD as error:
            return self._fail(mail, _bad_answer(error), lease, seen)
        self._complete(mail, kept)
        return None

    def _fetch_singly(self, mail: OpenMail, lease: Lease, seen: Seen) -> GatewayError | None:
        kept = []
        try:
            for number, item in enumerate(self._graph.list_attachments(mail.graph_id), start=1):
                lease.check()
                kept.append(self._fetch_one(mail, number, item))
        except Conflict:
            raise
        except GatewayError as error:
            return self._fail(mail, error, lease, seen, is_last_way=True)
        except _ODD as error:
            return self._fail(mail, _bad_answer(error), lease, seen, is_last_way=True)
        self._complete(mail, kept)
        return None

    def _fail(
        self, mail: OpenMail, error: GatewayError, lease: Lease, seen: Seen, *, is_last_way: bool = False
    ) -> GatewayError | None:
        """Leave it for the next poll; the third time try another way, and then leave it to a person.

        Returns an error that is more than this mail's own matter: while the mailbox does not answer, none is.
        """
        if isinstance(error, Forbidden):
            self._barred[mail.key] = (mail, error)
        if not (seen.answered and is_of_one_mail(error)):
            return error
        if isinstance(error, NotFound):
            self._ledger.close([(mail, MailState.GONE)], guarded=False)
            seen.gone += 1
            return None
        if is_last_way or _tries(mail) + 1 < _TRIES:
            self._count(mail, error)
            return None
        return self._fetch_singly(mail, lease, seen)

    def _count(self, mail: OpenMail, error: GatewayError, *, barred: bool = False) -> None:
        tries = _tries(mail) + 1
        _log.warning("%s: attachments of mail %s failed (%d): %s", self._settings.name, mail.key, tries, error)
        if tries < _TRIES:
            self._ledger.merge_open([(mail.key, {"fetch_tries": tries, "barred": barred})])
        else:
            self._set_aside(mail, Rejected(error.message, code="AttachmentsUnreadable"))

    def _set_aside(self, mail: OpenMail, cause: Rejected) -> None:
        self._store.put_attachments(mail.key, [_UNREADABLE])
        self._ledger.complete(mail, self._settings.sinks, cause=(cause.code, cause.message))
        for sink in self._settings.sinks:
            log_event(Event.MAIL_QUARANTINED, mailbox=self._settings.name, key=mail.key, sink=sink, cause=cause.code)

    def _fetch_one(self, mail: OpenMail, number: int, item: Json) -> Attachment:
        described = _describe(number, item)
        if described.kind is AttachmentKind.REFERENCE:
            return described
        if described.size > self._limit:
            return replace(described, omitted="TooLarge")
        if described.is_inline and described.kind is AttachmentKind.FILE and described.size <= _SMALL:
            # Only this form tells the content id, by which the body refers to a picture.
            return self._or_leave_out(
                mail,
                described,
                lambda: self._keep(mail, number, self._graph.get_attachment(mail.graph_id, str(item["id"]))),
            )
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
        def read() -> Attachment:
            with self._graph.stream_attachment(mail.graph_id, attachment_id) as chunks:
                return self._put(mail, described, chunks)

        return self._or_leave_out(mail, described, lambda: call_with_retry(STREAM, read))

    def _or_leave_out(self, mail: OpenMail, described: Attachment, read: Callable[[], Attachment]) -> Attachment:
        """Read an attachment. One that Graph refuses is left out, one that it fails to send with the last try."""
        try:
            return read()
        except (Refused, OutcomeUnknown) as error:
            may_come = isinstance(error, OutcomeUnknown) and _tries(mail) + 1 < _TRIES
            if may_come or not is_of_one_mail(error):
                raise
            _log.warning("%s: an attachment of mail %s is left out: %s", self._settings.name, mail.key, error)
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
        self._ledger.complete(mail, self._settings.sinks)
        self._completed += 1


def _tries(mail: OpenMail) -> int:
    return int(mail.values.get("fetch_tries", 0))


def _numbered(answer: Json) -> Iterator[tuple[int, Json]]:
    items = answer.get("value")
    if not isinstance(items, list):
        raise _bad_answer(items)
    return enumerate(items, start=1)


def _bad_answer(what: object) -> OutcomeUnknown:
    return OutcomeUnknown(
        "Microsoft Graph sent attachments of a form unknown to the gateway.",
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
        omitted="Link" if kind is AttachmentKind.REFERENCE else None,
    )
