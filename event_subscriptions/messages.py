"""The messages of the queue of event deliveries: which subscriptions to deliver for.

A message is a hint: what is to be delivered is in the feed and in the subscription's row. One that is lost is made good
by the timer (`waking`), and one that comes twice finds nothing to do.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

QUEUE = "event-deliveries"
_MOST_IN_ONE = 20
_ENOUGH_REQUESTS = 16


def name_poison_queue(queue: str) -> str:
    """Return the name of the queue to which the platform moves messages of a queue that failed five times."""
    return f"{queue}-poison"


class MalformedRequestError(ValueError):
    """A queue message is not a JSON object with the expected fields."""


class JsonQueue(Protocol):
    """A queue of JSON objects, such as `shared.storage.queues.Queue`."""

    def put(self, message: Mapping[str, Any], *, delay: float = 0, ttl: float | None = None) -> None:
        """Add a message that becomes visible after `delay` seconds and expires after `ttl` seconds, or never."""


class EventRequest(NamedTuple):
    """Asks for a run of each of these subscriptions of one connection, or of all active ones of a `feed`.

    `business`: before that, scan this booking page, of which changes were announced until `announced_at` (ISO 8601). A
    version that does not know it does not.
    """

    connection: str
    subscriptions: tuple[str, ...]
    business: str | None = None
    announced_at: str = ""
    feed: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the message."""
        message: dict[str, Any] = {"connection": self.connection, "subscriptions": list(self.subscriptions)}
        message |= {"business": self.business, "announcedAt": self.announced_at} if self.business else {}
        return message | ({"feed": self.feed} if self.feed else {})

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read a message. Raises MalformedRequestError."""
        try:
            found = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise MalformedRequestError("The queue message is not JSON.") from error
        match found:
            case {"connection": str() as connection, "subscriptions": list() as names} if all(
                isinstance(name, str) for name in names
            ):
                business, announced_at = found.get("business"), found.get("announcedAt")
                feed = found.get("feed") if isinstance(found.get("feed"), str) else None
                if not (isinstance(business, str) and isinstance(announced_at, str)):
                    business, announced_at = None, ""
                return cls(connection, tuple(names), business, announced_at, feed)
            case _:
                raise MalformedRequestError("The queue message names no subscriptions.")


def share_requests(connection: str, names: Sequence[str]) -> list[EventRequest]:
    """Return requests for these subscriptions: one for each, and beyond sixteen several in each."""
    size = min(_MOST_IN_ONE, math.ceil(len(names) / _ENOUGH_REQUESTS)) or 1
    return [EventRequest(connection, tuple(names[start : start + size])) for start in range(0, len(names), size)]
