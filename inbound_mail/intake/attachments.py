"""Fetches attachments: those of twenty mails in one call; large ones one by one, streamed to storage.

Graph lists attachments together with their bytes, and a delta query ignores the options that would leave the bytes out.
So the lists of twenty mails come in one batch. If the answer exceeds a limit, it is discarded and the batch is halved.
For a single mail that still exceeds the limit, the sizes are asked for first and each attachment is read by itself.

No error of one mail holds up the others, whatever its class. What may be the trouble of the mailbox, of Graph or of the
storage account is a mail's own if another mail of its group, or of a later one, was fetched in the same poll; three
polls like that put it into quarantine. If none was, the error stops the mailbox, and the mail comes last from then on.
"""

import base64
import binascii
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from inbound_mail.content.files import Omission
from inbound_mail.content.models import Attachment, AttachmentKind, clean_message_id, read_web_address
from inbound_mail.content.pictures import is_tracking_pixel
from inbound_mail.intake.folder_reader import PollCounts, report_quarantined
from inbound_mail.intake.unpack import unpack_mail
from inbound_mail.ledger.completion import StoredMail
from inbound_mail.ledger.mail_store import describe_files
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
    Throttled,
    place_of,
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
_MOST_LOST_SECONDS = 180.0  # in which no mail could be fetched: then the trouble is not one mail's
_KINDS = {
    "#microsoft.graph.fileAttachment": AttachmentKind.FILE,
    "#microsoft.graph.itemAttachment": AttachmentKind.ITEM,
    "#microsoft.graph.referenceAttachment": AttachmentKind.REFERENCE,
}
# Stands for attachments that cannot be listed: if a person has the mail delivered anyway, the ticket mentions them.
_UNREADABLE = Attachment(1, "attachments", "", 0, AttachmentKind.FILE, omitted=Omission.UNREADABLE)

# What reading an answer raises that does not have the documented form; it concerns that mail only.
_UNEXPECTED_FORM = (KeyError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True)
class _Unclear:
    """An error of one mail that may be the whole mailbox's, and the number of the group in which it happened."""

    mail: OpenMail
    error: GatewayError
    group: int


