"""Flows: their engine runs every kind of trigger, and those of the samples, while the app is killed again and again.

Meanwhile people book, move, hand over, change and cancel appointments and write mails. Afterwards each event must have
fired each flow that waits for it exactly once and in order: what happened is known from the people, what fired from the
engine. The engine keeps to every wait that it is asked for, only that its clock runs faster.
"""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableClient

from devkit.flow_engine import PREFIX, Backend, CursorFlow, Flow
from devkit.rehearsals.app import App, make_settings, open_stage
from devkit.rehearsals.calls import Calls
from devkit.rehearsals.happenings import Happening, Told, Trigger, Verdict
from devkit.rehearsals.people import People
from devkit.rehearsals.triggers import WITNESS, list_own, list_samples
from twin.seeds import tiny
from twin.simulator import Simulator

REFRESH_SECONDS = 10  # the shortest that the settings allow
_LINKS = "https://gateway.example.com/api"  # where the app's own links begin, wherever it listens after a kill
_NOWHERE = "http://127.0.0.1:9"  # nobody listens while the app is down
_GLANCE = 0.1
_LONGEST_AIM = 20.0
_LOSSY, _FORGETFUL, _RAW = "any, answers get lost", "any, a forgetful engine", "created, without a connector"


@dataclass(frozen=True)
class Plan:
    """How large a rehearsal is.

    `scale`: how much faster the engine's clock runs; `share`: of answers and Locations that two of the flows lose. A
    kill waits until a flow asks; with `takes_aim` every second one until the app looks at the page.
    """

    minutes: float = 5.0
    kills: int = 4
    per_second: float = 1.5
    stock: int = 120
    scale: float = 15.0
    share: float = 0.1
    takes_aim: bool = True
    limit: float = 420.0
    seed: int = 1


@dataclass
class Findings:
    """What came of it."""

    seconds: float = 0.0
    events: int = 0
    happenings: Counter[str] = field(default_factory=Counter)
    polls: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    told_again: Counter[str] = field(default_factory=Counter)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    waits: int = 0
    resets: int = 0
    kills: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    calls: Calls = field(default_factory=Calls)
    most_looks: int = 0

    @property
    def is_good(self) -> bool:
        """Whether each event fired its flows exactly once and in order, at no higher cost than one flow's."""
        told = all(verdict.is_good for verdict in self.verdicts.values())
        return told and not (self.broken or self.resets) and self.calls.looks <= self.most_looks

    def describe(self) -> str:
        """Return the figures as lines."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.happenings.items()))
        statuses = ", ".join(f"{count} x {status or 'broken'}" for status, count in sorted(self.statuses.items()))
        rows = [self._describe_flow(name, verdict) for name, verdict in self.verdicts.items()]
        expected = sum(verdict.expected for verdict in self.verdicts.values())
        struck = ", ".join(f"{count} x {what}" for what, count in sorted(self.struck.items()))
        broken = "".join(f"\n  broken: {what}" for what in self.broken)
        return (
            f"{self.events} events, {len(rows)} flows, {sum(self.polls.values())} polls, "
            f"{sum(self.runs.values())} runs of {expected} expected, {self.kills} kills, {self.resets} resets "
            f"in {self.seconds:.0f} s\n"
            f"  events: {kinds}\n"
            f"  answers: {statuses}; {self.waits} waits of the retry policy\n"
            f"  Graph: {self.calls.graph} calls; the page was looked at {self.calls.looks} times (at most "
            f"{self.most_looks}), {self.calls.windows} windows\n"
            f"  the kills struck {struck or 'nothing'}\n" + "\n".join(rows) + broken
        )

    def _describe_flow(self, name: str, verdict: Verdict) -> str:
        again = f", told again {self.told_again[name]}" if self.told_again[name] else ""
        wrong = "".join(
            f"\n      {word}: {', '.join(found[:5])}"
            for word, found in (
                ("missing", verdict.missing), ("too many", verdict.doubled), ("out of order", verdict.out_of_order)
            )
            if found
        )  # fmt: skip
        return f"    {self.polls[name]:5} polls {self.runs[name]:5} of {verdict.expected:5} runs  {name}{again}{wrong}"


def rehearse(plan: Plan) -> Findings:
    """Run it; takes the plan's minutes and one or two more. Everything listens on loopback."""
    with open_stage() as (scratch, storage, sim):
        return _Rehearsal(plan, scratch, storage, sim).run()


