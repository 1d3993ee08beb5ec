"""Running checks: side by side, each in its own time, and none whose ground has already given way."""

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
_GRACE = 1.0  # a check that knows its time ends by itself; one that hangs is left behind
_LOOK_EVERY = 0.25
_WIDTH = 8

type Name = tuple[str, str]
"""A step and what it is about."""


class Status(StrEnum):
    """How a check went. Skipped: it could not be made because another one failed."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Verdict:
    """What a check says that did not simply go well."""

    status: Status
    message: str
    remedy: str | None = None


@dataclass(frozen=True)
class Step:
    """One check: `look` returns a sentence when all is well, or a Verdict, or raises the error family.

    `remedy` is what mends most of what can be wrong here. `needs` are steps without which it makes no sense.
    """

    step: str
    about: str
    look: Callable[[], str | Verdict]
    remedy: str
    needs: tuple[Name, ...] = ()

    @property
    def name(self) -> Name:
        """Its name."""
        return self.step, self.about


@dataclass(frozen=True)
class Finding:
    """How one step went."""

    step: str
    about: str
    status: Status
    message: str
    remedy: str | None = None


def examine(
    steps: Sequence[Step], *, each_seconds: float = EACH_SECONDS, all_seconds: float = ALL_SECONDS
) -> list[Finding]:
    """Run the steps and return what was found, in their order. A step comes behind those that it needs."""
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
        finished, _ = wait(running, timeout=_LOOK_EVERY, return_when=FIRST_COMPLETED)
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
            told = step.look()
        except GatewayError as error:
            _log.info("%s %s: %s", step.step, step.about, error)
            told = Verdict(Status.FAIL, error.message, step.remedy)
        except Exception as error:  # noqa: BLE001 - whatever it was, the other checks go on
            _log.error("the check %s of %s broke: %s", step.step, step.about, place_of(error))
            told = Verdict(Status.FAIL, f"The check itself failed: {type(error).__name__}.", "The log says more.")
    if isinstance(told, str):
        return Finding(step.step, step.about, Status.OK, told)
    remedy = told.remedy or (step.remedy if told.status in (Status.FAIL, Status.WARN) else None)
    return Finding(step.step, step.about, told.status, told.message, remedy)


def _time_is_up(step: Step) -> Finding:
    return Finding(step.step, step.about, Status.FAIL, "There was no answer in time.", step.remedy)
