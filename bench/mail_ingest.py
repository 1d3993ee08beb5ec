"""Reads 200 mails and marks them as read: the gateway, compared with python-o365 on the same twin.

20 % of the mails have a file of 100 KB, 2 % one of 3 MB. Of the others, two thirds have a text and its HTML, as most
mail programs write: only the list of attachments shows that they have no files. The gateway polls, stores every mail
and file in the storage emulator, and marks as read with its next poll, whose delta query shows these changes as well.
Nothing is delivered.
python-o365 lists mails, saves files to disk and marks as read. It stores no mail and no state; its pause of 200 ms
between two requests is switched off. Both have a token and have done one run before. CPU is that of the measured
process only.
"""

import math
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.harness import ROOT, Driver, World, run_driver, run_gateway, run_storage, run_twin
from devkit.foreign import O365, find_python
from devkit.installing import InstallError
from twin.seeds import sample

PAGE, BATCH = 50, 20
_TEXT = "The second screen stays dark since the update of this morning. What can I do about it?\r\n"
_EMPTY = "empty@contoso.com"
_SECRET = secrets.token_urlsafe()  # only the twin's process knows the secrets of its seed
_GATEWAY, _BARE, _FOREIGN = "gateway", "gateway, no storage", "python-o365"


@dataclass(frozen=True)
class Plan:
    """How many mails, rounds and latencies to measure."""

    mails: int = 200
    latencies: tuple[float, ...] = (0.0, 0.03)
    rounds: int = 3
    counts: tuple[int, ...] = (100, 1000)
    with_foreign: bool = True


@dataclass
class Figures:
    """Time and memory of one way of reading, for each round, and the calls of the last round."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)
    added: list[float] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    def note(self, answer: dict[str, Any], process: Driver) -> None:
        """Record what a command took."""
        self.wall.append(answer["wall"])
        self.cpu.append(answer["cpu"])
        self.peak.append(process.memory.peak)
        self.added.append(process.memory.added)


def run(plan: Plan | None = None) -> None:
    """Measure and print."""
    plan = plan or Plan()
    python = _find_foreign() if plan.with_foreign else None
    with run_twin() as world, run_storage() as account:
        world.add_mailbox(_EMPTY, [])
        secret = {"value": _SECRET, "name": "python-o365"}
        world.control("POST", f"/entra/apps/{sample.CLIENT_ID}/secrets", secret)
        for latency in plan.latencies:
            _compare(plan, world, account, latency, python)
        world.control("POST", "/latency", {"seconds": 0})
        print(
            f"  requests for N mails, A that may have files, in D pages of {PAGE};"
            f" formula D + A/{BATCH} + N/{BATCH} rounded up"
        )
        for number in plan.counts:
            _count(world, account, number)
    print()


def make_mails(number: int) -> Iterator[dict[str, Any]]:
    """Yield mails in the form that the twin's control path takes."""
    for index in range(number):
        is_small, is_large = index % 5 == 1, index % 50 == 3  # noqa: PLR2004 - 20 % and 2 %
        size = 100_000 if is_small else 3_000_000
        yield {
            "subject": f"Screen {index:05} stays dark",
            "from": f"Adele Vance <adele{index}@contoso.com>",
            "html": f"<html><body><p>{_TEXT * 5}</p><p>{index}</p></body></html>",
            "attachments": [{"name": f"screen {index}.bin", "size": size}] if is_small or is_large else [],
            **({"text": _TEXT * 5} if index % 3 else {}),
        }


def _compare(plan: Plan, world: World, account: str, latency: float, python: Path | None) -> None:
    ways = [_GATEWAY, _BARE, *([_FOREIGN] if python else [])]
    figures = {way: Figures() for way in ways}
    for number in range(plan.rounds):
        for place, way in enumerate(ways):
            name = f"m{plan.latencies.index(latency)}-{number}-{place}"
            address = f"{name}@contoso.com"
            world.control("POST", "/latency", {"seconds": 0})
            world.add_mailbox(address, list(make_mails(plan.mails)))
            world.control("POST", "/latency", {"seconds": latency})
            if way == _FOREIGN and python:
                _measure_foreign(figures[way], world, python, address)
            else:
                with _open_gateway(world, account, name, in_memory=way == _BARE) as process:
                    _measure_gateway(figures[way], world, process, name)
    _print(plan, figures, latency)


