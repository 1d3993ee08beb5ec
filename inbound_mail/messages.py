"""The messages of the two mail queues: poll requests and delivery requests, and how long they live.

Reading a malformed message raises `MalformedMessageError`. The platform retries the message and finally moves it to the
poison queue, whose function reports it with the fields that `known_fields` can still read.
"""

import json
import math
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol, Self

POLL_QUEUE = "mailbox-polls"
DELIVERY_QUEUE = "mail-deliveries"
# A poll request older than this is obsolete: the timer has sent newer ones.
POLL_REQUEST_SECONDS = 600.0
# Polls of quiet mailboxes are short: so many share a request.
MOST_IN_ONE_REQUEST = 20
MOST_DELIVERIES = 10  # in one request
_ENOUGH_REQUESTS = 16


class MalformedMessageError(ValueError):
    """A queue message is not a JSON object with the expected fields."""


class JsonQueue(Protocol):
    """A queue of JSON objects, such as `shared.storage.queues.Queue`."""

    def put(self, message: Mapping[str, Any], *, delay: float = 0, ttl: float | None = None) -> None:
        """Add a message that becomes visible after `delay` seconds and expires after `ttl` seconds, or never."""

    def count(self) -> int:
        """Return about how many messages wait."""


class PollRequest(NamedTuple):
    """Asks for one poll of a mailbox, and of `others` after it.

    `at_once`: poll even if the mailbox pauses after a failure. `correlation_id`: the id of the request of the person
    who asked; None for polls by the timer. `announced_at`: until when Graph has announced changes that the poll must
    see; None if it has not. `lifecycle`: what Graph says of the mailbox's subscriptions themselves. A version that does
    not know `others` polls the first mailbox and drops the rest, which is still due at the next run of the timer.
    """

    mailbox: str
    at_once: bool = False
    correlation_id: str | None = None
    others: tuple[str, ...] = ()
    announced_at: datetime | None = None
    lifecycle: tuple[str, ...] = ()

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """All mailboxes to poll."""
        return (self.mailbox, *self.others)

    def to_json(self) -> dict[str, Any]:
        """Return the message; fields with their default value are left out."""
        message: dict[str, Any] = {"mailbox": self.mailbox}
        message |= {"atOnce": True} if self.at_once else {}
        message |= {"correlationId": self.correlation_id} if self.correlation_id else {}
        message |= {"others": list(self.others)} if self.others else {}
        message |= {"announcedAt": self.announced_at.isoformat()} if self.announced_at else {}
        message |= {"lifecycle": list(self.lifecycle)} if self.lifecycle else {}
        return message

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read a message. A correlation id that is not a UUID is ignored. Raises MalformedMessageError."""
        fields = _read_object(body)
        return cls(
            _text(fields, "mailbox"),
            bool(fields.get("atOnce")),
            _uuid_or_none(fields.get("correlationId")),
            _texts(fields, "others"),
            _moment_or_none(fields.get("announcedAt")),
            _texts(fields, "lifecycle"),
        )


def name_poison_queue(queue: str) -> str:
    """Return the name of the queue to which the platform moves messages of a queue that failed five times."""
    return f"{queue}-poison"


def share_requests(mailboxes: Sequence[str]) -> list[PollRequest]:
    """Return requests that ask for the polls of these mailboxes, several in each."""
    parts = [mailboxes[start : start + MOST_IN_ONE_REQUEST] for start in range(0, len(mailboxes), MOST_IN_ONE_REQUEST)]
    return [PollRequest(first, others=tuple(others)) for first, *others in parts]


class OneDelivery(NamedTuple):
    """The key of a mail, and the sink to which it goes."""

    key: str
    sink: str


class DeliveryRequest(NamedTuple):
    """Asks for one attempt to deliver a mail to a sink, and of `others` of the mailbox after it.

    A version that does not know `others` makes the first attempt and drops the rest, which a poll asks for again as
    after a lost message.
    """

    mailbox: str
    key: str
    sink: str
    others: tuple[OneDelivery, ...] = ()

    @property
    def deliveries(self) -> tuple[OneDelivery, ...]:
        """All deliveries to attempt."""
        return (OneDelivery(self.key, self.sink), *self.others)

    def to_json(self) -> dict[str, Any]:
        """Return the message; `others` only if there are any."""
        message: dict[str, Any] = {"mailbox": self.mailbox, "key": self.key, "sink": self.sink}
        return message | ({"others": [one._asdict() for one in self.others]} if self.others else {})

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read a message. Raises MalformedMessageError."""
        fields = _read_object(body)
        others = fields.get("others", [])
        if not isinstance(others, list) or not all(isinstance(one, dict) for one in others):
            raise MalformedMessageError("The field 'others' of the queue message is not a list of objects.")
        return cls(
            _text(fields, "mailbox"),
            _text(fields, "key"),
            _text(fields, "sink"),
            tuple(OneDelivery(_text(one, "key"), _text(one, "sink")) for one in others),
        )


def share_deliveries(mailbox: str, deliveries: Sequence[OneDelivery]) -> list[DeliveryRequest]:
    """Return requests for these deliveries: one for each, and beyond sixteen several in each.

    So there are as many as workers may be busy with, and one that dies holds up few mails.
    """
    size = min(MOST_DELIVERIES, math.ceil(len(deliveries) / _ENOUGH_REQUESTS)) or 1
    parts = [deliveries[start : start + size] for start in range(0, len(deliveries), size)]
    return [DeliveryRequest(mailbox, *first, tuple(others)) for first, *others in parts]


class PollQueue:
    """The queue of poll requests."""

    def __init__(self, queue: JsonQueue) -> None:
        self._queue = queue

    def put(self, request: PollRequest, *, delay: float = 0) -> None:
        """Ask for a poll, not before `delay` seconds from now."""
        self._queue.put(request.to_json(), delay=delay, ttl=POLL_REQUEST_SECONDS)

    def count(self) -> int:
        """Return about how many requests wait."""
        return self._queue.count()


class DeliveryQueue:
    """The queue of delivery requests."""

    def __init__(self, queue: JsonQueue) -> None:
        self._queue = queue

    def put(self, request: DeliveryRequest, *, delay: float = 0) -> None:
        """Ask for a delivery attempt, not before `delay` seconds from now."""
        self._queue.put(request.to_json(), delay=delay)

    def count(self) -> int:
        """Return about how many requests wait."""
        return self._queue.count()


def known_fields(body: bytes) -> dict[str, str]:
    """Return the fields of a message, malformed or not, that may be logged."""
    try:
        fields = _read_object(body)
    except MalformedMessageError:
        return {}
    return {name: str(fields[name])[:100] for name in ("mailbox", "key", "sink") if name in fields}


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:  # RecursionError: thousands of brackets, one in the other
        raise MalformedMessageError("The queue message is not JSON.") from error
    if not isinstance(found, dict):
        raise MalformedMessageError("The queue message is not a JSON object.")
    return found


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise MalformedMessageError(f"The queue message has no text field {name!r}.")
    return value


def _texts(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise MalformedMessageError(f"The field {name!r} of the queue message is not a list of texts.")
    return tuple(value)


def _uuid_or_none(value: object) -> str | None:
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        return None


def _moment_or_none(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None
