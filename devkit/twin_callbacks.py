"""Flows with instant triggers whose callbacks are in the twin."""

from typing import Any

import requests

from devkit.connector.document import build_definition
from devkit.flow_engine import Backend
from devkit.flows.connectors import GATEWAY, Connector
from devkit.instant_flows import InstantFlow
from twin.simulator import Simulator

_CONNECTOR = Connector(GATEWAY, build_definition())


class TwinCallbacks:
    """The callbacks of flows in the twin."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim

    def open(self, workflow: str, trigger: str, version: str) -> str:
        """Let a workflow be in this version; return the address of its callback."""

        def add() -> str:
            known = self._sim.webhooks.workflows.get(workflow)
            made = self._sim.webhooks.add_workflow(workflow, f"key-{version}", trigger=trigger, version=version)
            if known is not None:
                made.received, made.runs = known.received, known.runs
            return made.callback

        return self._sim.run(add)

    def set_state(self, workflow: str, state: str) -> None:
        """Turn a workflow on or off, or delete it."""
        self._sim.webhooks.workflows[workflow].state = state

    def runs(self, workflow: str) -> list[Any]:
        """Return what the trigger of each run brought."""
        return list(self._sim.webhooks.workflows[workflow].received)


def open_flow(
    sim: Simulator, backend: Backend, operation: str, given: dict[str, Any], http: requests.Session
) -> InstantFlow:
    """Return a flow that is off; `given`: what its maker chose, by the names that flows use."""
    return InstantFlow(backend, _CONNECTOR, operation, given, TwinCallbacks(sim), http)
