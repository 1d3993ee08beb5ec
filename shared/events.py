"""Events for operators: one log line each, a stable name and JSON. Alert rules and `docs/operations.md` go by them."""

import json
import logging
from enum import StrEnum
from typing import Any

_log = logging.getLogger("gateway.events")


class Event(StrEnum):
    """What may be told. The names are stable."""

    MAILBOX_SILENT = "MailboxSilent"
    QUARANTINE_GREW = "QuarantineGrew"
    SECRET_EXPIRES_SOON = "SecretExpiresSoon"  # noqa: S105 - the name of an event
    CIRCUIT_OPEN = "CircuitOpen"
    ALARM_CLEARED = "AlarmCleared"
    MAIL_QUARANTINED = "MailQuarantined"
    POISON_MESSAGE = "PoisonMessage"
    CURSOR_LOST = "CursorLost"
    WRITE_BACK_DENIED = "WriteBackDenied"
    SWEEP_FOUND = "SweepFound"
    CHANGES_LOST = "ChangesLost"
    TRIGGER_RESET = "TriggerReset"


def tell(event: Event, *, level: int = logging.WARNING, **fields: Any) -> None:
    """Log an event. Fields are names, numbers and codes: never a subject, an author, a text or a secret."""
    _log.log(level, "%s %s", event.value, json.dumps({"event": event.value, **fields}, default=str, sort_keys=True))
