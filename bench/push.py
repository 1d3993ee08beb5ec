"""Mails that Graph announces: how soon each is a ticket, what forgeries do, and how fast the receiving route answers.

App, twin and storage emulator run as `up` runs them, each in a process of its own; but no timer polls, so that nothing
but a notification can find a mail. A mail's time is from its arrival in the mailbox to the end of the request that
writes its ticket. Forgeries are those of `twin.subscriptions.forgeries`, sent as an attacker would who knows the
address; an effect is a request to Graph, a message in a queue, a ticket. What holds the secret, such as a replay, is
genuine to the app: it may wake a poll, at most once in two seconds, but makes no ticket. The last figure is of a
process that has one core and runs HTTP functions alone, as an instance of Flex Consumption does; requests come at a
fixed rate, whether they are answered or not. The requests of a quiet mailbox are those of `bench.scale`, with those
that renew and list its subscription.
"""

import json
import os
import queue
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueServiceClient

from bench.harness import World, run_twin
from bench.measured_app import read_cpu
from bench.push_figures import FIGURES
from bench.scale import measure_announced
from bench.storage_requests import StorageRequests
from devkit.azurite import start_azurite
from devkit.rehearsals.app import App
from graph_notifications.converging import LIST_EVERY, RENEW_EVERY
from inbound_mail.messages import DELIVERY_QUEUE, POLL_QUEUE
from twin.seeds import mails, sample
from twin.subscriptions.forgeries import FORGERIES

_PATIENCE = 180.0
_PAUSE = 0.02
_SENDERS = 16
_REPLAY = "replay"
_QUIET_MAILBOXES = 10
_WITH_SECRET = (_REPLAY, "unknown")
_NEVER = "0 0 0 29 2 *"
_SETTINGS = {
    "MAILBOX_POLL_SCHEDULE": _NEVER,
    "CHANGES_SCHEDULE": _NEVER,
    "AzureWebJobs.watch_mailboxes.Disabled": "true",
}


@dataclass(frozen=True)
class Plan:
    """How many mails and forgeries; how many requests a second, and for how long."""

    mails: int = 60
    pauses: tuple[float, float] = (0.5, 4.0)
    forgeries: int = 1_000
    rate: int = 200
    seconds: float = 20.0
    seed: int = 1


@dataclass(frozen=True)
class Forged:
    """What forgeries did: requests to Graph, messages in queues, tickets; polls that those with the secret caused."""

    sent: int
    effects: int
    woken: int
    seconds: float
    statuses: tuple[int, ...]


@dataclass(frozen=True)
class Measured:
    """Seconds from mail to ticket, requests of a quiet mailbox in an hour, what forgeries did, seconds of answers.

    `cpu`: seconds of CPU for each of these answers.
    """

    waits: Sequence[float]
    idle: float
    forged: Forged
    answers: Sequence[float]
    cpu: float


class _Place:
    """The running app and what is around it. `environment` are the variables to start another process of the app."""

    def __init__(
        self, world: World, app: App, base_url: str, requested: StorageRequests, environment: Mapping[str, str]
    ) -> None:
        self.world = world
        self.app = app
        self.base_url = base_url
        self.requested = requested
        self.environment = environment
        self._queues = QueueServiceClient.from_connection_string(environment["AzureWebJobsStorage"])
        self.session = requests.Session()
        self.session.trust_env = False

    def run_timer(self) -> None:
        """Let the timer's function run once: it makes the subscriptions, and polls."""
        url = f"{self.base_url}/admin/functions/schedule_mailbox_polls"
        headers = {"x-functions-key": self.app.master_key}
        self.session.post(url, headers=headers, json={"input": ""}, timeout=60).raise_for_status()

    def find_subscription(self) -> dict[str, Any]:
        """Return the subscription of the support mailbox; wait until the app has made it."""
        latest = time.monotonic() + _PATIENCE
        while True:
            for one in self.world.control("GET", "/subscriptions")["subscriptions"]:
                if mails.SUPPORT in one["resource"].lower():
                    found: dict[str, Any] = one
                    return found
            self.app.check(is_late=time.monotonic() > latest)
            time.sleep(_PAUSE)

    def settle(self) -> None:
        """Wait until no message waits for the app or is worked on."""
        latest = time.monotonic() + _PATIENCE
        while any(map(self._count_messages, (POLL_QUEUE, DELIVERY_QUEUE))):
            self.app.check(is_late=time.monotonic() > latest)
            time.sleep(_PAUSE)

    def _count_messages(self, name: str) -> int:
        try:
            return self._queues.get_queue_client(name).get_queue_properties().approximate_message_count or 0
        except ResourceNotFoundError:
            return 0  # nothing was put there yet

    def forget_work(self) -> None:
        """Wait until nothing is left to do; forget what the app has asked for so far."""
        self.settle()
        self.requested.take()
        self.world.forget_calls()

    def count_tickets(self) -> int:
        """Return how many tickets there are."""
        return int(self.world.control("GET", "/easyvista/tickets")["count"])

    def find_writes(self) -> dict[str, float]:
        """Return when each ticket was written, by the subject of its mail."""
        seen = self.world.control("GET", "/exchanges?api=easyvista")["exchanges"]
        written = [one for one in seen if one["method"] == "POST" and one["path"].endswith("/requests")]
        return {_find_title(one["request_json"]): one["ended"] for one in written if one["ended"]}


