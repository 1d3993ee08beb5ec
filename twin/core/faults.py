"""Faults as data: what goes wrong, where, how often."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, get_args

from twin.core.wire import Body, Call, Json

type When = Literal["before", "after"]
CONNECT = "CONNECT"


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer with this status instead. Without a body the api's own error shape is sent; body="" sends none."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = None


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait, then go on as if nothing had happened."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Drop:
    """Abort the connection without an answer. Fired after the handler: the work is done, the answer is lost."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Promise the whole body in Content-Length, send this share of it (0 to 1), then close."""

    share: float = 0.5


@dataclass(frozen=True, slots=True)
class Garble:
    """Answer 200 with text that is not JSON, as a captive portal or a broken gateway does."""

    text: str = "<html><body>Service is being updated</body></html>"


@dataclass(frozen=True, slots=True)
class Hang:
    """Never answer; keep the connection open until the client gives up."""


type Action = Answer | Delay | Drop | Cut | Garble | Hang
_KINDS: dict[str, type[Any]] = {kind.__name__.lower(): kind for kind in (Answer, Delay, Drop, Cut, Garble, Hang)}


@dataclass(kw_only=True)
class Fault:
    """One fault. Every condition that is set must hold.

    api, host  key of the api; host name
    method      HTTP method; "CONNECT" makes the fault strike when the proxy is asked for the host
    path        regular expression searched in the decoded path, without the query
    times       how often it fires; None for always
    seconds     how long it stays, from the moment it was added; None for ever
    when        "before" or "after" the handler did its work
    """

    action: Action
    api: str | None = None
    host: str | None = None
    method: str | None = None
    path: str | None = None
    times: int | None = 1
    seconds: float | None = None
    when: When = "before"
    id: int = 0
    fired: int = 0
    added: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        try:
            re.compile(self.path or "")
        except re.PatternError as error:
            raise ValueError(f"path is no regular expression: {error}") from error
        if isinstance(self.action, Cut) and self.when != "after":
            raise ValueError("a body can only be cut after the handler made one: when='after'")
        if self.when not in get_args(When.__value__):
            raise ValueError(f"when is 'before' or 'after', not {self.when!r}")

    @property
    def is_spent(self) -> bool:
        """Whether it will never fire again."""
        used_up = self.times is not None and self.fired >= self.times
        return used_up or (self.seconds is not None and time.monotonic() > self.added + self.seconds)

    def strikes(self, *, api: str, host: str, method: str, path: str, when: When) -> bool:
        """Whether it applies to this moment of this exchange."""
        if self.is_spent or self.when != when or (method == CONNECT) != (self.method == CONNECT):
            return False
        return (
            self.api in (None, api)
            and self.host in (None, host)
            and self.method in (None, method)
            and (self.path is None or re.search(self.path, path) is not None)
        )

    def to_json(self) -> Json:
        """Return the shape that `POST /_control/faults` takes, with id and count of firings."""
        action = {"kind": type(self.action).__name__.lower()}
        action |= {name: getattr(self.action, name) for name in self.action.__dataclass_fields__}
        conditions = ("id", "api", "host", "method", "path", "times", "seconds", "when", "fired")
        return {name: getattr(self, name) for name in conditions} | {"action": action}


def fault_from_json(data: Json) -> Fault:
    """Read a fault, e.g. {"api": "bookings", "times": 1, "when": "after", "action": {"kind": "drop"}}.

    ValueError or TypeError says what is wrong with it.
    """
    wish = dict(data)
    action = dict(wish.pop("action", {}))
    kind = action.pop("kind", None)
    if kind not in _KINDS:
        raise ValueError(f"action.kind is one of {', '.join(sorted(_KINDS))}, not {kind!r}")
    for private in ("id", "fired", "added"):
        wish.pop(private, None)
    return Fault(action=_KINDS[kind](**action), **wish)


class Faults:
    """The faults in force, oldest first. At most one fires at each moment of an exchange."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._ids = count(1)

    def add(self, action: Action, **conditions: Any) -> Fault:
        """Put a fault in force: `faults.add(Answer(503), api="bookings", method="POST", times=2)`."""
        return self.put(Fault(action=action, **conditions))

    def put(self, fault: Fault) -> Fault:
        """Put a ready-made fault in force."""
        fault.id = next(self._ids)
        self._faults.append(fault)
        return fault

    def strike(self, call: Call, when: When) -> Fault | None:
        """Find the fault for this moment and count its firing."""
        return self.take(api=call.api, host=call.host, method=call.method, path=call.path, when=when)

    def take(self, *, api: str, host: str, method: str, path: str, when: When = "before") -> Fault | None:
        """As strike, for moments that have no call yet."""
        for fault in tuple(self._faults):
            if fault.strikes(api=api, host=host, method=method, path=path, when=when):
                fault.fired += 1
                return fault
        return None

    def all(self) -> list[Fault]:
        """Every fault that was added and not removed."""
        return list(self._faults)

    def unfired(self) -> list[Fault]:
        """Faults with a count that have not fired that often: a test that ends with one tested nothing."""
        return [fault for fault in self.all() if fault.times is not None and fault.fired < fault.times]

    def remove(self, fault_id: int) -> bool:
        """Withdraw one fault; False when there is none of this id."""
        kept = [fault for fault in self._faults if fault.id != fault_id]
        found = len(kept) < len(self._faults)
        self._faults = kept
        return found

    def clear(self) -> None:
        """Withdraw all faults."""
        self._faults = []
