"""Triggers that sleep: the timer does their work, each mail once, and stops when they wake."""

import json
import logging
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from composition import standing_in
from composition.mail import MailServices
from composition.services import services
from composition.unanswered_polls import UnansweredPolls
from inbound_mail.ledger.planned_polls import PlannedPoll
from inbound_mail.messages import DELIVERY_QUEUE, POLL_QUEUE, DeliveryRequest
from inbound_mail.reports.stalled import QueueState
from shared.errors import Unavailable
from shared.storage.account import Storage
from shared.storage.queues import Queue, QueuedMessage
from tests.functional.conftest import Gateway, note_timers_in
from twin.seeds import tiny
from twin.seeds.mails import SUPPORT

MINUTE = timedelta(minutes=1)
BEGIN = datetime(2026, 11, 30, 8, tzinfo=UTC)
TRIGGERS = {POLL_QUEUE: "poll_mailbox", DELIVERY_QUEUE: "deliver_mail"}


@dataclass
class MailApp:
    """The app with one mailbox and one sink, a queue. Its timer and its triggers run only when a test says so."""

    gateway: Gateway
    storage: Storage
    tickets: str
    minute: int = 0
    made: Counter[str] = field(default_factory=Counter)

    @property
    def mail(self) -> MailServices:
        return services().mail

    def receive(self, number: int) -> None:
        mailbox = self.gateway.sim.mail.mailbox(SUPPORT)

        def receive_all() -> None:
            for index in range(number):
                mailbox.receive(subject=f"Mail {index}")

        self.gateway.sim.run(receive_all)

    def tick(self, minutes: int = 1) -> None:
        """Let minutes pass; at the end of each the timer runs."""
        for _ in range(minutes):
            self.minute += 1
            assert self.gateway.host.fire("schedule_mailbox_polls").result(120).ok

    def count_tickets(self) -> Counter[str]:
        """Return how often each mail became a ticket."""
        client = self.storage.open_queue(self.tickets)
        for message in client.receive_messages(messages_per_page=32, visibility_timeout=3600):
            self.made[json.loads(read(message.content))["id"]] += 1
        return self.made

    def wake(self, *queues: str) -> int:
        """Let triggers take all that is there, as the platform's host does; return how many messages that was."""
        number = 0
        for queue in queues or TRIGGERS:
            client = self.storage.open_queue(queue)
            for message in client.receive_messages(messages_per_page=8, visibility_timeout=600):
                assert self.gateway.host.fire(TRIGGERS[queue], read(message.content).decode()).result(120).ok
                client.delete_message(message)
                number += 1
        return number

    def swallow(self, queue: str) -> None:
        """Take all that is there for ten minutes, as a host does that hands nothing over."""
        list(self.storage.open_queue(queue).receive_messages(messages_per_page=8, visibility_timeout=600))

    def count_messages(self) -> int:
        return self.mail.polls.count() + self.mail.deliveries.count()


def read(text: str) -> bytes:
    return QueuedMessage("", text, 0, None).body or b""


def empty(app: MailApp) -> None:
    for queue in TRIGGERS:
        with suppress(ResourceNotFoundError):
            app.storage.open_queue(queue).clear_messages()
        app.mail.stand_in.states.put(queue, QueueState())
    note_timers_in(app.mail.table)
    app.mail.check_alarms({})  # clears what another test has raised


@pytest.fixture
def app(gateway_process: Gateway, storage: Storage, name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailApp]:
    mailbox = {
        "name": f"m{uuid.uuid4().hex[:8]}",
        "address": SUPPORT,
        "sinks": ["flow"],
        "brakes": {"tickets_per_hour": 1000, "comments_per_hour": 1000},
    }
    gateway_process.begin(
        tiny.seed,
        MAILBOXES=json.dumps([mailbox]),
        SINKS=json.dumps({"flow": {"kind": "storage-queue", "queue": name}}),
    )
    used = MailApp(gateway_process, storage, name)
    for queue in (name, *TRIGGERS):  # the platform's triggers make theirs
        with suppress(ResourceExistsError):
            storage.open_queue(queue).create_queue()
    monkeypatch.setattr(standing_in, "read_clock", lambda: BEGIN + used.minute * MINUTE)
    empty(used)
    yield used
    empty(used)


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().split()[0] for record in caplog.records if record.name == "gateway.events"]


