"""What a sample flow does when one of its steps fails: run it with each fault, and judge by what was done.

A case is one flow with an event that it starts from. Its good run says what has to be done. Then each step that asks
somebody fails once, for ever in one run, or does its work and loses the answer; each step on data fails. If the run
failed, the cause is mended and the run resubmitted, as a person would.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from devkit.documents.blocks import make_table
from devkit.flow_runs.connections import App, Connections
from devkit.flow_runs.data_steps import STEPS
from devkit.flow_runs.doubles.outlook import Outlook
from devkit.flow_runs.engine import Beginning, Run, run_flow
from devkit.flow_runs.faults import Fault, FaultyHost, Kind
from devkit.flow_runs.records import FAILED, SUCCEEDED, Record
from devkit.flow_runs.world import SETTINGS, FlowWorld, Thing
from devkit.flows.connectors import load_connectors
from devkit.flows.sources import Flow

HEADS = ("Step", "Fails once", "Fails until mended", "… then resubmitted", "Done, answer lost")
DONE = "done"
UNNAMED = "charge (not which step)"
EVERY_DATA = "*(every step that only works on data)*"
REPEATED = "*(the event comes again)*"
_NOT_FOR_IT = "-"
_FOR_EVER = (Kind.REFUSED, Kind.UNAVAILABLE, Kind.TIMED_OUT)


class BadRunError(Exception):
    """Without any fault, a flow does not do its work; the message has the errors of its steps."""


@dataclass
class Case:
    """One event of one flow. `open_world` makes the doubles as they are before; `count_more`: what is done elsewhere.

    `clean_up` undoes in the app what runs did there.
    """

    flow: Flow
    name: str
    trigger: Record
    app: App
    now: datetime
    settings: Mapping[str, Any]
    open_world: Callable[[], FlowWorld] = FlowWorld
    count_more: Callable[[], Counter[Thing]] = Counter
    clean_up: Callable[[], object] = lambda: None

    @property
    def parameters(self) -> dict[str, Any]:
        """The flow's parameters as chosen."""
        chosen = {**SETTINGS, **self.settings}
        names = {setting.name: setting.short_name for setting in self.flow.settings.values()}
        needed = [name for name in self.flow.definition.get("parameters", {}) if not name.startswith("$")]
        return {name: chosen[names.get(name, name)] for name in needed} | {
            "$connections": {key: {"connectionId": key} for key in self.flow.references}, "$authentication": {},
        }  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What one run, or a run and its repetition, came to."""

    is_green: bool
    informed: tuple[str, ...]  # who was informed of a failure: charge, team, caller
    missing: tuple[str, ...]
    twice: tuple[str, ...]

    @property
    def is_silent(self) -> bool:
        """Whether something is missing without a failed run, or without somebody who was informed."""
        return bool(self.missing) and (self.is_green or not self.informed)

    def describe(self) -> str:
        """Return the verdict in a few words."""
        parts = [] if self.is_green else [f"failed, {' and '.join(self.informed) or 'nobody'} informed"]
        if self.is_silent:
            parts.append(f"**{', '.join(self.missing)} lost**")
        if self.twice:
            parts.append(f"{', '.join(self.twice)} twice")
        return "; ".join(parts) or DONE


type Cells = tuple[str, ...]
type Both = tuple[Verdict, Verdict | None]


@dataclass
class Trial:
    """The runs of one case with one fault."""

    case: Case
    reads_both_branches: bool = False
    fault: Fault | None = None
    broken_steps: frozenset[str] = frozenset()
    runs: list[Run] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the world."""
        self.world = self.case.open_world()
        self.before = self.world.count() + self.case.count_more()
        self.host = FaultyHost(Connections(self.case.app, self.world.doubles), self.fault)

    def run(self) -> Run:
        """Run the flow with the event; again after the last run, if there was one."""
        now = self.runs[-1].end + timedelta(minutes=1) if self.runs else self.case.now
        beginning = Beginning(
            self.case.trigger, self.case.parameters, now, f"run-{uuid.uuid4().hex}",
            self.reads_both_branches, self.broken_steps,
        )  # fmt: skip
        self.runs.append(run_flow(self.case.flow, beginning, self.host))
        return self.runs[-1]

    @property
    def failed_steps(self) -> set[str]:
        """The steps that a fault struck."""
        return {*self.broken_steps, *(self.fault.struck if self.fault else ())}

    def mend(self) -> None:
        """Take the fault away."""
        self.host.fault, self.broken_steps = None, frozenset()

    def count(self) -> Counter[Thing]:
        """Return what the runs did."""
        return self.world.count() + self.case.count_more() - self.before


