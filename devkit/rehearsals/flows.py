"""Rehearsal of flows: an engine runs every kind of trigger, and those of the samples, while the app is killed.

Meanwhile simulated people book, move, reassign, edit and cancel appointments and write mails. Afterwards each event
must have fired each flow that waits for it exactly once and in order (a flow that is called back: at least once, with
the same id): what happened is known from the people, what fired from the engine. The engine waits as long as answers
ask for, but its clock runs faster.
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
from devkit.progress import Done, Progress
from devkit.rehearsals.app import App, make_settings, open_shown_world
from devkit.rehearsals.called_flows import CalledFlow, make_flow
from devkit.rehearsals.calls import Calls
from devkit.rehearsals.events import Event, Signature, Trigger, Verdict
from devkit.rehearsals.people import People
from devkit.rehearsals.plans import FlowsPlan as Plan
from devkit.rehearsals.triggers import SEES_ALL, list_own, list_samples
from devkit.rehearsals.troubles import Troubles
from twin.seeds import tiny
from twin.simulator import Simulator

REFRESH_SECONDS = 10  # the shortest that the settings allow
_LINKS = "https://gateway.example.com/api"  # where the app's own links begin, wherever it listens after a kill
_NOWHERE = "http://127.0.0.1:9"  # nobody listens while the app is down
_PAUSE = 0.1
_LONGEST_WAIT = 20.0
_LOSE_ANSWERS = ("any, answers get lost", "registered, answers get lost")
_LOSE_LOCATIONS = ("any, Locations get lost", "registered, Locations get lost")
_RAW = "created, without a connector"


@dataclass
class Findings:
    """The result of a rehearsal."""

    seconds: float = 0.0
    events: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    polls: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    waits: int = 0
    resets: int = 0
    kills: int = 0
    interrupted: Counter[str] = field(default_factory=Counter)
    calls: Calls = field(default_factory=Calls)
    most_scans: int = 0
    troubles: Counter[str] = field(default_factory=Counter)

    @property
    def is_good(self) -> bool:
        """Whether each event fired its flows exactly once and in order, with no more scans than one flow needs."""
        is_exact = all(verdict.is_good for verdict in self.verdicts.values())
        return is_exact and not (self.broken or self.resets) and self.calls.scans <= self.most_scans

    def describe(self) -> str:
        """Return the figures as lines."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))
        statuses = ", ".join(f"{count} x {status or 'broken'}" for status, count in sorted(self.statuses.items()))
        rows = [self._describe_flow(name, verdict) for name, verdict in self.verdicts.items()]
        expected = sum(verdict.expected for verdict in self.verdicts.values())
        struck = ", ".join(f"{count} x {what}" for what, count in sorted(self.interrupted.items()))
        troubles = ", ".join(f"{count} x {what}" for what, count in sorted(self.troubles.items()))
        broken = "".join(f"\n  broken: {what}" for what in self.broken)
        return (
            f"{self.events} events, {len(rows)} flows, {sum(self.polls.values())} polls, "
            f"{sum(self.runs.values())} runs of {expected} expected, {self.kills} kills, {self.resets} resets "
            f"in {self.seconds:.0f} s\n"
            f"  events: {kinds}\n"
            f"  answers: {statuses}; {self.waits} waits of the retry policy\n"
            f"  Graph: {self.calls.graph} calls; the business was scanned {self.calls.scans} times (at most "
            f"{self.most_scans}), {self.calls.windows} windows\n"
            f"  troubles of Graph: {troubles or 'none'}\n"
            f"  the kills interrupted {struck or 'nothing'}\n" + "\n".join(rows) + broken
        )

    def _describe_flow(self, name: str, verdict: Verdict) -> str:
        again = f", repeated {self.repeated[name]}" if self.repeated[name] else ""
        wrong = "".join(
            f"\n      {word}: {', '.join(found[:5])}"
            for word, found in (
                ("missing", verdict.missing), ("too many", verdict.doubled), ("out of order", verdict.out_of_order)
            )
            if found
        )  # fmt: skip
        return f"    {self.polls[name]:5} polls {self.runs[name]:5} of {verdict.expected:5} runs  {name}{again}{wrong}"


def rehearse(plan: Plan, progress: Progress | None = None) -> Findings:
    """Run it and show how far it is; this takes the plan's minutes and one or two more. All listens on loopback."""
    with open_shown_world(progress) as (shown, scratch, storage, sim):
        rehearsal = _Rehearsal(plan, scratch, storage, sim)
        title = f"Flows run for {plan.minutes:g} minutes while the app is killed, {plan.kills} times"
        with shown.phase(title, rehearsal.measure):
            return rehearsal.run()


