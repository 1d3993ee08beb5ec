"""Polls of a quiet mailbox look at the folders' links only; nothing is lost by that, whatever happens meanwhile."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from composition import mail
from inbound_mail.delivery.redelivery import redeliver
from inbound_mail.intake.polling import Polled, Poller
from inbound_mail.ledger import planned_polls
from inbound_mail.ledger.decisions import Decision
from inbound_mail.ledger.mail_store import CONTAINER
from inbound_mail.ledger.planned_polls import QuietMailbox
from inbound_mail.messages import PollQueue
from shared.errors import InProgress, Rejected, Unavailable
from shared.graph.mail import DeltaPage, GraphMail
from shared.storage.blobs import Container
from shared.storage.tables import Operation, Table
from tests.functional.blob_settings import recorded_requests
from tests.functional.kill_switch import Killed, KillSwitch
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.functional.storage import storage_in_memory
from twin import Answer

STEPS: tuple[tuple[type, str], ...] = ((Table, "transact"), (Container, "lease"), (GraphMail, "read_delta"))


def begin_quiet(scenario: MailScenario) -> MailScenario:
    """Poll until the next poll may be a quick look."""
    scenario.poll()
    scenario.poll()
    assert find_quiet(scenario)
    scenario.gateway.forget()
    return scenario


def find_quiet(scenario: MailScenario) -> QuietMailbox | None:
    return scenario.mailbox.ledger.plan.find(scenario.name).quiet


def look(scenario: MailScenario) -> Polled:
    return scenario.poll(at_once=False)


def is_whole(scenario: MailScenario) -> bool:
    """Poll as the timer has it done; return whether that was a whole poll, which takes the lease."""
    kill_switch = KillSwitch()
    with kill_switch.watching([(Container, "lease")]):
        assert look(scenario) is Polled.DONE
    return bool(kill_switch.steps)


def while_graph_answers(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Let something happen while the next poll waits for Graph's answer."""
    read = GraphMail.read_delta
    waiting = [act]

    def answer(self: GraphMail, *args: Any, **options: Any) -> DeltaPage:
        page = read(self, *args, **options)
        if waiting:
            waiting.pop()()
        return page

    monkeypatch.setattr(GraphMail, "read_delta", answer)


@pytest.fixture
def quiet(open_scenario: OpenScenario) -> Iterator[MailScenario]:
    with storage_in_memory(), time_machine.travel(datetime.now(UTC), tick=True):
        yield begin_quiet(open_scenario())


