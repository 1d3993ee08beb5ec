"""What happens by itself: mailboxes are polled by the clock, mails delivered from a queue, alarms watched."""

import json
import logging
import uuid
from typing import TYPE_CHECKING, Any

import azure.functions as func

from composition.services import DELIVERIES, POLLS, services
from shared import context
from shared.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from composition.mail import MailServices

bp = func.Blueprint()
_log = logging.getLogger("gateway.mail")

_STORAGE = "AzureWebJobsStorage"
POLL_SECONDS = 240.0  # below functionTimeout; what is left undone is the next poll's
_POLL_LIFE = 600.0  # a poll that nobody came to in ten minutes is history


@bp.timer_trigger(arg_name="timer", schedule="%MAILBOX_POLL_SCHEDULE%", run_on_startup=False, use_monitor=True)
def schedule_mailbox_polls(timer: func.TimerRequest) -> None:
    """Ask for a poll of every mailbox: one message each, so that none waits for another."""
    mail = services().mail
    _log.debug("scheduling polls, past due: %s", timer.past_due)
    mail.workers.map(lambda name: mail.polls.put({"mailbox": name}, ttl=_POLL_LIFE), list(mail.mailboxes))


@bp.queue_trigger(arg_name="message", queue_name=POLLS, connection=_STORAGE)
def poll_mailbox(message: func.QueueMessage) -> None:
    """Poll one mailbox: {"mailbox", "atOnce"?, "correlationId"?}, the latter of the person who asked."""
    mail, asked = services().mail, _read(message)
    mailbox = mail.mailboxes.get(str(asked.get("mailbox")))
    if mailbox is None:
        _log.warning("a poll of a mailbox that the settings do not name was dropped")
        return
    with context.call(_correlation_id(asked), seconds=POLL_SECONDS):
        try:
            mail.poller.poll(mailbox, at_once=bool(asked.get("atOnce")))
        except (Conflict, Unavailable) as error:
            _log.warning("poll of %s ended early, the next one goes on: %s", mailbox.name, error)


@bp.queue_trigger(arg_name="message", queue_name=DELIVERIES, connection=_STORAGE)
def deliver_mail(message: func.QueueMessage) -> None:
    """Deliver one mail to one sink: {"mailbox", "key", "sink"}."""
    mail, asked = services().mail, _read(message)
    mailbox = mail.mailboxes.get(str(asked.get("mailbox")))
    if mailbox is None:
        _log.warning("a delivery of a mailbox that the settings do not name was dropped")
        return
    mail.deliverer.deliver(mailbox, str(asked["key"]), str(asked["sink"]))


@bp.queue_trigger(arg_name="message", queue_name=f"{POLLS}-poison", connection=_STORAGE)
def report_poison_poll(message: func.QueueMessage) -> None:
    """Tell of a poll that could not be done."""
    _report(services().mail, POLLS, message)


@bp.queue_trigger(arg_name="message", queue_name=f"{DELIVERIES}-poison", connection=_STORAGE)
def report_poison_delivery(message: func.QueueMessage) -> None:
    """Tell of a delivery that could not be done; the poll enqueues it again as long as it is open."""
    _report(services().mail, DELIVERIES, message)


@bp.timer_trigger(arg_name="timer", schedule="30 */5 * * * *", run_on_startup=False, use_monitor=True)
def watch_mailboxes(timer: func.TimerRequest) -> None:
    """Raise, repeat and clear alarms."""
    used = services()
    _log.debug("watching, past due: %s", timer.past_due)
    expiring = {
        f"connection {source.connection.name}": source.credential_expires_on for source in used.authenticator.sources()
    }
    used.mail.watch.look(expiring)


def _report(mail: "MailServices", queue: str, message: func.QueueMessage) -> None:
    try:
        known = _read(message)
    except ValueError:
        known = {}
    mail.watch.report_poison(queue, known)


def _correlation_id(asked: dict[str, Any]) -> str:
    try:
        return str(uuid.UUID(str(asked.get("correlationId"))))
    except ValueError:
        return str(uuid.uuid4())


def _read(message: func.QueueMessage) -> dict[str, Any]:
    found = json.loads(message.get_body())
    if not isinstance(found, dict):
        raise ValueError("a message is a JSON object")  # noqa: TRY004 - the content is at fault, not a type of ours
    return found
