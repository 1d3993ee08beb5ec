"""The timer stands in for queue triggers that sleep: it takes their messages itself, until they take them again.

It takes a message as a trigger does, hidden from others while it works, and does the same with it. Leases and claims
let nothing happen twice, whoever takes what. It keeps to a time of its own, because the timer has other work to do.
"""

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from inbound_mail.messages import DELIVERY_QUEUE, POLL_QUEUE, DeliveryRequest, MalformedMessageError, PollRequest
from inbound_mail.reports.alarms import Watch
from inbound_mail.reports.stalled import QueueState, QueueStates, describe_stalled
from shared import context
from shared.errors import GatewayError, place_of
from shared.storage.queues import QueuedMessage
from shared.workers import Workers

_log = logging.getLogger("gateway.mail")

SECONDS = 120.0  # of one run of the timer; less than half of functionTimeout
_BEGIN_NOTHING_AFTER = 60.0
_HIDDEN = 300.0  # longer than a run: what is in work is shown to nobody else, and comes back if the process dies
_LOOK_EVERY = timedelta(seconds=50)
_AT_ONCE = 4
_MOST_TRIES = 5  # maxDequeueCount of host.json: the trigger moves what failed more often to the poison queue


class TakenQueue(Protocol):
    """A queue whose messages can be taken, such as `shared.storage.queues.Queue`."""

    def peek(self) -> list[QueuedMessage]:
        """Return the first messages that nobody works on."""

    def take(self, hidden: float) -> list[QueuedMessage]:
        """Take some messages, which are hidden from others for so many seconds."""

    def remove(self, message: QueuedMessage) -> None:
        """Delete a message that was taken."""


@dataclass
class StandIn:
    """Looks at queues and does what their triggers leave undone.

    `last_look` and `at_rest` are of this process: they only spare requests. What all must know is in the table.
    """

    queues: Mapping[str, TakenQueue]
    states: QueueStates
    watch: Watch
    last_look: datetime | None = None
    at_rest: set[str] = field(default_factory=set)

    def run(self, poll: Callable[[PollRequest], None], deliver: Callable[[DeliveryRequest], None]) -> bool:
        """Look at the two mail queues as `run_each` does. `poll` and `deliver` do what the triggers' functions do."""
        poll_once = partial(_poll_once, poll, set())
        return self.run_each(
            {
                POLL_QUEUE: lambda body: poll_once(PollRequest.from_json(body)),
                DELIVERY_QUEUE: lambda body: deliver(DeliveryRequest.from_json(body)),
            }
        )

    def run_each(self, handlers: Mapping[str, Callable[[bytes], None]]) -> bool:
        """Look at the queues; stand in where one is stalled, and return whether that was so.

        Looks once a minute, however often it is called. `handlers`: what handles a message of each queue; one may put
        messages into the queues after its own.
        """
        now = read_clock()
        if self.last_look is not None and timedelta() <= now - self.last_look < _LOOK_EVERY:
            return False
        self.last_look = now
        stalled = [name for name, queue in self.queues.items() if self._is_stalled(name, queue.peek(), now)]
        if stalled:
            with context.call(str(uuid.uuid4()), seconds=SECONDS):
                self._do_the_work(stalled, handlers)
        return bool(stalled)

    def note_what_is_left(self) -> None:
        """Keep which messages are left or new after standing in: if they go, a trigger has taken them."""
        for name, queue in self.queues.items():
            if (state := self.states.get(name)).stalled_since is not None:
                self.states.put(name, state.after_taking(queue.peek(), read_clock()))

    def _is_stalled(self, name: str, messages: list[QueuedMessage], now: datetime) -> bool:
        if not messages and name in self.at_rest:
            return False
        before = self.states.get(name)
        state = before.after_look(messages, now)
        if state != before:
            self.states.put(name, state)
        (self.at_rest.add if state == QueueState() else self.at_rest.discard)(name)
        if state.stalled_since is not None and before.stalled_since is None:
            self.watch.raise_now(describe_stalled(name, state.stalled_since))
        return state.stalled_since is not None

    def _do_the_work(self, stalled: list[str], handlers: Mapping[str, Callable[[bytes], None]]) -> None:
        ends, done, names = time.monotonic() + _BEGIN_NOTHING_AFTER, 0, list(handlers)
        # Also the queues behind a stalled one: mails that were just read would wait five minutes for the next proof.
        for name in names[min(map(names.index, stalled)) :]:
            done += self._empty(name, handlers[name], ends)
        _log.warning("the triggers of %s take no messages: the timer did the work of %d", " and ".join(stalled), done)

    def _empty(self, name: str, handle: Callable[[bytes], None], ends: float) -> int:
        """Take messages and handle them, until there are none or the time is over; return how many were done."""
        queue, workers, done = self.queues[name], Workers(_AT_ONCE), 0
        while time.monotonic() < ends and (taken := queue.take(_HIDDEN)):
            done += sum(workers.map(partial(_handle, queue, handle), taken))
        return done


def _handle(queue: TakenQueue, handle: Callable[[bytes], None], message: QueuedMessage) -> bool:
    """Handle one message and delete it; if that fails, it comes back. Return whether it is done."""
    if message.body is None or message.tries > _MOST_TRIES:
        return False
    try:
        handle(message.body)
        queue.remove(message)
    except (GatewayError, MalformedMessageError) as error:
        _log.warning("a message of a stalled queue failed: %s", error)
        return False
    except Exception as error:  # noqa: BLE001 - the other messages are not at fault
        _log.error("a message of a stalled queue failed: %s", place_of(error))
        return False
    return True


def _poll_once(poll: Callable[[PollRequest], None], polled: set[str], request: PollRequest) -> None:
    """Poll the mailboxes of a request that this run has not polled yet: each run of the timer has asked for them."""
    left = [name for name in request.mailboxes if request.at_once or name not in polled]
    polled.update(left)
    if left:
        first, *others = left
        poll(request._replace(mailbox=first, others=tuple(others)))


def read_clock() -> datetime:
    """Return the time by which messages grow old."""
    return datetime.now(UTC)
