"""What a question for free slots costs on a busy page: CPU of the app, beside that of only reading the same from Graph.

The page has 20 staff and 2,000 appointments in the month that is asked for. Graph sends them in pages of 50, so most of
the work is reading some forty answers; the direct caller reads them with `requests` and does nothing with them. Both
live in one process, each warm and with a token, and take turns; the simulator is another process.
"""

import sys
from dataclasses import dataclass
from statistics import median

from bench.stage import Driver, driver, simulator
from twin.seeds import bulk

GOAL = 0.150
_WAYS = {"gateway": "gateway, function", "direct": "direct, requests"}
_NEEDS_STORAGE = ("MAILBOXES", "SINKS", "BOOKINGS_WRITES")


@dataclass(frozen=True)
class Plan:
    """How often each is asked, and for how many days."""

    rounds: int = 25
    days: int = 31


def run(plan: Plan | None = None) -> None:
    """Measure and print."""
    plan = plan or Plan()
    with simulator(seed="busy-business") as world:
        kept = {name: value for name, value in world.settings.items() if name not in _NEEDS_STORAGE}
        settings = kept | {"BOOKINGS_BUSINESSES": bulk.BUSY_BUSINESS}
        command = [sys.executable, "-m", "bench.slots_driver", bulk.BUSY_BUSINESS, str(plan.days)]
        with driver(command, world.environment | settings) as measured:
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
