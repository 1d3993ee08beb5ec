"""What Graph posts wakes the poll; what is not proven to be Graph's changes nothing."""

import json
import logging
import os
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest
import requests

from blueprints import mail_work
from composition.services import services
from graph_notifications.resources import WatchedResource, list_mail_resources
from graph_notifications.wake_ups import WakeUps
from inbound_mail.intake.polling import Polled, Poller
from inbound_mail.messages import PollRequest
from shared.errors import Unavailable
from shared.storage.queues import Queue
from tests.functional.mail.conftest import MailScenario, OpenScenario

pytestmark = pytest.mark.usefixtures("rows_in_memory")

ON = {"GRAPH_NOTIFICATIONS": "on", "GRAPH_NOTIFICATIONS_URL": "https://contoso-gateway.azurewebsites.net/api"}
TOKEN = "Validation: Testing client application reachability <b>&amp; + % ä"


class Announced:
    """A mailbox of which Graph announces new mail, and the messages that the app puts into queues."""

    def __init__(self, scenario: MailScenario, messages: list[tuple[dict[str, Any], float]]) -> None:
        self.scenario = scenario
        self.messages = messages
        self.http = requests.Session()
        self.http.trust_env = False

    @property
    def resource(self) -> WatchedResource:
        [found] = list_mail_resources([self.scenario.mailbox.settings])
        return found

    @property
    def part(self) -> str:
        return services().notifications.proofs.make_part(self.resource.id)

    def make_item(self, **changed: Any) -> dict[str, Any]:
        """Return a notification as Graph posts it."""
        item = {
            "subscriptionId": str(uuid.uuid4()),
            "subscriptionExpirationDateTime": "2026-12-07T12:00:00Z",
            "clientState": services().notifications.proofs.make_client_state(self.resource.id),
            "changeType": "created",
            "resource": "Users/1/Messages/AAMk",
            "resourceData": {"@odata.type": "#Microsoft.Graph.Message", "id": "AAMk"},
            "tenantId": services().settings.connections["default"].tenant_id,
        }
        return {name: value for name, value in (item | changed).items() if value is not None}

    def send(self, part: str | None = None, body: bytes = b"", **query: str) -> requests.Response:
        """POST as Graph does: without a key."""
        address = f"{self.scenario.gateway.base_url}/api/graph-notifications/{self.part if part is None else part}"
        return self.http.post(address, params=query, data=body, timeout=30)

    def announce(self, *items: Any) -> requests.Response:
        return self.send(body=json.dumps({"value": list(items) or [self.make_item()]}).encode())

    def work(self) -> None:
        """Do what the first message of the queue asks for."""
        message, _ = self.messages.pop(0)
        mail_work.poll_mailbox(func.QueueMessage(body=json.dumps(message).encode()))


@pytest.fixture
def announced(open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch) -> Announced:
    messages: list[tuple[dict[str, Any], float]] = []
    scenario = open_scenario(settings=ON)
    scenario.poll()
    scenario.poll()
    monkeypatch.setattr(
        Queue, "put", lambda _self, message, *, delay=0, **_more: messages.append((dict(message), delay))
    )
    scenario.gateway.forget()
    return Announced(scenario, messages)


def test_graph_gets_its_token_back_as_plain_text_and_nothing_else(announced: Announced) -> None:
    answer = announced.send(validationToken=TOKEN)
    assert (answer.status_code, answer.text) == (200, TOKEN)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for part in ("x", "0" * 64, announced.part[:-1] + ("0" if announced.part[-1] != "0" else "1")):
        refused = announced.send(part, validationToken=TOKEN)
        assert refused.status_code == 404
        assert "Validation" not in refused.text
    for token in ("x" * 1025, "one\r\ntwo"):
        refused = announced.send(validationToken=token)
        assert (refused.status_code, refused.headers["content-type"]) == (400, "application/json")
    assert not announced.messages


def test_a_notification_wakes_the_poll_which_finds_the_mail(announced: Announced) -> None:
    announced.scenario.receive(subject="Printer")
    answer = announced.announce()
    assert (answer.status_code, answer.content) == (202, b"")
    assert not announced.scenario.calls(), "no call to Graph"
    [(message, delay)] = announced.messages
    assert (message["mailbox"], delay) == (announced.scenario.name, 0)
    announced.work()
    assert announced.scenario.mailbox.ledger.state().values["new"] == 1


def test_what_graph_says_of_a_subscription_goes_with_the_wake_up(announced: Announced) -> None:
    events = ("missed", "reauthorizationRequired", "subscriptionRemoved")
    announced.announce()
    for event in events:
        announced.announce(announced.make_item(lifecycleEvent=event, changeType=None, resource=None, resourceData=None))
    announced.announce(announced.make_item(lifecycleEvent="unheardOf"))
    assert [message.get("lifecycle") for message, _ in announced.messages] == [None, *([one] for one in events)]


def test_a_burst_wakes_twice_and_the_second_time_behind_all_of_it(announced: Announced) -> None:
    began = last_began = datetime.now(UTC)
    for _ in range(20):
        last_began = datetime.now(UTC)
        assert announced.announce(*[announced.make_item() for _ in range(25)]).status_code == 202
    took = datetime.now(UTC) - began
    assert 1 < len(announced.messages) <= 2 + took.total_seconds() / 2
    last, delay = announced.messages[-1]
    assert delay <= 2
    assert datetime.fromisoformat(last["announcedAt"]) >= last_began


