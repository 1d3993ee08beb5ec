"""Lost answers of writes: faults that an API adds for the exchange that it is handling.

The core's faults fire by count. A long run needs a share of the writes instead, the same ones every time: the API draws
a random number and adds, through the control path, a fault for the present exchange.
"""

import json
import re
from random import Random
from typing import Literal, get_args

from twin.core.control import PREFIX
from twin.core.wire import LOOPBACK, Call, Json
from twin.easyvista.errors import REJECTED

type How = Literal["commit-then-drop", "commit-then-590"]
type Kind = Literal["create", "update", "task", "action", "document"]

_ACTIONS: dict[str, Json] = {
    "commit-then-drop": {"kind": "drop"},
    "commit-then-590": {"kind": "answer", "status": REJECTED},
}


class Hazard:
    """A share of the writes of some kinds whose answer is lost. `met` counts writes, `struck` lost answers."""

    def __init__(self, *, share: float, how: How, seed: int, on: tuple[Kind, ...]) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"share is between 0 and 1, not {share}")
        if how not in get_args(How.__value__):
            raise ValueError(f"how is one of {', '.join(get_args(How.__value__))}, not {how!r}")
        for kind in on:
            if kind not in get_args(Kind.__value__):
                raise ValueError(f"on names {', '.join(get_args(Kind.__value__))}, not {kind!r}")
        self.share = share
        self.how = how
        self.seed = seed
        self.on = on
        self.met = 0
        self.struck = 0
        self._dice = Random(seed)  # noqa: S311 - a rehearsed accident, not a secret

    def strikes(self, kind: Kind) -> bool:
        """Return whether it hits this write; counts it."""
        if kind not in self.on:
            return False
        self.met += 1
        if self._dice.random() >= self.share:
            return False
        self.struck += 1
        return True

    def to_json(self) -> Json:
        """Describe it as the control path shows it."""
        return {
            "share": self.share,
            "how": self.how,
            "seed": self.seed,
            "on": list(self.on),
            "met": self.met,
            "struck": self.struck,
        }


def settle(call: Call, hazards: tuple[Hazard, ...], kind: Kind) -> None:
    """Let the first hazard that hits this write lose its answer; the write is done."""
    for hazard in hazards:
        if hazard.strikes(kind):
            order_fault(call, _ACTIONS[hazard.how])
            return


def order_fault(call: Call, action: Json) -> None:
    """Add a fault for the answer of this exchange: {"kind": "drop"}, {"kind": "delay", "seconds": 1}.

    Call it in the handler. Nothing else runs between a handler and the faults after it, so no other exchange gets this
    fault, unless an older fault of a test fires for this exchange first.
    """
    if call.ask is None:
        raise ValueError("no front door to ask")
    path = f"{PREFIX}/faults"
    wish = {
        "api": call.api,
        "host": call.host,
        "method": call.method,
        "path": f"^{re.escape(call.path)}$",
        "when": "after",
        "action": action,
    }
    call.ask(Call(LOOPBACK, "POST", path, path, "", {"host": "127.0.0.1"}, json.dumps(wish).encode()))
