"""Flows with instant triggers whose callbacks are in the twin."""

from typing import Any

from devkit.connector.document import build_definition
from devkit.flow_engine import Backend
from devkit.flows.connectors import GATEWAY, Connector
from devkit.instant_flows import InstantFlow
from tests.functional.conftest import Gateway
from twin.simulator import Simulator

_CONNECTOR = Connector(GATEWAY, build_definition())


class TwinCallbacks:
    """The callbacks of flows in the twin."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim

    def open(self, workflow: str, trigger: str, version: str) -> str:
        def add() -> str:
            known = self._sim.webhooks.workflows.get(workflow)
            made = self._sim.webhooks.add_workflow(workflow, f"key-{version}", trigger=trigger, version=version)
            if known is not None:
                made.received, made.runs = known.received, known.runs
            return made.callback

        return self._sim.run(add)

    def set_state(self, workflow: str, state: str) -> None:
        self._sim.webhooks.workflows[workflow].state = state

    def runs(self, workflow: str) -> list[Any]:
        return list(self._sim.webhooks.workflows[workflow].received)


def open_flow(gateway: Gateway, operation: str, **given: Any) -> InstantFlow:
    """Return a flow that is off."""
    backend = Backend(gateway.base_url, gateway.key)
    return InstantFlow(backend, _CONNECTOR, operation, given, TwinCallbacks(gateway.sim), gateway.http)
