"""Timers and queues of support mail: poll mailboxes, deliver mails, report poison messages, check alarms."""

import logging
import uuid

import azure.functions as func

from composition.services import services
from inbound_mail.messages import DELIVERY_QUEUE, POLL_QUEUE, DeliveryRequest, PollRequest, known_fields
from shared import context
from shared.errors import Conflict, Unavailable

bp = func.Blueprint()
_log = logging.getLogger("gateway.mail")

_STORAGE = "AzureWebJobsStorage"
POLL_SECONDS = 240.0  # less than functionTimeout; the next poll does what this one has left undone


@bp.timer_trigger(arg_name="timer", schedule="%MAILBOX_POLL_SCHEDULE%", run_on_startup=False, use_monitor=True)
def schedule_mailbox_polls(timer: func.TimerRequest) -> None:
    """Send one poll request for each mailbox, so that no mailbox waits for another."""
    mail = services().mail
    _log.debug("scheduling polls, past due: %s", timer.past_due)
    mail.workers.map(mail.polls.put, [PollRequest(name) for name in mail.mailboxes])


@bp.queue_trigger(arg_name="message", queue_name=POLL_QUEUE, connection=_STORAGE)
def poll_mailbox(message: func.QueueMessage) -> None:
    """Poll the mailbox that a poll request names."""
    mail, request = services().mail, PollRequest.from_json(message.get_body())
    mailbox = mail.mailboxes.get(request.mailbox)
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
    mail, request = services().mail, DeliveryRequest.from_json(message.get_body())
    mailbox = mail.mailboxes.get(request.mailbox)
    if mailbox is None:
        _log.warning("a delivery request was dropped: the settings do not contain its mailbox")
        return
    mail.deliverer.deliver(mailbox, request.key, request.sink)


@bp.queue_trigger(arg_name="message", queue_name=f"{POLL_QUEUE}-poison", connection=_STORAGE)
def report_poison_poll(message: func.QueueMessage) -> None:
    """Report a poll request that failed five times; the timer sends new ones."""
    services().mail.watch.report_poison(POLL_QUEUE, known_fields(message.get_body()))


@bp.queue_trigger(arg_name="message", queue_name=f"{DELIVERY_QUEUE}-poison", connection=_STORAGE)
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
    used.mail.watch.check_alarms(expiring)
