"""Timers and queues of support mail: poll mailboxes, deliver mails, report poison messages, check alarms."""

import logging
from datetime import UTC, datetime, timedelta
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
)
from shared import context
from shared.errors import GatewayError
from shared.settings.timers import WATCH_SCHEDULE

if TYPE_CHECKING:
    from composition.mail import MailServices

bp = Blueprint()
_log = logging.getLogger("gateway.mail")

_STORAGE = "AzureWebJobsStorage"
# The host hides a message for so long when it takes it (QueueProcessor.cs of azure-sdk-for-net).
_HIDDEN_BY_THE_HOST = timedelta(minutes=10)
_TIME_OUT = 300.0  # functionTimeout


@bp.timer_trigger(arg_name="timer", schedule="%MAILBOX_POLL_SCHEDULE%", run_on_startup=False, use_monitor=True)
def schedule_mailbox_polls(timer: func.TimerRequest) -> None:
    """Ask for polls of the mailboxes that are due: all but quiet ones, which are polled less often.

    Where the triggers of the queues take no messages, do their work first. In the end, look after the subscriptions
    with which Graph announces new mail.
    """
    used = services()
    mail = used.mail
    _log.debug("scheduling polls, past due: %s", timer.past_due)
    if not mail.is_in_force and mail.settings_state:
        _log.error("no mailbox is polled: %s", mail.settings_state.explain())
    with context.within(context.RUN_SECONDS):
        mail.timer_runs.note("schedule_mailbox_polls", datetime.now(UTC))
        has_stood_in = _stand_in(mail)
        planned = mail.request_due_polls()
        if has_stood_in:
            mail.stand_in.note_what_is_left()
        try:
            used.notifications.converge(mail, planned)
        except GatewayError as error:
            _log.warning("the Graph subscriptions could not be looked after: %s", error)
        _poll_what_is_unanswered(mail)


def _stand_in(mail: "MailServices") -> bool:
    """Do the work of queue triggers that sleep. Return whether one does. A failure keeps no poll from being asked."""
    from composition.mail_requests import deliver_as_asked, poll_as_asked

    try:
        return bool(mail.mailboxes) and mail.stand_in.run(poll_as_asked, deliver_as_asked)
    except GatewayError as error:
        _log.warning("the queues could not be looked at: %s", error)
        return False


def _poll_what_is_unanswered(mail: "MailServices") -> None:
    """Poll mailboxes for which the trigger takes the messages, and runs nothing: some of them in each run."""
    from composition.mail_requests import poll_as_asked

    try:
        for request in mail.find_unanswered_polls()[:1]:
            _log.warning("messages are taken and nothing runs: the timer polls %s", ", ".join(request.mailboxes))
            poll_as_asked(request)
    except GatewayError as error:
        _log.warning("a poll of the timer failed: %s", error)


@bp.queue_trigger(arg_name="message", queue_name=POLL_QUEUE, connection=_STORAGE)
def poll_mailbox(message: func.QueueMessage) -> None:
    """Poll the mailboxes that a poll request names."""
    from composition.mail_requests import poll_as_asked

    poll_as_asked(PollRequest.from_json(message.get_body()), waited=_find_waited(message))


@bp.queue_trigger(arg_name="message", queue_name=DELIVERY_QUEUE, connection=_STORAGE)
def deliver_mail(message: func.QueueMessage) -> None:
    """Make one attempt of the delivery that a delivery request names."""
    from composition.mail_requests import deliver_as_asked

    deliver_as_asked(DeliveryRequest.from_json(message.get_body()), waited=_find_waited(message))


@bp.queue_trigger(arg_name="message", queue_name=name_poison_queue(POLL_QUEUE), connection=_STORAGE)
def report_poison_poll(message: func.QueueMessage) -> None:
    """Report a poll request that failed five times; the timer sends new ones."""
    services().mail.watch.report_poison(POLL_QUEUE, known_fields(message.get_body()))


@bp.queue_trigger(arg_name="message", queue_name=name_poison_queue(DELIVERY_QUEUE), connection=_STORAGE)
def report_poison_delivery(message: func.QueueMessage) -> None:
    """Report a delivery request that failed five times; the poll sends a new one while the delivery is open."""
    services().mail.watch.report_poison(DELIVERY_QUEUE, known_fields(message.get_body()))


@bp.timer_trigger(arg_name="timer", schedule=WATCH_SCHEDULE, run_on_startup=False, use_monitor=True)
def watch_mailboxes(timer: func.TimerRequest) -> None:
    """Raise, repeat and clear alarms; then take what is new in the mailboxes into the history."""
    from composition.subscriptions import find_paused

    used = services()
    _log.debug("checking alarms, past due: %s", timer.past_due)
    with context.within(context.RUN_SECONDS):
        used.mail.timer_runs.note("watch_mailboxes", datetime.now(UTC))
        used.mail.check_alarms(used.expiring, find_paused(used))
        _roll_up_history(used.mail)


def _roll_up_history(mail: "MailServices") -> None:
    try:
        mail.roll_up_history()
    except GatewayError as error:
        _log.warning("the history could not be written: %s", error)


def _find_waited(message: func.QueueMessage) -> float:
    """Return for how many seconds the host has had a message: a run waits while all threads are busy.

    More than the platform's time limit cannot be: then the message was hidden for another time, or a clock is wrong.
    """
    if message.time_next_visible is None:
        return 0.0
    waited = (datetime.now(UTC) - message.time_next_visible + _HIDDEN_BY_THE_HOST).total_seconds()
    return waited if 0.0 < waited < _TIME_OUT else 0.0
