"""The doctor looks at each queue and topic to which events may be sent, and sends none."""

import pytest

from tests.functional.doctor.conftest import Installation
from twin.messaging.state import Entity, Host
from twin.seeds import sample

BUS, GRID = "contoso.servicebus.windows.net", "desk.westeurope-1.eventgrid.azure.net"
QUEUE_URL, GRID_URL, QUEUE = f"https://{BUS}/bookings", f"https://{GRID}", "events-of-the-doctor"
STEPS = [("event-target", address) for address in (QUEUE_URL, GRID_URL, QUEUE)]


@pytest.fixture
def hosts(installation: Installation) -> list[Host]:
    sim = installation.gateway.sim
    installation.configure(EVENT_TARGETS=f"{QUEUE_URL}, {GRID_URL}, {QUEUE}")

    def add() -> list[Host]:
        made = [sim.messaging.add_host(name, sample.TENANT_ID, sample.IDENTITY_PRINCIPAL_ID) for name in (BUS, GRID)]
        made[0].entities["bookings"] = Entity()
        return made

    return sim.run(add)


def test_targets_that_take_events_are_well_and_get_none(installation: Installation, hosts: list[Host]) -> None:
    found = installation.find("ok")
    assert [step for step in STEPS if step in found] == STEPS
    assert hosts[0].entities["bookings"].messages == []
    assert hosts[1].events == []


def test_without_the_role_the_remedy_names_it(installation: Installation, hosts: list[Host]) -> None:
    for host in hosts:
        host.senders.clear()
    found = installation.find("fail")
    assert list(found) == STEPS[:2]
    assert "assign the role Azure Service Bus Data Sender" in found[STEPS[0]]["remedy"]
    assert "assign the role EventGrid Data Sender" in found[STEPS[1]]["remedy"]


def test_a_queue_that_does_not_exist_is_named(installation: Installation, hosts: list[Host]) -> None:
    hosts[0].entities.clear()
    assert "There is no such queue or topic (HTTP 410)." in str(installation.find("fail")[STEPS[0]])


def test_a_host_that_does_not_exist_fails(installation: Installation) -> None:
    installation.configure(EVENT_TARGETS=QUEUE_URL)
    assert list(installation.find("fail")) == STEPS[:1]


@pytest.mark.usefixtures("hosts")
def test_without_the_setting_there_is_no_such_step(installation: Installation) -> None:
    installation.configure()
    assert not [name for name in installation.find("ok", "fail", "warn", "skipped") if name[0] == "event-target"]