def run(plan: Plan | None = None) -> None:
    """Measure and print."""
    plan = plan or Plan()
    print_table(plan, measure(plan))


def measure(plan: Plan) -> Measured:
    """Run app, twin and storage emulator, and measure."""
    with _open(plan) as place:
        waits = _measure_waits(plan, place)
        forged = _try_forgeries(plan, place)
        return Measured(waits, _measure_idle(), forged, *_measure_answers(plan, place))


def _measure_idle() -> float:
    hour = timedelta(hours=1)
    calls, _ = measure_announced(_QUIET_MAILBOXES)
    return calls + hour / RENEW_EVERY + hour / LIST_EVERY


def print_table(plan: Plan, measured: Measured) -> None:
    """Print each figure beside its goal."""
    forged = measured.forged
    values = (
        median(measured.waits),
        _find_percentile(measured.waits),
        measured.idle,
        float(forged.effects),
        _find_percentile(measured.answers) * 1e3,
    )
    print(
        f"mails that Graph announces: {plan.mails} mails, {forged.sent} forgeries and replays, {plan.rate} requests/s"
    )
    for (name, figure), value in zip(FIGURES.items(), values, strict=True):
        print(f"  {name:60} {figure.show(value):>8}   goal {figure.show(figure.goal)}")
    statuses = ", ".join(map(str, forged.statuses))
    print(f"  those with the secret woke {forged.woken} polls in {forged.seconds:.1f} s; answers: {statuses}")
    middle = median(measured.answers) * 1e3
    print(f"  {len(measured.answers)} answers at that rate: median {middle:.1f} ms, CPU {measured.cpu * 1e3:.1f} ms\n")


@contextmanager
def _open(plan: Plan) -> Iterator[_Place]:
    _ = plan
    requested = StorageRequests()
    with (
        tempfile.TemporaryDirectory() as scratch,
        run_twin() as world,
        start_azurite(on_line=requested.note) as storage,
    ):
        settings = world.settings | sample.push_settings() | _SETTINGS
        settings |= {"AzureWebJobsStorage": storage.connection_string}
        environment = world.environment | settings
        app = App(Path(scratch), environment)
        with app.running():
            base_url = app.wait_until_it_listens()
            world.control("PUT", f"/subscriptions/sites/{sample.GATEWAY_HOST}", {"url": base_url})
            place = _Place(world, app, base_url, requested, environment)
            place.run_timer()
            place.find_subscription()
            place.settle()  # the mails of the sample world are read first
            _send(place, "Warm")
            yield place


def _send(place: _Place, subject: str) -> float:
    """Put a mail into the mailbox, and wait for its ticket; return the seconds between."""
    began = time.time()
    mail = {"subject": subject, "from": "Adele Vance <adele.vance@contoso.com>", "text": f"{subject}: it is dark."}
    place.world.control("POST", f"/mail/mailboxes/{mails.SUPPORT}/messages", mail)
    latest = time.monotonic() + _PATIENCE
    while (written := place.find_writes().get(subject)) is None:
        place.app.check(is_late=time.monotonic() > latest)
        time.sleep(_PAUSE)
    return written - began


