"""Graph subscriptions are as wished, whatever happens: made, renewed, replaced, removed; those of others are left."""

import base64
import json
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import azure.functions as func
import pytest
import time_machine

from blueprints import mail_work
from composition.services import replace_services, services
from graph_notifications.store import TABLE, GraphSubscriptionStore, Record
from inbound_mail.messages import PollRequest
from shared.graph.subscriptions import LIFETIME, GraphSubscriptions
from shared.storage.account import Storage
from shared.storage.queues import Queue
from shared.storage.tables import Table
from tests.functional.kill_switch import Killed, KillSwitch
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.functional.mail.test_change_notifications import ON
from tests.functional.storage import storage_in_memory
from tests.functional.twin.endpoint import until
from twin import Answer, Drop
from twin.seeds import sample
from twin.seeds.mails import SECOND
from twin.subscriptions.subscription import Subscription

if TYPE_CHECKING:
    from inbound_mail.ledger.planned_polls import PlannedPoll

URL = ON["GRAPH_NOTIFICATIONS_URL"]
HOST = str(urlsplit(URL).hostname)
# However slow this machine is.
PATIENT = {"latency_seconds": 0, "handshake_seconds": 60, "answer_seconds": 60, "slow_seconds": 60}
STEPS: tuple[tuple[type, str], ...] = (
    (Table, "transact"),
    *((GraphSubscriptions, name) for name in ("list", "create", "renew", "delete")),
)


class Subscribed:
    """The app with two mailboxes that are watched, and what Graph has of it."""

    def __init__(self, scenario: MailScenario, clock: time_machine.Traveller) -> None:
        self.scenario = scenario
        self.gateway = scenario.gateway
        self.clock = clock
        self.planned: dict[str, PlannedPoll] = {}

    def step(self) -> None:
        """Run the convergent step as a new process does."""
        replace_services(None)
        self.step_again()

    def step_again(self) -> None:
        """Run it in the same process."""
        used = services()
        used.notifications.converge(used.mail, self.planned)

    def wait(self, **span: float) -> None:
        self.clock.shift(timedelta(**span))

    def configure(self, **changed: str) -> None:
        """Start anew with other settings; "" removes one."""
        kept = {name: value for name, value in os.environ.items() if name not in changed}
        self.gateway.configure(**kept, **changed)

    @property
    def there(self) -> list[Subscription]:
        """What Graph has of any app, by mailbox."""
        return sorted(self.gateway.sim.subscriptions.all(), key=lambda one: one.resource)

    @property
    def urls(self) -> list[str]:
        return [one.notification_url for one in self.there]

    @property
    def records(self) -> list[Record]:
        store = GraphSubscriptionStore(
            Table(Storage(services().settings.storage, services().authenticator.identity), TABLE)
        )
        return sorted(store.read().records, key=lambda one: one.owner)

    def calls(self) -> list[str]:
        """Return and forget the calls to Graph about subscriptions."""
        exchanges = self.gateway.sim.exchanges.all()
        seen = [f"{one.method} {one.path}" for one in exchanges if one.path.startswith("/v1.0/subscriptions")]
        self.gateway.forget()
        return seen

    def is_settled(self) -> bool:
        """Whether there is one subscription for each mailbox, and the rows know it."""
        mailboxes = [one.resource.split("/")[1] for one in self.there]
        known = {one.subscription for one in self.records}
        return len(mailboxes) == len(set(mailboxes)) == 2 and known == {one.id for one in self.there}


@pytest.fixture
def subscribed(open_scenario: OpenScenario) -> Iterator[Subscribed]:
    with storage_in_memory(), time_machine.travel(datetime.now(UTC), tick=True) as clock:
        scenario = open_scenario(settings=ON, has_second=True)
        sites = scenario.gateway.sim.subscriptions.sites
        sites[HOST] = scenario.gateway.base_url
        scenario.gateway.sim.subscriptions.switches.set(PATIENT)
        scenario.gateway.forget()
        yield Subscribed(scenario, clock)
        sites.pop(HOST, None)


