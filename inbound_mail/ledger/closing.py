"""What ends the work on mails: their states, their deliveries' rows, their outcomes and the counters, at once."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from inbound_mail.ledger import entities, rows
from inbound_mail.ledger.mailbox_state import MailboxState
from inbound_mail.ledger.records import BY_HAND, MailOutcome, MailState, OpenMail
from shared.storage.tables import TRANSACTION_SIZE, Operation

type ClosedMail = tuple[OpenMail, MailState]

_WITH_OUTCOME = (MailState.DELIVERED, MailState.QUARANTINED, MailState.SKIPPED)


class WrittenBack(StrEnum):
    """How the write-back of a mail ended."""

    DONE = "done"
    DENIED = "denied"
    MISSING = "missing"
    FAILED = "failed"


def share(mails: Sequence[ClosedMail]) -> Iterator[Sequence[ClosedMail]]:
    """Yield as many mails at a time as one transaction takes."""
    size = (TRANSACTION_SIZE - 1) // (3 + 2 * max([0, *(len(mail.deliveries) for mail, _ in mails)]))
    for start in range(0, len(mails), size):
        yield mails[start : start + size]


def close(
    mailbox: str,
    mails: Sequence[ClosedMail],
    own: MailboxState,
    *,
    guarded: bool,
    written_back: Mapping[str, WrittenBack],
) -> tuple[list[Operation], int]:
    """Return the operations that close mails, and the number of the last outcome behind them.

    `own`: the mailbox's own row as it was read just now. If guarded, they fail when one of the mails has changed.
    `written_back`: how the write-back ended, by key.
    """
    now, number = datetime.now(UTC), own.last_outcome
    operations: list[Operation] = []
    for mail, state in mails:
        ended = {"state": state, "closed_at": now}
        ended |= {"reason": BY_HAND} if state is MailState.SKIPPED else {}
        ended |= {"written_back": written_back[mail.key]} if mail.key in written_back else {}
        operations += [
            Operation("merge", entities.identity(mailbox, rows.mail_row(mail.key)) | ended),
            Operation(
                "delete", entities.identity(mailbox, rows.open_row(mail.key)), mail.row.etag if guarded else None
            ),
            *entities.move_all(mailbox, mail.deliveries, rows.delivery_row),
        ]
        if state in _WITH_OUTCOME:
            number += 1
            operations.append(entities.new_outcome(mailbox, _describe_end(mail, state, number, now)))
    states = [state for _, state in mails]
    counted = own.counted(delivered=states.count(MailState.DELIVERED), gone=states.count(MailState.GONE))
    if number != own.last_outcome or counted:
        operations.append(own.grow(last_outcome=number, **counted))
    return operations, number


def _describe_end(mail: OpenMail, state: MailState, number: int, now: datetime) -> MailOutcome:
    return MailOutcome(
        number,
        mail.key,
        state,
        now,
        frozenset(mail.newly_delivered),
        mail.summary,
        tuple(entities.end_delivery(one) for one in mail.deliveries),
        is_again=mail.was_closed,
    )