class _Rehearsal:
    def __init__(self, plan: Plan, scratch: Path, storage: str, sim: Simulator) -> None:
        self._plan = plan
        self._sim = sim
        self._random = random.Random(plan.seed)  # noqa: S311 - a rehearsed accident, not a secret
        settings = {"CHANGES_REFRESH_SECONDS": str(REFRESH_SECONDS), "PUBLIC_BASE_URL": _LINKS}
        settings["CHANGES_SCHEDULE"] = "*/10 * * * * *"  # which also calls flows again after a kill
        self._app = App(scratch, sim.environment() | make_settings(sim, storage) | settings)
        self._table = TableClient.from_connection_string(storage, "changes")
        self._backend = Backend(_NOWHERE, "", _LINKS)
        self._over = threading.Event()
        self._findings = Findings()
        self._triggers = [*list_own(), *list_samples()]
        self._flows: dict[str, tuple[Trigger, Flow]] = {}
        notices = sorted({each.minutes for each in self._triggers if each.kind.endswith("/upcoming")})
        self._people = People(sim, notices, self._random, datetime.now(UTC))
        self._troubles = Troubles(sim, random.Random(plan.seed))  # noqa: S311 - as above

    def measure(self) -> Done:
        """Say how many seconds of the plan have passed since the flows began."""
        total = round(self._plan.minutes * 60)
        until: datetime | None = vars(self._people).get("until")
        left = total if until is None else (until - datetime.now(UTC)).total_seconds()
        return Done(total - round(max(0.0, min(left, total))), total, f"{self._app.kills} kills")

    def run(self) -> Findings:
        began = time.monotonic()
        self._people.book_stock(self._plan.stock)
        threads: list[threading.Thread] = []
        for number in range(self._plan.kills + 1):
            with self._app.running():
                self._backend.base_url = self._app.wait_until_it_listens()
                if not threads:
                    self._switch_on()
                    threads = self._begin()
                if number < self._plan.kills:
                    self._kill_in_time(number)
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
        """Let every flow poll once, which starts no run: from now on it must receive every event."""
        self._backend.key = self._app.key
        for trigger in self._triggers:
            self._add(trigger, make_flow(trigger, self._backend, self._sim))
        page = {"business": tiny.BUSINESS}
        for name in (*_LOSE_ANSWERS, *_LOSE_LOCATIONS):
            trigger = Trigger(name, f"triggers/appointments/{name.partition(',')[0]}", page)
            self._add(trigger, Flow(self._backend, trigger.path, page))
        raw = Trigger(_RAW, "triggers/appointments/created", page, through_gateway=False)
        path, query = f"bookings/businesses/{tiny.BUSINESS}/changes", {"limit": 50, "details": "true"}
        self._add(raw, CursorFlow(self._backend, path, query, wanted=frozenset({"created"})))
        for trigger, flow in self._flows.values():
            flow.prefix = PREFIX if trigger.through_gateway else None
            flow.recurrence = trigger.recurrence
            flow.check()
            if flow.runs or flow.history[-1].status not in (200, 202):
                raise RuntimeError(f"{trigger.name} began with {flow.history[-1]}")
            flow.wait = self._pass_time
        for name in _LOSE_ANSWERS:
            self._flows[name][1].lose = self._sometimes
        for name in _LOSE_LOCATIONS:
            self._flows[name][1].forget = self._sometimes

    def _add(self, trigger: Trigger, flow: Flow) -> None:
        self._flows[trigger.name] = trigger, flow

    def _pass_time(self, seconds: float) -> None:
        self._over.wait(seconds / self._plan.scale)

    def _sometimes(self) -> bool:
        return self._random.random() < self._plan.share

    def _begin(self) -> list[threading.Thread]:
        """Start the people and the flows, each on a thread of its own."""
        self._people.until = datetime.now(UTC) + timedelta(minutes=self._plan.minutes)
        self._people.count_reported = _ReportedEvents(self._flows[SEES_ALL][1])
        self._acting = threading.Thread(target=self._guard, args=("people", self._act), daemon=True)
        troubling = threading.Thread(target=self._guard, args=("troubles", self._trouble), daemon=True)
        lives = [
            threading.Thread(target=self._guard, args=(name, partial(flow.live, self._over.is_set)), daemon=True)
            for name, (_, flow) in self._flows.items()
        ]
        threads = [self._acting, troubling, *lives]
        for thread in threads:
            thread.start()
        return threads

    def _guard(self, name: str, work: Any) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - a failed thread must show in the findings
            self._findings.broken.append(f"{name}: {error!r}")

    def _act(self) -> None:
        while datetime.now(UTC) < self._people.until:
            self._people.act()
            time.sleep(1 / self._plan.per_second)

    def _trouble(self) -> None:
        while self._plan.troubles_per_minute and datetime.now(UTC) < self._people.until:
            self._troubles.make()
            self._over.wait(self._random.uniform(0.5, 1.5) * 60 / self._plan.troubles_per_minute)

    def _kill_in_time(self, number: int) -> None:
        """Kill the app at its time; kills are spread over the time in which people act."""
        span = timedelta(minutes=self._plan.minutes) / self._plan.kills
        begins = self._people.until - timedelta(minutes=self._plan.minutes)
        moment = begins + (number + self._random.uniform(0.3, 0.9)) * span
        while datetime.now(UTC) < moment:
            self._pause()
        self._wait_for_a_call(at_a_scan=self._plan.waits_for_scans and bool(number % 2))
        asking = sum(flow.is_asking for _, flow in self._flows.values())
        self._app.kill()
        self._backend.base_url = _NOWHERE
        self._findings.interrupted.update({"a poll": asking, "a scan": int(self._is_claimed())})

    def _wait_for_a_call(self, *, at_a_scan: bool) -> None:
        """Wait until the app has begun a scan, or a flow is polling it, and a random moment longer."""
        scans, latest = self._count().scans, time.monotonic() + _LONGEST_WAIT

        def has_begun() -> bool:
            if at_a_scan:
                return self._count().scans > scans
            return any(flow.is_asking for _, flow in self._flows.values())

        while not has_begun() and time.monotonic() < latest:
            time.sleep(0.002)
        time.sleep(self._random.uniform(0.0, 0.25 if at_a_scan else 0.003))

    def _is_claimed(self) -> bool:
        """Whether the app was killed during a scan: its claim on the feed is still there."""
        try:
            state = self._table.get_entity(f"default|{tiny.BUSINESS}", "s|state")
        except ResourceNotFoundError:
            return False
        return "held_until" in state

    def _wait_to_the_end(self) -> None:
        """Wait until every event is reported, and then for as long as a repetition would take to come."""
        while self._acting.is_alive():
            self._pause()
        deadline = time.monotonic() + self._plan.limit
        while time.monotonic() < deadline and not self._findings.broken and not self._is_all_reported():
            self._pause()
        longest = max(trigger.recurrence for trigger, _ in self._flows.values()) / self._plan.scale
        settled = time.monotonic() + REFRESH_SECONDS + longest + 1
        while time.monotonic() < settled:
            self._pause()

    def _is_all_reported(self) -> bool:
        for trigger, flow in self._flows.values():
            runs = {item["eventId"] for item in tuple(flow.runs)}
            if len(runs) < sum(trigger.is_fired_by(one, self._people.until) for one in self._people.script):
                return False
        return True

    def _pause(self) -> None:
        self._app.check()
        self._count()
        time.sleep(_PAUSE)

    def _count(self) -> Calls:
        self._findings.calls.count(self._sim.exchanges, tiny.BUSINESS)
        return self._findings.calls

    # -- what came of it --------------------------------------------------------------------------------------------

    def _compare(self) -> None:
        findings = self._findings
        findings.kills = self._app.kills
        findings.events = len(self._people.script)
        findings.kinds.update(kind for one in self._people.script for kind in one.kinds)
        # A scan begins when the last one is too old; a killed one begins again, and the timer makes the far scan.
        findings.troubles = self._troubles.made
        findings.most_scans = int(findings.seconds / REFRESH_SECONDS) + 2 + 2 * findings.kills
        findings.most_scans += findings.troubles.total()  # a lost answer makes the client ask again
        order = {item["eventId"]: place for place, item in enumerate(self._flows[SEES_ALL][1].runs)}
        for name, (trigger, flow) in self._flows.items():
            runs = list({item["eventId"]: item for item in reversed(flow.runs)}.values())[::-1]
            findings.polls[name] = len(flow.history)
            findings.runs[name] = len(runs)
            findings.repeated[name] = len(flow.runs) - len(runs)
            findings.statuses.update(poll.status for poll in flow.history)
            findings.waits += len(flow.waits)
            findings.resets += sum(poll.was_reset for poll in flow.history)
            verdict = judge(trigger, self._people.script, runs, self._people.until)
            places = [order[item["eventId"]] for item in runs if item["eventId"] in order]
            if places != sorted(places):
                verdict.out_of_order.append(f"other than {SEES_ALL}")
            may_repeat = name in _LOSE_LOCATIONS or isinstance(flow, CalledFlow)  # a call is repeated with its id
            if findings.repeated[name] and not may_repeat:
                verdict.doubled.append(f"{findings.repeated[name]} by their eventId")
            findings.verdicts[name] = verdict


