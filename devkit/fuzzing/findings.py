"""The result of a run: counted answers, failures with requests that reproduce them, and their description."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

# An operation that was called so often must have succeeded once; otherwise only its validation was tested.
ENOUGH = 25
_KINDS_SHOWN = 20
_CODES_SHOWN = 12


@dataclass
class Failure:
    """One kind of failure: where, what, how often, and its first case. `log` is what the app wrote about that one."""

    operation: str
    check: str
    message: str
    curl: str
    answer: str
    request_id: str
    log: list[str] = field(default_factory=list)
    count: int = 1


@dataclass
class Findings:
    """The figures of a run. `read` takes the driver's lines, one by one."""

    seed: int
    seconds: float = 0.0
    reads: int = 0
    against_definition: int = 0
    by_operation: dict[str, Counter[int]] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    failures: dict[tuple[str, str, str], Failure] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return sum(sum(statuses.values()) for statuses in self.by_operation.values())

    @property
    def statuses(self) -> Counter[int]:
        """Every status with its number; 0 stands for no answer."""
        total: Counter[int] = Counter()
        for statuses in self.by_operation.values():
            total.update(statuses)
        return total

    @property
    def without_success(self) -> list[str]:
        """Operations that were asked often enough and never answered 2xx."""
        return sorted(
            operation
            for operation, statuses in self.by_operation.items()
            if sum(statuses.values()) >= ENOUGH and not any(_is_success(status) for status in statuses)
        )

    @property
    def is_good(self) -> bool:
        """Whether every answer was as described, and every operation was seen from inside."""
        return not (self.failures or self.troubles or self.without_success)

    def read(self, line: dict[str, Any]) -> None:
        """Count one line of the driver."""
        match line["kind"]:
            case "answer":
                self.by_operation.setdefault(line["operation"], Counter())[line["status"]] += 1
                if line["code"]:
                    self.codes[line["code"]] += 1
                self.against_definition += not line["meant"]
            case "reads":
                self.reads += line["calls"]
            case "failure":
                self._read_failure(line)
            case _:
                self.add_trouble(line["text"])

    def add_trouble(self, text: str) -> None:
        """Add what went wrong beside the answers, once."""
        if text not in self.troubles:
            self.troubles.append(text)

    def _read_failure(self, line: dict[str, Any]) -> None:
        kind = (line["operation"], line["check"], str(line["status"]))
        if kind in self.failures:
            self.failures[kind].count += 1
            return
        texts = {name: line[name] for name in ("operation", "check", "message", "curl", "answer")}
        self.failures[kind] = Failure(**texts, request_id=line["requestId"])

    def describe(self) -> str:
        """Return the figures as lines."""
        head = (
            f"{self.requests:,} requests in {self.seconds:.0f} s (seed {self.seed}), {self.against_definition:,} of "
            f"them against the definition on purpose; {self.reads:,} more to read values"
        )
        return "\n".join(
            [
                head,
                f"  answers: {_describe(self.statuses)}",
                f"  errors: {', '.join(f'{code} x {count:,}' for code, count in self.codes.most_common(_CODES_SHOWN))}",
                *(
                    f"  {operation:28} {sum(statuses.values()):6,}: {_describe(statuses)}"
                    for operation, statuses in sorted(self.by_operation.items())
                ),
                *(f"never succeeded: {operation}" for operation in self.without_success),
                *(f"trouble: {text}" for text in self.troubles[:_KINDS_SHOWN]),
                *(_describe_failure(each) for each in list(self.failures.values())[:_KINDS_SHOWN]),
                self._sum_up(),
            ]
        )

    def _sum_up(self) -> str:
        if self.is_good:
            return "Every answer was as described."
        failed = sum(each.count for each in self.failures.values())
        return (
            f"{failed:,} failures of {len(self.failures)} kinds, {len(self.troubles)} troubles, "
            f"{len(self.without_success)} operations without success."
        )


def _is_success(status: int) -> bool:
    return status // 100 == 2  # noqa: PLR2004 - 2xx


def _describe(statuses: Counter[int]) -> str:
    return ", ".join(f"{status or 'none'} x {count:,}" for status, count in sorted(statuses.items()))


def _describe_failure(failure: Failure) -> str:
    lines = [f"{failure.operation}, {failure.check}, {failure.count} times: {failure.message}", failure.curl]
    lines += [f"answered: {failure.answer}", *failure.log]
    return "\n    ".join(line for line in lines if line)