def test_wake_ups_are_two_seconds_apart_and_the_last_one_serves_what_came_before_it() -> None:
    now = 100.0
    wake_ups = WakeUps(lambda: now)
    assert [wake_ups.plan("a"), wake_ups.plan("a"), wake_ups.plan("a"), wake_ups.plan("b")] == [0, 2, None, 0]
    now = 101.9
    assert wake_ups.plan("a") is None
    now = 102.5
    assert wake_ups.plan("a") == 1.5
    wake_ups.forget("a")
    assert wake_ups.plan("a") == 0
    now = 200.0
    assert [wake_ups.plan("b", 10.0), wake_ups.plan("b", 10.0)] == [0, 10]


FORGED: dict[str, dict[str, Any]] = {
    "another state": {"clientState": "0" * 64},
    "no state": {"clientState": None},
    "a state that is no text": {"clientState": ["x"]},
    "a state with odd signs": {"clientState": "\ud800ä"},
    "another tenant": {"tenantId": str(uuid.UUID(int=7))},
    "no tenant": {"tenantId": None},
    "no subscription": {"subscriptionId": None},
    "a subscription that is no id": {"subscriptionId": "../../x"},
}


def test_what_is_forged_gets_the_same_answer_and_changes_nothing(announced: Announced) -> None:
    for event in (None, "missed", "subscriptionRemoved"):
        for kind, changed in FORGED.items():
            answer = announced.announce(*[announced.make_item(**changed, lifecycleEvent=event)] * 50)
            assert (answer.status_code, answer.content) == (202, b""), kind
    assert (announced.messages, announced.scenario.calls()) == ([], [])
    forged = [announced.make_item(**changed) for changed in FORGED.values()]
    assert announced.announce(*forged, announced.make_item()).status_code == 202
    assert len(announced.messages) == 1, "what is genuine among them counts"


def test_odd_bodies_change_nothing(announced: Announced) -> None:
    odd = (b"", b"{", b"[]", b"[" * 100_000, b'{"value": {}}', b'{"value": [1, null, "x", []]}', b"\xff")
    assert [announced.send(body=body).status_code for body in odd] == [202] * len(odd)
    assert announced.send(body=b" " * (512 * 1024 + 1)).status_code == 413
    assert not announced.messages


def test_what_proves_one_folder_proves_no_other(open_scenario: OpenScenario) -> None:
    scenario = open_scenario(settings=ON, folders=["inbox", "junkemail"], has_second=True)
    resources = list_mail_resources([scenario.mailbox.settings, scenario.others[0].mailbox.settings])
    proofs = services().notifications.proofs
    parts = [proofs.make_part(one.id) for one in resources]
    states = [proofs.make_client_state(one.id) for one in resources]
    assert len({*parts, *states}) == 8
    checks = [proofs.make_check(one.id) for one in resources]
    assert [[check(state) for state in states] for check in checks] == [
        [one is other for other in resources] for one in resources
    ]
    assert len(states[0]) == 64, "256 bits; Graph takes 128 characters"


def test_while_the_switch_is_off_nothing_is_taken(announced: Announced) -> None:
    part, item = announced.part, announced.make_item()
    gateway = announced.scenario.gateway
    gateway.configure(**{name: value for name, value in os.environ.items() if name not in ON})
    assert announced.send(part, validationToken=TOKEN).status_code == 404
    assert announced.send(part, json.dumps({"value": [item]}).encode()).status_code == 404
    assert not announced.messages


def test_a_wake_up_that_cannot_be_sent_is_asked_for_again(
    announced: Announced, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise Unavailable("Storage is away. Try again.")

    with monkeypatch.context() as patch:
        patch.setattr(Queue, "put", fail)
        assert announced.announce().status_code == 503, "Graph sends it again"
    assert announced.announce().status_code == 202
    assert len(announced.messages) == 1


def test_a_poll_that_began_later_has_seen_what_was_announced(announced: Announced) -> None:
    scenario = announced.scenario
    poller = services().mail.poller
    scenario.poll(at_once=False)
    scenario.gateway.forget()
    earlier = datetime.now(UTC) - timedelta(seconds=10)
    assert poller.poll(scenario.mailbox, announced_at=earlier) is Polled.DONE
    assert not scenario.calls()
    assert poller.poll(scenario.mailbox, announced_at=datetime.now(UTC)) is Polled.DONE
    assert len(scenario.calls()) == 1


def test_when_nothing_is_found_of_what_was_announced_the_timer_looks_again(announced: Announced) -> None:
    scenario = announced.scenario
    announced.announce()
    announced.work()
    planned = scenario.mailbox.ledger.plan.find(scenario.name).planned
    assert planned.next_poll < datetime.now(UTC) + timedelta(seconds=31)


def test_while_another_worker_polls_the_wake_up_waits(announced: Announced, monkeypatch: pytest.MonkeyPatch) -> None:
    announced.announce()
    asked = announced.messages[0][0]["announcedAt"]
    monkeypatch.setattr(Poller, "poll", lambda *_args, **_options: Polled.BUSY)
    announced.work()
    assert announced.messages == [({"mailbox": announced.scenario.name, "announcedAt": asked}, 5.0)]
    old = PollRequest(announced.scenario.name, announced_at=datetime.now(UTC) - timedelta(minutes=10))
    announced.messages[:] = [(old.to_json(), 0)]
    announced.work()
    assert not announced.messages, "it does not wait for ever"


def test_the_log_has_neither_address_nor_client_state(announced: Announced, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    item = announced.make_item()
    announced.announce(item, announced.make_item(tenantId=None), announced.make_item(clientState="guessed"))
    announced.send("0" * 64, validationToken="x")
    announced.work()
    said = "".join(record.getMessage() for record in caplog.records if record.name.startswith("gateway"))
    assert "receive_graph_notifications" in said
    assert not [secret for secret in (announced.part, item["clientState"], "guessed") if secret in said]
