"""What if the process dies right here? Asked at every single step that leaves a trace, of two small stories.

A process that dies between two steps has done the first and not the second: so dying before each step, and after the
last one, are all the deaths there are. What is dead does nothing more, its claims and leases run out, its messages come
back to the queue; then a new process goes on and must bring every mail to its end, once.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import pytest

from inbound_mail.intake.polling import Polled
from inbound_mail.reports.mails import redeliver
from shared.errors import Rejected, Unavailable
from shared.graph.mail import GraphMail
from shared.storage.blobs import Container
from shared.storage.tables import Table
from shared.workers import Workers
from tests.functional.mail.conftest import MemoryQueue, Office, OpenOffice, RecordingSink
from twin.mail.contents import File, Item

LETTER = b"From: kim@example.com\r\nSubject: The original\r\n\r\nHello.\r\n"
STEPS: tuple[tuple[type, str], ...] = (
    (Table, "transact"),
    (Container, "put"),
    (MemoryQueue, "put"),
    (GraphMail, "read_delta"),
    (GraphMail, "read_attachments"),
    (GraphMail, "stream_attachment"),
    (GraphMail, "read_marks"),
    (GraphMail, "set_values"),
    (GraphMail, "move"),
    (GraphMail, "get_message"),
    (RecordingSink, "deliver"),
)


class Killed(BaseException):
    """The process dies here."""


class Reaper:
    """Counts steps and kills at one of them; what is dead stays dead until it is revived.

    With an `error`, one step fails with it and the process lives on.
    """

    def __init__(self, error: type[Exception] | None = None) -> None:
        self.error = error
        self.at: int | None = None
        self.steps: list[str] = []
        self._lock = Lock()
        self._is_dead = False

    def step(self, name: str) -> None:
        with self._lock:
            if not self._is_dead:
                self.steps.append(name)
                is_struck = len(self.steps) == self.at
                if is_struck and self.error:
                    raise self.error(f"{name} failed.")
                self._is_dead = is_struck
            if self._is_dead:
                raise Killed(name)

    def revive(self) -> None:
        time.sleep(0.02)  # threads that were at work notice that they are dead
        with self._lock:
            self.at, self._is_dead = None, False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Step in front of everything that leaves a trace, and behind the ticket."""
        with pytest.MonkeyPatch.context() as patch:
            for owner, name in STEPS:
                patch.setattr(owner, name, self._guarded(getattr(owner, name), f"{owner.__name__}.{name}"))
            yield

    def _guarded(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def guarded(*args: Any, **options: Any) -> Any:
            self.step(name)
            return function(*args, **options)

        return guarded


@dataclass
class Story:
    """What happens to one office: it is begun, played as far as it goes, and looked at in the end."""

    begin: Callable[[OpenOffice], Office]
    play: Callable[[Office], None]
    check: Callable[[Office], None]


def work(office: Office) -> None:
    """Poll and deliver until nothing is left to do, one step after the other."""
    for _ in range(12):
        office.poll()
        messages = office.queue.take()
        if not messages:
            return
        try:
            for message, _ in office._due(list(messages)):
                office.deliverer().deliver(office.desk, message["key"], message["sink"])
        except Killed:
            office.queue.messages += messages
            raise
    raise AssertionError("it does not come to rest")


def go_on(office: Office, play: Callable[[Office], None]) -> None:
    """Let a new process go on where the dead one left things."""
    office.age_claims()
    play(office)
    office.age_claims()
    work(office)
    work(office)


def begin_with_three(open_office: OpenOffice) -> Office:
    office = open_office(write_back={"read": True, "category": "{ticket}", "move_to": "archive"})
    office.side = replace(office.side, workers=Workers(1))
    twice = {"subject": "Plain", "text": "T", "message_id": "<plain@example.com>", "received": datetime.now(UTC)}
    office.receive(**twice)
    office.receive(subject="Files", attachments=[File("a.bin", data=b"bytes of a"), Item(LETTER)])
    office.receive(**twice)
    return office


def check_three(office: Office) -> None:
    ledger = office.desk.ledger
    feed = ledger.feed(0, 100)
    assert [number for number, _ in feed] == [1, 2]
    assert len({key for _, key in feed}) == 2
    assert sorted(office.sink.tickets.values()) == ["T-1", "T-2"]
    assert list(ledger.open_mails()) == []
    assert ledger.quarantined() == 0
    mails = office.mailbox.messages()
    told = {mail.id: office.describe(mail.id) for mail in mails}
    assert sorted((one["subject"], one["state"]) for one in told.values()) == [
        ("Files", "delivered"), ("Plain", "delivered"), ("Plain", "skipped"),
    ]  # fmt: skip
    for mail in mails:
        [delivery] = told[mail.id]["deliveries"] or [None]
        expected = (True, [delivery["ticket"]], "archive") if delivery else (False, [], "inbox")
        assert (mail.is_read, mail.categories, mail.folder) == expected
    [files] = [mail for mail in mails if mail.subject == "Files"]
    stored = office.desk.store.load(office.desk.key(files.id))
    assert stored is not None
    assert [b"".join(office.desk.store.open(one)) for one in stored.attachments] == [b"bytes of a", LETTER]


def begin_with_refused(open_office: OpenOffice) -> Office:
    office = open_office(write_back={"read": True})
    office.side = replace(office.side, workers=Workers(1))
    office.receive(subject="Refused at first")

    def refuse() -> None:
        raise Rejected("No such customer.", code="NoCustomer")

    office.sink.before = refuse
    office.run()
    assert office.desk.ledger.quarantined() == 1
    office.sink.before = lambda: None
    return office


def ask_again(office: Office) -> None:
    if office.desk.ledger.quarantined():
        [mail] = office.mails()
        redeliver(office.desk, office.queue, mail["key"], None)  # type: ignore[arg-type]  # stands in for the queue
    if not office.queue.messages and list(office.desk.ledger.open_mails()):
        # died before the message: the poll notices the silence after a while
        [mail] = office.mails()
        office.queue.put({"mailbox": office.name, "key": mail["key"], "sink": next(iter(office.sinks))})
    work(office)


def check_refused(office: Office) -> None:
    [mail] = office.mails()
    assert mail["state"] == "delivered"
    assert list(office.sink.tickets.values()) == ["T-1"]
    assert office.desk.ledger.quarantined() == 0
    assert list(office.desk.ledger.open_mails()) == []
    assert [one.is_read for one in office.mailbox.messages()] == [True]


STORIES = {
    "three mails": Story(begin_with_three, work, check_three),
    "redelivery": Story(begin_with_refused, ask_again, check_refused),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STORIES)
def test_dying_at_any_step_loses_nothing_and_doubles_nothing(name: str, open_office: OpenOffice) -> None:
    story = STORIES[name]
    whole = Reaper()
    office = story.begin(open_office)
    with whole.watching():
        story.play(office)
    story.check(office)
    deaths: list[str] = []
    for at in range(1, len(whole.steps) + 1):
        reaper = Reaper()
        office = story.begin(open_office)
        with reaper.watching():
            reaper.at = at
            with pytest.raises(Killed) as death:
                story.play(office)
            reaper.revive()
            go_on(office, story.play)
        deaths.append(str(death.value))
        try:
            story.check(office)
        except AssertionError as error:
            error.add_note(f"after death at step {at} of {len(whole.steps)}, before {death.value}")
            raise
    print(f"{name}: died at {len(deaths)} steps:", ", ".join(deaths))  # noqa: T201 - shown with -s
    assert deaths == whole.steps


def struggle(office: Office) -> None:
    """Poll and deliver as the platform does: what raises is called again later."""
    for _ in range(12):
        try:
            is_done = office.poll() is Polled.DONE
        except Unavailable:
            is_done = False
        messages = office.queue.take()
        if is_done and not messages:
            return
        for message, delay in office._due(list(messages)):
            try:
                office.deliverer().deliver(office.desk, message["key"], message["sink"])
            except Unavailable:
                office.queue.messages.append((message, delay))
                office.age_claims()
    raise AssertionError("it does not come to rest")


@pytest.mark.slow
def test_a_step_that_fails_once_is_made_good(open_office: OpenOffice) -> None:
    at = 0
    while True:
        at += 1
        office, reaper = begin_with_three(open_office), Reaper(Unavailable)
        with reaper.watching():
            reaper.at = at
            struggle(office)
        try:
            check_three(office)
        except AssertionError as error:
            error.add_note(f"after step {at} failed: {reaper.steps[at - 1 : at]}")
            raise
        if len(reaper.steps) < at:
            break
    assert at > 30


@pytest.mark.parametrize("steps", [11, 14])
def test_a_process_that_lives_for_a_few_steps_at_a_time_comes_to_the_end(steps: int, open_office: OpenOffice) -> None:
    office, reaper = begin_with_three(open_office), Reaper()
    lives = 0
    with reaper.watching():
        while True:
            lives += 1
            assert lives < 20
            reaper.steps, reaper.at = [], steps
            try:
                work(office)
            except Killed:
                reaper.revive()
                office.age_claims()
            else:
                break
    assert lives > 3
    check_three(office)


def test_a_worker_that_dies_behind_the_ticket_leaves_one_ticket(open_office: OpenOffice) -> None:
    office = begin_with_three(open_office)

    def die() -> None:
        office.sink.after = lambda: None
        raise Killed

    office.sink.after = die
    with pytest.raises(Killed):
        work(office)
    go_on(office, work)
    assert office.sink.looks == 1
    check_three(office)
