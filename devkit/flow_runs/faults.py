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
    """After `spared` calls of a step, or of any step of a connector, the next `times` fail."""

    step: str
    kind: Kind
    times: int = ALWAYS
    spared: int = 0
    connector: str = ""
    calls: int = 0
    struck: list[str] = field(default_factory=list)  # the steps whose calls failed

    def strikes(self, step: str, connector: str) -> bool:
        """Say whether this call fails."""
        if step != self.step and (not self.connector or connector != self.connector):
            return False
        self.calls += 1
        if not self.spared < self.calls <= self.spared + self.times:
            return False
        self.struck.append(step)
        return True


@dataclass
class FaultyHost:
    """Connections of which some calls fail. `called`: step and connector of each call."""

    connections: Connections
    fault: Fault | None = None
    called: list[tuple[str, str]] = field(default_factory=list)

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
        self.called.append((step, connector))
        fault = self.fault
        if fault is None or not fault.strikes(step, connector):
            return act()
        if fault.kind is Kind.REFUSED:
            return self.connections.refuse(connector, HTTPStatus.FORBIDDEN, REFUSED)
        if fault.kind is Kind.UNAVAILABLE:
            return break_at_the_gateway(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE)
        if fault.kind is Kind.LOST:
            act()
        return break_at_the_gateway(HTTPStatus.BAD_GATEWAY, CUT, CUT_AFTER) if connector == GATEWAY else time_out()
