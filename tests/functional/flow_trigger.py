"""The trigger of a sample flow, turned on as the platform does it: one that polls, or one that is called back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from composition import services
from composition.subscriptions import open_deliverer
from devkit.flow_engine import Backend
from devkit.flow_engine import Flow as PollingFlow
from devkit.flow_runs.records import Record
from devkit.flow_runs.triggers import begin_runs
from devkit.flows.calls import build_request
from devkit.flows.connectors import GATEWAY, load_connectors
from devkit.flows.sources import Flow
from event_subscriptions.messages import EventRequest
from tests.functional.conftest import Gateway
from tests.functional.subscriptions.instant import open_flow


class FlowTrigger:
    """Runs of a flow begin from what the app tells it. `parameters`: the settings that its maker chose, by name."""

    def __init__(self, gateway: Gateway, flow: Flow, parameters: Mapping[str, Any]) -> None:
        self._flow, self._parameters = flow, dict(parameters)
        inputs = flow.trigger[1]["inputs"]
        given = {name: _choose(value, parameters) for name, value in inputs["parameters"].items()}
        connector = load_connectors()[GATEWAY]
        operation = connector.operations[inputs["host"]["operationId"]]
        self._polling: PollingFlow | None = None
        self._seen = 0
        self._instant = open_flow(gateway, operation.id, **given) if operation.trigger == "single" else None
        if self._instant is not None:
            assert self._instant.turn_on(), self._instant.refusal
            return
        request = build_request(connector, operation, given, lambda value, _: str(value))
        query = {name: value for name, value in request.queries.items() if value is not None}
        backend = Backend(gateway.base_url, gateway.key)
        self._polling = PollingFlow(backend, request.path.strip("/"), query, http=gateway.http)
        assert self._polling.recur() == []

    def begin(self) -> list[Record]:
        """Return the trigger's record of each run that starts now."""
        bodies: list[Any] = []
        if self._polling is not None:
            bodies = [{"value": items}] if (items := self._polling.recur()) else []
        if self._instant is not None:
            _call_back()
            bodies = self._instant.runs[self._seen :]
            self._seen += len(bodies)
        now = datetime.now(UTC)
        return [record for body in bodies for record in begin_runs(self._flow, body, now, self._parameters)]


def _call_back() -> None:
    """Send what waits for every subscription, as the function of the queue does."""
    found = services.services()
    for connection in found.connections:
        names = tuple(one.subscription.id for one in found.stores.subscriptions.list_from(connection, ""))
        if names:
            open_deliverer(found).deliver_all(EventRequest(connection, names))


def _choose(value: Any, parameters: Mapping[str, Any]) -> Any:
    """Return a trigger's input: a setting, or a text."""
    if isinstance(value, str) and value.startswith("@parameters('"):
        return parameters[value.removeprefix("@parameters('").removesuffix("')")]
    assert not str(value).startswith("@"), value
    return value
