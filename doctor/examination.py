"""Runs steps in parallel, each with a time limit. A step is skipped if one that it needs has failed."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from shared import context
from shared.errors import GatewayError, place_of
from shared.workers import Workers

_log = logging.getLogger("gateway.doctor")

EACH_SECONDS, ALL_SECONDS = 20.0, 85.0
_GRACE = 1.0  # a check that knows its time limit ends by itself; the report does not wait for one that hangs
_WAIT_SECONDS = 0.25
_WIDTH = 8

type Name = tuple[str, str]
"""The name of a step, and what it is about, such as ("mailbox", "support")."""


class Status(StrEnum):
    """The result of a step. Skipped: a step that it needs has failed."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Verdict:
    """The result of a check that did not simply succeed. Without a `remedy`, that of the step is shown."""

    status: Status
    message: str
    remedy: str | None = None


@dataclass(frozen=True)
class Step:
    """One check: `check` returns a sentence if it succeeds, or a Verdict, or raises an error of shared.errors.

    `remedy` repairs what is most likely wrong when the check fails. `needs` are the steps that must succeed before.
    """

    step: str
    about: str
    check: Callable[[], str | Verdict]
    remedy: str
    needs: tuple[Name, ...] = ()

    @property
    def name(self) -> Name:
        """The name by which other steps need this one."""
        return self.step, self.about


@dataclass(frozen=True)
class Finding:
    """The result of one step, as the report shows it."""

    step: str
    about: str
    status: Status
    message: str
    remedy: str | None = None


def run_steps(
    steps: Sequence[Step], *, each_seconds: float = EACH_SECONDS, all_seconds: float = ALL_SECONDS
) -> list[Finding]:
    """Run the steps and return their findings in the same order. In `steps`, a step follows those that it needs."""
    workers, began = Workers(_WIDTH), dict[Name, float]()
    ends = time.monotonic() + all_seconds
    done: dict[Name, Finding] = {}
    running: dict[Future[Finding], Step] = {}
    waiting = list(steps)
    while waiting or running:
        for step in tuple(waiting):
            if (skipped := _skip(step, done)) is not None:
                done[step.name] = skipped
            elif all(need in done for need in step.needs):
                running[workers.start(partial(_run, step, each_seconds, began))] = step
            else:
                continue
            waiting.remove(step)
        finished, _ = wait(running, timeout=_WAIT_SECONDS, return_when=FIRST_COMPLETED)
        for future in finished:
            done[running.pop(future).name] = future.result()
        now = time.monotonic()
        for future, step in tuple(running.items()):
            if now > ends or now - began.get(step.name, now) > each_seconds + _GRACE:
                future.cancel()
                done[running.pop(future).name] = _time_is_up(step)
        if now > ends:
            done |= {step.name: _time_is_up(step) for step in waiting if step.name not in done}
            waiting.clear()
    return [done[step.name] for step in steps]


def report(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings as JSON: {"status", "steps"}."""
    found = {finding.status for finding in findings}
    worst = next((status for status in (Status.FAIL, Status.WARN) if status in found), Status.OK)
    return {
        "status": worst.value,
        "steps": [
            {
                "step": one.step,
                "about": one.about,
                "status": one.status.value,
                "message": one.message,
                "remedy": one.remedy,
            }
            for one in findings
        ],
    }


def _skip(step: Step, done: Mapping[Name, Finding]) -> Finding | None:
    for need in step.needs:
        if need in done and done[need].status in (Status.FAIL, Status.SKIPPED):
            word = "failed" if done[need].status is Status.FAIL else "was skipped"
            message = f"Skipped because {' '.join(need).strip()} {word}."
            return Finding(step.step, step.about, Status.SKIPPED, message)
    return None


def _run(step: Step, seconds: float, began: dict[Name, float]) -> Finding:
    began[step.name] = time.monotonic()
    with context.call(context.request_id(), seconds=min(seconds, context.remaining())):
        try:
            outcome = step.check()
        except GatewayError as error:
            _log.info("%s %s: %s", step.step, step.about, error)
            outcome = Verdict(Status.FAIL, error.message, step.remedy)
        except Exception as error:  # noqa: BLE001 - a defect of one check must not stop the others
            _log.error("the check %s of %s failed: %s", step.step, step.about, place_of(error))
            message = f"The check itself failed: {type(error).__name__}."
            outcome = Verdict(Status.FAIL, message, "Look into the log of this call: it names the place in the code.")
    if isinstance(outcome, str):
        return Finding(step.step, step.about, Status.OK, outcome)
    remedy = outcome.remedy or (step.remedy if outcome.status in (Status.FAIL, Status.WARN) else None)
    return Finding(step.step, step.about, outcome.status, outcome.message, remedy)


def _time_is_up(step: Step) -> Finding:
    return Finding(step.step, step.about, Status.FAIL, "There was no answer in time.", step.remedy)
