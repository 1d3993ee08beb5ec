"""Let the call of one step fail: refused, unavailable, too late to have had an effect, or done with the answer lost."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus

from devkit.flow_runs.connections import Connections
from devkit.flow_runs.doubles.base import break_at_the_gateway, time_out
from devkit.flow_runs.host import Answer, Call, HttpCall
from devkit.flows.connectors import GATEWAY

REFUSED = "Access is denied for this call: a fault of the test."
UNAVAILABLE = "The service cannot be reached: a fault of the test."
CUT = "The connection was closed: a fault of the test."
CUT_AFTER = 30.0
"""Seconds within which the gateway answers whatever happens; a longer call is one whose connection broke."""
ALWAYS = 1_000_000


class Kind(Enum):
    """What happens to a call."""

    REFUSED = "refused"  # 403 in the connector's own form; nothing was done
    UNAVAILABLE = "unavailable"  # 503; nothing was done
    TIMED_OUT = "timed out"  # no answer in time; nothing was done
    LOST = "lost"  # it was done, and the answer did not come in time


@dataclass
class Fault:
    """The next `times` calls of a step fail."""

    step: str
    kind: Kind
    times: int = ALWAYS
    hits: int = 0


@dataclass
class FaultyHost:
    """Connections of which one step's calls fail. `called`: the step of each call."""

    connections: Connections
    fault: Fault | None = None
    called: list[str] = field(default_factory=list)

    def call(self, call: Call) -> Answer:
        """Call an operation, unless its fault comes first."""
        return self._spoil(call.step, call.connector, lambda: self.connections.call(call))

    def follow(self, call: Call, link: str) -> Answer:
        """Get the next page."""
        return self._spoil(call.step, call.connector, lambda: self.connections.follow(call, link))

    def http(self, call: HttpCall) -> Answer:
        """Send a request, unless its fault comes first."""
        return self._spoil(call.step, "", lambda: self.connections.http(call))

    def _spoil(self, step: str, connector: str, act: Callable[[], Answer]) -> Answer:
        self.called.append(step)
        fault = self.fault
        if fault is None or fault.step != step or fault.hits >= fault.times:
            return act()
        fault.hits += 1
        if fault.kind is Kind.REFUSED:
            return self.connections.refuse(connector, HTTPStatus.FORBIDDEN, REFUSED)
        if fault.kind is Kind.UNAVAILABLE:
            return break_at_the_gateway(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE)
        if fault.kind is Kind.LOST:
            act()
        return break_at_the_gateway(HTTPStatus.BAD_GATEWAY, CUT, CUT_AFTER) if connector == GATEWAY else time_out()
