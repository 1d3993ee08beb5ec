"""The queue of event deliveries: send the events of subscriptions, report poison messages."""

import logging
import uuid

import azure.functions as func

from blueprints._routes import Blueprint
from composition.services import services
from event_subscriptions.messages import QUEUE, name_poison_queue
from shared import context
from shared.events import Event, log_event

bp = Blueprint()

_STORAGE = "AzureWebJobsStorage"


@bp.queue_trigger(arg_name="message", queue_name=QUEUE, connection=_STORAGE)
def deliver_events(message: func.QueueMessage) -> None:
    """Send the events that wait for subscriptions, after a scan of the business of which Graph announces changes."""
    from composition.subscriptions import deliver_as_asked

    with context.call(str(uuid.uuid4()), seconds=context.RUN_SECONDS):
        deliver_as_asked(services(), message.get_body())


@bp.queue_trigger(arg_name="message", queue_name=name_poison_queue(QUEUE), connection=_STORAGE)
def report_poison_event_delivery(message: func.QueueMessage) -> None:
    """Report a request that failed five times; the timer asks again for what it was about."""
    del message
    log_event(Event.POISON_MESSAGE, level=logging.ERROR, queue=QUEUE)