@pytest.mark.slow(reason="a hundred mails on their whole way", seconds=60)
def test_with_both_triggers_asleep_each_mail_is_a_ticket_within_ten_minutes_once(
    app: MailApp, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="gateway.events")
    app.receive(100)
    while len(app.count_tickets()) < 100 and app.minute < 10:
        app.tick()
    assert set(app.count_tickets().values()) == {1}
    assert len(app.made) == 100
    assert events(caplog) == ["QueueStalled"]
    app.mail.check_alarms({})
    assert [(one["event"], one["about"]) for one in app.mail.watch.active()] == [("QueueStalled", POLL_QUEUE)]

    app.receive(1)  # while the queue is stalled nothing has to wait for five minutes again
    app.tick(2)
    assert len(app.count_tickets()) == 101

    assert app.wake() > 0  # the triggers come back, and take what is there
    app.tick()
    app.mail.check_alarms({})
    assert events(caplog) == ["QueueStalled", "AlarmCleared"]
    before = app.count_messages()
    app.receive(1)
    app.tick()
    assert app.count_messages() > before  # the timer leaves the messages to them
    for _ in range(2):  # a poll reads the mail, one closes it
        while app.wake():
            pass
        app.tick()
    app.wake()
    assert set(app.count_tickets().values()) == {1}
    assert len(app.made) == 102


@pytest.mark.slow(reason="two takers of the same messages")
def test_triggers_that_wake_while_the_timer_does_their_work_repeat_nothing(app: MailApp) -> None:
    app.receive(20)
    app.tick(6)
    with ThreadPoolExecutor(2) as pool:
        timer, trigger = pool.submit(app.tick), pool.submit(app.wake)
        timer.result(120)
        trigger.result(120)
    app.wake()
    app.tick(2)
    app.wake()
    assert set(app.count_tickets().values()) == {1}
    assert len(app.made) == 20


def test_messages_that_are_taken_and_reach_no_function_do_not_stop_the_mail(
    app: MailApp, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="gateway")
    app.receive(2)
    for _ in range(7):
        app.tick()
        app.swallow(POLL_QUEUE)
    app.wake(DELIVERY_QUEUE)
    assert list(app.count_tickets().values()) == [1, 1]
    assert caplog.text.count("messages are taken and nothing runs") == 1
    app.tick()
    app.wake()  # the trigger is back, and closes the mails
    app.mail.check_alarms({})
    assert app.mail.watch.active() == []