def test_each_folder_is_subscribed_once_and_then_nothing_is_asked(
    subscribed: Subscribed, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribed.step()
    assert subscribed.is_settled()
    assert sorted(subscribed.calls()) == ["GET /v1.0/subscriptions", *["POST /v1.0/subscriptions"] * 2]
    one, other = subscribed.there
    assert SECOND in (one.resource + other.resource)
    assert one.notification_url == one.lifecycle_url != other.notification_url
    assert one.notification_url.startswith(f"{URL}/graph-notifications/")
    assert one.change_types == {"created"}
    assert one.client_state != other.client_state
    assert abs(one.expires - datetime.now(UTC) - LIFETIME) < timedelta(minutes=2)
    with monkeypatch.context() as patch:
        patch.setattr(Table, "query", lambda *_args, **_more: pytest.fail("a storage request"))
        subscribed.step_again()
    subscribed.step()
    assert not subscribed.calls()


def test_new_mail_is_announced_from_then_on(subscribed: Subscribed, monkeypatch: pytest.MonkeyPatch) -> None:
    put: list[dict[str, Any]] = []
    monkeypatch.setattr(Queue, "put", lambda _self, message, **_more: put.append(dict(message)))
    subscribed.step()
    subscribed.scenario.receive(subject="Printer")
    deliveries = subscribed.gateway.sim.subscriptions.deliveries
    until(lambda: deliveries)
    assert [one.status for one in deliveries] == [202]
    assert [message["mailbox"] for message in put] == [subscribed.scenario.name]


def test_they_are_renewed_every_two_days_with_one_call_each(subscribed: Subscribed) -> None:
    subscribed.step()
    ids = [one.id for one in subscribed.there]
    subscribed.wait(days=1)
    subscribed.step()
    subscribed.calls()
    subscribed.wait(days=1, minutes=1)
    for one in subscribed.there:
        subscribed.gateway.sim.subscriptions.challenge(one.id)  # renewing authorises as well
    subscribed.step()
    calls = subscribed.calls()
    assert sorted(call for call in calls if "PATCH" in call) == sorted(
        f"PATCH /v1.0/subscriptions/{one}" for one in ids
    )
    assert len(calls) <= 3, "and a list, twice a day"
    assert [one.id for one in subscribed.there] == ids
    assert all(one.expires - datetime.now(UTC) > timedelta(days=6) for one in subscribed.there)


@pytest.mark.parametrize("hours", [24 * 8, 24 * 30])
def test_those_that_ended_while_nobody_looked_are_made_anew(subscribed: Subscribed, hours: int) -> None:
    subscribed.step()
    subscribed.wait(hours=hours)
    assert not subscribed.there
    subscribed.step()
    subscribed.step()
    assert subscribed.is_settled()


def test_one_that_graph_has_silently_removed_is_made_anew_within_a_day(subscribed: Subscribed) -> None:
    subscribed.step()
    subscribed.gateway.sim.subscriptions.remove(subscribed.there[0].id)
    subscribed.step()
    assert len(subscribed.there) == 1
    subscribed.wait(hours=12, minutes=1)
    subscribed.step()
    assert subscribed.is_settled()


def test_switching_off_removes_all_and_leaves_those_of_others(subscribed: Subscribed) -> None:
    subscribed.step()
    theirs = replace(subscribed.there[0], id=str(uuid.uuid4()), notification_url="https://other.example/hook")
    subscribed.gateway.sim.subscriptions.add(theirs)
    subscribed.wait(hours=13)
    subscribed.step()
    assert len(subscribed.there) == 3
    subscribed.configure(GRAPH_NOTIFICATIONS="off")
    subscribed.step()
    assert (subscribed.there, subscribed.records) == ([theirs], [])
    subscribed.calls()
    subscribed.step()
    assert not subscribed.calls()


def test_another_address_replaces_them(subscribed: Subscribed) -> None:
    subscribed.step()
    before = subscribed.there
    sites = subscribed.gateway.sim.subscriptions.sites
    sites["gateway.contoso.com"] = subscribed.gateway.base_url
    subscribed.configure(GRAPH_NOTIFICATIONS_URL="https://gateway.contoso.com/api")
    subscribed.step()
    del sites["gateway.contoso.com"]
    assert subscribed.is_settled()
    assert all(url.startswith("https://gateway.contoso.com/api/") for url in subscribed.urls)
    assert not {one.id for one in before} & {one.id for one in subscribed.there}


@pytest.mark.parametrize("is_new_process", [True, False])
def test_another_state_key_replaces_them(
    subscribed: Subscribed, monkeypatch: pytest.MonkeyPatch, is_new_process: bool
) -> None:
    monkeypatch.setattr("shared.key_vault._READ_AGAIN_SECONDS", -1)
    subscribed.step()
    before = {one.client_state for one in subscribed.there}
    key = base64.b64encode(b"another key of thirty-two bytes!").decode()
    subscribed.gateway.sim.vaults.vault(sample.VAULT).set_secret(services().settings.state_key_name, key)
    if is_new_process:
        subscribed.step()
    else:
        subscribed.step_again()
        assert before == {one.client_state for one in subscribed.there}, "it is asked for once an hour"
        subscribed.wait(hours=1, minutes=1)
        subscribed.step_again()
    assert subscribed.is_settled()
    assert not before & {one.client_state for one in subscribed.there}


def test_a_mailbox_that_left_the_settings_is_not_watched_any_more(subscribed: Subscribed) -> None:
    subscribed.step()
    [first, _] = json.loads(os.environ["MAILBOXES"])
    subscribed.configure(MAILBOXES=json.dumps([first]))
    subscribed.step()
    [left] = subscribed.there
    assert SECOND not in left.resource
    assert [one.owner for one in subscribed.records] == [first["name"]]


def test_what_one_mailbox_is_refused_stops_no_other_and_is_tried_again_more_and_more_seldom(
    subscribed: Subscribed,
) -> None:
    subscribed.gateway.sim.faults.add(Answer(403), method="POST", path="subscriptions$", body=SECOND, times=None)
    subscribed.step()
    assert len(subscribed.there) == 1
    [refused] = [one for one in subscribed.records if one.error]
    assert (refused.error, refused.failures) == ("ConsentMissing", 1)
    tries = 0
    for _ in range(300):
        subscribed.wait(minutes=1)
        subscribed.step_again()
        tries += "POST /v1.0/subscriptions" in subscribed.calls()
    assert 6 <= tries <= 12, "with growing pauses, up to an hour"
    subscribed.gateway.sim.faults.clear()
    subscribed.wait(hours=1, minutes=1)
    subscribed.step_again()
    assert subscribed.is_settled()
    assert not any(one.error for one in subscribed.records)


def test_while_graph_does_not_reach_the_address_nothing_is_made(subscribed: Subscribed) -> None:
    del subscribed.gateway.sim.subscriptions.sites[HOST]
    subscribed.step()
    assert not subscribed.there
    assert {one.failures for one in subscribed.records} == {1}
    subscribed.gateway.sim.subscriptions.sites[HOST] = subscribed.gateway.base_url
    subscribed.wait(minutes=2)
    subscribed.step()
    assert subscribed.is_settled()


def test_a_create_whose_answer_is_lost_is_looked_for(subscribed: Subscribed) -> None:
    subscribed.gateway.sim.faults.add(Drop(), method="POST", path="subscriptions$", when="after", times=2)
    subscribed.step()
    assert len(subscribed.there) == 2
    before = subscribed.there
    assert {one.subscription for one in subscribed.records} == {""}
    subscribed.wait(minutes=4)
    subscribed.step()
    assert subscribed.is_settled()
    assert subscribed.there == before


def test_graph_is_left_alone_while_it_wants_a_pause(subscribed: Subscribed) -> None:
    answer = Answer(429, headers={"Retry-After": "600"})
    subscribed.gateway.sim.faults.add(answer, method="POST", path="subscriptions$")
    subscribed.step()
    subscribed.calls()
    for _ in range(9):
        subscribed.wait(minutes=1)
        subscribed.step_again()
    assert len(subscribed.calls()) <= 1, "the second one may have left already"


def change_address(subscribed: Subscribed) -> None:
    subscribed.step()
    subscribed.gateway.sim.subscriptions.sites["gateway.contoso.com"] = subscribed.gateway.base_url
    subscribed.configure(GRAPH_NOTIFICATIONS_URL="https://gateway.contoso.com/api")


def switch_off(subscribed: Subscribed) -> None:
    subscribed.step()
    subscribed.configure(GRAPH_NOTIFICATIONS="off")


def let_time_pass(subscribed: Subscribed) -> None:
    subscribed.step()
    subscribed.wait(days=2, minutes=1)


@pytest.mark.slow(reason="one scenario for each step at which the process may die")
@pytest.mark.parametrize("begin", [lambda _: None, change_address, switch_off, let_time_pass])
def test_the_process_may_die_at_every_step(open_scenario: OpenScenario, begin: Callable[[Subscribed], None]) -> None:
    is_off = begin is switch_off
    for at in range(1, 80):
        with storage_in_memory(), time_machine.travel(datetime.now(UTC), tick=True) as clock:
            scenario = open_scenario(settings=ON, has_second=True)
            scenario.gateway.sim.subscriptions.sites[HOST] = scenario.gateway.base_url
            scenario.gateway.sim.subscriptions.switches.set(PATIENT)
            subscribed = Subscribed(scenario, clock)
            begin(subscribed)
            kill_switch = KillSwitch(at=at)
            try:
                with kill_switch.watching(STEPS, also_after=True):
                    subscribed.step()
            except Killed:
                kill_switch.revive()
            else:
                assert at > 8
                return
            subscribed.wait(minutes=4)
            subscribed.step()
            assert (not subscribed.there and not subscribed.records) if is_off else subscribed.is_settled(), at
    raise AssertionError("it never ended")


def be_notified(subscribed: Subscribed, *events: str) -> None:
    """Do what a message about lifecycle events asks for, in the process of the queue's function."""
    replace_services(None)
    name = subscribed.scenario.name
    request = PollRequest(name, announced_at=datetime.now(UTC), lifecycle=events)
    mail_work.poll_mailbox(func.QueueMessage(body=json.dumps(request.to_json()).encode()))


def test_what_graph_wants_reauthorized_is_renewed_once(subscribed: Subscribed) -> None:
    subscribed.step()
    subscribed.wait(hours=3)
    state = subscribed.gateway.sim.subscriptions
    [own] = [one for one in subscribed.there if SECOND not in one.resource]
    state.challenge(own.id)
    subscribed.calls()
    for _ in range(3):
        be_notified(subscribed, "reauthorizationRequired")
    assert subscribed.calls() == [f"PATCH /v1.0/subscriptions/{own.id}"]
    assert own.challenged is None


def test_what_graph_has_removed_is_made_anew_and_the_mailbox_is_polled(subscribed: Subscribed) -> None:
    subscribed.step()
    [own] = [one for one in subscribed.there if SECOND not in one.resource]
    subscribed.wait(minutes=5)
    subscribed.gateway.sim.subscriptions.remove(own.id)
    subscribed.scenario.receive(subject="Came meanwhile")
    be_notified(subscribed, "subscriptionRemoved")
    assert subscribed.is_settled()
    assert subscribed.scenario.mailbox.ledger.state().values["new"] == 1


def test_a_removal_that_somebody_repeats_changes_nothing(subscribed: Subscribed) -> None:
    subscribed.step()
    before = [one.id for one in subscribed.there]
    subscribed.wait(minutes=5)
    subscribed.calls()
    for _ in range(5):
        be_notified(subscribed, "subscriptionRemoved", "missed", "unheardOf")
    assert [one.id for one in subscribed.there] == before
    assert subscribed.calls() == ["GET /v1.0/subscriptions"], "and it is asked for once"
    assert subscribed.is_settled()


def test_while_another_process_looks_after_them_what_graph_wants_waits(
    subscribed: Subscribed, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribed.step()
    subscribed.wait(hours=3)
    put: list[dict[str, Any]] = []
    monkeypatch.setattr(Queue, "put", lambda _self, message, **_more: put.append(dict(message)))
    used = services()
    store = GraphSubscriptionStore(Table(Storage(used.settings.storage, used.authenticator.identity), TABLE))
    assert store.claim("default")
    assert not store.claim("default")
    be_notified(subscribed, "reauthorizationRequired")
    assert [message["lifecycle"] for message in put] == [["reauthorizationRequired"]]
    subscribed.wait(minutes=4)
    be_notified(subscribed, "reauthorizationRequired")
    assert len(put) == 1
