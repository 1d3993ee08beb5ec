"""CPU for finding free slots of a busy business, compared with only reading the same data from Graph.

The business has 20 staff members and 2,000 appointments in the requested month. Graph sends them in pages of 50, so
most of the work is reading some forty answers; the direct caller reads them with `requests` and ignores them. Both run
in one process, with a token, take turns and have done one run before; the twin is another process.
"""

import sys
from dataclasses import dataclass
from statistics import median

from bench.harness import Driver, run_driver, run_twin
from twin.seeds import bulk

GOAL = 0.150
_WAYS = {"gateway": "gateway, function", "direct": "direct, requests"}
_NEEDS_STORAGE = ("MAILBOXES", "SINKS", "BOOKINGS_WRITES")


@dataclass(frozen=True)
class Plan:
    """How many rounds, and for how many days."""

    rounds: int = 25
    days: int = 31


def run(plan: Plan | None = None) -> None:
    """Measure and print."""
    plan = plan or Plan()
    with run_twin(seed="busy-business") as world:
        kept = {name: value for name, value in world.settings.items() if name not in _NEEDS_STORAGE}
        settings = kept | {"BOOKINGS_BUSINESSES": bulk.BUSY_BUSINESS}
        command = [sys.executable, "-m", "bench.slots_driver", bulk.BUSY_BUSINESS, str(plan.days)]
        with run_driver(command, world.environment | settings) as measured:
            results, calls = {}, {}
            for way in _WAYS:
                measured.ask(way)  # opens connections, loads what is needed, remembers names
                world.forget_calls()
                results[way] = measured.ask(way)["result"]
                calls[way] = world.calls()["HTTP"]
            cpu = _measure(measured, plan.rounds)
    print(
        f"free slots of {plan.days} days, {results['gateway']['staff']} staff, "
        f"{results['direct']} appointments, {plan.rounds} rounds in turns"
    )
    base = median(cpu["direct"])
    for way, name in _WAYS.items():
        print(
            f"  {name:18} CPU median {median(cpu[way]) * 1e3:6.1f} ms ({median(cpu[way]) / base:.2f} x)"
            f"   min {min(cpu[way]) * 1e3:6.1f} ms   {calls[way]} requests to Graph"
        )
    print(
        f"  the answer: {results['gateway']['slots']} slots, {results['gateway']['bytes'] / 1e6:.1f} MB"
        f" (goal: at most {GOAL * 1e3:.0f} ms of CPU)\n"
    )


def _measure(measured: Driver, rounds: int) -> dict[str, list[float]]:
    cpu: dict[str, list[float]] = {way: [] for way in _WAYS}
    for _ in range(rounds):
        for way, found in cpu.items():
            found.append(measured.ask(way)["cpu"])
    return cpu
