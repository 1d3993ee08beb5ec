"""Poison queues, looked at from outside: how much lies in them, and what of it no function can read.

The functions `report_poison_…` take what the platform hands to them. It hands over nothing that is not text in Base64,
and nothing while a trigger sleeps; such messages stay in the poison queue for a week.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from inbound_mail.reports.alarm import Alarm
from shared.errors import GatewayError
from shared.events import Event
from shared.storage.queues import QueuedMessage
from shared.time_zones.zones import utc_text

_log = logging.getLogger("gateway.mail")
_MOST_NAMED = 20


class VisibleQueue(Protocol):
    """A queue that can be looked at, such as `shared.storage.queues.Queue`."""

    def count(self) -> int:
        """Return about how many messages are in the queue, with those that somebody works on."""

    def peek(self) -> list[QueuedMessage]:
        """Return the first messages that nobody works on."""


def find_left_poison(queues: Mapping[str, VisibleQueue]) -> Iterator[Alarm]:
    """Yield an alarm for each poison queue that is not empty; it names what cannot be read there.

    An empty queue costs one request. Raises nothing: a queue that cannot be looked at is in the log.
    """
    for name, queue in queues.items():
        try:
            number = queue.count()
            seen = queue.peek() if number else []
        except GatewayError as error:
            _log.warning("the queue %s could not be looked at: %s", name, error)
            continue
        if number:
            details = {"messages": number, "unreadable": _name_unreadable(seen)}
            yield Alarm(Event.POISON_LEFT, name, number.bit_length(), details)


def _name_unreadable(messages: Sequence[QueuedMessage]) -> list[str]:
    """Return a line for each message that no function can read: its id, since when it is there, and the reason."""
    lines = []
    for one in messages:
        if reason := _explain(one):
            since = utc_text(one.inserted_at) if one.inserted_at else "an unknown time"
            lines.append(f"{one.id} since {since}: {reason}")
    return lines[:_MOST_NAMED]


def _explain(message: QueuedMessage) -> str | None:
    """Return why no function can read a message; None if one can."""
    if message.body is None:
        return "not Base64"
    try:
        message.body.decode()
    except UnicodeDecodeError:
        return "not UTF-8"
    return None