class _ReportedEvents:
    """Counts the events of an appointment that the flow which sees everything has received."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._seen = 0
        self._reported: Counter[str] = Counter()

    def __call__(self, about: str) -> int:
        new = self._flow.runs[self._seen :]
        self._seen += len(new)
        self._reported.update(item["additionalInformation"] for item in new)
        return self._reported[about]


def judge(trigger: Trigger, script: list[Event], runs: list[dict[str, Any]], until: datetime) -> Verdict:
    """Compare the runs of a flow with what happened, for each appointment and each mail in its own order."""
    expected: dict[str, list[Signature]] = {}
    for one in script:
        if trigger.is_fired_by(one, until):
            expected.setdefault(one.about, []).append(trigger.sign(one))
    seen: dict[str, list[Signature]] = {}
    for item in runs:
        about, signature = trigger.read(item)
        seen.setdefault(about, []).append(signature)
    verdict = Verdict(sum(map(len, expected.values())))
    for about in expected.keys() | seen.keys():
        wanted, found = expected.get(about, []), seen.get(about, [])
        verdict.missing += [f"{about} {each}" for each in (Counter(wanted) - Counter(found)).elements()]
        verdict.doubled += [f"{about} {each}" for each in (Counter(found) - Counter(wanted)).elements()]
        if Counter(wanted) == Counter(found) and wanted != found:
            verdict.out_of_order.append(f"{about} {found}")
    return verdict
