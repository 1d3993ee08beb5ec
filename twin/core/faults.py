"""Faults as data: what goes wrong, on which requests, and how often."""

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
    """Answer with this status instead. Without a body the API's own error body is sent; body="" sends none."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = None


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait, then handle the request as usual."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Drop:
    """Abort the connection without an answer. After the handler: the work is done, its answer is lost."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Announce the whole body in Content-Length, send this share of it (0 to 1), then close the connection."""

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
    """One fault. It fires when every condition that is set holds.

    api, host  key of the API; host name
    method      HTTP method; "CONNECT" makes the fault fire when a client asks the proxy for the host
    path        regular expression searched in the decoded path, without the query
    body        regular expression searched in the request's body, as a web application firewall does
    times       how often it fires; None for always
    seconds     how long it is active after it was added; None for no end
    when        "before" or "after" the handler did its work
    """

    action: Action
    api: str | None = None
    host: str | None = None
    method: str | None = None
    path: str | None = None
    body: str | None = None
    times: int | None = 1
    seconds: float | None = None
    when: When = "before"
    id: int = 0
    fired: int = 0
    added: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        for name in ("path", "body"):
            try:
                re.compile(getattr(self, name) or "")
            except re.PatternError as error:
                raise ValueError(f"{name} is no regular expression: {error}") from error
        if isinstance(self.action, Cut) and self.when != "after":
            raise ValueError("a body can only be cut after the handler made one: when='after'")
        if self.when not in get_args(When.__value__):
            raise ValueError(f"when is 'before' or 'after', not {self.when!r}")

    @property
    def is_spent(self) -> bool:
        """Whether it will never fire again."""
        used_up = self.times is not None and self.fired >= self.times
        return used_up or (self.seconds is not None and time.monotonic() > self.added + self.seconds)

    def strikes(self, *, api: str, host: str, method: str, path: str, when: When, body: bytes = b"") -> bool:
        """Return whether it applies to this exchange at this moment."""
        if self.is_spent or self.when != when or (method == CONNECT) != (self.method == CONNECT):
            return False
        return (
            self.api in (None, api)
            and self.host in (None, host)
            and self.method in (None, method)
            and (self.path is None or re.search(self.path, path) is not None)
            and (self.body is None or re.search(self.body, body.decode("utf-8", "replace")) is not None)
        )

    def to_json(self) -> Json:
        """Return the shape that `POST /_control/faults` takes, with id and count of firings."""
        action = {"kind": type(self.action).__name__.lower()}
        action |= {name: getattr(self.action, name) for name in self.action.__dataclass_fields__}
        conditions = ("id", "api", "host", "method", "path", "body", "times", "seconds", "when", "fired")
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
    """The active faults, oldest first. At most one fires before and one after the handler of an exchange."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._ids = count(1)

    def add(self, action: Action, **conditions: Any) -> Fault:
        """Add a fault: `faults.add(Answer(503), api="bookings", method="POST", times=2)`."""
        return self.put(Fault(action=action, **conditions))

    def put(self, fault: Fault) -> Fault:
        """Add a fault that is made already."""
        fault.id = next(self._ids)
        self._faults.append(fault)
        return fault

    def strike(self, call: Call, when: When) -> Fault | None:
        """Return the fault that fires at this moment, and count it."""
        return self.take(api=call.api, host=call.host, method=call.method, path=call.path, when=when, body=call.body)

    def take(
        self, *, api: str, host: str, method: str, path: str, when: When = "before", body: bytes = b""
    ) -> Fault | None:
        """Return the fault that fires before there is a call, and count it."""
        for fault in tuple(self._faults):
            if fault.strikes(api=api, host=host, method=method, path=path, when=when, body=body):
                fault.fired += 1
                return fault
        return None

    def all(self) -> list[Fault]:
        """Every fault that was added and not removed."""
        return list(self._faults)

    def unfired(self) -> list[Fault]:
        """Return faults that have not fired as often as they should: a test that ends with one has not tested it."""
        return [fault for fault in self.all() if fault.times is not None and fault.fired < fault.times]

    def remove(self, fault_id: int) -> bool:
        """Remove a fault; return False when the id is unknown."""
        kept = [fault for fault in self._faults if fault.id != fault_id]
        found = len(kept) < len(self._faults)
        self._faults = kept
        return found

    def clear(self) -> None:
        """Remove all faults."""
        self._faults = []
