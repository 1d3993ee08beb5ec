"""The process dies before each step of a run, of a wake-up and of the making of a subscription.

A process that dies between two steps has done the first and not the second. Its claim runs out, its message is lost
(the platform would show it again), and the timer goes on: the receiver must get every event, in order.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from composition import services
from event_subscriptions.targets import https
from shared.storage.tables import Table
from tests.functional.conftest import Gateway, ahead
from tests.functional.kill_switch import Killed, KillSwitch
from tests.functional.storage import storage_in_memory
from tests.functional.subscriptions.conftest import Clock, Hub, MemoryQueue

STEPS: tuple[tuple[type, str], ...] = (
    (Table, "transact"),
    (MemoryQueue, "put"),
    (https._HttpsTarget, "send"),
)


@contextmanager
def begun(gateway: Gateway, moved: Clock) -> Iterator[Hub]:
    """A page with a subscription, and three appointments that nobody was told of."""
    with storage_in_memory():
        services.replace_services(None)
        moved.ahead *= 0
        hub = Hub(gateway, moved)
        yield hub


def deliver(hub: Hub) -> None:
    hub.pump()


def prepare_delivery(hub: Hub) -> None:
    hub.subscribe()
    hub.booked = [hub.page.book(ahead(days=2 + number)) for number in range(3)]
    hub.scan()


def prepare_failure(hub: Hub) -> None:
    prepare_delivery(hub)
    hub.gateway.sim.webhooks.answer(204, times=1)
    hub.gateway.sim.webhooks.answer(503, times=1)


def prepare_wake(hub: Hub) -> None:
    hub.subscribe()
    hub.booked = [hub.page.book(ahead(days=2 + number)) for number in range(3)]
    hub.page.age()


def wake(hub: Hub) -> None:
    hub.page.feed.tail(hub.page.name)


SCENARIOS: dict[str, tuple[Callable[[Hub], None], Callable[[Hub], None]]] = {
    "a run": (prepare_delivery, deliver),
    "a run that fails": (prepare_failure, deliver),
    "a wake-up": (prepare_wake, wake),
}


def recover(hub: Hub) -> None:
    """What comes next: another process, later, which has the row and no message."""
    hub.gateway.configure(**hub.settings())
    hub.begin_process()
    hub.queue.messages.clear()
    hub.clock.pass_by(hours=1)
    hub.scan()
    for _ in range(2):  # a refusal may be still to come
        hub.sweep()
        hub.pump()
        hub.clock.pass_by(hours=1)


def check(hub: Hub) -> None:
    """Every event came, in order; what came again has the id that it had."""
    assert list(dict.fromkeys(hub.taken)) == hub.booked
    names = [(one.id, one.json["data"]["appointmentId"]) for one in hub.gateway.sim.webhooks.accepted]
    assert len(set(names)) == len(hub.booked)
    order = [hub.booked.index(name) for _, name in names]
    assert all(later >= earlier or later == 0 for earlier, later in pairwise(order))
    last = hub.page.book(ahead(days=20))
    hub.scan()
    hub.pump()
    assert hub.taken[-1] == last


@pytest.mark.slow(reason="dies at every step", seconds=4)
@pytest.mark.parametrize("name", SCENARIOS)
def test_dying_at_any_step_loses_no_event(name: str, gateway_process: Gateway, moved: Clock) -> None:
    prepare, play = SCENARIOS[name]
    whole = KillSwitch()
    with begun(gateway_process, moved) as hub:
        prepare(hub)
        with whole.watching(STEPS):
            play(hub)
        recover(hub)
        check(hub)
    assert len(whole.steps) >= 2, "there are steps to die at"
    for at in range(1, len(whole.steps) + 1):
        with begun(gateway_process, moved) as hub:
            prepare(hub)
            with KillSwitch(at).watching(STEPS), pytest.raises(Killed) as death:
                play(hub)
            try:
                recover(hub)
                check(hub)
            except AssertionError as error:
                error.add_note(f"after death at step {at} of {len(whole.steps)}, before {death.value}")
                raise


@pytest.mark.slow(reason="dies at every step", seconds=2)
def test_a_subscription_that_is_made_while_the_process_dies_is_made_once(
    gateway_process: Gateway, moved: Clock
) -> None:
    def make(hub: Hub) -> str:
        headers = {"x-functions-key": hub.gateway.key, "Idempotency-Key": "the same"}
        url = f"{hub.gateway.base_url}/api/subscriptions"
        answer = hub.gateway.http.post(url, json=hub.wish(), headers=headers, timeout=60)
        return str(answer.json()["id"]) if answer.status_code == 201 else str(answer.status_code)

    whole = KillSwitch()
    with begun(gateway_process, moved) as hub:
        hub.page.feed.tail(hub.page.name)
        with whole.watching(STEPS[:1]):
            made = make(hub)
        assert len(made) == 32
    for at in range(1, len(whole.steps) + 1):
        with begun(gateway_process, moved) as hub:
            hub.page.feed.tail(hub.page.name)
            with KillSwitch(at).watching(STEPS[:1]):
                make(hub)
            hub.gateway.configure(**hub.settings())
            hub.begin_process()
            for row in services.services().stores.idempotency._table.query("default|subscriptions", start="0", end="g"):
                if "lease" in row.values:
                    past = row.values["began"]
                    services.services().stores.idempotency._table.upsert(row.values | {"lease": past})
            name = make(hub)
            assert [one.subscription.id for one in hub.store.list_from("default", "")] == [name], at
            count = hub.store._table.get("default", "n|count")
            assert count is not None
            assert count.values["subscriptions"] == 1
