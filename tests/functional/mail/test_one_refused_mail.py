"""The table of all failures and all sinks: one mail fails, three others are delivered at the first attempt.

A firewall before the sink dislikes the words of the one mail, and answers with each status in turn; or its answer gets
lost, or its connection breaks. The mail itself ends in quarantine, or is delivered once if it was written after all.

One operation of a sink does so with the rows in the storage emulator; for the others, whose mails take the same way
through the same rows, they are in memory: nearly all of the time would be HTTP to the emulator.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ServiceResponseError

from inbound_mail.delivery import threads
from inbound_mail.delivery.circuit_breaker import CircuitBreaker
from inbound_mail.delivery.delivery import Deliverer, DeliveryOutcome
from inbound_mail.sinks.protocol import Sink
from shared.storage.account import storage_errors
from shared.storage.queues import Queue
from shared.storage.tables import Table
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.functional.mail.deliveries import causes, change, probe_now, record, taken_in
from tests.functional.prepared_mails import AUTHOR, Vault, make_sink
from tests.functional.storage import storage_in_memory
from twin import Answer
from twin.core.faults import Drop
from twin.mail.contents import File
from twin.seeds import service_desks

pytestmark = [pytest.mark.usefixtures("impatient"), pytest.mark.slow(reason="every status at every sink")]

STATUSES = (302, 400, 401, 403, 404, 405, 406, 409, 410, 413, 415, 422, 429, 451, 500, 502, 503, 504, 507, 590)
LOST, BROKEN = "answer lost", "connection broken"
FAILURES: Mapping[int | str, Mapping[str, Any]] = {
    **{status: {"action": Answer(status)} for status in STATUSES},
    LOST: {"action": Drop(), "when": "after"},
    BROKEN: {"action": Drop()},
}
LEE = ("Lee Gu", AUTHOR)
WORDS = "UNION-SELECT"
MOST_ATTEMPTS = 6
ON_THE_EMULATOR = "create"


def easyvista(_: MailScenario) -> Sink:
    options = {
        "url": f"https://{service_desks.HOST}",
        "account": service_desks.PRODUCTION,
        "token": "token",
        "catalog_code": service_desks.PLAIN_CODE,
        "comment_action_type_id": service_desks.PUBLIC_COMMENT,
        "comment_group_mail": service_desks.GROUP,
    }
    return make_sink("easyvista", options, Vault(token=service_desks.token()))


def webhook(scenario: MailScenario) -> Sink:
    scenario.gateway.sim.webhooks.check_signatures([service_desks.webhook_key()], refuse=True)
    options = {"url": service_desks.HOOK_URL, "signing_keys": ["key"]}
    return make_sink("webhook", options, Vault(key=service_desks.webhook_key()))


def power_automate(_: MailScenario) -> Sink:
    options = {"url_secret": "flow", "preset": "power-automate"}
    return make_sink("webhook", options, Vault(flow=service_desks.flow_url()))


def storage_queue(scenario: MailScenario) -> Sink:
    return make_sink("storage-queue", {"queue": f"q{scenario.name}"}, Vault(), storage=scenario.storage)


SINKS: Mapping[str, tuple[Callable[[MailScenario], Sink], Mapping[str, Any]]] = {
    "create": (easyvista, {"api": "easyvista", "method": "POST", "path": "/requests$"}),
    "comment": (easyvista, {"api": "easyvista", "method": "POST", "path": "/tasks$"}),
    "attach": (easyvista, {"api": "easyvista", "method": "POST", "path": "/documents$"}),
    "webhook": (webhook, {"api": "webhook"}),
    "power-automate": (power_automate, {"api": "flow"}),
    "queue": (storage_queue, {}),
}


class Deliveries:
    """Delivers mails to one real sink, with a circuit breaker of its own."""

    def __init__(self, scenario: MailScenario, build: Callable[[MailScenario], Sink], breaker: str) -> None:
        self.scenario = scenario
        self.name = next(iter(scenario.sinks))
        self.breaker = CircuitBreaker(scenario.services.table, breaker)
        self._deliverer = Deliverer(
            {self.name: build(scenario)},
            circuit_breakers={self.name: self.breaker},
            threads=Table(scenario.storage, threads.TABLE),
            queue=scenario.deliveries,
            own_addresses=[],
        )

    def deliver(self, mail: Any) -> DeliveryOutcome:
        if record(self.scenario, mail)["state"] == "waiting":
            change(self.scenario, mail, due=datetime.now(UTC))
        return self._deliverer.deliver(self.scenario.mailbox, self.scenario.mailbox.key(mail.id), self.name)

    def deliver_to_the_end(self, mail: Any) -> DeliveryOutcome:
        """Deliver until there is an end; if the error is one that waits for better times, a day passes."""
        for _ in range(MOST_ATTEMPTS):
            if record(self.scenario, mail)["state"] == "quarantined":
                return DeliveryOutcome.QUARANTINED
            if (outcome := self.deliver(mail)) is not DeliveryOutcome.WAITING:
                return outcome
            if record(self.scenario, mail)["last_error"] != "SinkRefused":
                change(self.scenario, mail, first_at=datetime.now(UTC) - timedelta(hours=25))
        return outcome


@contextmanager
def refusing_words(monkeypatch: pytest.MonkeyPatch, failure: int | str) -> Iterator[None]:
    """The storage account answers with a status to messages that contain the words, or its answer is lost."""
    put = Queue.put

    def refuse(queue: Queue, message: Mapping[str, Any], **more: Any) -> None:
        if WORDS in json.dumps(message):
            if failure == LOST:
                put(queue, message, **more)
            with storage_errors("the queue"):
                if isinstance(failure, str):
                    raise ServiceResponseError("no answer")
                answer: Any = SimpleNamespace(status_code=failure, reason="refused")
                raise HttpResponseError("refused", response=answer)
        put(queue, message, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Queue, "put", refuse)
        yield


@pytest.mark.slow(reason="twenty failures", seconds=8)
@pytest.mark.parametrize("where", SINKS)
def test_one_mail_that_a_sink_refuses_stops_no_other(
    open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    with nullcontext() if where == ON_THE_EMULATOR else storage_in_memory():
        refuse_one_of_four(open_scenario, monkeypatch, where)


def refuse_one_of_four(open_scenario: OpenScenario, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Receive four mails for each failure, one of which fails of it, and deliver all."""
    scenario = open_scenario()
    build, conditions = SINKS[where]
    more: dict[str, Any] = {"sender": LEE}
    if where == "comment":
        first = taken_in(scenario, subject="The first one", message_id="<first@contoso.com>", **more)
        assert Deliveries(scenario, build, f"{scenario.name}-first").deliver(first) is DeliveryOutcome.DELIVERED
        more |= {"in_reply_to": "<first@contoso.com>", "subject": "RE: The first one"}

    def receive(words: str) -> Any:
        files = [File(f"{words}.txt", data=b"a")] if where == "attach" else []
        return scenario.receive(**{"subject": words, "text": f"{words} in the text.", "attachments": files} | more)

    mails = {failure: [receive(words) for words in (WORDS, "one", "two", "three")] for failure in FAILURES}
    scenario.poll()
    scenario.queue.take()
    for failure, (bad, *good) in mails.items():
        deliveries = Deliveries(scenario, build, f"{scenario.name}-{failure}")
        scenario.gateway.sim.faults.add(**FAILURES[failure], body=WORDS, times=None, **conditions)
        with refusing_words(monkeypatch, failure):
            assert deliveries.deliver(bad) in (DeliveryOutcome.WAITING, DeliveryOutcome.QUARANTINED), failure
            assert [deliveries.deliver(mail) for mail in good] == [DeliveryOutcome.DELIVERED] * 3, failure
            assert deliveries.breaker.describe() is None, failure
            # EasyVista is searched before anything is sent again, so what was written is found.
            is_found = failure == LOST and conditions.get("api") == "easyvista"
            end = DeliveryOutcome.DELIVERED if is_found else DeliveryOutcome.QUARANTINED
            assert deliveries.deliver_to_the_end(bad) is end, failure
        scenario.gateway.sim.faults.clear()
        assert bool(causes(scenario, bad)[0]) is not is_found, failure
        if failure == 403:
            assert causes(scenario, bad) == ["SinkRefused"]
            [described] = scenario.describe(bad.id)["deliveries"]
            assert described["message"].startswith("The sink refused this mail 3 times"), "the cause says what happened"
    assert_nothing_twice(scenario, where, len(mails) * 3)


