"""While Graph is proven to announce new mail, polls are seldom; when it misses one, they are as often as before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from composition.services import replace_services, services
from inbound_mail.intake.announcements import has_missed, is_announced
from inbound_mail.intake.polling import Polled
from inbound_mail.ledger.planned_polls import PlannedPoll, PollPlan
from tests.functional.conftest import note_timers
from tests.functional.mail.conftest import OpenScenario
from tests.functional.mail.test_change_notifications import ON
from tests.functional.mail.test_graph_subscriptions import HOST, PATIENT
from tests.functional.mail.test_quiet_mailboxes import Clockwork
from tests.functional.storage import storage_in_memory
from twin import Answer


class Watched(Clockwork):
    """A mailbox with a Graph subscription. A test says itself what Graph announces: the twin's Graph is silent."""

    def run(self, minutes: int = 1) -> bool:
        """Let minutes pass, at the end of each of which the timer runs."""
        for _ in range(minutes):
            super().run()
            used = services()
            used.notifications.converge(used.mail, PollPlan(used.mail.table).read())
        return self.polled[-1:] == [self.minute]

    def announce(self) -> Polled:
        """Poll as a change notification has it done."""
        return self.scenario.poll(at_once=False, announced_at=datetime.now(UTC))

    def receive_announced(self) -> None:
        self.scenario.receive(subject="Printer")
        self.announce()

    def finish(self) -> None:
        """Deliver what was found, and let the mailbox become quiet."""
        self.run(2)
        self.scenario.deliver_nowhere()
        self.run(3)

    @property
    def plan(self) -> PlannedPoll:
        return self.scenario.mailbox.ledger.plan.find(self.scenario.name).planned

    @property
    def received(self) -> int:
        return int(self.scenario.mailbox.ledger.state().values.get("new", 0))

    def graph_calls(self) -> int:
        """Return and forget the calls to Graph of any kind."""
        paths = [one.path for one in self.scenario.gateway.sim.exchanges.all()]
        self.scenario.gateway.forget()
        return sum(path.startswith("/v1.0/") for path in paths)


@contextmanager
def open_watched(open_scenario: OpenScenario, **mailbox: Any) -> Iterator[Watched]:
    with storage_in_memory(), time_machine.travel(datetime.now(UTC), tick=False) as now:
        scenario = open_scenario(settings=ON, **mailbox)
        subscriptions = scenario.gateway.sim.subscriptions
        subscriptions.sites[HOST] = scenario.gateway.base_url
        subscriptions.switches.set(PATIENT | {"silent": True, "reminder_minutes": 0})
        yield Watched(scenario, now)
        subscriptions.sites.pop(HOST, None)


@pytest.fixture
def watched(open_scenario: OpenScenario) -> Iterator[Watched]:
    with open_watched(open_scenario) as opened:
        opened.run(3)
        yield opened


@pytest.mark.slow(reason="runs the timer for half a day", seconds=6)
def test_an_idle_mailbox_costs_less_than_two_calls_an_hour(watched: Watched) -> None:
    watched.run(60)
    assert watched.pauses[2:] == [15] * len(watched.pauses[2:])
    watched.run(3 * 60)
    watched.graph_calls()
    watched.run(8 * 60)
    assert watched.graph_calls() <= 2 * 8
    assert max(watched.pauses) <= 61
    assert watched.scenario.services.watch.active() == []


def test_an_announced_mail_is_found_at_once_and_polls_stay_seldom(watched: Watched) -> None:
    watched.run(60)
    watched.receive_announced()
    assert watched.received == 1
    watched.finish()
    watched.polled.clear()
    watched.run(60)
    assert len(watched.polled) <= 4


def test_a_mail_that_nobody_announced_brings_the_schedule_back(watched: Watched) -> None:
    watched.run(60)
    watched.scenario.receive(subject="Printer")
    minute = watched.minute
    while not watched.received:
        watched.run()
    assert watched.minute - minute <= 16
    watched.finish()
    assert has_missed(watched.plan, datetime.now(UTC))
    watched.polled.clear()
    watched.run(60)
    assert max(watched.pauses) <= 6

    watched.receive_announced()
    watched.finish()
    assert is_announced(watched.plan, datetime.now(UTC)), "Graph announces again"


@pytest.mark.slow(reason="runs the timer a hundred times and more")
def test_a_silent_subscription_is_made_anew_once_it_is_old_enough(watched: Watched) -> None:
    [before] = watched.scenario.gateway.sim.subscriptions.all()
    watched.run(60)
    watched.scenario.receive(subject="Printer")
    watched.run(20)
    watched.finish()
    assert [one.id for one in watched.scenario.gateway.sim.subscriptions.all()] == [before.id]
    watched.run(6 * 60)
    [after] = watched.scenario.gateway.sim.subscriptions.all()
    assert after.id != before.id
    assert is_announced(watched.plan, datetime.now(UTC))


