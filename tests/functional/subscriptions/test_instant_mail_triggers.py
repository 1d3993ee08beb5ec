"""Instant triggers about mails and tickets bring what the polling ones do, with their filters."""

from collections.abc import Iterator
from typing import Any

import pytest

from devkit.flow_engine import Backend
from devkit.flow_engine import Flow as PollingFlow
from devkit.instant_flows import InstantFlow
from shared.errors import Refused
from tests.functional.conftest import Gateway
from tests.functional.mail.conftest import MailScenario, open_mail_scenario
from tests.functional.subscriptions.conftest import Clock, Engine
from tests.functional.subscriptions.instant import open_flow

TRIGGERS = {
    "OnSupportMailArrivedInstantly": "triggers/mails/arrived",
    "OnSupportMailFailedInstantly": "triggers/mails/failed",
    "OnTicketCreatedInstantly": "triggers/tickets/created",
}


@pytest.fixture
def scenario(gateway_process: Gateway) -> MailScenario:
    return open_mail_scenario(gateway_process)


@pytest.fixture
def engine(scenario: MailScenario, moved: Clock) -> Iterator[Engine]:
    made = Engine(scenario.gateway, moved)
    yield made
    made.clear()


def turn_on(scenario: MailScenario, name: str, **given: Any) -> InstantFlow:
    one = open_flow(scenario.gateway, name, mailbox=scenario.name, **given)
    assert one.turn_on(), one.refusal
    return one


def happen(engine: Engine) -> None:
    engine.sweep()
    engine.pump()


def test_each_brings_the_items_of_its_polling_trigger(engine: Engine, scenario: MailScenario) -> None:
    backend = Backend(scenario.gateway.base_url, scenario.gateway.key)
    polling = {name: PollingFlow(backend, path, {"mailbox": scenario.name}) for name, path in TRIGGERS.items()}
    for each in polling.values():
        each.recur()
    instant = {name: turn_on(scenario, name) for name in TRIGGERS}
    scenario.receive(subject="Printer on fire")
    scenario.run()

    def refuse() -> None:
        raise Refused("The desk refuses it. Correct it.", code="Nope")

    scenario.sink.before = refuse
    scenario.receive(subject="Refused")
    scenario.run()
    scenario.receive(subject="Away", headers={"Auto-Submitted": "auto-replied"})  # quarantined, too: set aside
    scenario.run()
    happen(engine)
    found = {name: each.runs for name, each in instant.items()}
    assert found == {name: each.recur() for name, each in polling.items()}
    assert [[run["subject"] for run in runs] for runs in found.values()] == [
        ["Printer on fire", "Refused", "Away"], ["Refused", "Away"], ["Printer on fire"],
    ]  # fmt: skip
    for one in instant.values():
        one.turn_off()
    assert list(engine.store.list_from("default", "")) == []


def test_a_folder_is_a_filter(engine: Engine, scenario: MailScenario) -> None:
    inbox, other = (turn_on(scenario, "OnSupportMailArrivedInstantly", folder=name) for name in ("inbox", "archive"))
    scenario.receive(subject="Printer on fire")
    scenario.run()
    happen(engine)
    assert (len(inbox.runs), other.runs) == (1, [])


def test_an_unknown_mailbox_leaves_the_flow_off(scenario: MailScenario) -> None:
    one = open_flow(scenario.gateway, "OnTicketCreatedInstantly", mailbox="nobody")
    assert not one.turn_on()
    assert one.refusal["error"]["code"] == "UnknownMailbox"