@contextmanager
def _open_gateway(world: World, account: str, name: str, *, in_memory: bool = False) -> Iterator[Driver]:
    mailboxes: list[dict[str, Any]] = [
        {"name": "empty", "address": _EMPTY},
        {"name": name, "address": f"{name}@contoso.com", "write_back": {"read": True}, "page_size": PAGE},
    ]
    with run_gateway(world, account, mailboxes, *(["--in-memory"] if in_memory else [])) as process:
        process.ask("poll", "empty")
        yield process


def _measure_gateway(figures: Figures, world: World, process: Driver, name: str) -> None:
    both = Figures()
    figures.calls.clear()
    for prefix in ("", "echo "):
        world.forget_calls()
        answer = process.ask("poll", name)
        if answer["result"] != "done":
            raise RuntimeError(f"the poll ended as {answer['result']}")
        both.note(answer, process)
        calls = world.calls()
        calls[f"{prefix}delta"] = calls.pop("delta")
        figures.calls += calls
        process.ask("skip", name)
    figures.wall.append(sum(both.wall))
    figures.cpu.append(sum(both.cpu))
    figures.peak.append(max(both.peak))
    figures.added.append(max(both.peak) - (both.peak[0] - both.added[0]))


def _measure_foreign(figures: Figures, world: World, python: Path, address: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), str(ROOT / "bench" / "o365_driver.py"), sample.TENANT_ID, sample.CLIENT_ID, folder]
        with run_driver(command, world.environment | {"FOREIGN_SECRET": _SECRET}) as process:
            process.ask("read", _EMPTY)
            world.forget_calls()
            figures.note(process.ask("read", address), process)
            figures.calls = world.calls()


def _find_foreign() -> Path | None:
    try:
        return find_python(O365)
    except InstallError as error:
        sys.stderr.write(f"without python-o365: {error}\n")
        return None


def _print(plan: Plan, figures: dict[str, Figures], latency: float) -> None:
    base = figures.get(_FOREIGN)
    print(f"{plan.mails} mails, Graph answering after {latency * 1e3:.0f} ms, medians of {plan.rounds} rounds in turns")
    for way, one in figures.items():
        columns = [
            ("HTTP", "{:5.0f}", one.calls["HTTP"], base and base.calls["HTTP"]),
            ("billed", "{:4.0f}", one.calls["billed"], base and base.calls["billed"]),
            ("wall", "{:6.2f} s", median(one.wall), base and median(base.wall)),
            ("CPU", "{:5.2f} s", median(one.cpu), base and median(base.cpu)),
            ("peak", "{:4.0f} MiB", median(one.peak), base and median(base.peak)),
        ]
        cells = [
            f"{title} {form.format(value)}" + (f" ({value / against:.2f} x)" if against else "")
            for title, form, value, against in columns
        ]
        print(f"  {way:19} {'  '.join(cells)}, {median(one.added):.0f} over idle")
    for way, one in figures.items():
        kinds = {kind: count for kind, count in one.calls.items() if kind not in ("HTTP", "billed")}
        print(f"  {way:19} {', '.join(f'{count} {kind}' for kind, count in kinds.items())}")


def _count(world: World, account: str, number: int) -> None:
    name, figures = f"count-{number}", Figures()
    mails = list(make_mails(number))
    world.add_mailbox(f"{name}@contoso.com", mails)
    with _open_gateway(world, account, name) as process:
        _measure_gateway(figures, world, process, name)
    calls = figures.calls
    asked = sum(1 for mail in mails if mail["attachments"] or "text" in mail)
    formula = math.ceil(number / PAGE) + math.ceil(asked / BATCH) + math.ceil(number / BATCH)
    print(
        f"  N={number}, A={asked}: formula {formula} HTTP, seen {calls['HTTP'] - calls['echo delta']} "
        f"and {calls['echo delta']} for the echo of marking as read; billed {calls['billed']}; "
        f"wall {figures.wall[0]:.1f} s, CPU {figures.cpu[0]:.1f} s"
    )