def assert_nothing_twice(scenario: MailScenario, where: str, expected: int) -> None:
    """Assert that each good mail was written once, and the one whose answer was lost once as well.

    A receiver or consumer of events compares ids, so there only the good ones are counted.
    """
    sim = scenario.gateway.sim
    if where in ("webhook", "power-automate"):
        sent = [one for one in sim.webhooks.deliveries if one.status in (202, 204)]
        found = [one.id for one in sent if WORDS.encode() not in one.body]
    elif where == "queue":
        client = scenario.storage.open_queue(f"q{scenario.name}")
        found = []
        while batch := list(client.receive_messages(max_messages=32)):
            found += [one.content for one in batch if WORDS not in base64.b64decode(one.content).decode()]
            for one in batch:
                client.delete_message(one)
    elif where == "comment":
        found = [task.description for ticket in sim.easyvista.tickets if ticket.reference for task in ticket.tasks]
    else:
        made = [ticket for ticket in sim.easyvista.tickets if ticket.reference]
        found = [str(ticket.reference) for ticket in made if where == "create" or ticket.documents]
        assert len({ticket.reference for ticket in made}) == len(made)
    assert len(found) == len(set(found)) == expected + (where in ("create", "comment", "attach"))


# -- the sink is the reason -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("rows_in_memory")
@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_receiver_that_refuses_three_different_mails_lets_the_others_wait(
    open_scenario: OpenScenario, status: int
) -> None:
    scenario = open_scenario()
    mails = [scenario.receive(subject=f"{number}", sender=LEE) for number in range(5)]
    scenario.poll()
    deliveries = Deliveries(scenario, webhook, next(iter(scenario.sinks)))
    scenario.gateway.sim.faults.add(Answer(status), api="webhook", times=None)
    for _ in range(5):  # over and over: an outage sets no mail aside
        assert [deliveries.deliver(mail) for mail in mails] == [DeliveryOutcome.WAITING] * 5
        assert deliveries.breaker.describe() is not None
        probe_now(scenario)
    scenario.gateway.sim.faults.clear()
    assert [deliveries.deliver(mail) for mail in mails] == [DeliveryOutcome.DELIVERED] * 5


