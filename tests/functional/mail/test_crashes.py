"""The process dies at every single step of small cases, and nothing is lost or doubled, nor counted wrongly.

A step is an operation that leaves a trace in storage, at Graph or in the sink. A process that dies between two steps
has done the first and not the second, so dying before each step covers all ways to die. Afterwards its claims and
leases expire, its messages return to the queue, and a new process must bring every mail to its end, once.

Every case runs once without a death on the storage emulator. It then begins anew for each step, which is hundreds of
times, so that rows are kept in memory for the deaths; the steps must be those of the emulator. One case also dies
there, once at each kind of step.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbound_mail.delivery.by_hand import Wish
from inbound_mail.delivery.redelivery import redeliver
from inbound_mail.intake.polling import Polled
from inbound_mail.ledger.decisions import Decision
from inbound_mail.reports.mailboxes import describe_mailbox
from inbound_mail.reports.mails import read_mail
from inbound_mail.reports.overview import read_overview
from shared.errors import Conflict, Rejected, Unavailable
from shared.graph.mail import GraphMail
from shared.issues import Level
from shared.storage.blobs import Container
from shared.storage.tables import Table
from shared.workers import Workers
from tests.functional.kill_switch import Killed, KillSwitch
from tests.functional.mail.conftest import MailScenario, MemoryQueue, OpenScenario, RecordingSink
from tests.functional.mail.deliveries import change_rules
from tests.functional.mail.test_meetings import write_meeting
from tests.functional.storage import storage_in_memory
from tests.signed_mails import write_clear
from twin.mail.contents import File, Item

LETTER = b"From: kim@example.com\r\nSubject: The original\r\n\r\nHello.\r\n"
SENT = datetime(2026, 11, 23, 9, tzinfo=UTC)
STEPS: tuple[tuple[type, str], ...] = (
    (Table, "transact"),
    (Container, "put"),
    (MemoryQueue, "put"),
    (GraphMail, "read_delta"),
    (GraphMail, "read_messages"),
    (GraphMail, "read_meetings"),
    (GraphMail, "read_attachments"),
    (GraphMail, "stream_attachment"),
    (GraphMail, "read_marks"),
    (GraphMail, "set_values"),
    (GraphMail, "move"),
    (GraphMail, "get_message"),
    (RecordingSink, "deliver"),
)


@dataclass
class CrashCase:
    """A scenario: how it begins, the work during which the process dies, and what must be true in the end."""

    begin: Callable[[OpenScenario], MailScenario]
    work: Callable[[MailScenario], None]
    check: Callable[[MailScenario], None]


def work(scenario: MailScenario) -> None:
    """Poll and deliver in turns until nothing is left to do."""
    for _ in range(12):
        worked = [_work_once(each) for each in (scenario, *scenario.others)]
        if not any(worked):
            return
    raise AssertionError("there is still work after twelve polls")


def _work_once(scenario: MailScenario) -> bool:
    """Poll and deliver; return whether there was something to deliver."""
    scenario.poll()
    messages = scenario.queue.take()
    try:
        for message in order_by_subject(scenario, [message for message, _ in scenario.make_due(list(messages))]):
            scenario.deliverer().deliver(scenario.mailbox, message["key"], message["sink"])
    except Killed:
        scenario.queue.messages += messages
        raise
    return bool(messages)


def count(scenario: MailScenario) -> list[dict[str, int]]:
    """Return the counters of the mailboxes, as the routes answer them."""
    names = ("received", "delivered", "skipped", "copies", "gone", "foundBySweep")
    opened, now = (scenario, *scenario.others), datetime.now(UTC)
    described = (describe_mailbox(read_overview(one.mailbox), Level.OK, now) for one in opened)
    return [{name: one[name] for name in names} for one in described]


def order_by_subject(scenario: MailScenario, messages: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the messages in the same order each time: keys are random, and a mail with files takes one step more."""
    return sorted(messages, key=lambda one: scenario.mailbox.ledger.find_mail(one["key"]).subject)


def go_on(scenario: MailScenario, work_on: Callable[[MailScenario], None]) -> None:
    """Let a new process continue the work of the dead one."""
    for work_now in (work_on, work):
        for each in (scenario, *scenario.others):
            each.age_claims()
        work_now(scenario)
    work(scenario)


