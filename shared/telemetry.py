"""What every log line of ours carries: the id of the call that it belongs to.

The platform forwards a line's text and level and little else, so the id stands at the end of the text; OpenTelemetry,
which reads whole records, finds it as an attribute, too. Events carry it in their JSON (shared.events).
"""

import logging
from typing import Any

from shared import context

REQUEST_ID = "gateway.requestId"
_OURS = "gateway."
_EVENTS = "gateway.events"


def install() -> None:
    """Let all log records be made with the id of their call. Once is enough, more does no harm."""
    make = logging.getLogRecordFactory()
    if not isinstance(make, _Maker):
        logging.setLogRecordFactory(_Maker(make))


class _Maker:
    """Makes log records as before, and adds the id to ours."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._make(*args, **kwargs)
        if record.name.startswith(_OURS) and (request_id := context.known_request_id()):
            if record.name == _EVENTS:
                return record  # has it in its JSON, and among its own attributes
            record.__dict__[REQUEST_ID] = request_id
            if isinstance(record.msg, str):
                record.msg = f"{record.msg} [{request_id}]"
        return record
