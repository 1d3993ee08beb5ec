"""Mails whose attachments are stored become complete: they join the feed and become deliverable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from inbound_mail.ledger import entities, open_texts, rows
from inbound_mail.ledger.mailbox_state import MailboxState
from inbound_mail.ledger.records import MailState, OpenMail
from inbound_mail.ledger.references import digest
from shared.errors import Conflict
from shared.json_text import Json
from shared.storage.tables import TRANSACTION_SIZE, Entity, Operation, Table


@dataclass(frozen=True)
class StoredMail:
    """A mail whose attachments are stored.

    `files`: the digest of its files: if a mail with the same message id, content and files is known, this one is a
    copy, which is skipped. `cause`: code and message if its deliveries go to quarantine at once. `listed`: the list of
    its attachments as it is stored, None if it has none that deliveries could read.
    """

    mail: OpenMail
    files: str = ""
    cause: tuple[str, str] | None = None
    listed: Sequence[Json] | None = None

    @property
    def exact_row(self) -> str | None:
        """The row key by which its copies are known; None if it is compared with no other mail."""
        identity = self.mail.identity
        return rows.exact_row(digest(identity, self.files)) if identity and self.files else None


class Completion:
    """Completes the mails of one mailbox."""

    def __init__(
        self, table: Table, mailbox: str, read_state: Callable[[], MailboxState], note_growth: Callable[[], None]
    ) -> None:
        self._table = table
        self._mailbox = mailbox
        self._read_state = read_state
        self._note_growth = note_growth

    def complete_all(self, stored: Sequence[StoredMail], sinks: Sequence[str]) -> list[bool]:
        """Complete mails, many in one transaction; return for each whether it is none that is known, a copy.

        They go to `sinks` unless `NewMail.sinks` or a person (`OpenMail.wanted`) named others.
        """
        size = max(1, (TRANSACTION_SIZE - 1) // max([5 + 2 * len(_find_sinks(one, sinks)) for one in stored] or [1]))
        done: list[bool] = []
        for start in range(0, len(stored), size):
            done += self._complete_some(stored[start : start + size], sinks)
        return done

    def _complete_some(self, stored: Sequence[StoredMail], sinks: Sequence[str]) -> list[bool]:
        exact_rows = [one.exact_row for one in stored if one.exact_row]
        if len(stored) > 1 and len(set(exact_rows)) == len(exact_rows):
            try:
                self._write(stored, sinks)
            except Conflict:
                pass  # one is a copy, or has changed: each by itself finds out
            else:
                return [True] * len(stored)
        return [self._complete(one, sinks) for one in stored]

    def _complete(self, stored: StoredMail, sinks: Sequence[str]) -> bool:
        mail, exact = stored.mail, stored.exact_row
        try:
            self._write([stored], sinks)
        except Conflict:
            known = self._table.get(self._mailbox, exact) if exact else None
            if known is None or known.values["key"] == mail.key:
                raise
            now, owner, own = datetime.now(UTC), str(known.values["key"]), self._read_state()
            outcome = own.last_outcome + 1
            copy = entities.skip_copy(self._mailbox, mail, owner, outcome, now)
            counted = own.counted(skipped=1, copies=1)
            self._table.transact([*copy, own.grow(last_outcome=outcome, **counted)])
            self._note_growth()
            return False
        return True

    def _write(self, stored: Sequence[StoredMail], sinks: Sequence[str]) -> None:
        state, now = self._read_state(), datetime.now(UTC)
        operations: list[Operation] = []
        for number, one in enumerate(stored, state.last_number + 1):
            mail, exact = one.mail, one.exact_row
            begun = mail.wanted.get("begun") if mail.wanted else None
            known = {"state": MailState.STORED, "number": number, "stored_at": now}
            operations.append(Operation("merge", self._id(rows.mail_row(mail.key)) | known))
            operations += [Operation("create", self._id(exact) | {"key": mail.key})] if exact else []
            chosen = _find_sinks(one, sinks)
            operations += entities.make_deliverable(mail.row.values, number, chosen, now, one.cause, begun=begun)
            files = open_texts.make_files(self._mailbox, mail.key, one.listed) if one.listed is not None else None
            operations += [Operation("upsert-merge", files)] if files else []
        self._table.transact([*operations, state.grow(last_number=state.last_number + len(stored))])
        self._note_growth()

    def _id(self, row_key: str) -> Entity:
        return entities.identity(self._mailbox, row_key)


def _find_sinks(stored: StoredMail, sinks: Sequence[str]) -> Sequence[str]:
    """Return where a mail goes."""
    wanted = stored.mail.wanted
    return wanted["sinks"] if wanted else stored.mail.sinks or sinks
