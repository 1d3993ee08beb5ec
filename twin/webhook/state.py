"""The deliveries to the receivers, and their answers."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from twin.core.wire import Call, Json, Reply
from twin.webhook.flow import Workflow
from twin.webhook.signature import is_signed, read_secret

if TYPE_CHECKING:
    from twin.world import World

ANYWHERE = "*"
_ACCEPTED = range(200, 300)


@dataclass(slots=True)
class Delivery:
    """One request to a receiver. `status` is that of the answer; `verified` is None if signatures are not checked."""

    number: int
    host: str
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes
    received: datetime
    verified: bool | None = None
    status: int = 0
    trigger_body: Any = None
    """What a workflow got to see of the body."""

    @property
    def id(self) -> str:
        """The webhook-id, by which a receiver recognises a repetition; "" without one."""
        return self.headers.get("webhook-id", "")

    @property
    def json(self) -> Any:
        """The body as JSON. ValueError for other bodies."""
        return json.loads(self.body)

    @property
    def is_accepted(self) -> bool:
        """Return whether the receiver answered 2xx."""
        return self.status in _ACCEPTED


@dataclass(slots=True)
class Answer:
    """An answer under a path, given `times` times (None: always).

    In the body, "{number}" stands for the number of the event: the same for each delivery of one webhook-id.
    """

    path: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    times: int | None = None
    used: int = 0

    @property
    def is_spent(self) -> bool:
        """Return whether it was given as often as it should."""
        return self.times is not None and self.used >= self.times

    def fits(self, path: str) -> bool:
        """Return whether it applies to a path."""
        return self.path in (ANYWHERE, path) and not self.is_spent

    def to_reply(self, number: int) -> Reply:
        """Return the answer for the event of this number."""
        body = self.body
        if isinstance(body, dict | list):
            body = json.loads(json.dumps(body).replace("{number}", str(number)))
        return Reply(self.status, body, self.headers)


class Webhooks:
    """All deliveries, to any receiver."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.answers: tuple[Answer, ...] = ()
        self.secrets: tuple[str, ...] = ()
        self.refuses_unsigned = False
        self.workflows: dict[str, Workflow] = {}
        self.agrees = True
        """Whether the receiver agrees when it is asked by OPTIONS if events may be sent."""
        self.asked: list[tuple[str, str]] = []
        """Who asked: path and origin."""
        self._deliveries: list[Delivery] = []
        self._events: dict[str, int] = {}
        self._count = 0

    @property
    def deliveries(self) -> list[Delivery]:
        """All deliveries in order of arrival, refused ones too."""
        return list(self._deliveries)

    @property
    def accepted(self) -> list[Delivery]:
        """The deliveries that were answered 2xx."""
        return [one for one in self.deliveries if one.is_accepted]

    def duplicates(self) -> dict[str, list[int]]:
        """Return the ids that were accepted more than once, with the numbers of the deliveries."""
        found = defaultdict(list)
        for one in self.accepted:
            if one.id:
                found[one.id].append(one.number)
        return {name: numbers for name, numbers in found.items() if len(numbers) > 1}

    def clear(self) -> None:
        """Delete all deliveries; numbers go on."""
        self._deliveries = []

    def answer(
        self,
        status: int = 200,
        body: Any = None,
        *,
        path: str = ANYWHERE,
        headers: Mapping[str, str] | None = None,
        times: int | None = None,
    ) -> Answer:
        """Let the receiver answer this instead of 204, under one path or all; the oldest unspent one is given."""
        made = Answer(path, status, dict(headers or {}), body, times)
        self.answers = (*self.answers, made)
        return made

    def forget_answers(self) -> None:
        """Answer 204 again."""
        self.answers = ()

    def check_signatures(self, secrets: Sequence[str], *, refuse: bool = False) -> None:
        """Check every delivery against these secrets ("whsec_..."), and optionally refuse with 401 those that fail.

        ValueError for an invalid secret. Without a secret nothing is checked.
        """
        for secret in secrets:
            read_secret(secret)
        self.secrets = tuple(secrets)
        self.refuses_unsigned = refuse

    def add_workflow(self, workflow_id: str, sig: str, **more: Any) -> Workflow:
        """Add a workflow that starts when an HTTP request is received; `sig` is the key in its address."""
        made = Workflow(workflow_id, sig, **more)
        self.workflows = {**self.workflows, workflow_id: made}
        return made

    def note(self, call: Call) -> Delivery:
        """Record a delivery, before it is checked."""
        self._count += 1
        made = Delivery(
            number=self._count,
            host=call.host,
            method=call.method,
            path=call.path,
            query=call.query,
            headers=dict(call.headers),
            body=call.body,
            received=self.world.clock.now(),
            verified=is_signed(call.headers, call.body, self.secrets) if self.secrets else None,
        )
        self._deliveries.append(made)
        return made

    def find_answer(self, delivery: Delivery) -> Reply:
        """Return the answer of the receiver to a delivery."""
        number = self._events.setdefault(delivery.id or f"#{delivery.number}", len(self._events) + 1)
        for one in self.answers:
            if one.fits(delivery.path):
                one.used += 1
                return one.to_reply(number)
        return Reply(204)


def describe(delivery: Delivery) -> Json:
    """Describe a delivery for the control path: keys in its address and headers are left out."""
    try:
        body = delivery.json
    except ValueError:
        body = None
    return {
        "number": delivery.number,
        "host": delivery.host,
        "method": delivery.method,
        "path": delivery.path,
        "id": delivery.id,
        "received": delivery.received.isoformat(),
        "verified": delivery.verified,
        "status": delivery.status,
        "headers": {name: value for name, value in delivery.headers.items() if name != "authorization"},
        "size": len(delivery.body),
        "json": body,
    }