@dataclass
class Judge:
    """Judges the trials of a case against its good run."""

    case: Case
    reads_both_branches: bool = False

    def __post_init__(self) -> None:
        """Do the good run. Raises BadRunError if it is not good."""
        self.good = Trial(self.case, self.reads_both_branches)
        run = self.good.run()
        self.wanted = self.good.count()
        failed = {
            name: record.get("error") or record["outputs"]["body"]
            for name, record in run.actions.items()
            if record["status"] == FAILED
        }
        if run.status != SUCCEEDED:
            raise BadRunError(f"{self.case.flow.name}, {self.case.name}: {failed}")
        self.case.clean_up()

    @property
    def calling_steps(self) -> list[str]:
        """The steps that asked somebody in the good run."""
        return list(dict.fromkeys(step for step, _ in self.good.host.called))

    @property
    def connectors(self) -> list[str]:
        """The connectors that were asked in the good run."""
        return sorted({connector for _, connector in self.good.host.called if connector})

    @property
    def data_steps(self) -> list[str]:
        """The steps on data that ran in the good run."""
        steps = {step.name for step in self.case.flow.steps if step.action["type"] in STEPS}
        ran = self.good.runs[0].actions
        return [name for name in ran if name in steps and ran[name]["status"] == SUCCEEDED]

    def judge(self, fault: Fault | None = None, broken: str | None = None) -> Both:
        """Run with a fault; if the run failed or something is missing, mend it and run again."""
        broken_steps = frozenset({broken}) if broken else frozenset()
        trial = Trial(self.case, self.reads_both_branches, fault, broken_steps)
        first = self._judge(trial, trial.run())
        again = None
        if not first.is_green or first.missing:
            trial.mend()
            again = self._judge(trial, trial.run())
        self.case.clean_up()
        return first, again

    def repeat(self) -> Verdict:
        """Run twice for one event, as after an answer of the trigger that got lost."""
        trial = Trial(self.case, self.reads_both_branches)
        trial.run()
        found = self._judge(trial, trial.run())
        self.case.clean_up()
        return found

    def _judge(self, trial: Trial, run: Run) -> Verdict:
        done = trial.count()
        informed = [] if run.status == SUCCEEDED else list(self._find_informed(trial, done - self.wanted))
        if run.response is not None and run.response.status >= HTTPStatus.BAD_REQUEST:
            informed.append("caller")
        surplus = Counter({thing: number for thing, number in (done - self.wanted).items() if thing in self.wanted})
        return Verdict(run.status == SUCCEEDED, tuple(informed), _name(self.wanted - done), _name(surplus))

    def _find_informed(self, trial: Trial, more: Counter[Thing]) -> Iterator[str]:
        """Yield who got something that belongs to no good run, and what it lacks: it has to name a step."""
        new = [thing for thing in more if thing not in self.wanted]
        if any(thing.what == "mail" and thing.which.startswith(SETTINGS["Recipients"]) for thing in new):
            names = {name for step in trial.failed_steps for name in self._name_failed(step)}
            is_named = any(name in mail.body for mail in trial.world.outlook.mails for name in names)
            yield "charge" if is_named else UNNAMED
        if any(thing.what == "message" for thing in new):
            yield "team"

    def _name_failed(self, failed: str) -> list[str]:
        """Return how a notice may name a step: itself, or what is around it, as the history shows it."""
        steps = {step.name: step for step in self.case.flow.steps}
        around = [parent.name for parent in steps[failed].parents] if failed in steps else []
        return [f"“{name.replace('_', ' ')}”" for name in (failed, *around)]


def _name(things: Counter[Thing]) -> tuple[str, ...]:
    """Return what things are, in words: a ticket stands for all that is in it."""
    whats = dict.fromkeys(thing.what for thing in things)
    if "ticket" in whats:
        whats = {what: None for what in whats if what not in ("text", "file", "note")}
    return tuple(whats)