def begin_with_three(open_scenario: OpenScenario) -> MailScenario:
    scenario = open_scenario(write_back={"read": True, "category": "{ticket}", "move_to": "archive"})
    scenario.services = replace(scenario.services, workers=Workers(1))
    twice = {"subject": "Plain", "text": "T", "message_id": "<plain@example.com>", "received": datetime.now(UTC)}
    scenario.receive(**twice)
    scenario.receive(subject="Files", attachments=[File("a.bin", data=b"bytes of a"), Item(LETTER)])
    scenario.receive(**twice)
    return scenario


def check_three(scenario: MailScenario) -> None:
    ledger = scenario.mailbox.ledger
    feed = ledger.feed(0, 100)
    assert [entry.number for entry in feed] == [1, 2]
    assert len({entry.key for entry in feed}) == 2
    assert sorted(scenario.sink.tickets.values()) == ["T-1", "T-2"]
    assert list(ledger.open_mails()) == []
    assert len(list(ledger.quarantined())) == 0
    mails = scenario.twin_mailbox.messages()
    described = {mail.id: scenario.describe(mail.id) for mail in mails}
    assert sorted((one["subject"], one["state"]) for one in described.values()) == [
        ("Files", "delivered"), ("Plain", "delivered"), ("Plain", "skipped"),
    ]  # fmt: skip
    for mail in mails:
        [delivery] = described[mail.id]["deliveries"] or [None]
        expected = (True, [delivery["ticket"]], "archive") if delivery else (False, [], "inbox")
        assert (mail.is_read, mail.categories, mail.folder) == expected
    [files] = [mail for mail in mails if mail.subject == "Files"]
    stored = scenario.mailbox.store.load(scenario.mailbox.key(files.id))
    assert stored is not None
    assert [b"".join(scenario.mailbox.store.open(one)) for one in stored.attachments] == [b"bytes of a", LETTER]


def begin_with_refused(open_scenario: OpenScenario) -> MailScenario:
    scenario = open_scenario(write_back={"read": True})
    scenario.services = replace(scenario.services, workers=Workers(1))
    scenario.receive(subject="Refused at first")

    def refuse() -> None:
        raise Rejected("No such customer.", code="NoCustomer")

    scenario.sink.before = refuse
    scenario.run()
    assert len(list(scenario.mailbox.ledger.quarantined())) == 1
    scenario.sink.before = lambda: None
    return scenario


def ask_again(scenario: MailScenario) -> None:
    if list(scenario.mailbox.ledger.quarantined()):
        [mail] = scenario.mails()
        redeliver(scenario.mailbox, scenario.deliveries, mail["key"], None)
    if not scenario.queue.messages and list(scenario.mailbox.ledger.open_mails()):
        # died before the message: the poll notices the silence after a while
        [mail] = scenario.mails()
        scenario.queue.put({"mailbox": scenario.name, "key": mail["key"], "sink": next(iter(scenario.sinks))})
    work(scenario)


def check_refused(scenario: MailScenario) -> None:
    [mail] = scenario.mails()
    assert mail["state"] == "delivered"
    assert read_events(scenario) == ["quarantined", "redelivered", "delivered", "writtenBack"]
    assert list(scenario.sink.tickets.values()) == ["T-1"]
    assert len(list(scenario.mailbox.ledger.quarantined())) == 0
    assert list(scenario.mailbox.ledger.open_mails()) == []
    assert [one.is_read for one in scenario.twin_mailbox.messages()] == [True]


def read_events(scenario: MailScenario) -> list[str]:
    """Return what happened to the mail since it was stored, without attempts that came to nothing."""
    [mail] = scenario.mails()
    shown = read_mail(scenario.mailbox, mail["key"])["story"]
    events = [one["event"] for one in shown if one["event"] != "attempted"]
    assert set(events[:3]) == {"received", "stored", "screened"}
    return events[3:]


def begin_with_copies(open_scenario: OpenScenario) -> MailScenario:
    """Three mails that differ in their files only, and a copy of one of them."""
    scenario = open_scenario(write_back={"read": True})
    scenario.services = replace(scenario.services, workers=Workers(1))
    same = {"subject": "Fax", "text": "T", "message_id": "<fax@example.com>", "received": datetime.now(UTC)}
    for data in (b"1", b"2", b"2", b"3"):
        scenario.receive(**same, attachments=[File("fax.pdf", data=data)])
    return scenario


