"""One poll of a mailbox: close what is delivered, read what is new, fetch its attachments, hand it on.

Runs under a lease, so once at a time for each mailbox. Each part stands for itself: a fault at Graph does not keep what
is already here from being delivered. What the poll leaves undone, the next one finds in the ledger.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from inbound_mail.intake.attachments import Fetcher
from inbound_mail.intake.folder_reader import FolderReader, Seen
from inbound_mail.intake.write_back import Settler
from inbound_mail.ledger.ledger import DeliveryState, MailState, OpenMail, Phase
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import ConfigurationError, Conflict, GatewayError, Unavailable, place_of
from shared.storage.blobs import Container, Lease
from shared.storage.queues import Queue
from shared.storage.tables import Entity
from shared.workers import Workers

_log = logging.getLogger("gateway.mail")

LEASE_SECONDS = 30
# A delivery whose worker died shows by its claim; a lost message shows by silence only, longer than the ten minutes
# for which the platform hides a message whose worker died before it claimed anything.
_AFTER_CLAIM = timedelta(seconds=5)
_AFTER_SILENCE = timedelta(minutes=15)
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(minutes=10)
_LONGEST_WISH = timedelta(hours=1)  # what Graph may ask for

type Step = Callable[[], None]


class Polled(StrEnum):
    """How a poll went."""

    DONE = "done"
    FAILED = "failed"
    BUSY = "busy"
    PAUSED = "paused"


class Poller:
    """Polls mailboxes."""

    def __init__(self, leases: Container, deliveries: Queue, workers: Workers) -> None:
        self._leases = leases
        self._deliveries = deliveries
        self._workers = workers

    def poll(self, mailbox: SupportMailbox, *, at_once: bool = False) -> Polled:
        """Poll one mailbox, unless somebody is at it or it rests after a failure (`at_once`: rest or not)."""
        with self._leases.lease(f"leases/{mailbox.name}", LEASE_SECONDS) as lease:
            if lease is None:
                return Polled.BUSY
            with lease.kept():
                state = mailbox.ledger.state().values
                if not at_once and state.get("paused_until", datetime.min.replace(tzinfo=UTC)) > datetime.now(UTC):
                    self.hand_on(mailbox, lease)
                    return Polled.PAUSED
                return self._poll(mailbox, lease, state)

    def _poll(self, mailbox: SupportMailbox, lease: Lease, state: Entity) -> Polled:
        seen = Seen()
        closed: dict[MailState, int] = {}
        reader = FolderReader(mailbox, self._workers)

        def settle() -> None:
            settler = Settler(mailbox, is_well=not state.get("failures"))
            closed.update(settler.settle(list(mailbox.ledger.open_mails()), lease))

        def fetch() -> None:
            waiting = [mail for mail in mailbox.ledger.open_mails() if mail.phase is Phase.FETCH]
            Fetcher(mailbox).fetch(waiting, lease, seen)

        folders = mailbox.settings.folders
        steps: list[Step] = [
            settle,
            *(partial(reader.read, folder, lease, seen) for folder in folders),
            *(partial(reader.sweep, folder, lease, seen) for folder in folders),
            fetch,
        ]
        errors: list[GatewayError] = []
        for step in steps:
            try:
                step()
            except Conflict:
                raise  # the lease is lost: whoever has it now does the rest
            except ConfigurationError as error:
                errors.append(error)
                break
            except GatewayError as error:
                errors.append(error)
            except Exception as error:  # noqa: BLE001 - one strange mail must not keep the others from being handed on
                _log.error("a part of the poll of %s broke: %s", mailbox.name, place_of(error))
                errors.append(GatewayError(f"The gateway failed: {type(error).__name__}.", code="Internal"))
        self.hand_on(mailbox, lease)
        lease.check()
        mailbox.ledger.put_state(**_tell(state, seen, closed, errors))
        _log.info(
            "polled %s: %d new, %d skipped, %d delivered, %d errors",
            mailbox.name, seen.new, seen.skipped, closed.get(MailState.DELIVERED, 0), len(errors),
        )  # fmt: skip
        for told in errors:
            _log.warning("poll of %s: %s", mailbox.name, told)
        return Polled.FAILED if errors else Polled.DONE

    def hand_on(self, mailbox: SupportMailbox, lease: Lease) -> None:
        """Enqueue deliveries that are new, and those whose worker or message was lost."""
        now = datetime.now(UTC)
        changes: list[tuple[str, Entity]] = []
        messages: list[dict[str, Any]] = []
        for mail in mailbox.ledger.open_mails():
            if mail.phase is not Phase.DELIVER:
                continue
            values: Entity = {} if mail.values["enqueued"] else {"enqueued": True}
            for column, due in _overdue(mail, now):
                messages.append({"mailbox": mailbox.name, "key": mail.key, "sink": column.replace("_", "-")})
                values[due] = now
            if values:
                changes.append((mail.key, values))
        lease.check()
        self._workers.map(self._deliveries.put, messages)
        try:
            mailbox.ledger.merge_open(changes)
        except Conflict:
            _log.info("%s: a mail was closed while it was handed on", mailbox.name)


def _overdue(mail: OpenMail, now: datetime) -> list[tuple[str, str]]:
    """Return (column part of the sink's name, column of its due time) of deliveries that need a message."""
    found = []
    for name, value in mail.values.items():
        if not name.startswith("state_"):
            continue
        column = name.removeprefix("state_")
        due: datetime = mail.values[f"due_{column}"]
        state = DeliveryState(value)
        if (
            (state is DeliveryState.WAITING and (not mail.values["enqueued"] or now - due > _AFTER_SILENCE))
            or (state is DeliveryState.CLAIMED and now - due > _AFTER_CLAIM)
        ):  # fmt: skip
            found.append((column, f"due_{column}"))
    return found


def _tell(state: Entity, seen: Seen, closed: dict[MailState, int], errors: list[GatewayError]) -> dict[str, Any]:
    """Return what the mailbox's own row says after a poll."""
    now = datetime.now(UTC)
    counted = {
        "delivered": closed.get(MailState.DELIVERED, 0),
        "new": seen.new,
        "skipped": seen.skipped,
        "gone": seen.gone,
        "removed_unseen": seen.removed_unseen,
        "resyncs": seen.resyncs,
        "swept": seen.swept,
    }
    values: dict[str, Any] = {name: int(state.get(name, 0)) + number for name, number in counted.items()}
    values |= {"last_poll": now}
    if not errors:
        return values | {"last_success": now, "failures": 0, "paused_until": now}
    failures = int(state.get("failures", 0)) + 1
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failures - 1, 10))
    asked_for = max((each.retry_after or 0.0 for each in errors if isinstance(each, Unavailable)), default=0.0)
    pause = min(_LONGEST_WISH, max(pause, timedelta(seconds=min(asked_for, 86_400.0))))
    error = errors[0]
    return values | {
        "failures": failures,
        "paused_until": now + pause,
        "last_error": error.code,
        "last_error_message": error.message,
        "last_error_at": now,
    }
