"""What one mail and one poll of a quiet mailbox cost: requests, bytes of log, CPU; each beside its goal.

The app runs on the local host in a process of its own, as deployed; the twin and the storage emulator are two more.
Storage requests are counted by the emulator, requests to Graph by the twin. 22 of 100 mails have files. Each mail goes
the whole way: read, stored, delivered to one webhook, marked as read, closed.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import requests

from bench.cost_figures import FIGURES
from bench.harness import ROOT, World, run_twin
from bench.measured_app import ADDRESS, PAGE, Log, MeasuredApp, count_log, run_app
from bench.storage_requests import StorageRequests
from devkit.azurite import start_azurite
from twin.seeds import sample

_WARM_MAILS = 5
_LONGEST_REASON = 600
_TEXT = "The second screen stays dark since the update of this morning. What can I do about it?\r\n"
_SECRET = secrets.token_urlsafe()  # only the twin's process knows the secrets of its seed
_SIGN_IN = f"https://login.microsoftonline.com/{sample.TENANT_ID}/oauth2/v2.0/token"
_GRAPH = f"https://graph.microsoft.com/v1.0/solutions/bookingBusinesses/{PAGE}/services"


@dataclass(frozen=True)
class Plan:
    """How many mails, polls and calls, how long Graph takes to answer, and how long the app is watched at rest."""

    mails: int = 200
    polls: int = 20
    calls: int = 200
    latency: float = 0.03
    rest: float = 10.0


@dataclass(frozen=True)
class Spent:
    """What some work took: storage requests by kind, log, seconds of CPU and of the clock."""

    storage: Counter[str]
    log: Log
    cpu: float
    wall: float


@dataclass(frozen=True)
class Measured:
    """What the idle polls and the mails took; requests to Graph for the mails; seconds of a list beyond direct.

    `rest`: seconds of CPU that the app takes in a second without any work, the local host's looks at its queues.
    """

    idle: Spent
    mails: Spent
    graph: int
    beyond: float
    rest: float

    def list_values(self, plan: Plan) -> tuple[float, ...]:
        """Return the values of `FIGURES`, in their order."""
        idle, mails = self.idle, self.mails
        return (
            mails.storage.total() / plan.mails,
            idle.storage.total() / plan.polls,
            mails.log.size / plan.mails,
            idle.log.size / plan.polls,
            mails.cpu / plan.mails * 1e3,
            idle.cpu / plan.polls * 1e3,
            mails.wall / plan.mails * 200,
            self.graph / plan.mails * 100,
            self.beyond * 1e3,
        )


def run(plan: Plan | None = None, *, against: Path | None = None) -> None:
    """Measure and print; with `against`, another checkout first, in the same way and in the same table."""
    plan = plan or Plan()
    before = measure_other(plan, against) if against else None
    print_table(plan, measure(plan), before)


def measure(plan: Plan, root: Path = ROOT) -> Measured:
    """Run the app of a checkout, the twin and the storage emulator, and measure. RuntimeError if the app fails."""
    requested = StorageRequests()
    with (
        run_twin() as world,
        start_azurite(on_line=requested.note) as storage,
        run_app(world, storage.connection_string, root) as app,
    ):
        idle, mails, graph = _measure_mailbox(plan, world, app, requested)
        beyond = _measure_call(plan, world, app)
        return Measured(idle, mails, graph, beyond, _measure_rest(plan, app))


def measure_other(plan: Plan, root: Path) -> Measured | None:
    """Measure the app of another checkout; None, with a sentence, if this benchmark cannot."""
    try:
        return measure(plan, root.resolve())
    except (RuntimeError, OSError, requests.RequestException) as error:
        reason = " ".join(str(error).split())[-_LONGEST_REASON:]
        print(f"The app in {root} cannot be measured by this checkout's benchmark: {type(error).__name__}: {reason}")
        return None


def print_table(plan: Plan, measured: Measured, before: Measured | None = None) -> None:
    """Print each figure beside its goal, and beside that of another checkout; and what it is made of."""
    print(
        f"what a mail and a poll cost: {plan.mails} mails, {plan.polls} idle polls, Graph answering after "
        f"{plan.latency * 1e3:.0f} ms"
    )
    earlier = before.list_values(plan) if before else (None,) * len(FIGURES)
    for (name, figure), value, old in zip(FIGURES.items(), measured.list_values(plan), earlier, strict=True):
        column = f"before {figure.show(old):>10}   now " if old is not None else ""
        print(f"  {name:45} {column}{figure.show(value):>10}   goal {figure.show(figure.goal)}")
    for title, one in (("before: ", before), ("", measured)):
        if one is not None:
            _print_parts(plan, one, title)
    print()


def _print_parts(plan: Plan, measured: Measured, title: str) -> None:
    for name, spent, number in (("mail", measured.mails, plan.mails), ("idle poll", measured.idle, plan.polls)):
        kinds = ", ".join(f"{count / number:.2f} {kind}" for kind, count in spent.storage.most_common())
        print(f"  {title}storage per {name}: {kinds}; {spent.log.records / number:.2f} records of log")
    wall, cpu = measured.idle.wall / plan.polls, measured.idle.cpu / plan.polls
    print(
        f"  {title}CPU at rest: {measured.rest * 1e3:.1f} ms a second; without it an idle poll, which lasts "
        f"{wall * 1e3:.0f} ms, takes {(cpu - wall * measured.rest) * 1e3:.1f} ms"
    )


def _measure_rest(plan: Plan, app: MeasuredApp) -> float:
    """Return the seconds of CPU that the app takes in a second in which nothing is asked of it."""
    cpu = app.read_cpu()
    time.sleep(plan.rest)
    return (app.read_cpu() - cpu) / plan.rest


def _measure_mailbox(
    plan: Plan, world: World, app: MeasuredApp, requested: StorageRequests
) -> tuple[Spent, Spent, int]:
    """Return what the idle polls took, what the mails took, and how many requests to Graph the mails took."""
    _bring(world, _WARM_MAILS)
    _handle(app, _WARM_MAILS)
    app.poll()
    with _spending(app, requested) as find_idle:
        for _ in range(plan.polls):
            app.poll()
    _bring(world, plan.mails)
    world.control("POST", "/latency", {"seconds": plan.latency})
    world.forget_calls()
    with _spending(app, requested) as find_mails:
        _handle(app, _WARM_MAILS + plan.mails)
    return find_idle(), find_mails(), world.calls()["HTTP"]


def make_mails(number: int) -> Iterator[dict[str, Any]]:
    """Yield mails of plain text in the form that the twin's control path takes; 22 of 100 have a file."""
    for index in range(number):
        is_small, is_large = index % 5 == 1, index % 50 == 3  # noqa: PLR2004 - 20 % and 2 %
        size = 100_000 if is_small else 3_000_000
        yield {
            "subject": f"Screen {secrets.token_hex(4)} stays dark",
            "from": f"Adele Vance <adele{secrets.token_hex(4)}@contoso.com>",
            "text": _TEXT * 5,
            "attachments": [{"name": f"screen {index}.bin", "size": size}] if is_small or is_large else [],
        }


