"""Timers of all kinds. ``RUNS`` lets tests see what happened."""

import dataclasses
import queue
import threading
import time
from typing import Any, cast

import azure.functions as func

app = func.FunctionApp()


@dataclasses.dataclass(frozen=True)
class Run:
    name: str
    past_due: bool
    status: dict[str, str]
    began: float = 0.0


GATE = threading.Event()
RUNS: "queue.Queue[Run]" = queue.Queue()


def note(name: str, timer: func.TimerRequest) -> None:
    status = cast("Any", timer).schedule_status  # the SDK's abstract class does not declare it
    RUNS.put(Run(name, timer.past_due, dict(status), time.monotonic()))


@app.timer_trigger(schedule="%HOURLY%", arg_name="timer", use_monitor=True)
def hourly(timer: func.TimerRequest) -> None:
    note("hourly", timer)


@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer", run_on_startup=True)
def yearly_and_at_start(timer: func.TimerRequest) -> None:
    note("yearly_and_at_start", timer)


@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer", use_monitor=False, run_on_startup=True)
def unmonitored(timer: func.TimerRequest) -> None:
    note("unmonitored", timer)


@app.timer_trigger(schedule="* * * * * *", arg_name="timer")
def every_second(timer: func.TimerRequest) -> None:
    note("every_second", timer)
    time.sleep(1.2)


@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer", run_on_startup=True)
def patient(timer: func.TimerRequest) -> None:
    note("patient", timer)
    GATE.wait(30)