def check_copies(scenario: MailScenario) -> None:
    mails = [(mail, scenario.describe(mail.id)) for mail in scenario.twin_mailbox.messages()]
    assert sorted(one["state"] for _, one in mails) == ["delivered", "delivered", "delivered", "skipped"]
    delivered = {mail.attachments[0].content.whole() for mail, one in mails if one["state"] == "delivered"}
    assert delivered == {b"1", b"2", b"3"}
    assert sorted(scenario.sink.tickets.values()) == ["T-1", "T-2", "T-3"]
    assert [entry.number for entry in scenario.mailbox.ledger.feed(0, 100)] == [1, 2, 3]
    assert list(scenario.mailbox.ledger.open_mails()) == []
    assert len(list(scenario.mailbox.ledger.quarantined())) == 0


def begin_with_one_mail_in_two_mailboxes(open_scenario: OpenScenario) -> MailScenario:
    scenario = open_scenario(has_second=True, write_back={"category": "{ticket}"})
    for each in (scenario, *scenario.others):
        each.services = replace(each.services, workers=Workers(1))
        each.receive(
            subject="Door and PC",
            message_id="<both@example.com>",
            received=SENT,
            attachments=[File("a.txt", data=b"a")],
        )
    return scenario


def check_one_mail(scenario: MailScenario) -> None:
    assert list(scenario.sink.tickets.values()) == ["T-1"]
    deliveries = []
    for each in (scenario, *scenario.others):
        [mail] = each.twin_mailbox.messages()
        deliveries += each.describe(mail.id)["deliveries"]
        assert mail.categories == ["T-1"]
        assert list(each.mailbox.ledger.open_mails()) == []
        assert len(list(each.mailbox.ledger.quarantined())) == 0
    assert [(one["state"], one["ticket"]) for one in deliveries] == [("delivered", "T-1")] * 2
    assert sorted(one["isReply"] for one in deliveries) == [False, True]


def begin_with_rules(open_scenario: OpenScenario) -> MailScenario:
    rule = {"name": "printers", "all": [{"subject": "printer"}], "sink": "printing", "urgency": 2}
    scenario = open_scenario(rule_sinks=("printing", "later"), rules=(rule,), write_back={"category": "{ticket}"})
    scenario.services = replace(scenario.services, workers=Workers(1))
    scenario.receive(subject="Printer", message_id="<a@example.com>", received=SENT)
    scenario.receive(subject="Printer with a file", attachments=[File("a.txt", data=b"a")])
    scenario.receive(subject="Re: yours", headers={"In-Reply-To": "<a@example.com>"})
    return scenario


def work_while_a_rule_changes(scenario: MailScenario) -> None:
    _work_once(scenario)
    later = next(name for name in scenario.sinks if name.startswith("later"))
    change_rules(scenario, lambda rule: replace(rule, sink=later))
    work(scenario)


def check_rules(scenario: MailScenario) -> None:
    """Each mail has one ticket, in the sink that was decided once; where the rule changed before, in the later one."""
    assert list(scenario.mailbox.ledger.open_mails()) == []
    assert len(list(scenario.mailbox.ledger.quarantined())) == 0
    references = [one for sink in scenario.sinks.values() for one in sink.tickets]
    assert len(references) == len(set(references)) == 3
    for mail in scenario.twin_mailbox.messages():
        described = scenario.describe(mail.id)
        [delivery] = described["deliveries"]
        assert mail.categories == [delivery["ticket"]]
        if "rule" in described:
            assert described["rule"]["sink"] == delivery["sink"]
            [received] = [one for one in scenario.sinks[delivery["sink"]].received if one.mail.graph_id == mail.id][-1:]
            assert received.rule is not None
            assert received.rule.urgency == 2
    assert not next(iter(scenario.sinks.values())).tickets


def begin_with_two_sinks(open_scenario: OpenScenario) -> MailScenario:
    """A mail in quarantine at its sink, and another sink."""
    scenario = open_scenario(sinks=("one",), rule_sinks=("two",), write_back={"read": True})
    scenario.services = replace(scenario.services, workers=Workers(1))
    scenario.receive(subject="Of the other team")
    one, two = scenario.sinks.values()

    def refuse() -> None:
        raise Rejected("No such customer.", code="NoCustomer")

    one.before = refuse
    two.known = frozenset({"T-9"})
    scenario.run()
    one.before = lambda: None
    return scenario


