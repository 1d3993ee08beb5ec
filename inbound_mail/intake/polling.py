"""One poll of a mailbox: close delivered mails, read new ones, fetch their attachments, enqueue their deliveries.

A poll holds the mailbox's lease, so there is one at a time. Its steps are independent: if Graph fails in one, mails
that are already stored are still delivered. The next poll finds in the ledger what this one has left undone. Each row
is read once in a poll that finds nothing, and the mailbox's own is written once. After such a poll the next ones are
quick looks (`quick_look`), until one sees a change, or the hourly sweep is due.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from inbound_mail.intake.announcements import note_poll
from inbound_mail.intake.attachments import AttachmentFetcher
from inbound_mail.intake.folder_reader import FolderReader, PollCounts
from inbound_mail.intake.pace import describe_reading
from inbound_mail.intake.quick_look import QuickLook
from inbound_mail.intake.write_back import MailCloser
from inbound_mail.ledger.known_mails import KnownMails
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.mailbox_state import MailboxState
from inbound_mail.ledger.planned_polls import KnownPlan, QuietMailbox
from inbound_mail.ledger.records import DeliveryRecord, DeliveryState, MailState, OpenMail, Phase
from inbound_mail.messages import DeliveryQueue, OneDelivery, share_deliveries
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import ConfigurationError, Conflict, GatewayError, Unavailable, place_of
from shared.storage.blobs import Container, Lease
from shared.storage.tables import Entity
from shared.time_zones.zones import LONG_AGO
from shared.workers import Workers

_log = logging.getLogger("gateway.mail")

LEASE_SECONDS = 30
# A claim that has expired proves that its worker died. A lost message leaves no trace, so a delivery is enqueued again
# when nothing has happened for longer than the ten minutes for which the platform hides a message whose worker died.
_AFTER_EXPIRED_CLAIM = timedelta(seconds=5)
_AFTER_LOST_MESSAGE = timedelta(minutes=15)
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(minutes=10)
_LONGEST_RETRY_AFTER = timedelta(hours=1)  # Graph may ask for a longer pause than ours, up to this

type PollStep = Callable[[], None]


class Polled(StrEnum):
    """The result of a poll."""

    DONE = "done"
    FAILED = "failed"
    BUSY = "busy"
    PAUSED = "paused"


class Poller:
    """Polls mailboxes."""

    def __init__(self, leases: Container, deliveries: DeliveryQueue, workers: Workers) -> None:
        self._leases = leases
        self._deliveries = deliveries
        self._workers = workers

    def look(self, mailbox: SupportMailbox, known: KnownPlan) -> bool:
        """Look quickly at a quiet mailbox; return False if a whole poll has to follow. Raises Unavailable.

        `known`: its row of the plan, as it was read just now.
        """
        return _has_found_nothing(mailbox, QuickLook(mailbox, known))

    def poll(
        self,
        mailbox: SupportMailbox,
        *,
        at_once: bool = False,
        announced_at: datetime | None = None,
        known: KnownPlan | None = None,
    ) -> Polled:
        """Poll one mailbox, unless another worker polls it or it pauses after a failure (`at_once`: ignore the pause).

        `announced_at`: until when Graph has announced changes; a poll that began later has seen them already. `known`:
        the mailbox's row of the plan, if it was read a moment ago.

        Raises Conflict if the lease is lost, and Unavailable if the gateway's own storage is.
        """
        known = known or mailbox.ledger.plan.find(mailbox.name)
        if announced_at and known.has_looked_since(announced_at):
            _log.info("%s: a later poll has seen what was announced", mailbox.name)
            return Polled.DONE
        look = QuickLook(mailbox, known, announced_at)
        if not at_once and _has_found_nothing(mailbox, look):
            return Polled.DONE
        with self._leases.lease(f"leases/{mailbox.name}", LEASE_SECONDS) as lease:
            if lease is None:
                return Polled.BUSY
            with lease.kept():
                state = mailbox.ledger.state()
                if (until := state.values.get("graph_paused_until")) is not None:
                    mailbox.graph.keep_pause(until)
                paused_until = state.values.get("paused_until", LONG_AGO)
                if not at_once and paused_until > datetime.now(UTC):
                    self._enqueue_deliveries(mailbox, lease, mailbox.ledger.take_up())
                    return Polled.PAUSED
                return self._poll(mailbox, lease, state, known, look)

    def _poll(
        self,
        mailbox: SupportMailbox,
        lease: Lease,
        state: MailboxState,
        plan: KnownPlan,
        look: QuickLook,
    ) -> Polled:
        began, known = datetime.now(UTC), state.values
        counts = PollCounts()
        closed: dict[MailState, int] = {}
        known_mails = KnownMails(mailbox.ledger, self._workers)
        reader = FolderReader(mailbox, self._workers, known_mails, look.pages, look.sweep_every)
        work = _OpenWork(mailbox.ledger, counts, known_mails)

        def close_delivered() -> None:
            closer = MailCloser(mailbox, last_poll_succeeded=not known.get("failures"))
            closed.update(closer.close_finished(work.read(), lease))

        def fetch_attachments() -> None:
            waiting = [mail for mail in work.read() if mail.phase is Phase.FETCH]
            AttachmentFetcher(mailbox).fetch(waiting, lease, counts)

        folders = mailbox.settings.folders
        errors = _run_steps(
            mailbox.name,
            [
                close_delivered,
                *(partial(reader.read, folder, lease, counts) for folder in folders),
                *(partial(reader.sweep, folder, lease, counts) for folder in folders),
                fetch_attachments,
            ],
        )
        self._enqueue_deliveries(mailbox, lease, work.read())
        if reader.has_swept:
            mailbox.ledger.remove_texts({mail.key for mail in work.read()})
        lease.check()
        is_quiet = not (errors or counts.seen or work.was_there)
        values = state_after_poll(known, counts, errors)
        values["active_at"] = known.get("active_at", began) if is_quiet else began
        if (until := mailbox.graph.paused_until) is not None:  # the next poll may be another process's
            values["graph_paused_until"] = until
        mailbox.ledger.put_state(state if is_quiet else None, **values)
        proofs = note_poll(plan.planned, began, look.announced_at, counts.latest)
        next_poll = look.plan_next(began, values["active_at"], reader.next_sweeps, is_quiet=is_quiet)
        reads = describe_reading(mailbox.settings)
        may_look = is_quiet and until is None and reader.quiet_folders
        quiet = QuietMailbox(values["active_at"], reader.quiet_folders) if may_look else None
        mailbox.ledger.plan.put(
            mailbox.name, next_poll, began=began, is_quiet=is_quiet, reads=reads, quiet=quiet, known=plan, proofs=proofs
        )
        _log_poll(mailbox.name, counts, delivered=closed.get(MailState.DELIVERED, 0), errors=len(errors))
        for error in errors:
            _log.warning("poll of %s: %s", mailbox.name, error)
        return Polled.FAILED if errors else Polled.DONE

    def _enqueue_deliveries(self, mailbox: SupportMailbox, lease: Lease, mails: Sequence[OpenMail]) -> None:
        """Enqueue new deliveries, and those whose worker died or whose message was lost."""
        now = datetime.now(UTC)
        enqueued: list[tuple[OpenMail, list[str]]] = []
        for mail in mails:
            if mail.phase is Phase.DELIVER:
                sinks = [one.sink for one in mail.deliveries if _needs_message(one, mail.asked.get(one.sink), now)]
                enqueued.append((mail, sinks))
        lease.check()
        deliveries = [OneDelivery(mail.key, sink) for mail, sinks in enqueued for sink in sinks]
        self._workers.map(self._deliveries.put, share_deliveries(mailbox.name, deliveries))
        try:
            mailbox.ledger.note_enqueued(enqueued)
        except Conflict:
            _log.info("%s: a mail was closed while its deliveries were enqueued", mailbox.name)


def _has_found_nothing(mailbox: SupportMailbox, look: QuickLook) -> bool:
    if not look.finds_nothing():
        return False
    _log_poll(mailbox.name, PollCounts(), delivered=0, errors=0)
    return True


class _OpenWork:
    """The open work of a mailbox. Where there was none, it is not read again before the poll may have added some."""

    def __init__(self, ledger: Ledger, counts: PollCounts, known_mails: KnownMails) -> None:
        self._ledger = ledger
        self._known_mails = known_mails
        self._counts = counts
        self._known: list[OpenMail] | None = None
        self.was_there = False

    def read(self) -> list[OpenMail]:
        """Return the mails on which work is open."""
        if self._known is None or self.was_there or self._counts.seen:
            self._known = self._ledger.take_up()
            self._known_mails.note(mail.key for mail in self._known)
            self.was_there = self.was_there or bool(self._known)
        return self._known


def _log_poll(mailbox: str, counts: PollCounts, *, delivered: int, errors: int) -> None:
    _log.info(
        "polled %s: %d new, %d skipped, %d delivered, %d errors",
        mailbox, counts.new, counts.skipped, delivered, errors,
    )  # fmt: skip


def _run_steps(name: str, steps: Sequence[PollStep]) -> list[GatewayError]:
    """Run the steps of a poll; return their errors. Raises Conflict, which means that the lease is lost."""
    errors: list[GatewayError] = []
    for step in steps:
        try:
            step()
        except Conflict:
            raise  # the worker that holds the lease now does the rest
        except ConfigurationError as error:
            return [*errors, error]  # the next steps would fail in the same way
        except GatewayError as error:
            errors.append(error)
        except Exception as error:  # noqa: BLE001 - an unexpected error must not keep other mails from being delivered
            _log.error("a step of the poll of %s failed: %s", name, place_of(error))
            message = f"The gateway failed with an unexpected error ({type(error).__name__}). Search the log for it."
            errors.append(GatewayError(message, code="Internal"))
    return errors


def _needs_message(delivery: DeliveryRecord, asked: datetime | None, now: datetime) -> bool:
    late = now - max(delivery.due, asked or delivery.due)
    if delivery.state is DeliveryState.WAITING:
        return asked is None or late > _AFTER_LOST_MESSAGE
    return delivery.state is DeliveryState.CLAIMED and late > _AFTER_EXPIRED_CLAIM


def state_after_poll(state: Entity, counts: PollCounts, errors: list[GatewayError]) -> dict[str, Any]:
    """Return the values of the mailbox's own row after a poll: last success, last error, pause, and what it has met.

    What is counted of mails is written with the mails.
    """
    now = datetime.now(UTC)
    counted = {"removed_unseen": counts.removed_unseen, "resyncs": counts.resyncs}
    values: dict[str, Any] = {name: int(state.get(name, 0)) + number for name, number in counted.items()}
    values |= {"last_poll": now}
    if not errors:
        return values | {"last_success": now, "failures": 0, "paused_until": now}
    failures = int(state.get("failures", 0)) + 1
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failures - 1, 10))
    retry_after = max((each.retry_after or 0.0 for each in errors if isinstance(each, Unavailable)), default=0.0)
    pause = min(_LONGEST_RETRY_AFTER, max(pause, timedelta(seconds=min(retry_after, 86_400.0))))
    error = errors[0]
    return values | {
        "failures": failures,
        "paused_until": now + pause,
        "last_error": error.code,
        "last_error_message": error.message,
        "last_error_at": now,
    }
