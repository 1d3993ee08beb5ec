"""Events for operators: one log line each, a stable name and JSON. Alert rules rely on the names."""

import json
import logging
from enum import StrEnum
from typing import Any

from shared import context
from shared.log_text import LONGEST

_log = logging.getLogger("gateway.events")


class Event(StrEnum):
    """The events. Their names are stable."""

    MAILBOX_SILENT = "MailboxSilent"
    QUARANTINE_GREW = "QuarantineGrew"
    SET_ASIDE_GREW = "SetAsideGrew"
    LOOP_SUSPECTED = "LoopSuspected"
    SECRET_EXPIRES_SOON = "SecretExpiresSoon"  # noqa: S105 - the name of an event
    CIRCUIT_OPEN = "CircuitOpen"
    SETTINGS_REFUSED = "SettingsRefused"
    NOTIFICATIONS_SILENT = "NotificationsSilent"
    MAILBOX_REMOVED = "MailboxRemoved"
    ALARM_CLEARED = "AlarmCleared"
    MAIL_QUARANTINED = "MailQuarantined"
    TICKET_NOTIFICATION_BOUNCED = "TicketNotificationBounced"
    POISON_MESSAGE = "PoisonMessage"
    POISON_LEFT = "PoisonLeft"
    QUEUE_STALLED = "QueueStalled"
    SCHEDULE_REFUSED = "ScheduleRefused"
    TIMER_SILENT = "TimerSilent"
    CURSOR_LOST = "CursorLost"
    WRITE_BACK_DENIED = "WriteBackDenied"
    SWEEP_FOUND = "SweepFound"
    CHANGES_LOST = "ChangesLost"
    TRIGGER_RESET = "TriggerReset"
    SUBSCRIPTION_PAUSED = "SubscriptionPaused"
    SUBSCRIPTION_ENDED = "SubscriptionEnded"


def log_event(event: Event, *, level: int = logging.WARNING, **fields: Any) -> None:
    """Log an event. Fields are names, numbers and codes: never a subject, an author, a text or a secret.

    The fields are in the text, as JSON, and in attributes of the record, which only OpenTelemetry reads.
    """
    content = {"event": event.value, **{name: _cut(value) for name, value in fields.items()}}
    if request_id := context.known_request_id():
        content["requestId"] = request_id
    text = json.dumps(content, default=str, sort_keys=True)
    _log.log(level, "%s %s", event.value, text, extra={f"gateway.{name}": _plain(content[name]) for name in content})


def _cut(value: Any) -> Any:
    """Return a value without the end of a text that is too long: it may be of a queue message or a setting."""
    return value[:LONGEST] if isinstance(value, str) else value


def _plain(value: Any) -> str | int | float | bool | None:
    """Return a value as an attribute can hold it."""
    return value if isinstance(value, str | int | float | None) else json.dumps(value, default=str, sort_keys=True)
