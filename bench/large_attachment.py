"""Memory for one attachment of 150 MB, measured from outside the process. Goal: at most 64 MiB above idle.

The mail is polled into the storage emulator, and the file is read back in chunks. A file of 20 MB is delivered to the
service desk, whose API takes files as Base64 in JSON. Last comes the largest possible batch: twenty mails whose files
together stay below the limit, with names that make Python store their JSON with four bytes for each character.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.harness import Driver, World, run_gateway, run_storage, run_twin
from twin.seeds.service_desks import OPEN_TICKET_REQUESTOR

GOAL = 64
_MAILS_IN_BATCH = 20


@dataclass(frozen=True)
class Plan:
    """Sizes in bytes: the file for storage, the file for the service desk, and the files of a batch together."""

    large: int = 150_000_000
    delivered: int = 20_000_000
    batch: int = 8_800_000
    rounds: int = 3


def run(plan: Plan | None = None) -> None:
    """Measure and print."""
    plan = plan or Plan()
    found: dict[str, list[tuple[float, float]]] = {}
    with run_twin() as world, run_storage() as account:
        for number in range(plan.rounds):
            _measure_large(plan, _Measurement(world, account, f"large-{number}", found))
            _measure_delivered(plan, _Measurement(world, account, f"delivered-{number}", found))
            _measure_batch(plan, _Measurement(world, account, f"batch-{number}", found))
    print(f"peak memory above idle in MiB (idle in brackets), each time a new process; goal: at most {GOAL}")
    for what, figures in found.items():
        print(f"  {what:44} " + "  ".join(f"{added:5.1f} ({idle:.0f})" for added, idle in figures))
    print()


class _Measurement:
    """Measures one new process with one mailbox."""

    def __init__(self, world: World, account: str, name: str, found: dict[str, list[tuple[float, float]]]) -> None:
        self._world = world
        self._account = account
        self.name = name
        self._found = found

    @contextmanager
    def process(self, mails: Sequence[dict[str, Any]]) -> Iterator[Driver]:
        """Run the process with these mails, after it has polled, delivered and read a small one."""
        small = f"{self.name}-small"
        self._world.add_mailbox(f"{self.name}@contoso.com", mails)
        self._world.add_mailbox(f"{small}@contoso.com", [_make_mail("small.bin", 10_000)])
        boxes = [{"name": name, "address": f"{name}@contoso.com", "attachment_mb": 150} for name in (self.name, small)]
        with run_gateway(self._world, self._account, boxes) as process:
            for command in ("poll", "deliver", "read"):
                process.ask(command, small)
            yield process

    def note(self, what: str, process: Driver, command: str) -> Any:
        """Run a command, record the memory it took, and return its result."""
        answer = process.ask(command, self.name)
        self._found.setdefault(what, []).append((process.memory.added, process.memory.idle))
        return answer["result"]


def _measure_large(plan: Plan, measurement: _Measurement) -> None:
    with measurement.process([_make_mail("large.bin", plan.large)]) as process:
        measurement.note(f"poll, a file of {plan.large / 1e6:g} MB", process, "poll")
        _check(measurement.note("the same file read back from storage", process, "read"), [plan.large])


def _measure_delivered(plan: Plan, measurement: _Measurement) -> None:
    with measurement.process([_make_mail("delivered.bin", plan.delivered)]) as process:
        measurement.note(f"poll, a file of {plan.delivered / 1e6:g} MB", process, "poll")
        done = measurement.note("the same file delivered to the service desk", process, "deliver")
        if done != ["delivered"]:
            raise RuntimeError(f"the delivery ended as {done}")


def _measure_batch(plan: Plan, measurement: _Measurement) -> None:
    size = plan.batch // _MAILS_IN_BATCH
    mails = [_make_mail(f"\N{PRINTER} {index}.bin", size) for index in range(_MAILS_IN_BATCH)]
    with measurement.process(mails) as process:
        measurement.note(f"poll, {_MAILS_IN_BATCH} files of {plan.batch / 1e6:g} MB together", process, "poll")
        _check(process.ask("read", measurement.name)["result"], [size] * _MAILS_IN_BATCH)


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