def _bring(world: World, number: int) -> None:
    world.control("POST", "/latency", {"seconds": 0})
    for mail in make_mails(number):
        world.control("POST", f"/mail/mailboxes/{ADDRESS}/messages", mail)


def _handle(app: MeasuredApp, total: int) -> None:
    """Let the app handle what is in the mailbox, until this many mails were closed since the start."""
    app.poll()
    app.wait_for_deliveries(total)
    app.poll()
    if (closed := app.count_closed()) != total:
        raise RuntimeError(f"{closed} mails were closed instead of {total}")


@contextmanager
def _spending(app: MeasuredApp, requested: StorageRequests) -> Iterator[Callable[[], Spent]]:
    requested.take()
    length, cpu, began = len(app.read_log()), app.read_cpu(), time.perf_counter()
    found: list[Spent] = []
    yield lambda: found[0]
    wall, cpu = time.perf_counter() - began, app.read_cpu() - cpu
    found.append(Spent(requested.take(), count_log(app.read_log()[length:]), cpu, wall))


def _measure_call(plan: Plan, world: World, app: MeasuredApp) -> float:
    """Return by how many seconds the median of one list over the local host is above the same list from Graph."""
    world.control("POST", f"/entra/apps/{sample.CLIENT_ID}/secrets", {"value": _SECRET, "name": "mail_cost"})
    direct, local = requests.Session(), requests.Session()
    direct.trust_env = local.trust_env = False
    direct.proxies = {"https": world.environment["HTTPS_PROXY"]}
    direct.verify = world.environment["REQUESTS_CA_BUNDLE"]
    form = {"grant_type": "client_credentials", "client_id": sample.CLIENT_ID, "client_secret": _SECRET}
    answer = direct.post(_SIGN_IN, data=form | {"scope": "https://graph.microsoft.com/.default"}, timeout=60)
    direct.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    local.headers["x-functions-key"] = app.key
    cases = [(direct, _GRAPH), (local, f"{app.base_url}/api/bookings/businesses/{PAGE}/services")]
    wall: tuple[list[float], list[float]] = ([], [])
    for number in range(plan.calls + 5):
        for (session, url), times in zip(cases, wall, strict=True):
            began = time.perf_counter()
            session.get(url, timeout=60).raise_for_status()
            if number >= 5:  # noqa: PLR2004 - the first ones open connections
                times.append(time.perf_counter() - began)
    return median(wall[1]) - median(wall[0])
