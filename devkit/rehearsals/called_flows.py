"""Flows of a rehearsal that are called back: the app sends them events, and they poll nothing."""

from dataclasses import dataclass, field
from typing import Any

from devkit.flow_engine import Backend, Flow, Poll
from devkit.flows.connectors import GATEWAY, load_connectors
from devkit.instant_flows import InstantFlow
from devkit.rehearsals.events import Trigger
from devkit.twin_callbacks import open_flow
from twin.simulator import Simulator

_PAUSE = 1.0  # seconds of the engine's clock between two looks at what came


@dataclass
class CalledFlow(Flow):
    """A flow with an instant trigger, among those that poll: it is turned on once, and then only looks what came."""

    sim: Simulator | None = None
    operation: str = ""
    called: InstantFlow | None = field(default=None)

    def check(self) -> list[dict[str, Any]]:
        """Turn it on, or return the items that have started runs since the last look."""
        self.next_check = _PAUSE
        if self.called is None:
            assert self.sim is not None  # noqa: S101 - it is given
            self.called = open_flow(self.sim, self.backend, self.operation, dict(self.query), self.http)
            self.called.turn_on()
            self.history.append(Poll(200 if self.called.is_on else self.called.answers[-1]))
            return []
        new = self.called.runs[len(self.runs) :]
        self.runs += new
        return new


def make_flow(trigger: Trigger, backend: Backend, sim: Simulator) -> Flow:
    """Return the flow of a trigger: one that polls, or one that is called back."""
    for operation in load_connectors()[GATEWAY].operations.values():
        if operation.trigger == "single" and operation.path.strip("/") == trigger.path:
            return CalledFlow(backend, trigger.path, trigger.query, sim=sim, operation=operation.id)
    return Flow(backend, trigger.path, trigger.query)
