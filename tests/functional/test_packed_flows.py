"""A flow does the same as a solution, a package and Logic Apps hold it: run in each form against the app."""

from dataclasses import replace
from typing import Any

import pytest

from devkit.flow_runs.failure_table import Case, Judge
from devkit.flow_runs.world import SETTINGS, FlowWorld
from devkit.flows.connectors import GATEWAY, load_connectors
from devkit.flows.legacy import KEY_PLACEHOLDER, SETTINGS_STEP, settle_flow
from devkit.flows.logic_apps import build_workflow
from devkit.flows.names import make_identity
from devkit.flows.rewriting import rewrite_texts
from devkit.flows.solution import bind_flow
from devkit.flows.sources import FLOWS, Flow
from tests.functional.conftest import Gateway
from tests.functional.flow_scenarios import Scenarios

pytestmark = pytest.mark.usefixtures("rows_in_memory")

NAMES = sorted(path.stem for path in FLOWS.glob("*.json"))


def as_in_a_solution(case: Case) -> Case:
    """The flow with environment variables; its key is in Dataverse."""
    flow = Flow(case.flow.name, bind_flow(case.flow, make_identity("Graph Gateway", GATEWAY)))

    def open_world() -> FlowWorld:
        world = case.open_world()
        world.dataverse.secrets["ggw_GatewayKey"] = str(case.settings.get("GatewayKey"))
        return world

    return replace(case, flow=flow, open_world=open_world)


def as_in_a_package(case: Case) -> Case:
    """The flow without parameters, filled in by hand as the page of the sample flows says."""
    definition = settle_flow(case.flow)
    chosen = {**SETTINGS, **case.settings}
    if (step := definition["actions"].get(SETTINGS_STEP)) is not None:
        step["inputs"] = {name: chosen[name] for name in step["inputs"]}
    key = str(case.settings.get("GatewayKey"))
    definition = rewrite_texts(definition, lambda text: key if text == KEY_PLACEHOLDER else text)
    properties: dict[str, Any] = {"connectionReferences": case.flow.references, "definition": definition}
    return replace(case, flow=Flow(case.flow.name, {"properties": properties}))


def as_in_logic_apps(case: Case) -> Case:
    """The workflow, whose steps are requests."""
    definition = build_workflow(case.flow, load_connectors())["definition"]
    properties: dict[str, Any] = {"connectionReferences": case.flow.references, "definition": definition}
    return replace(case, flow=Flow(case.flow.name, {"properties": properties}))


@pytest.mark.slow(reason="makes each sample flow's event happen and runs it in four forms")
@pytest.mark.parametrize("name", NAMES)
def test_a_packed_flow_does_what_its_source_does(gateway_process: Gateway, name: str) -> None:
    for case in Scenarios(gateway_process).cases(name):
        source = Judge(case)
        for packed in (as_in_a_solution(case), as_in_a_package(case), as_in_logic_apps(case)):
            done = Judge(packed)
            assert done.wanted == source.wanted, case.name
            assert (done.good.runs[0].response is None) == (source.good.runs[0].response is None)