def decide(**wish: Any) -> Callable[[MailScenario], None]:
    """Return the work of a person who asks until it is done, and of the workers."""

    def ask(scenario: MailScenario) -> None:
        [key] = [mail["key"] for mail in scenario.mails()]
        with suppress(Conflict):  # it is done
            scenario.by_hand.deliver(scenario.mailbox, key, Wish(sink=list(scenario.sinks)[1], **wish))
        work(scenario)

    return ask


def check_moved(scenario: MailScenario) -> None:
    one, two = scenario.sinks.values()
    assert (list(one.tickets.values()), list(two.tickets.values())) == ([], ["T-1"])
    check_second(scenario)


def check_joined(scenario: MailScenario) -> None:
    one, two = scenario.sinks.values()
    assert not any((one.tickets, two.tickets, one.comments))
    assert [len(found) for found in two.comments.values()] == [1]
    check_second(scenario)


def check_second(scenario: MailScenario) -> None:
    [mail] = scenario.mails()
    assert [one["state"] for one in mail["deliveries"]] == ["set-aside", "delivered"]
    # who does not know whether it was done asks again
    events = [event for event in read_events(scenario) if event != "redelivered"]
    assert events == ["quarantined", "setAside", "deliveredByHand", "delivered", "writtenBack"]
    assert mail["state"] == "delivered"
    assert len(list(scenario.mailbox.ledger.quarantined())) == 0
    assert list(scenario.mailbox.ledger.open_mails()) == []
    assert [one.is_read for one in scenario.twin_mailbox.messages()] == [True]


def set_aside(scenario: MailScenario) -> None:
    [mail] = scenario.mails()
    scenario.by_hand.set_aside(scenario.mailbox, mail["key"], None, Decision("Anna", "a robot"))
    work(scenario)


def check_set_aside(scenario: MailScenario) -> None:
    [mail] = scenario.mails()
    assert (mail["state"], mail["reason"]) == ("skipped", "by-hand")
    assert [one.key for one in scenario.mailbox.ledger.skipped("by-hand")] == [mail["key"]]
    assert scenario.mailbox.ledger.mail(mail["key"]).state == "skipped"  # type: ignore[union-attr]  # it is there
    assert len(list(scenario.mailbox.ledger.quarantined())) == 0
    assert list(scenario.mailbox.ledger.open_mails()) == []
    assert all(one.tickets == {} for one in scenario.sinks.values())


def begin_with_an_older_mail(open_scenario: OpenScenario) -> MailScenario:
    scenario = open_scenario(since="2026-01-01T00:00:00Z")
    scenario.services = replace(scenario.services, workers=Workers(1))
    scenario.receive(received=datetime(2025, 12, 1, tzinfo=UTC), attachments=[File("a.txt", data=b"a")])
    scenario.run()
    return scenario


def take_in(scenario: MailScenario) -> None:
    [message] = scenario.twin_mailbox.messages()
    with suppress(Conflict):  # it is done
        scenario.by_hand.deliver(scenario.mailbox, scenario.mailbox.key(message.id), Wish())
    work(scenario)


def check_taken_in(scenario: MailScenario) -> None:
    [message] = scenario.twin_mailbox.messages()
    assert scenario.describe(message.id)["state"] == "delivered"
    assert list(scenario.sink.tickets.values()) == ["T-1"]
    assert list(scenario.mailbox.ledger.skipped("before-cutover")) == []
    assert list(scenario.mailbox.ledger.open_mails()) == []
    stored = scenario.mailbox.store.load(scenario.mailbox.key(message.id))
    assert stored
    assert [b"".join(scenario.mailbox.store.open(one)) for one in stored.attachments] == [b"a"]


def begin_with_a_loop(open_scenario: OpenScenario) -> MailScenario:
    scenario = open_scenario(brakes={"tickets_per_hour": 1, "comments_per_hour": 1})
    scenario.services = replace(scenario.services, workers=Workers(1))
    for number in range(4):
        scenario.receive(subject=f"Alert {number}", sender="robot@example.com", received=SENT)
    return scenario


