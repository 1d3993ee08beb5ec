"""CloudEvents 1.0 in structured mode: an event as one JSON object (CloudEvents specification, JSON format)."""

import json
from datetime import datetime

from shared.json_text import Json

CONTENT_TYPE = "application/cloudevents+json"


def make_event(*, id: str, source: str, type: str, time: datetime, subject: str | None, data: Json) -> Json:  # noqa: A002 - CloudEvents' own words
    """Return an event. (source, id) is its name for ever."""
    return {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": type,
        "time": time.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        **({"subject": subject} if subject else {}),
        "data": data,
    }


def write_event(event: Json) -> bytes:
    """Return the event as it is sent."""
    return json.dumps(event, separators=(",", ":")).encode()
