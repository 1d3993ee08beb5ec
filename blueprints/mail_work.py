"""Timers and queues of support mail: poll mailboxes, deliver mails, report poison messages, check alarms."""

import logging
import time
import uuid
from typing import TYPE_CHECKING

import azure.functions as func

from blueprints._routes import Blueprint
from composition.services import services
from inbound_mail.messages import (
    DELIVERY_QUEUE,
    POLL_QUEUE,
    DeliveryRequest,
    PollRequest,
    known_fields,
    name_poison_queue,
    share_requests,
)
from shared import context
from shared.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from composition.mail import MailServices

bp = Blueprint()
_log = logging.getLogger("gateway.mail")

_STORAGE = "AzureWebJobsStorage"
POLL_SECONDS = 240.0  # less than functionTimeout; the next poll does what this one has left undone
_SHARED_SECONDS = 30.0  # after which no further poll of one request begins: with the last one, less than the time-out


@bp.timer_trigger(arg_name="timer", schedule="%MAILBOX_POLL_SCHEDULE%", run_on_startup=False, use_monitor=True)
def schedule_mailbox_polls(timer: func.TimerRequest) -> None:
    """Ask for polls of the mailboxes that are due: all but quiet ones, which are polled less often."""
    mail = services().mail
    _log.debug("scheduling polls, past due: %s", timer.past_due)
    if not mail.is_in_force and mail.settings_state:
        _log.error("no mailbox is polled: %s", mail.settings_state.explain())
    mail.request_due_polls()


@bp.queue_trigger(arg_name="message", queue_name=POLL_QUEUE, connection=_STORAGE)
def poll_mailbox(message: func.QueueMessage) -> None:
    """Poll the mailbox that a poll request names, or several, one after the other.

    If one of several takes long, the others are asked for again; if one fails, the others are polled before the
    platform repeats all.
    """
    request = PollRequest.from_json(message.get_body())
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
    with context.call(request.correlation_id or str(uuid.uuid4()), seconds=POLL_SECONDS):
        try:
            mail.poller.poll(mailbox, at_once=request.at_once)
        except (Conflict, Unavailable) as error:
            _log.warning("the poll of %s ended early, the next one continues: %s", mailbox.name, error)


@bp.queue_trigger(arg_name="message", queue_name=DELIVERY_QUEUE, connection=_STORAGE)
def deliver_mail(message: func.QueueMessage) -> None:
    """Make one attempt of the delivery that a delivery request names."""
    request = DeliveryRequest.from_json(message.get_body())
    mail = _find_settings(request.mailbox, request.sink)
    mailbox = mail.mailboxes.get(request.mailbox)
    if mailbox is None:  # its mail waits in the ledger: a poll enqueues it again when the mailbox is back
        _log.warning("a delivery request was dropped: the settings do not contain its mailbox")
        return
    if request.sink not in mail.sinks and mail.settings_state and mail.settings_state.trouble:
        _log.warning("a delivery request was dropped: it is not known whether its sink was removed from the settings")
        return
    mail.deliverer.deliver(mailbox, request.key, request.sink)


@bp.queue_trigger(arg_name="message", queue_name=name_poison_queue(POLL_QUEUE), connection=_STORAGE)
def report_poison_poll(message: func.QueueMessage) -> None:
    """Report a poll request that failed five times; the timer sends new ones."""
    services().mail.watch.report_poison(POLL_QUEUE, known_fields(message.get_body()))


@bp.queue_trigger(arg_name="message", queue_name=name_poison_queue(DELIVERY_QUEUE), connection=_STORAGE)
def report_poison_delivery(message: func.QueueMessage) -> None:
    """Report a delivery request that failed five times; the poll sends a new one while the delivery is open."""
    services().mail.watch.report_poison(DELIVERY_QUEUE, known_fields(message.get_body()))


@bp.timer_trigger(arg_name="timer", schedule="30 */5 * * * *", run_on_startup=False, use_monitor=True)
def watch_mailboxes(timer: func.TimerRequest) -> None:
    """Raise, repeat and clear alarms."""
    used = services()
    _log.debug("checking alarms, past due: %s", timer.past_due)
    expiring = {
        f"connection {source.connection.name}": source.credential_expires_on for source in used.authenticator.sources()
    }
    used.mail.check_alarms(expiring)


def _find_settings(mailbox: str, sink: str | None = None) -> "MailServices":
    """Return the use cases of mail for a mailbox and a sink of it.

    Settings in a blob are read again if they do not have them: another process may have read a newer version, and the
    request is from there.
    """
    used = services()
    return used.mail if used.mail.knows(mailbox, sink) else used.read_mail_again()