def _measure_waits(plan: Plan, place: _Place) -> list[float]:
    generator = random.Random(plan.seed)  # noqa: S311 - pauses
    waits = []
    for number in range(plan.mails):
        time.sleep(generator.uniform(*plan.pauses))
        waits.append(_send(place, f"Screen {number:05}"))
    return waits


def _find_title(body: Any) -> str:
    (request,) = body["requests"]
    return str(request["title"])


def _try_forgeries(plan: Plan, place: _Place) -> Forged:
    """Send forgeries, first those without the secret; count what they did."""
    one = place.find_subscription()
    url = one["notificationUrl"].replace(sample.GATEWAY_URL, place.base_url)
    path = f"/subscriptions/{one['id']}/forgeries"
    bodies = {kind: place.world.control("POST", path, {"kind": kind}) for kind in FORGERIES}
    cases = [(url, body) for kind, body in bodies.items() if kind not in _WITH_SECRET]
    cases.append((f"{url[:-8]}{'0' * 8}", bodies[_REPLAY]))  # a genuine body at an address that the app never gave
    keyed = [(url, bodies[kind]) for kind in _WITH_SECRET]
    share = plan.forgeries // 4
    place.forget_work()
    tickets = place.count_tickets()
    statuses = {_post(place, *cases[number % len(cases)]) for number in range(plan.forgeries - share)}
    place.settle()
    effects = place.world.calls()["HTTP"] + place.requested.take()["messages"]
    began = time.monotonic()
    statuses |= {_post(place, *keyed[number % len(keyed)]) for number in range(share)}
    seconds = time.monotonic() - began
    place.settle()
    woken = place.requested.take()["messages"]
    effects += place.count_tickets() - tickets
    return Forged(plan.forgeries, effects, woken, seconds, tuple(sorted(statuses)))


def _post(place: _Place, url: str, body: Any) -> int:
    return place.session.post(url, json=body, timeout=60).status_code


def _measure_answers(plan: Plan, place: _Place) -> tuple[list[float], float]:
    """Send genuine notifications at a fixed rate; return the seconds of each answer, and the app's CPU for one."""
    one = place.find_subscription()
    body = json.dumps(place.world.control("POST", f"/subscriptions/{one['id']}/forgeries", {"kind": _REPLAY}))
    with tempfile.TemporaryDirectory() as scratch:
        app = App(Path(scratch), {**place.environment, "FUNCTIONS_TARGET_GROUP": "http"})
        with app.running():
            url = one["notificationUrl"].replace(sample.GATEWAY_URL, app.wait_until_it_listens())
            place.session.post(url, data=body, timeout=60).raise_for_status()  # it signs in
            _hold_to_one_core(app.pid)
            return _load(plan, app, url, body)


def _load(plan: Plan, app: App, url: str, body: str) -> tuple[list[float], float]:
    due: queue.Queue[float | None] = queue.Queue()
    taken: list[float] = []

    def send() -> None:
        with requests.Session() as session:
            session.trust_env = False
            while (at := due.get()) is not None:
                answer = session.post(url, data=body, headers={"content-type": "application/json"}, timeout=60)
                answer.raise_for_status()
                taken.append(time.perf_counter() - at)

    senders = [threading.Thread(target=send) for _ in range(_SENDERS)]
    for sender in senders:
        sender.start()
    cpu, began = read_cpu(app.pid), time.perf_counter()
    for number in range(round(plan.rate * plan.seconds)):
        at = began + number / plan.rate
        time.sleep(max(0.0, at - time.perf_counter()))
        due.put(at)
    for _ in senders:
        due.put(None)
    for sender in senders:
        sender.join()
    return taken, (read_cpu(app.pid) - cpu) / len(taken)


def _hold_to_one_core(pid: int) -> None:
    """Let a process with all its threads use one core (Linux)."""
    core = {min(os.sched_getaffinity(pid))}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), core)


def _find_percentile(values: Sequence[float]) -> float:
    """Return the value below which 95 of 100 are."""
    return quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
