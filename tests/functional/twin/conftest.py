"""Worlds for the tests of the twin itself. A test file that needs another one overrides `running` or `sim`."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from twin import Simulator
from twin.bookings.permissions import WRITE
from twin.bookings.state import Business
from twin.client import RawGraphClient, redirected_to
from twin.mail.mailbox import Mailbox
from twin.seeds import sample, tiny
from twin.seeds.mails import SUPPORT
from twin.seeds.sample import CLIENT_ID, TENANT_ID


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    """The small world, started once for a file."""
    with Simulator(tiny.build(), latency=0).running() as started:
        yield started


@pytest.fixture
def sim(running: Simulator) -> Simulator:
    """The small world, as new."""
    running.reset()
    return running


@pytest.fixture
def redirected(running: Simulator) -> Iterator[Simulator]:
    """The small world; the client libraries of this process use it."""
    running.reset()
    with redirected_to(running):
        yield running


@pytest.fixture(scope="module")
def sample_running() -> Iterator[Simulator]:
    """The sample world, started once for a file."""
    with Simulator(sample.build(), latency=0).running() as started:
        yield started


@pytest.fixture
def sample_sim(sample_running: Simulator) -> Iterator[Simulator]:
    """The sample world; switches are restored at the end."""
    switches = sample_running.bookings.switches
    before = dict(vars(switches))
    yield sample_running
    vars(switches).update(before)


type MakeClient = Callable[..., RawGraphClient]


@pytest.fixture
def make_client(sim: Simulator) -> Iterator[MakeClient]:
    """Make clients of Graph with the permissions given."""
    clients = []

    def make(*permissions: str, tenant_id: str = TENANT_ID, app_id: str = CLIENT_ID, **more: Any) -> RawGraphClient:
        clients.append(RawGraphClient(sim, *permissions, tenant_id=tenant_id, app_id=app_id, **more))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def page(sim: Simulator) -> Business:
    """The one business of the small world."""
    return sim.bookings.business(tiny.BUSINESS)


@pytest.fixture
def box(sim: Simulator) -> Mailbox:
    """The support mailbox of the small tenant."""
    return sim.mail.mailbox(SUPPORT)


@pytest.fixture
def noon(sim: Simulator) -> datetime:
    """Noon of tomorrow, by the world's clock."""
    tomorrow = sim.world.clock.now() + timedelta(days=1)
    return tomorrow.replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture
def graph(make_client: MakeClient) -> RawGraphClient:
    """A client that may read and write."""
    return make_client(WRITE)