@dataclass(frozen=True)
class Row:
    """The verdicts about one step, in words."""

    step: str
    cells: Cells
    is_data: bool = False


def judge_case(case: Case, *, reads_both_branches: bool = False) -> tuple[list[Row], list[str]]:
    """Return a row for each step, and every silent loss in words."""
    judge = Judge(case, reads_both_branches)
    rows, silent = [], []
    calls = Counter(step for step, _ in judge.good.host.called)
    for step in judge.calling_steps:
        once = judge.judge(Fault(step, Kind.UNAVAILABLE, 1))
        for_ever = [judge.judge(Fault(step, kind)) for kind in _FOR_EVER]
        if calls[step] > 1:  # in a loop: the first turn goes well
            for_ever.append(judge.judge(Fault(step, Kind.REFUSED, spared=1)))
        lost = judge.judge(Fault(step, Kind.LOST, 1))
        rows.append(Row(step, (_describe([once]), *_describe_both(for_ever), _describe([lost]))))
        silent += [f"{step}: {words}" for both in (once, *for_ever, lost) for words in _find_silent(both)]
    for step in judge.data_steps:
        both = judge.judge(broken=step)
        rows.append(Row(step, (_NOT_FOR_IT, *_describe_both([both]), _NOT_FOR_IT), is_data=True))
        silent += [f"{step}: {words}" for words in _find_silent(both)]
    for connector in judge.connectors:
        both = judge.judge(Fault("", Kind.UNAVAILABLE, connector=connector))
        if connector == Outlook.name and not both[0].informed:  # without it nobody can be informed: the history says it
            both = replace(both[0], informed=("nobody",)), both[1]
        name = f"*(all of {load_connectors()[connector].title})*"
        rows.append(Row(name, (_NOT_FOR_IT, *_describe_both([both]), _NOT_FOR_IT)))
        silent += [f"{name}: {words}" for words in _find_silent(both)]
    rows.append(Row(REPEATED, (judge.repeat().describe(), *[_NOT_FOR_IT] * 3)))
    return rows, [f"{case.flow.name}, {case.name}: {words}" for words in silent]


def _find_silent(both: Both) -> Iterator[str]:
    first, again = both
    if first.is_silent or UNNAMED in first.informed:
        yield first.describe()
    if again is not None and (again.missing or not again.is_green):
        yield f"after resubmitting {again.describe()}, {', '.join(again.missing) or 'nothing'} missing"


def _describe(all_of_them: Iterable[Both]) -> str:
    return " / ".join(
        dict.fromkeys(", then ".join(one.describe() for one in both if one is not None) for both in all_of_them)
    )


def _describe_both(verdicts: Sequence[Both]) -> tuple[str, str]:
    """Return the cells for a run with a fault, and for the resubmitted run."""
    first = dict.fromkeys(one.describe() for one, _ in verdicts)
    again = dict.fromkeys(one.describe() for _, one in verdicts if one is not None)
    return " / ".join(first), " / ".join(again) or _NOT_FOR_IT


def write_table(rows_of_cases: Mapping[str, Sequence[Row]]) -> list[str]:
    """Return the lines of a flow's table, from the rows of each case: steps with the same verdicts share a row.

    The name of a case stands where a step has another verdict in another case; steps on data are named only where they
    differ from one another.
    """
    verdicts: dict[str, dict[Cells, list[str]]] = {}
    every_data = {row.cells for rows in rows_of_cases.values() for row in rows if row.is_data}
    for case, rows in rows_of_cases.items():
        for row in rows:
            name = EVERY_DATA if row.is_data and len(every_data) == 1 else row.step.replace("_", " ")
            cases = verdicts.setdefault(name, {}).setdefault(row.cells, [])
            cases += [case] if case not in cases else []
    groups: dict[Cells, list[str]] = {}
    for name in sorted(verdicts, key=_place):
        for cells, cases in verdicts[name].items():
            several = len(verdicts[name]) > 1
            groups.setdefault(cells, []).append(f"{name} ({', '.join(cases)})" if several else name)
    return make_table(HEADS, [[", ".join(steps), *cells] for cells, steps in groups.items()])


def _place(name: str) -> int:
    """Return where a row stands: steps first, then what is about all of them, and the repeated event last."""
    return 2 if name == REPEATED else int(name.startswith("*"))
