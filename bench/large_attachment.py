"""The memory that one attachment of 150 MB takes, seen from outside the process. Goal: at most 64 MiB above idle.

The mail is polled into the storage emulator and the file read back in chunks. One of 20 MB goes on to the service desk,
whose API takes files as Base64 in JSON. Last, the most that comes in one answer: twenty mails whose files together stay
below the bound of a batch, with names that make Python keep their JSON in four bytes for each character.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.stage import Driver, World, gateway, simulator, storage
from twin.seeds.service_desks import OPEN_TICKET_REQUESTOR

GOAL = 64
_CROWD = 20


@dataclass(frozen=True)
class Plan:
    """How large the files are, in bytes: one for storage, one for the desk, and what a batch brings."""

    large: int = 150_000_000
    delivered: int = 20_000_000
    batch: int = 8_800_000
    rounds: int = 3


def run(plan: Plan | None = None) -> None:
    """Measure and print."""
    plan = plan or Plan()
    found: dict[str, list[tuple[float, float]]] = {}
    with simulator() as world, storage() as account:
        for number in range(plan.rounds):
            _measure_large(plan, _Stand(world, account, f"large-{number}", found))
            _measure_delivered(plan, _Stand(world, account, f"delivered-{number}", found))
            _measure_batch(plan, _Stand(world, account, f"batch-{number}", found))
    print(f"peak memory above idle in MiB (idle in brackets), each time a new process; goal: at most {GOAL}")
    for what, figures in found.items():
        print(f"  {what:44} " + "  ".join(f"{added:5.1f} ({idle:.0f})" for added, idle in figures))
    print()


class _Stand:
    """One new process with a mailbox to measure, and where its figures are noted."""

    def __init__(self, world: World, account: str, name: str, found: dict[str, list[tuple[float, float]]]) -> None:
        self._world = world
        self._account = account
        self.name = name
        self._found = found

    @contextmanager
    def process(self, mails: Sequence[dict[str, Any]]) -> Iterator[Driver]:
        """Run it with these mails; it has polled, delivered and read a small one before."""
        small = f"{self.name}-small"
        self._world.add_mailbox(f"{self.name}@contoso.com", mails)
        self._world.add_mailbox(f"{small}@contoso.com", [_make_mail("small.bin", 10_000)])
        boxes = [{"name": name, "address": f"{name}@contoso.com", "attachment_mb": 150} for name in (self.name, small)]
        with gateway(self._world, self._account, boxes) as process:
            for command in ("poll", "deliver", "read"):
                process.ask(command, small)
            yield process

    def note(self, what: str, process: Driver, command: str) -> Any:
        """Let it do something and note what that took; returns what came of it."""
        answer = process.ask(command, self.name)
        self._found.setdefault(what, []).append((process.memory.added, process.memory.idle))
        return answer["result"]


def _measure_large(plan: Plan, stand: _Stand) -> None:
    with stand.process([_make_mail("large.bin", plan.large)]) as process:
        stand.note(f"poll, a file of {plan.large / 1e6:g} MB", process, "poll")
        _check(stand.note("the same file read back from storage", process, "read"), [plan.large])


def _measure_delivered(plan: Plan, stand: _Stand) -> None:
    with stand.process([_make_mail("delivered.bin", plan.delivered)]) as process:
        stand.note(f"poll, a file of {plan.delivered / 1e6:g} MB", process, "poll")
        done = stand.note("the same file delivered to the desk", process, "deliver")
        if done != ["delivered"]:
            raise RuntimeError(f"the delivery ended as {done}")


def _measure_batch(plan: Plan, stand: _Stand) -> None:
    size = plan.batch // _CROWD
    mails = [_make_mail(f"\N{PRINTER} {index}.bin", size) for index in range(_CROWD)]
    with stand.process(mails) as process:
        stand.note(f"poll, {_CROWD} files of {plan.batch / 1e6:g} MB together", process, "poll")
        _check(process.ask("read", stand.name)["result"], [size] * _CROWD)


def _check(read: list[tuple[int, str, str]], sizes: list[int]) -> None:
    if [one[0] for one in read] != sizes or any(digest != noted for _, digest, noted in read):
        raise RuntimeError("what was read back is not what was sent")


def _make_mail(name: str, size: int) -> dict[str, Any]:
    return {
        "subject": f"A file of {size} bytes",
        "from": f"Alex Wilber <{OPEN_TICKET_REQUESTOR}>",
        "text": "See the file.",
        "attachments": [{"name": name, "size": size}],
    }
