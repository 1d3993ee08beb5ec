"""Does what the messages of the two mail queues ask for, whoever has taken them: a queue trigger or the timer.

The time of a run counts from when its message was taken: while all threads of a worker are busy, the run waits, and for
the platform it has begun. One that has waited for long is asked for again.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from composition.services import services
from inbound_mail.intake.polling import Polled
from inbound_mail.ledger.planned_polls import KnownPlan, PollPlan
from inbound_mail.ledger.read_ahead import NOTHING_READ, ReadAhead
from inbound_mail.messages import DeliveryRequest, OneDelivery, PollRequest, share_deliveries, share_requests
from shared import context
from shared.errors import Conflict, GatewayError, Unavailable, place_of

if TYPE_CHECKING:
    from composition.mail import MailServices

_log = logging.getLogger("gateway.mail")

LONGEST_WAIT = 60.0
# After these no further poll or delivery of one request begins: with the last one, less than the time-out.
_SHARED_SECONDS = 30.0
_BUSY_SECONDS = 5.0  # while another worker polls, which may have read before the change that was announced
_TEND_AGAIN_SECONDS = 60.0
_LONGEST_BUSY = timedelta(minutes=9)  # as long as a poll request lives; then the timer's polls have seen the change


def poll_as_asked(request: PollRequest, *, waited: float = 0.0) -> None:
    """Poll the mailbox that a poll request names, or several, one after the other.

    `waited`: for how many seconds the run has waited for a thread.
    """
    if waited > LONGEST_WAIT:
        services().mail.polls.put(request)
        return

    def ask_again(names: Sequence[str]) -> None:
        for one in share_requests(names):
            services().mail.polls.put(one)

    with context.within(context.RUN_SECONDS - waited):  # the next poll does what this one leaves undone
        is_shared = len(request.mailboxes) > 1
        plans = PollPlan(services().mail.table).find_all(request.mailboxes) if is_shared else {}
        _do_each(request.mailboxes, lambda name: _poll(name, request, plans.get(name)), ask_again)


def _poll(name: str, request: PollRequest, known: KnownPlan | None) -> None:
    mail = _find_settings(name)
    mailbox = mail.mailboxes.get(name)
    if mailbox is None:
        _log.warning("a poll request was dropped: the settings do not contain its mailbox")
        return
    with context.call(request.correlation_id or str(uuid.uuid4()), seconds=context.remaining()):
        lifecycle = () if _tend(mail, request) else request.lifecycle
        try:
            polled = mail.poller.poll(mailbox, at_once=request.at_once, announced_at=request.announced_at, known=known)
        except (Conflict, Unavailable) as error:
            _log.warning("the poll of %s ended early, the next one continues: %s", mailbox.name, error)
            polled = Polled.BUSY
        announced_at = request.announced_at
        is_undone = polled is Polled.BUSY or lifecycle
        if is_undone and announced_at and datetime.now(UTC) - announced_at < _LONGEST_BUSY:
            again = PollRequest(name, announced_at=announced_at, lifecycle=lifecycle)
            mail.polls.put(again, delay=_TEND_AGAIN_SECONDS if lifecycle else _BUSY_SECONDS)
        if mailbox.ledger.has_grown:
            mailbox.ledger.has_grown = False
            _wake_subscriptions(mailbox.settings.connection, name)


def _wake_subscriptions(connection: str, mailbox: str) -> None:
    """Ask for the event deliveries of a mailbox whose feeds have grown."""
    from composition.subscription_feeds import name_mailbox_feed

    services().stores.subscription_waker.wake(connection, name_mailbox_feed(mailbox))


def _tend(mail: "MailServices", request: PollRequest) -> bool:
    """Do what Graph wants with the subscriptions of a mailbox before it is polled; return whether it is done."""
    try:
        return not request.lifecycle or services().notifications.tend(mail, request.mailbox, request.lifecycle)
    except GatewayError as error:
        _log.warning("the Graph subscriptions of %s could not be looked after: %s", request.mailbox, error)
        return False


def deliver_as_asked(request: DeliveryRequest, *, waited: float = 0.0) -> None:
    """Make one attempt of each delivery that a delivery request names, side by side; `waited` as above."""
    mail = services().mail
    if waited > LONGEST_WAIT:
        mail.deliveries.put(request)
        return

    def ask_again(deliveries: Sequence[OneDelivery]) -> None:
        for one in share_deliveries(request.mailbox, deliveries):
            services().mail.deliveries.put(one)

    with context.within(context.RUN_SECONDS - waited):
        mailbox = mail.mailboxes.get(request.mailbox)
        is_shared = len(request.deliveries) > 1
        ahead = mailbox.ledger.read_ahead(request.deliveries) if mailbox else NOTHING_READ
        _do_each(
            request.deliveries,
            lambda one: _deliver(request.mailbox, one, ahead),
            ask_again,
            mail.delivery_workers.map if is_shared else None,
        )


def _deliver(mailbox_name: str, delivery: OneDelivery, ahead: ReadAhead) -> None:
    mail = _find_settings(mailbox_name, delivery.sink)
    mailbox = mail.mailboxes.get(mailbox_name)
    if mailbox is None:  # its mail waits in the ledger: a poll enqueues it again when the mailbox is back
        _log.warning("a delivery request was dropped: the settings do not contain its mailbox")
        return
    if delivery.sink not in mail.sinks and mail.settings_state and mail.settings_state.trouble:
        _log.warning("a delivery request was dropped: it is not known whether its sink was removed from the settings")
        return
    mail.deliverer.deliver(mailbox, delivery.key, delivery.sink, ahead)


def _do_each[T](
    items: Sequence[T],
    do: Callable[[T], None],
    ask_again: Callable[[Sequence[T]], None],
    run: Callable[[Callable[[int], bool], Iterable[int]], Iterable[bool]] | None = None,
) -> None:
    """Do what one message asks for. `run` calls a function with each argument, None: one after the other.

    What has not begun when others took long is asked for again. So is what fails, each by a message of its own, so
    that the platform repeats nothing that is done; the failure of a single one is raised.
    """
    began = time.monotonic()
    failed: list[T] = []

    def attempt(number: int) -> bool:
        is_late = time.monotonic() - began > _SHARED_SECONDS
        if number and (is_late or context.remaining() < context.RUN_SECONDS - LONGEST_WAIT):
            return False
        try:
            do(items[number])
        except Exception as error:
            if len(items) == 1:
                raise
            shown = error if isinstance(error, GatewayError) else place_of(error)
            _log.error("a part of a request failed and is asked for again: %s", shown)
            failed.append(items[number])
        return True

    numbers = range(len(items))
    begun = list(run(attempt, numbers) if run else map(attempt, numbers))
    left = [item for item, is_begun in zip(items, begun, strict=True) if not is_begun]
    for part in (*([one] for one in failed), *([left] if left else [])):
        ask_again(part)


def _find_settings(mailbox: str, sink: str | None = None) -> "MailServices":
    """Return the use cases of mail for a mailbox and a sink of it.

    Settings in a blob are read again if they do not have them: another process may have read a newer version, and the
    request is from there.
    """
    used = services()
    return used.mail if used.mail.knows(mailbox, sink) else used.read_mail_again()