class _Rehearsal:
    def __init__(self, plan: Plan, scratch: Path, storage: str, sim: Simulator) -> None:
        self._plan = plan
        self._sim = sim
        self._dice = random.Random(plan.seed)  # noqa: S311 - a rehearsed accident, not a secret
        settings = {"CHANGES_REFRESH_SECONDS": str(REFRESH_SECONDS), "PUBLIC_BASE_URL": _LINKS}
        self._app = App(scratch, sim, make_settings(sim, storage) | settings)
        self._table = TableClient.from_connection_string(storage, "changes")
        self._backend = Backend(_NOWHERE, "", _LINKS)
        self._over = threading.Event()
        self._findings = Findings()
        self._triggers = [*list_own(), *list_samples()]
        self._flows: dict[str, tuple[Trigger, Flow]] = {}
        notices = sorted({each.minutes for each in self._triggers if each.kind.endswith("/upcoming")})
        self._people = People(sim, notices, self._dice, datetime.now(UTC))

    def run(self) -> Findings:
        began = time.monotonic()
        self._people.settle_in(self._plan.stock)
        threads: list[threading.Thread] = []
        for number in range(self._plan.kills + 1):
            with self._app.running():
                self._backend.base_url = self._app.wait_until_it_listens()
                if not threads:
                    self._switch_on()
                    threads = self._begin()
                if number < self._plan.kills:
                    self._strike(number)
                else:
                    self._wait_to_the_end()
                    self._over.set()
                    for thread in threads:
                        thread.join()
        self._findings.seconds = time.monotonic() - began
        self._compare()
        return self._findings

    # -- what goes on -----------------------------------------------------------------------------------------------

    def _switch_on(self) -> None:
        """Let every flow ask once, which starts no run: from now on it must be told everything."""
        self._backend.key = self._app.key
        for trigger in self._triggers:
            self._add(trigger, Flow(self._backend, trigger.path, trigger.query))
        page = {"business": tiny.BUSINESS}
        for name in (_LOSSY, _FORGETFUL):
            trigger = Trigger(name, "triggers/appointments/any", page)
            self._add(trigger, Flow(self._backend, trigger.path, page))
        raw = Trigger(_RAW, "triggers/appointments/created", page, through_gateway=False)
        path, query = f"bookings/businesses/{tiny.BUSINESS}/changes", {"limit": 50, "expand": "details"}
        self._add(raw, CursorFlow(self._backend, path, query, wanted=frozenset({"created"})))
        for trigger, flow in self._flows.values():
            flow.prefix = PREFIX if trigger.through_gateway else None
            flow.recurrence = trigger.recurrence
            flow.check()
            if flow.runs or flow.history[-1].status not in (200, 202):
                raise RuntimeError(f"{trigger.name} began with {flow.history[-1]}")
            flow.wait = self._pass_time
        self._flows[_LOSSY][1].lose = self._sometimes
        self._flows[_FORGETFUL][1].forget = self._sometimes

    def _add(self, trigger: Trigger, flow: Flow) -> None:
        self._flows[trigger.name] = trigger, flow

    def _pass_time(self, seconds: float) -> None:
        self._over.wait(seconds / self._plan.scale)

    def _sometimes(self) -> bool:
        return self._dice.random() < self._plan.share

    def _begin(self) -> list[threading.Thread]:
        """Let flows and people loose, each on a thread of their own."""
        self._people.until = datetime.now(UTC) + timedelta(minutes=self._plan.minutes)
        self._people.told = _Witness(self._flows[WITNESS][1])
        self._crowd = threading.Thread(target=self._guard, args=("people", self._act), daemon=True)
        lives = [
            threading.Thread(target=self._guard, args=(name, partial(flow.live, self._over.is_set)), daemon=True)
            for name, (_, flow) in self._flows.items()
        ]
        for thread in (self._crowd, *lives):
            thread.start()
        return [self._crowd, *lives]

    def _guard(self, name: str, work: Any) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - a thread's end must show in the findings
            self._findings.broken.append(f"{name}: {error!r}")

    def _act(self) -> None:
        while datetime.now(UTC) < self._people.until:
            self._people.act()
            time.sleep(1 / self._plan.per_second)

    def _strike(self, number: int) -> None:
        """Kill the app at its time; kills are spread over the time in which people act."""
        span = timedelta(minutes=self._plan.minutes) / self._plan.kills
        begins = self._people.until - timedelta(minutes=self._plan.minutes)
        moment = begins + (number + self._dice.uniform(0.3, 0.9)) * span
        while datetime.now(UTC) < moment:
            self._pause()
        self._take_aim(at_a_look=self._plan.takes_aim and bool(number % 2))
        asking = sum(flow.is_asking for _, flow in self._flows.values())
        self._app.kill()
        self._backend.base_url = _NOWHERE
        self._findings.struck.update({"a poll": asking, "a look at the page": int(self._is_held())})

    def _take_aim(self, *, at_a_look: bool) -> None:
        """Wait until the app has begun to look at the page, or is just being asked, and a little longer."""
        looks, latest = self._count().looks, time.monotonic() + _LONGEST_AIM

        def has_begun() -> bool:
            if at_a_look:
                return self._count().looks > looks
            return any(flow.is_asking for _, flow in self._flows.values())

        while not has_begun() and time.monotonic() < latest:
            time.sleep(0.002)
        time.sleep(self._dice.uniform(0.0, 0.25 if at_a_look else 0.003))

    def _is_held(self) -> bool:
        """Whether the app died while it looked: its claim is still there."""
        try:
            state = self._table.get_entity(f"default|{tiny.BUSINESS}", "s|state")
        except ResourceNotFoundError:
            return False
        return "held_until" in state

    def _wait_to_the_end(self) -> None:
        """Wait until all is told that must be, and then for as long as it takes to be told something again."""
        while self._crowd.is_alive():
            self._pause()
        deadline = time.monotonic() + self._plan.limit
        while time.monotonic() < deadline and not self._findings.broken and not self._is_all_told():
            self._pause()
        longest = max(trigger.recurrence for trigger, _ in self._flows.values()) / self._plan.scale
        settled = time.monotonic() + REFRESH_SECONDS + longest + 1
        while time.monotonic() < settled:
            self._pause()

    def _is_all_told(self) -> bool:
        for trigger, flow in self._flows.values():
            runs = {item["eventId"] for item in tuple(flow.runs)}
            if len(runs) < sum(trigger.is_fired_by(one, self._people.until) for one in self._people.script):
                return False
        return True

    def _pause(self) -> None:
        self._app.check()
        self._count()
        time.sleep(_GLANCE)

    def _count(self) -> Calls:
        self._findings.calls.count(self._sim.exchanges, tiny.BUSINESS)
        return self._findings.calls

    # -- what came of it --------------------------------------------------------------------------------------------

    def _compare(self) -> None:
        findings = self._findings
        findings.kills = self._app.kills
        findings.events = len(self._people.script)
        findings.happenings.update(kind for one in self._people.script for kind in one.kinds)
        # A look begins when the last one is too old; one that was killed is begun again, and the clock draws the net.
        findings.most_looks = int(findings.seconds / REFRESH_SECONDS) + 2 + 2 * findings.kills
        order = {item["eventId"]: place for place, item in enumerate(self._flows[WITNESS][1].runs)}
        for name, (trigger, flow) in self._flows.items():
            runs = list({item["eventId"]: item for item in reversed(flow.runs)}.values())[::-1]
            findings.polls[name] = len(flow.history)
            findings.runs[name] = len(runs)
            findings.told_again[name] = len(flow.runs) - len(runs)
            findings.statuses.update(poll.status for poll in flow.history)
            findings.waits += len(flow.waits)
            findings.resets += sum(poll.was_reset for poll in flow.history)
            verdict = judge(trigger, self._people.script, runs, self._people.until)
            places = [order[item["eventId"]] for item in runs if item["eventId"] in order]
            if places != sorted(places):
                verdict.out_of_order.append(f"other than {WITNESS}")
            if findings.told_again[name] and name != _FORGETFUL:
                verdict.doubled.append(f"{findings.told_again[name]} by their eventId")
            findings.verdicts[name] = verdict