def check_loop(scenario: MailScenario) -> None:
    """The limit holds, one ticket tells of the loop, and no mail is lost."""
    states = [scenario.describe(mail.id)["deliveries"][0] for mail in scenario.twin_mailbox.messages()]
    assert sorted(one.get("cause") or one["state"] for one in states) == ["LoopSuspected"] * 2 + ["delivered"] * 2
    notices = {one.reference for one in scenario.sink.received if one.loop}
    assert len(notices) == 1
    assert len(scenario.sink.tickets) == 2
    assert list(scenario.mailbox.ledger.open_mails()) == []
    [row] = scenario.services.table.query(scenario.name, start="b|", end="b}")
    [(reserved, tickets, comments, notice)] = json.loads(row.values["hours"]).values()
    assert (reserved, tickets, comments) == (0, 1, 0)
    assert scenario.mailbox.ledger.find_mail(notice).reference in notices


def begin_with_mails_that_the_delta_hides(open_scenario: OpenScenario) -> MailScenario:
    """Three mails that only the sweep finds, and reads by their ids in one call."""
    scenario = open_scenario(write_back={"read": True})
    scenario.services = replace(scenario.services, workers=Workers(1))
    scenario.run()
    scenario.gateway.sim.mail.switches.set({"delta_delay_seconds": 86_400.0})
    scenario.receive(subject="A")
    scenario.receive(subject="B", attachments=[File("b.txt", data=b"b")])
    scenario.receive(subject="C")
    cursor = scenario.mailbox.ledger.cursor("inbox")
    kept = {name: cursor[name] for name in ("link", "query", "later", "later_tries", "first_round_done")}
    scenario.mailbox.ledger.put_cursor("inbox", **kept, swept_at=datetime.now(UTC) - timedelta(hours=2))
    return scenario


def check_hidden(scenario: MailScenario) -> None:
    mails = scenario.twin_mailbox.messages()
    assert {mail.subject: scenario.describe(mail.id)["state"] for mail in mails} == dict.fromkeys("ABC", "delivered")
    assert sorted(scenario.sink.tickets.values()) == ["T-1", "T-2", "T-3"]
    assert all(mail.is_read for mail in mails)
    assert list(scenario.mailbox.ledger.open_mails()) == []
    assert len(list(scenario.mailbox.ledger.quarantined())) == 0
    [b] = [prepared for prepared in scenario.sink.received if prepared.mail.subject == "B"][-1:]
    assert [b"".join(scenario.mailbox.store.open(one)) for one in b.mail.attachments] == [b"b"]


def begin_with_a_signed_mail(open_scenario: OpenScenario) -> MailScenario:
    scenario = open_scenario(requestor={"reply_to_from": ["lee.gu@contoso.com"]})
    scenario.services = replace(scenario.services, workers=Workers(1))
    asker = b"Reply-To: Adele <adele.vance@contoso.com>\r\n"
    scenario.receive(eml=asker + write_clear())
    scenario.receive(eml=write_meeting("REQUEST", text="See you"))
    return scenario


def check_signed(scenario: MailScenario) -> None:
    assert sorted(scenario.sink.tickets.values()) == ["T-1", "T-2"]
    assert list(scenario.mailbox.ledger.open_mails()) == []
    last = {prepared.mail.subject: prepared for prepared in scenario.sink.received}
    signed, meeting = last["Lost card"], last["Swap of laptops"]
    assert signed.who_asks.address == "adele.vance@contoso.com"
    assert "The card is lost" in signed.rendering.text
    files = [b"".join(signed.open(one)) for one in signed.mail.attachments[1:]]
    assert [one.number for one in signed.mail.attachments] == [1, 2, 3]
    assert files[1] == b"1;2"
    assert "When: Tuesday, 2026-12-01" in meeting.rendering.text


CASES = {
    "loop": CrashCase(begin_with_a_loop, work, check_loop),
    "mails that the sweep finds": CrashCase(begin_with_mails_that_the_delta_hides, work, check_hidden),
    "signed": CrashCase(begin_with_a_signed_mail, work, check_signed),
    "rules": CrashCase(begin_with_rules, work_while_a_rule_changes, check_rules),
    "moved by hand": CrashCase(begin_with_two_sinks, decide(), check_moved),
    "joined by hand": CrashCase(begin_with_two_sinks, decide(ticket="T-9"), check_joined),
    "set aside by hand": CrashCase(begin_with_two_sinks, set_aside, check_set_aside),
    "taken in by hand": CrashCase(begin_with_an_older_mail, take_in, check_taken_in),
    "two mailboxes": CrashCase(begin_with_one_mail_in_two_mailboxes, work, check_one_mail),
    "copies": CrashCase(begin_with_copies, work, check_copies),
    "three mails": CrashCase(begin_with_three, work, check_three),
    "redelivery": CrashCase(begin_with_refused, ask_again, check_refused),
}