def test_a_mail_that_is_announced_a_minute_later_is_not_missed(watched: Watched) -> None:
    watched.run(14)
    watched.scenario.receive(subject="Printer")
    while not watched.received:
        watched.run()
    assert not is_announced(watched.plan, datetime.now(UTC)), "it is not known yet"
    assert not has_missed(watched.plan, datetime.now(UTC))
    watched.run()
    watched.announce()
    watched.finish()
    assert is_announced(watched.plan, datetime.now(UTC))


def test_what_was_there_before_is_no_mail_that_was_missed(open_scenario: OpenScenario) -> None:
    with open_watched(open_scenario) as watched:
        for _ in range(3):
            watched.scenario.receive(subject="Old", received=datetime.now(UTC) - timedelta(days=1))
        watched.run(2)
        watched.finish()
        assert watched.received == 3
        watched.run(5)
        assert is_announced(watched.plan, datetime.now(UTC))


@pytest.mark.slow(reason="runs the timer a hundred times and more")
def test_without_a_subscription_the_schedule_is_back_at_once(watched: Watched) -> None:
    watched.run(5 * 60)
    while watched.plan.next_poll - datetime.now(UTC) < timedelta(minutes=20):
        watched.run()
    os.environ["GRAPH_NOTIFICATIONS"] = "off"
    replace_services(None)
    watched.polled.clear()
    watched.run(7)
    assert watched.polled
    assert not watched.scenario.gateway.sim.subscriptions.all()


@pytest.mark.slow(reason="runs the timer a hundred times and more")
def test_a_mailbox_is_silent_when_its_seldom_poll_is_late(watched: Watched) -> None:
    watched.run(5 * 60)
    watch = watched.scenario.services.watch
    assert max(watched.pauses) > 30
    watched.now.move_to(watched.plan.next_poll + timedelta(minutes=29))
    note_timers(services())
    watch.check_alarms({})
    assert watch.active() == []
    watched.now.move_to(watched.plan.next_poll + timedelta(minutes=31))
    watch.check_alarms({})
    assert [one["event"] for one in watch.active()] == ["MailboxSilent"]


def test_quiet_minutes_zero_keeps_a_mailbox_at_the_schedule(open_scenario: OpenScenario) -> None:
    with open_watched(open_scenario, quiet_minutes=0) as watched:
        watched.run(40)
        assert set(watched.pauses) == {1}


def test_routes_say_how_new_mail_is_announced(watched: Watched) -> None:
    gateway, name = watched.scenario.gateway, watched.scenario.name
    shown = gateway.get(f"mailboxes/{name}").json()["announcements"]
    assert (shown["isProven"], shown["lastAnnouncedDateTime"], shown["lagSeconds"]) == (True, None, None)
    watched.now.shift(7)
    watched.scenario.receive(subject="Printer")
    watched.now.shift(4)
    watched.announce()
    shown = gateway.get(f"mailboxes/{name}").json()["announcements"]
    assert 3 <= shown["lagSeconds"] <= 6
    assert shown["lastAnnouncedDateTime"]
    [subscription] = gateway.sim.subscriptions.all()
    [listed] = gateway.get("status").json()["graphSubscriptions"]
    assert (listed["mailbox"], listed["folder"], listed["isThere"]) == (name, "inbox", True)
    assert listed["endDateTime"][:16] == subscription.expires.isoformat()[:16]


def test_an_alarm_says_when_graph_announces_nothing_for_long(open_scenario: OpenScenario) -> None:
    with open_watched(open_scenario) as watched:
        watched.scenario.gateway.sim.faults.add(Answer(403), method="POST", path="subscriptions$", times=None)
        watch = watched.scenario.services.watch
        watched.run(25)
        assert watch.active() == []
        watched.run(10)
        assert [(one["event"], one["cause"]) for one in watch.active()] == [("NotificationsSilent", "noSubscription")]
        [listed] = watched.scenario.gateway.get("status").json()["graphSubscriptions"]
        assert (listed["isThere"], listed["lastError"]["code"]) == (False, "ConsentMissing")
        watched.scenario.gateway.sim.faults.clear()
        watched.run(70)
        assert watch.active() == []


def test_an_alarm_says_when_graph_has_missed_a_mail(watched: Watched) -> None:
    watched.run(20)
    watched.scenario.receive(subject="Printer")
    watched.run(20)
    watched.finish()
    watched.run(20)
    [alarm] = watched.scenario.services.watch.active()
    assert (alarm["event"], alarm["cause"]) == ("NotificationsSilent", "missed")
    watched.receive_announced()
    watched.finish()
    assert watched.scenario.services.watch.active() == []