class AttachmentFetcher:
    """Fetches the attachments of one mailbox's mails, for the holder of its lease."""

    def __init__(self, mailbox: SupportMailbox) -> None:
        self._settings = mailbox.settings
        self._graph = mailbox.graph
        self._ledger = mailbox.ledger
        self._store = mailbox.store
        self._limit = mailbox.settings.attachment_mb * _MIB
        self._stored: list[StoredMail] = []
        self._unclear: list[_Unclear] = []
        self._group = 0
        self._last_good_group = 0
        self._lost_since: float | None = None

    def fetch(self, mails: Sequence[OpenMail], lease: Lease, counts: PollCounts) -> None:
        """Fetch the attachments of these mails and complete them in the ledger.

        A mail that fails repeatedly goes to quarantine. Raises the error that stops the whole mailbox.
        """
        ordered = sorted(mails, key=lambda mail: mail.was_unclear)
        for start in range(0, len(ordered), _GROUP):
            lease.check()
            self._group += 1
            self._fetch_group(ordered[start : start + _GROUP], lease, counts)
        of_the_mailbox = [one.error for one in self._unclear if not self._settle(one, counts)]
        if of_the_mailbox:
            raise of_the_mailbox[0]

    def _settle(self, one: _Unclear, counts: PollCounts) -> bool:
        """Count an unclear error against its mail if that is proved, now or by an earlier poll. Return whether it is.

        Access may be refused for a single mail at any time, so for that a mail that was fetched before is proof, too.
        """
        mail, is_denied = one.mail, isinstance(one.error, Forbidden)
        is_proved = self._last_good_group >= (1 if is_denied or mail.was_unclear else one.group)
        was_proved = counts.answered and (mail.was_forbidden if is_denied else mail.fetch_tries > 0)
        if is_proved or was_proved:
            self._count_failure(mail, one.error, forbidden=is_denied)
        elif not (is_denied or mail.was_unclear):
            self._ledger.note_fetch_failure(mail, mail.fetch_tries, forbidden=False, unclear=True)
        return is_proved or was_proved

    def _is_lost(self) -> bool:
        """Return whether nothing could be fetched for so long that going on is of no use."""
        return self._lost_since is not None and time.monotonic() - self._lost_since > _MOST_LOST_SECONDS

    def _fetch_group(self, mails: Sequence[OpenMail], lease: Lease, counts: PollCounts) -> None:
        if self._is_lost():
            return
        answers = self._graph.read_attachments([mail.graph_id for mail in mails], most_bytes=_MOST_BYTES_AT_ONCE)
        too_large = [mail for mail in mails if isinstance(answers[mail.graph_id], AnswerTooLarge)]
        stopped: GatewayError | None = None
        for mail in mails:
            if mail not in too_large and not self._is_lost():
                lease.check()
                stopped = self._take_answer(mail, answers.pop(mail.graph_id), lease, counts) or stopped
        stopped = self._complete_stored(lease, counts) or stopped
        half = len(too_large) // 2
        if half:
            self._fetch_group(too_large[:half], lease, counts)
            self._fetch_group(too_large[half:], lease, counts)
        elif too_large:
            stopped = self._fetch_singly(too_large[0], lease, counts) or stopped
            stopped = self._complete_stored(lease, counts) or stopped
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
        except Exception as error:  # noqa: BLE001 - what one mail causes must not keep the others from being fetched
            return self._fail(mail, _unexpected(error), lease, counts)
        return self._complete(mail, kept, lease, counts)

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
        except Exception as error:  # noqa: BLE001 - as above
            return self._fail(mail, _unexpected(error), lease, counts, is_last_way=True)
        return self._complete(mail, kept, lease, counts)

    def _fail(
        self, mail: OpenMail, error: GatewayError, lease: Lease, counts: PollCounts, *, is_last_way: bool = False
    ) -> GatewayError | None:
        """Leave a failed mail for the next poll; the third time fetch it singly, and then put it into quarantine.

        Returns the error if it certainly concerns the whole mailbox: it is about the mailbox's allowance, or no folder
        could be read either.
        """
        if isinstance(error, Throttled) or not (counts.answered or isinstance(error, Forbidden)):
            return error
        if not is_of_one_mail(error):
            _log.warning("%s: attachments of mail %s failed: %s", self._settings.name, mail.key, error)
            self._unclear.append(_Unclear(mail, error, self._group))
            self._lost_since = self._lost_since or time.monotonic()
            return None
        if isinstance(error, NotFound):
            self._ledger.close([(mail, MailState.GONE)], guarded=False)
            return None
        if is_last_way or mail.fetch_tries + 1 < _TRIES:
            self._count_failure(mail, error)
            return None
        return self._fetch_singly(mail, lease, counts)

    def _count_failure(self, mail: OpenMail, error: GatewayError, *, forbidden: bool = False) -> None:
        tries = mail.fetch_tries + 1
        _log.warning("%s: attachments of mail %s failed (%d): %s", self._settings.name, mail.key, tries, error)
        if tries < _TRIES:
            self._ledger.note_fetch_failure(mail, tries, forbidden=forbidden, unclear=False)
        else:
            self._put_into_quarantine(mail, Rejected(error.message, code="AttachmentsUnreadable"))

    def _put_into_quarantine(self, mail: OpenMail, cause: Rejected) -> None:
        self._store.put_attachments(mail.key, [_UNREADABLE])
        stored = StoredMail(mail, cause=mail.cause or (cause.code, cause.message), listed=describe_files([_UNREADABLE]))
        self._finish([stored])

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

    def _complete(
        self, mail: OpenMail, attachments: Sequence[Attachment], lease: Lease, counts: PollCounts
    ) -> GatewayError | None:
        """Note a mail whose attachments are stored; return an error that concerns the whole mailbox."""
        try:
            attachments = unpack_mail(self._store, mail.key, attachments, self._limit)
            if attachments:  # a mail without a list has none
                self._store.put_attachments(mail.key, attachments)
            files = "" if mail.cause else files_digest(attachments)
        except Conflict:  # the lease is lost
            raise
        except GatewayError as error:
            return self._fail(mail, error, lease, counts, is_last_way=True)
        except Exception as error:  # noqa: BLE001 - as above
            return self._fail(mail, _unexpected(error), lease, counts, is_last_way=True)
        self._stored.append(StoredMail(mail, files, mail.cause, describe_files(attachments)))
        return None

    def _complete_stored(self, lease: Lease, counts: PollCounts) -> GatewayError | None:
        """Complete the noted mails in the ledger; return an error that concerns the whole mailbox."""
        waiting, self._stored = [self._stored] if self._stored else [], []
        stopped: GatewayError | None = None
        while waiting:
            stored = waiting.pop()
            try:
                counts.skipped += self._finish(stored)
                self._last_good_group, self._lost_since = self._group, None
            except Conflict:  # the lease is lost
                raise
            except GatewayError as error:
                if isinstance(error, Refused) and len(stored) > 1:  # one of them is
                    waiting += [[one] for one in stored]
                    continue
                for one in stored:
                    stopped = self._fail(one.mail, error, lease, counts, is_last_way=True) or stopped
        return stopped

    def _finish(self, stored: Sequence[StoredMail]) -> int:
        """Complete mails in the ledger; return how many are copies of others."""
        are_new = self._ledger.completion.complete_all(stored, self._settings.sinks)
        for one in stored:
            if one.cause is not None:
                sinks = one.mail.sinks or self._settings.sinks
                report_quarantined(self._settings.name, one.mail.key, sinks, one.cause[0])
        return are_new.count(False)


def _numbered(answer: Json) -> Iterator[tuple[int, Json]]:
    items = answer.get("value")
    if not isinstance(items, list):
        raise _bad_answer(items)
    return enumerate(items, start=1)


def _bad_answer(what: object) -> OutcomeUnknown:
    return OutcomeUnknown(
        "Microsoft Graph sent a list of attachments in an unexpected form. Look at the mail in its mailbox.",
        code="UpstreamBadAnswer",
        detail=type(what).__name__,
    )


def _unexpected(error: Exception) -> GatewayError:
    _log.error("attachments cannot be read: %s", place_of(error))
    message = f"The gateway failed with an unexpected error ({type(error).__name__}). Search the log for it."
    return GatewayError(message, code="Internal")


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