def test_a_poll_that_is_answered_is_not_done_by_the_timer(app: MailApp, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(8):
        app.tick()
        app.wake()
    assert "nothing runs" not in caplog.text


def test_a_poll_that_fails_is_noted_as_one_that_ran(app: MailApp) -> None:
    """The minutes of these tests do not pass in the rows; what the timer makes of this moment is tested below."""
    begun = datetime.now(UTC)
    app.gateway.sim.mail.remove_mailbox(SUPPORT)
    app.tick()
    app.wake()
    [mailbox] = app.mail.mailboxes.values()
    state = mailbox.ledger.state().values
    assert "MailboxNotFound" in str(state["last_error"])
    assert state["last_poll"] >= begun


def test_only_a_mailbox_that_is_asked_for_again_and_again_is_unanswered() -> None:
    asked, plan = UnansweredPolls(), PlannedPoll(looked_at=BEGIN)
    read: list[str] = []

    def find(minute: int, last_poll: datetime | None = BEGIN) -> list[str]:
        def read_state(name: str) -> dict[str, Any]:
            read.append(name)
            return {"last_poll": last_poll} if last_poll else {}

        return asked.find(BEGIN + minute * MINUTE, read_state)

    for minute in range(6):
        asked.note(["a", "b"], {"a": plan, "b": plan}, BEGIN + minute * MINUTE)
        assert find(minute) == ([] if minute < 5 else ["a", "b"])
    assert read == ["a", "b"]  # nobody's row is read before
    assert find(6, None) == ["a", "b"]
    assert find(6, BEGIN + 5 * MINUTE) == []  # a poll ran, and failed
    assert asked.find(BEGIN + 6 * MINUTE, lambda _: {"paused_until": BEGIN + 7 * MINUTE}) == []
    asked.note(["a", "b"], {"a": PlannedPoll(looked_at=BEGIN + MINUTE), "b": plan}, BEGIN + 7 * MINUTE)
    assert find(7) == ["b"]
    asked.note(["a"], {}, BEGIN + 8 * MINUTE)
    assert find(12) == []


def test_a_sleeping_delivery_trigger_alone_is_noticed(app: MailApp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="gateway")
    app.receive(2)
    for _ in range(8):
        app.tick()
        app.wake(POLL_QUEUE)
    assert list(app.count_tickets().values()) == [1, 1]
    assert [alarm["about"] for alarm in app.mail.watch.active()] == [DELIVERY_QUEUE]
    assert "the triggers of mail-deliveries take no messages: the timer did the work of 2" in caplog.text


def test_while_the_triggers_work_the_timer_takes_nothing_and_looks_once_a_minute(
    app: MailApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    peek = Queue.peek

    def count_peek(queue: Queue) -> list[QueuedMessage]:
        looks.append("look")
        return peek(queue)

    monkeypatch.setattr(Queue, "peek", count_peek)
    monkeypatch.setattr(Queue, "take", lambda *_: pytest.fail("the timer has taken a message"))
    app.receive(3)
    for _ in range(8):
        for _ in range(3):  # a schedule of 20 seconds
            assert app.gateway.host.fire("schedule_mailbox_polls").result(120).ok
        app.minute += 1
        app.wake()
    assert len(app.count_tickets()) == 3
    assert len(looks) == 8 * len(TRIGGERS)
    assert app.mail.watch.active() == []


def test_a_message_that_fails_comes_back_and_keeps_no_other_one(app: MailApp) -> None:
    mail, taken, failing = app.mail, [], "m1"
    for queue in TRIGGERS:
        mail.stand_in.states.put(queue, QueueState(stalled_since=BEGIN))
    for key in ("m1", "m2", "m3"):
        mail.stand_in.queues[DELIVERY_QUEUE].put({"mailbox": "support", "key": key, "sink": "flow"})  # type: ignore[attr-defined]
    app.storage.open_queue(DELIVERY_QUEUE).send_message("not Base64!")

    def deliver(request: DeliveryRequest) -> None:
        if request.key == failing:
            raise Unavailable("The storage account did not serve it. Try again later.")
        taken.append(request.key)

    assert mail.stand_in.run(lambda request: pytest.fail(str(request)), deliver)
    assert sorted(taken) == ["m2", "m3"]
    assert mail.deliveries.count() == 2  # hidden for five minutes
    assert mail.stand_in.queues[DELIVERY_QUEUE].peek() == []


def look(state: QueueState, minute: int, *messages: tuple[str, int]) -> QueueState:
    seen = [QueuedMessage(identity, "", tries, None) for identity, tries in messages]
    return state.after_look(seen, BEGIN + minute * MINUTE)


def test_a_queue_that_moves_is_never_stalled_however_long_it_is() -> None:
    state = QueueState()
    for minute in range(60):
        state = look(state, minute, *((f"m{number}", 0) for number in range(minute, minute + 4)))
        assert state.stalled_since is None


def test_a_message_that_is_tried_again_and_again_stalls_nothing() -> None:
    state = QueueState()
    for minute in range(20):
        state = look(state, minute, ("m", minute // 3))
        assert state.stalled_since is None


def test_a_queue_is_stalled_until_what_was_seen_is_gone_by_itself() -> None:
    state = QueueState()
    for minute in range(6):
        assert state.stalled_since is None
        state = look(state, minute, ("m", 0))
    assert state.stalled_since == BEGIN
    state = look(state, 6)  # the timer took it
    assert state.stalled_since is None
    state = QueueState(stalled_since=BEGIN).after_taking([], BEGIN)
    assert look(state, 7).stalled_since == BEGIN  # nothing was there, so nothing is proven
    state = state.after_taking([QueuedMessage("n", "", 0, None)], BEGIN)
    assert look(state, 8, ("n", 0)).stalled_since == BEGIN
    assert look(state, 8, ("o", 0)).stalled_since is None
