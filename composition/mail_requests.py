"""Does what the messages of the two mail queues ask for, whoever has taken them: a queue trigger or the timer.

The time of a run counts from when its message was taken: while all threads of a worker are busy, the run waits, and for
the platform it has begun. One that has waited for long is asked for again.
"""

import logging
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from composition.services import services
from inbound_mail.intake.polling import Polled
from inbound_mail.messages import DeliveryRequest, PollRequest, share_deliveries, share_requests
from shared import context
from shared.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from composition.mail import MailServices

_log = logging.getLogger("gateway.mail")

LONGEST_WAIT = 60.0
# After these no further poll or delivery of one request begins: with the last one, less than the time-out.
_SHARED_SECONDS = 30.0
_BUSY_SECONDS = 5.0  # while another worker polls, which may have read before the change that was announced
_LONGEST_BUSY = timedelta(minutes=9)  # as long as a poll request lives; then the timer's polls have seen the change


def poll_as_asked(request: PollRequest, *, waited: float = 0.0) -> None:
    """Poll the mailbox that a poll request names, or several, one after the other.

    If one of several takes long, the others are asked for again; if one fails, the others are polled before the error
    is raised. `waited`: for how many seconds the run has waited for a thread.
    """
    if waited > LONGEST_WAIT:
        services().mail.polls.put(request)
        return
    with context.within(context.RUN_SECONDS - waited):  # the next poll does what this one leaves undone
        _poll_all(request)


def _poll_all(request: PollRequest) -> None:
    began = time.monotonic()
    failures: list[Exception] = []
    for number, name in enumerate(request.mailboxes):
        if number and time.monotonic() - began > _SHARED_SECONDS:
            for left in share_requests(request.mailboxes[number:]):
                services().mail.polls.put(left)
            break
        try:
            _poll(name, request)
        except Exception as error:  # noqa: BLE001 - raised below
            failures.append(error)
    if failures:
        raise failures[0]


def _poll(name: str, request: PollRequest) -> None:
    mail = _find_settings(name)
    mailbox = mail.mailboxes.get(name)
    if mailbox is None:
        _log.warning("a poll request was dropped: the settings do not contain its mailbox")
        return
    with context.call(request.correlation_id or str(uuid.uuid4()), seconds=context.remaining()):
        try:
            polled = mail.poller.poll(mailbox, at_once=request.at_once, announced_at=request.announced_at)
        except (Conflict, Unavailable) as error:
            _log.warning("the poll of %s ended early, the next one continues: %s", mailbox.name, error)
            polled = Polled.BUSY
        announced_at = request.announced_at
        if polled is Polled.BUSY and announced_at and datetime.now(UTC) - announced_at < _LONGEST_BUSY:
            mail.polls.put(PollRequest(name, announced_at=announced_at), delay=_BUSY_SECONDS)


def deliver_as_asked(request: DeliveryRequest, *, waited: float = 0.0) -> None:
    """Make one attempt of each delivery that a delivery request names, one after the other; `waited` as above.

    If they take long, the rest is asked for again; if one fails, the others are attempted before the error is raised.
    """
    if waited > LONGEST_WAIT:
        services().mail.deliveries.put(request)
        return
    with context.within(context.RUN_SECONDS - waited):
        _deliver_all(request)


def _deliver_all(request: DeliveryRequest) -> None:
    began = time.monotonic()
    failures: list[Exception] = []
    for number, one in enumerate(request.deliveries):
        is_late = time.monotonic() - began > _SHARED_SECONDS
        if number and (is_late or context.remaining() < context.RUN_SECONDS - LONGEST_WAIT):
            for left in share_deliveries(request.mailbox, request.deliveries[number:]):
                services().mail.deliveries.put(left)
            break
        try:
            _deliver(request.mailbox, one.key, one.sink)
        except Exception as error:  # noqa: BLE001 - raised below
            failures.append(error)
    if failures:
        raise failures[0]


def _deliver(mailbox_name: str, key: str, sink: str) -> None:
    mail = _find_settings(mailbox_name, sink)
    mailbox = mail.mailboxes.get(mailbox_name)
    if mailbox is None:  # its mail waits in the ledger: a poll enqueues it again when the mailbox is back
        _log.warning("a delivery request was dropped: the settings do not contain its mailbox")
        return
    if sink not in mail.sinks and mail.settings_state and mail.settings_state.trouble:
        _log.warning("a delivery request was dropped: it is not known whether its sink was removed from the settings")
        return
    mail.deliverer.deliver(mailbox, key, sink)


def _find_settings(mailbox: str, sink: str | None = None) -> "MailServices":
    """Return the use cases of mail for a mailbox and a sink of it.

    Settings in a blob are read again if they do not have them: another process may have read a newer version, and the
    request is from there.
    """
    used = services()
    return used.mail if used.mail.knows(mailbox, sink) else used.read_mail_again()
