"""From what a trigger brought to the runs that it starts: split-on, and trigger conditions."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from devkit.flow_runs.failures import TemplateFailure, name_type
from devkit.flow_runs.records import SUCCEEDED, Record
from devkit.flow_runs.values import Scope, evaluate
from devkit.flows.sources import Flow


def begin_runs(flow: Flow, body: Any, now: datetime, parameters: dict[str, Any]) -> list[Record]:
    """Return the trigger's record of each run that starts. Raises TemplateFailure, after which none does."""
    name, trigger = flow.trigger
    scope = Scope(now=now, parameters=parameters, trigger=_describe(name, body))
    bodies = [body]
    if (split_on := trigger.get("splitOn")) is not None:
        bodies = evaluate(split_on, scope)
        if not isinstance(bodies, list):
            raise TemplateFailure(f"split-on needs a value of type 'Array', not '{name_type(bodies)}'.")
    runs = [_describe(name, one) for one in bodies]
    conditions = [condition["expression"] for condition in trigger.get("conditions", ())]
    return [run for run in runs if all(evaluate(one, replace(scope, trigger=run)) is True for one in conditions)]


def _describe(name: str, body: Any) -> Record:
    return {"name": name, "status": SUCCEEDED, "outputs": {"headers": {}, "body": body}}
