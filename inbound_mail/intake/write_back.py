"""Write-back: when every sink has a mail, mark it as read, set its category, move it, and close it in the ledger.

These changes are for the people who use the mailbox. Whether a mail is delivered is recorded in the ledger only. If the
app has no right to write to the mailbox, mails are closed without them.
"""

import logging
from collections.abc import Collection, Mapping, Sequence

from inbound_mail.ledger.closing import WrittenBack
from inbound_mail.ledger.records import DeliveryState, MailState, OpenMail, Phase
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import Forbidden, GatewayError, NotFound
from shared.events import Event, log_event
from shared.graph.mail import MessageChange, is_of_one_mail
from shared.json_text import Json
from shared.storage.blobs import Lease

_log = logging.getLogger("gateway.mail")

_GROUP = 20
_TRIES = 10

type Errors = dict[str, GatewayError]  # by the immutable id of the mail


class MailCloser:
    """Closes the mails of one mailbox, for the holder of its lease."""

    def __init__(self, mailbox: SupportMailbox, *, last_poll_succeeded: bool = True) -> None:
        """`last_poll_succeeded`: the last poll of the mailbox had no error, so a new error is about a single mail."""
        self._settings = mailbox.settings
        self._graph = mailbox.graph
        self._ledger = mailbox.ledger
        self._wanted = mailbox.settings.write_back
        self._last_poll_succeeded = last_poll_succeeded
        self._ended: dict[str, WrittenBack] = {}  # by key

    def close_finished(self, mails: Sequence[OpenMail], lease: Lease) -> dict[MailState, int]:
        """Write back and close the mails whose deliveries have all ended; return how many were closed in which state.

        Raises the error that stops the whole mailbox, after closing what can be closed.
        """
        finished = [
            mail
            for mail in mails
            if mail.phase is Phase.DELIVER and mail.deliveries and all(one.state.is_final for one in mail.deliveries)
        ]
        quarantined = [mail for mail in finished if _has(mail, DeliveryState.QUARANTINED)]
        delivered = [mail for mail in finished if mail not in quarantined and _has(mail, DeliveryState.DELIVERED)]
        aside = [mail for mail in finished if mail not in quarantined and mail not in delivered]
        closed = {
            MailState.QUARANTINED: self._ledger.close([(mail, MailState.QUARANTINED) for mail in quarantined]),
            MailState.SKIPPED: self._ledger.close([(mail, MailState.SKIPPED) for mail in aside]),
            MailState.DELIVERED: 0,
        }
        for start in range(0, len(delivered), _GROUP if self._wanted.is_wanted else max(1, len(delivered))):
            lease.check()
            group = delivered[start : start + _GROUP] if self._wanted.is_wanted else delivered
            done, fatal = self._write_back(group) if self._wanted.is_wanted else (group, None)
            # Unguarded: nobody changes a mail any more whose deliveries are all delivered.
            for guarded in (False, True):
                ended = [mail for mail in done if _has(mail, DeliveryState.SET_ASIDE) is guarded]
                closed[MailState.DELIVERED] += self._ledger.close(
                    [(mail, MailState.DELIVERED) for mail in ended], guarded=guarded, written_back=self._ended
                )
            if fatal:
                raise fatal
        return closed

    def _write_back(self, mails: Sequence[OpenMail]) -> tuple[list[OpenMail], GatewayError | None]:
        """Change mails in the mailbox; return those that can be closed, and the error that stops the mailbox."""
        marks, errors = self._read_marks(mails)
        errors |= self._set_marks(_without(mails, errors), marks)
        if self._wanted.move_to:
            errors |= self._move(_without(mails, errors), marks, self._wanted.move_to)
        if any(isinstance(error, Forbidden) for error in errors.values()):
            log_event(Event.WRITE_BACK_DENIED, mailbox=self._settings.name)
        return self._find_done(mails, errors)

    def _find_done(
        self, mails: Sequence[OpenMail], errors: Mapping[str, GatewayError]
    ) -> tuple[list[OpenMail], GatewayError | None]:
        done, fatal = [], None
        for mail in mails:
            error = errors.get(mail.graph_id)
            ended = None
            if error is None or isinstance(error, Forbidden):
                ended = WrittenBack.DENIED if error else WrittenBack.DONE
            elif not is_of_one_mail(error):
                fatal = error
            elif isinstance(error, NotFound) or self._gives_up(mail, error):
                ended = WrittenBack.MISSING if isinstance(error, NotFound) else WrittenBack.FAILED
            if ended:
                done.append(mail)
                self._ended[mail.key] = ended
        return done, fatal

    def _gives_up(self, mail: OpenMail, error: GatewayError) -> bool:
        """Return whether a mail has failed for the last time. A failure counts only if the last poll succeeded."""
        tries = mail.write_tries + self._last_poll_succeeded
        _log.warning("%s: write-back of mail %s failed (%d): %s", self._settings.name, mail.key, tries, error)
        if tries < _TRIES:
            self._ledger.note_write_failure(mail, tries)
        return tries >= _TRIES

    def _read_marks(self, mails: Sequence[OpenMail]) -> tuple[dict[str, Json], Errors]:
        """Read the current marks of mails whose change depends on them: a category is wanted, or a move was begun."""
        needed = [mail.graph_id for mail in mails if self._wanted.category or mail.may_have_moved]
        answers = self._graph.read_marks(needed) if needed else {}
        marks = {name: answer for name, answer in answers.items() if not isinstance(answer, GatewayError)}
        return marks, {name: answer for name, answer in answers.items() if isinstance(answer, GatewayError)}

    def _set_marks(self, mails: Sequence[OpenMail], marks: Mapping[str, Json]) -> Errors:
        """Set read state and category where they differ."""
        updates = [update for mail in mails if (update := self._make_update(mail, marks.get(mail.graph_id)))]
        return _errors_of(self._graph.set_values(updates)) if updates else {}

    def _make_update(self, mail: OpenMail, marks: Json | None) -> MessageChange | None:
        """Return what to set on a mail, or None if its marks were read and are right already."""
        values: Json = {"isRead": True} if self._wanted.read else {}
        if self._wanted.category and marks is not None:
            # Graph replaces the list of categories, so it must contain those that colleagues have set.
            name = self._wanted.category.replace("{ticket}", ", ".join(mail.tickets)).strip()
            known = marks.get("categories") or []
            values["categories"] = list(dict.fromkeys([*known, name])) if name else known
        if marks is None:
            return MessageChange(mail.graph_id, values) if values else None
        differing = {name: value for name, value in values.items() if marks.get(name) != value}
        etag = marks.get("@odata.etag") if "categories" in differing else None
        return MessageChange(mail.graph_id, differing, etag) if differing else None

    def _move(self, mails: Sequence[OpenMail], marks: Mapping[str, Json], folder: str) -> Errors:
        """Move mails. Where a move was begun before, move only if the mail is still in its old folder."""
        waiting = [
            mail
            for mail in mails
            if not mail.may_have_moved or marks[mail.graph_id].get("parentFolderId") == mail.folder_id
        ]
        if not waiting:
            return {}
        self._ledger.note_moves([mail for mail in waiting if not mail.may_have_moved])
        errors = _errors_of(self._graph.move([mail.graph_id for mail in waiting], folder))
        lost = sum(1 for error in errors.values() if isinstance(error, NotFound))
        if lost:
            _log.warning("%s: %d mails were not moved: they or the target folder are gone", self._settings.name, lost)
        # The mails could be changed just now, so the target folder is gone: this does not stop the mailbox.
        return {graph_id: error for graph_id, error in errors.items() if not isinstance(error, NotFound)}


def _has(mail: OpenMail, state: DeliveryState) -> bool:
    return any(one.state is state for one in mail.deliveries)


def _without(mails: Sequence[OpenMail], graph_ids: Collection[str]) -> list[OpenMail]:
    return [mail for mail in mails if mail.graph_id not in graph_ids]


def _errors_of(results: Mapping[str, GatewayError | None]) -> Errors:
    return {graph_id: error for graph_id, error in results.items() if error is not None}