@pytest.mark.usefixtures("rows_in_memory")
@pytest.mark.parametrize("status", [401, 404, 410])
def test_the_only_mail_of_a_night_waits_for_a_receiver_that_is_turned_off(
    open_scenario: OpenScenario, status: int
) -> None:
    scenario = open_scenario()
    mail = taken_in(scenario, sender=LEE)
    deliveries = Deliveries(scenario, webhook, next(iter(scenario.sinks)))
    scenario.gateway.sim.faults.add(Answer(status), api="webhook", times=None)
    assert [deliveries.deliver(mail) for _ in range(8)] == [DeliveryOutcome.WAITING] * 8
    scenario.gateway.sim.faults.clear()
    assert deliveries.deliver(mail) is DeliveryOutcome.DELIVERED


def test_three_mails_with_bad_words_hold_the_others_for_one_probe_only(open_scenario: OpenScenario) -> None:
    scenario = open_scenario()
    bad = [scenario.receive(subject=f"{WORDS} {number}", sender=LEE) for number in range(3)]
    good = scenario.receive(subject="Printer", sender=LEE)
    scenario.poll()
    deliveries = Deliveries(scenario, easyvista, next(iter(scenario.sinks)))
    scenario.gateway.sim.faults.add(Answer(403), api="easyvista", method="POST", body=WORDS, times=None)
    for mail in (*bad, good):
        assert deliveries.deliver(mail) is DeliveryOutcome.WAITING
    probe_now(scenario)
    assert deliveries.deliver(bad[0]) is DeliveryOutcome.WAITING
    assert deliveries.deliver(good) is DeliveryOutcome.DELIVERED
    assert [deliveries.deliver_to_the_end(mail) for mail in bad] == [DeliveryOutcome.QUARANTINED] * 3
    assert [causes(scenario, mail) for mail in bad] == [["SinkRefused"]] * 3