def test_a_quick_look_is_two_storage_requests_and_one_to_graph(
    scenario: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_quiet(scenario)
    with recorded_requests(monkeypatch) as asked:
        look(scenario)
    assert len(scenario.calls()) == 1
    assert [one.split()[0] for one in asked] in (["GET", "PATCH"], ["GET", "MERGE"]), asked
    with recorded_requests(monkeypatch) as asked:
        scenario.poll()  # a whole one
    assert len(asked) == 8, asked
    state, described = scenario.mailbox.read_state(), scenario.services.describe_mailboxes()
    assert state["last_poll"] == scenario.mailbox.ledger.state().values["last_poll"]
    look(scenario)
    later = scenario.mailbox.read_state()
    assert later["last_poll"] > state["last_poll"]
    assert later["last_success"] > state["last_success"]
    [now] = scenario.services.describe_mailboxes()
    assert now["lastSuccessDateTime"] >= described[0]["lastSuccessDateTime"]
    moving = {name: now[name] for name in ("lagSeconds", "nextPollDateTime")}
    assert now == scenario.gateway.get(f"mailboxes/{scenario.name}").json() | moving


class AskedPolls:
    """The queue of poll requests: the names of mailboxes for which polls were asked."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def put(self, message: Mapping[str, Any], *, delay: float = 0, ttl: float | None = None) -> None:
        _ = delay, ttl
        self.names += [message["mailbox"], *message.get("others", ())]

    def count(self) -> int:
        return len(self.names)


def run_timer(scenario: MailScenario, *, minutes: float = 10) -> list[str]:
    """Run the timer some minutes later; return for which mailboxes it asks."""
    queue = AskedPolls()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes), tick=True):
        replace(scenario.services, polls=PollQueue(queue)).request_due_polls()
    return queue.names


def test_the_timer_itself_looks_at_few_quiet_mailboxes(quiet: MailScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    before = quiet.mailbox.ledger.plan.find(quiet.name).planned
    assert run_timer(quiet) == []
    assert len(quiet.calls()) == 1
    after = quiet.mailbox.ledger.plan.find(quiet.name).planned
    assert after.looked_at > before.looked_at
    assert after.next_poll > before.next_poll
    monkeypatch.setattr(mail, "_MOST_LOOKS", 0)
    assert run_timer(quiet, minutes=30) == [quiet.name], "of many, each is looked at by the function of the queue"
    assert len(quiet.calls()) == 1


def test_what_the_timer_sees_is_left_to_a_poll(quiet: MailScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet.receive(subject="Printer")
    assert run_timer(quiet) == [quiet.name]
    assert quiet.mails() == []

    def fail(*_: Any, **__: Any) -> bool:
        raise Unavailable("Storage is away. Try again.")

    with monkeypatch.context() as patched:
        patched.setattr(Poller, "look", fail)
        assert run_timer(quiet) == [quiet.name]
    look(quiet)
    quiet.deliver()
    look(quiet)
    assert [one["state"] for one in quiet.mails()] == ["delivered"]


def test_what_a_quick_look_sees_is_read_once(quiet: MailScenario) -> None:
    quiet.receive(subject="Printer")
    look(quiet)
    assert len(quiet.calls()) == 1, "the page serves the poll"
    quiet.deliver()
    look(quiet)
    assert [mail["state"] for mail in quiet.mails()] == ["delivered"]


@pytest.mark.usefixtures("rows_in_memory")
def test_a_quick_look_may_die_anywhere(open_scenario: OpenScenario) -> None:
    names: list[str] = []
    for step in range(1, 9):
        scenario = begin_quiet(open_scenario())
        kill_switch = KillSwitch(at=step)
        try:
            with kill_switch.watching(STEPS, also_after=True):
                look(scenario)
        except Killed:
            names = kill_switch.steps
        else:
            break
        scenario.receive(subject="Came meanwhile")
        look(scenario)
        scenario.run()
        assert [mail["state"] for mail in scenario.mails()] == ["delivered"], names
    assert names == ["GraphMail.read_delta", "after GraphMail.read_delta", "Table.transact", "after Table.transact"]


def test_work_that_is_opened_during_a_quick_look_keeps_the_mailbox_awake(
    quiet: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise Rejected("No such customer.", code="NoCustomer")

    quiet.sink.before = refuse
    quiet.receive(subject="Printer")
    quiet.run()
    begin_quiet(quiet)
    quiet.sink.before = lambda: None
    [mail] = quiet.mails()

    def begin_again() -> None:
        redeliver(quiet.mailbox, quiet.deliveries, mail["key"], None)
        quiet.queue.take()  # lost

    plan = quiet.mailbox.ledger.plan
    before = plan.find(quiet.name).planned
    while_graph_answers(monkeypatch, begin_again)
    assert not is_whole(quiet)
    after = plan.find(quiet.name).planned
    assert (after.next_poll, after.quiet_at) == (before.next_poll, before.quiet_at), "nothing is written"
    assert after.awake_until > datetime.now(UTC)
    assert is_whole(quiet)


def test_work_that_may_have_been_opened_during_a_whole_poll_is_looked_for(
    quiet: MailScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if no poll runs for so long that `awake_until` has passed."""
    plan = quiet.mailbox.ledger.plan
    while_graph_answers(monkeypatch, lambda: plan.keep_awake(quiet.name))
    quiet.poll()
    assert find_quiet(quiet) is None
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=30), tick=True):
        assert find_quiet(quiet) is None
        assert is_whole(quiet)
        assert not is_whole(quiet)


def test_polls_that_begin_while_a_mailbox_is_awake_leave_no_quick_look(quiet: MailScenario) -> None:
    quiet.mailbox.ledger.plan.keep_awake(quiet.name)
    quiet.poll()
    assert find_quiet(quiet) is None
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=30), tick=True):
        assert find_quiet(quiet) is None