DIES_ON_THE_EMULATOR = "three mails"


@pytest.mark.slow(reason="dies at every step", seconds=5)
@pytest.mark.parametrize("name", CASES)
def test_dying_at_any_step_loses_nothing_and_doubles_nothing(name: str, open_scenario: OpenScenario) -> None:
    case = CASES[name]
    whole = KillSwitch()
    scenario = case.begin(open_scenario)
    with whole.watching(STEPS):
        case.work(scenario)
    case.check(scenario)
    counted = count(scenario)
    assert counted[0]["received"] + counted[0]["skipped"] > 0
    assert ("GraphMail.read_messages" in whole.steps) is (name == "mails that the sweep finds")
    deaths: list[str] = []
    in_memory = range(1, len(whole.steps) + 1)
    kinds = sorted(whole.steps.index(step) + 1 for step in set(whole.steps)) if name == DIES_ON_THE_EMULATOR else []
    for number, at in enumerate([*in_memory, *kinds]):
        with storage_in_memory() if number < len(in_memory) else nullcontext():
            kill_switch = KillSwitch()
            scenario = case.begin(open_scenario)
            with kill_switch.watching(STEPS):
                kill_switch.at = at
                with pytest.raises(Killed) as death:
                    case.work(scenario)
                kill_switch.revive()
                go_on(scenario, case.work)
            deaths.append(str(death.value))
            try:
                case.check(scenario)
                assert count(scenario) == counted
            except AssertionError as error:
                error.add_note(f"after death at step {at} of {len(whole.steps)}, before {death.value}")
                raise
    print(f"{name}: died at {len(deaths)} steps:", ", ".join(deaths))  # noqa: T201 - shown with -s
    if name in ("copies", "signed"):  # they are found in the order of their keys, which are random
        assert set(deaths) <= set(whole.steps)
    else:
        assert deaths == [*whole.steps, *(whole.steps[at - 1] for at in kinds)]


def struggle(scenario: MailScenario) -> None:
    """Poll and deliver as the platform does: a function that raises is called again later."""
    for _ in range(12):
        try:
            is_done = scenario.poll() is Polled.DONE
        except Unavailable:
            is_done = False
        messages = scenario.queue.take()
        if is_done and not messages:
            return
        for message, delay in scenario.make_due(list(messages)):
            try:
                scenario.deliverer().deliver(scenario.mailbox, message["key"], message["sink"])
            except Unavailable:
                scenario.queue.messages.append((message, delay))
                scenario.age_claims()
    raise AssertionError("there is still work after twelve polls")


@pytest.mark.slow(reason="dies at every step", seconds=5)
def test_a_step_that_fails_once_is_made_good(open_scenario: OpenScenario) -> None:
    at = 0
    with storage_in_memory():
        while True:
            at += 1
            scenario, kill_switch = begin_with_three(open_scenario), KillSwitch(error=Unavailable)
            with kill_switch.watching(STEPS):
                kill_switch.at = at
                struggle(scenario)
            try:
                check_three(scenario)
            except AssertionError as error:
                error.add_note(f"after step {at} failed: {kill_switch.steps[at - 1 : at]}")
                raise
            if len(kill_switch.steps) < at:
                break
    assert at > 30


@pytest.mark.usefixtures("rows_in_memory")
@pytest.mark.parametrize("steps", [11, 14])
def test_a_process_that_lives_for_a_few_steps_at_a_time_comes_to_the_end(
    steps: int, open_scenario: OpenScenario
) -> None:
    scenario, kill_switch = begin_with_three(open_scenario), KillSwitch()
    lives = 0
    with kill_switch.watching(STEPS):
        while True:
            lives += 1
            assert lives < 20
            kill_switch.steps, kill_switch.at = [], steps
            try:
                work(scenario)
            except Killed:
                kill_switch.revive()
                scenario.age_claims()
            else:
                break
    assert lives > 3
    check_three(scenario)


def test_a_worker_that_dies_behind_the_ticket_leaves_one_ticket(open_scenario: OpenScenario) -> None:
    scenario = begin_with_three(open_scenario)

    def die() -> None:
        scenario.sink.after = lambda: None
        raise Killed

    scenario.sink.after = die
    with pytest.raises(Killed):
        work(scenario)
    go_on(scenario, work)
    assert scenario.sink.looks == 1
    check_three(scenario)
