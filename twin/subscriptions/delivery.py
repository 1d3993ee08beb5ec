"""Delivers notifications while the twin runs: what is due goes out, in one POST for each address.

Every POST is a task of its own, so that a slow endpoint keeps nobody waiting; all of them end with the twin, and those
of a world that was reset end with it.
"""

import asyncio
import json
import time
from contextlib import suppress
from itertools import batched

from twin.core.outbound import post
from twin.subscriptions.state import Subscriptions
from twin.subscriptions.subscription import Parcel
from twin.world import World

_LARGEST_BATCH = 100
_NO_ANSWER = 0
_IDLE_SECONDS = 60.0


async def deliver(world: World) -> None:
    """Deliver until cancelled."""
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()
    tasks: dict[asyncio.Task[None], Subscriptions] = {}

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has just been closed
            loop.call_soon_threadsafe(woken.set)

    with world.bell.listening(wake):
        try:
            while True:
                woken.clear()
                state = world.state(Subscriptions)
                for task in [one for one, owner in tasks.items() if owner is not state]:
                    task.cancel()
                for url, parcels in _sort(state.take_due(world.clock.now())):
                    task = loop.create_task(_post(state, url, parcels))
                    tasks[task] = state
                    task.add_done_callback(lambda done: tasks.pop(done, None))
                with suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), _seconds_until_next(state))
        finally:
            left = list(tasks)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)


def _sort(parcels: list[Parcel]) -> list[tuple[str, list[Parcel]]]:
    """Put together what goes to one address, in the order in which it is due."""
    by_url: dict[str, list[Parcel]] = {}
    for parcel in parcels:
        by_url.setdefault(parcel.url, []).append(parcel)
    return [
        (url, list(batch))
        for url, all_of_it in by_url.items()
        for batch in batched(all_of_it, _LARGEST_BATCH, strict=False)
    ]


def _seconds_until_next(state: Subscriptions) -> float:
    due = state.next_due()
    if due is None:
        return _IDLE_SECONDS
    return min(_IDLE_SECONDS, max(0.0, (due - state.world.clock.now()).total_seconds()))


async def _post(state: Subscriptions, url: str, parcels: list[Parcel]) -> None:
    items = [parcel.write() for parcel in parcels]
    status = _NO_ANSWER
    began = time.monotonic()
    address = state.reach(url)
    if address is not None:
        with suppress(OSError, TimeoutError):
            body = json.dumps({"value": items}, ensure_ascii=False).encode()
            headers = {"content-type": "application/json; charset=utf-8"}
            status = (await post(address, body, headers, seconds=state.switches.answer_seconds)).status
    state.note(url, parcels, items, status, time.monotonic() - began)