class _Witness:
    """How many events of an appointment the flow was told that sees everything."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._seen = 0
        self._told: Counter[str] = Counter()

    def __call__(self, about: str) -> int:
        new = self._flow.runs[self._seen :]
        self._seen += len(new)
        self._told.update(item["customerEmailAddress"] for item in new)
        return self._told[about]


def judge(trigger: Trigger, script: list[Happening], runs: list[dict[str, Any]], until: datetime) -> Verdict:
    """Compare the runs of a flow with what happened, for each appointment and each mail in its own order."""
    expected: dict[str, list[Told]] = {}
    for one in script:
        if trigger.is_fired_by(one, until):
            expected.setdefault(one.about, []).append(one.told)
    seen: dict[str, list[Told]] = {}
    for item in runs:
        about, told = trigger.read(item)
        seen.setdefault(about, []).append(told)
    verdict = Verdict(sum(map(len, expected.values())))
    for about in expected.keys() | seen.keys():
        wanted, found = expected.get(about, []), seen.get(about, [])
        verdict.missing += [f"{about} {told}" for told in (Counter(wanted) - Counter(found)).elements()]
        verdict.doubled += [f"{about} {told}" for told in (Counter(found) - Counter(wanted)).elements()]
        if Counter(wanted) == Counter(found) and wanted != found:
            verdict.out_of_order.append(f"{about} {found}")
    return verdict