@pytest.mark.parametrize("decide", ["begin", "take_in"])
def test_whoever_opens_work_asks_for_polls_first(quiet: MailScenario, decide: str) -> None:
    decisions = quiet.mailbox.ledger.decisions
    written: list[str] = []
    transact = Table.transact

    def note(self: Table, operations: list[Operation]) -> list[str]:
        written.append(operations[0].entity["PartitionKey"])
        return transact(self, operations)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "transact", note)
        if decide == "begin":
            decisions.record("0" * 40, {"id": "x"}, [])
        else:
            with pytest.raises(InProgress):
                decisions.take_in("0" * 40, {"id": "x"}, ["hook"], Decision(), settled={})
    assert written[0] == planned_polls.PARTITION


def test_an_instance_of_an_earlier_version_beside_this_one_takes_the_next_quick_look_away(
    quiet: MailScenario,
) -> None:
    old = quiet.services.table.get(planned_polls.PARTITION, quiet.name)
    assert old
    write = Operation("upsert-merge", {**_key(quiet), "next_poll": datetime.now(UTC), "is_quiet": True})
    quiet.services.table.transact([write])
    assert find_quiet(quiet) is None
    # Even if its row said nothing of that, the older link shows what the other one has read.
    quiet.receive(subject="Printer")
    quiet.poll()
    quiet.services.table.upsert(old.values)
    assert find_quiet(quiet)
    assert is_whole(quiet)
    quiet.run()
    assert [mail["state"] for mail in quiet.mails()] == ["delivered"]
    assert len(quiet.sink.tickets) == 1


def _key(scenario: MailScenario) -> dict[str, str]:
    return {"PartitionKey": planned_polls.PARTITION, "RowKey": scenario.name}


def test_a_throttled_look_is_written_down_by_the_poll_behind_it(quiet: MailScenario) -> None:
    busy = Answer(429, headers={"Retry-After": "900"})
    quiet.gateway.sim.faults.add(busy, api="mail", path="/delta", times=2)
    before = datetime.now(UTC)
    assert look(quiet) is Polled.FAILED
    state = quiet.mailbox.ledger.state().values
    assert state["graph_paused_until"] - before > timedelta(minutes=14)
    assert state["paused_until"] - before > timedelta(minutes=14)
    assert len(quiet.calls()) == 1, "the poll does not ask again before the time has passed"
    assert look(quiet) is Polled.PAUSED


@pytest.mark.parametrize("answer", [Answer(410), Answer(503), Answer(200, body={"value": "no list"})])
def test_an_answer_that_is_no_empty_page_calls_for_a_whole_poll(quiet: MailScenario, answer: Answer) -> None:
    quiet.gateway.sim.faults.add(answer, api="mail", path="/delta", times=1)
    assert is_whole(quiet)


@pytest.mark.parametrize(
    "columns",
    [
        {"quiet_folders": ""},
        {"reads": "other settings"},
        {"is_quiet": False},
        {"quiet_folders": "[]"},
        {"quiet_next_poll": datetime(2026, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_row_that_proves_nothing_calls_for_a_whole_poll(quiet: MailScenario, columns: dict[str, Any]) -> None:
    quiet.services.table.transact([Operation("merge", {**_key(quiet), **columns})])
    assert is_whole(quiet)
    assert not is_whole(quiet)


@pytest.mark.usefixtures("rows_in_memory")
def test_links_that_are_too_long_for_a_row_are_left_out(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planned_polls, "_MOST_CHARACTERS", 100)
    scenario = open_scenario()
    scenario.poll()
    scenario.poll()
    assert find_quiet(scenario) is None
    assert is_whole(scenario)


def test_a_look_while_another_worker_polls_does_not_wait(quiet: MailScenario) -> None:
    with Container(quiet.storage, CONTAINER).lease(f"leases/{quiet.name}", 30):
        assert look(quiet) is Polled.DONE
        quiet.receive(subject="Printer")
        assert look(quiet) is Polled.BUSY
    look(quiet)
    assert len(quiet.mails()) == 1


def test_a_poller_of_the_app_looks_too(quiet: MailScenario) -> None:
    poller: Poller = quiet.services.poller
    before = quiet.mailbox.read_state()["last_poll"]
    assert poller.poll(quiet.mailbox) is Polled.DONE
    assert quiet.mailbox.read_state()["last_poll"] > before == quiet.mailbox.ledger.state().values["last_poll"]
