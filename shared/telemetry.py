"""Makes every log line of the gateway one line with the id of its call; keeps client libraries from logging each call.

The platform forwards little more than a line's text and level, so the id is at the end of the text. OpenTelemetry reads
whole records and finds it as an attribute, too. Events have it in their JSON (shared.events).

The worker forwards every record from INFO up that reaches the root logger, and Azure's client libraries log request and
answer of each call at INFO, headers included: more than ten times what the gateway itself writes. Their loggers are
therefore set to WARNING by name. `azure.functions` is left alone: it belongs to the worker, whose lines the platform
keeps for itself.
"""

import logging
from collections.abc import Mapping
from typing import Any

from shared import context
from shared.log_text import as_argument

REQUEST_ID = "gateway.requestId"
_OURS = "gateway."
_EVENTS = "gateway.events"
_CLIENT_LIBRARIES = (
    "azure.core", "azure.data", "azure.identity", "azure.keyvault", "azure.storage", "msal", "urllib3"
)  # fmt: skip


def install() -> None:
    """Add the id to all log records from now on, and quiet the client libraries. May be called more than once."""
    for name in _CLIENT_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    make = logging.getLogRecordFactory()
    if not isinstance(make, _Maker):
        logging.setLogRecordFactory(_Maker(make))


class _Maker:
    """A factory of log records that writes arguments on one line and adds the id, in those of the gateway."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._make(*args, **kwargs)
        if not record.name.startswith(_OURS) or record.name == _EVENTS:
            return record  # an event is JSON, which needs no escapes, and has the id in it and among its attributes
        if isinstance(record.args, tuple):
            record.args = tuple(as_argument(one) for one in record.args)
        elif isinstance(record.args, Mapping):
            record.args = {name: as_argument(value) for name, value in record.args.items()}
        if request_id := context.known_request_id():
            record.__dict__[REQUEST_ID] = request_id
            if isinstance(record.msg, str):
                record.msg = f"{record.msg} [{request_id}]"
        return record
