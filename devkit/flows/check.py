"""All offline checks of the sample flows: they find faults before an import fails."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from devkit.flows.check_failures import check_failures
from devkit.flows.check_form import check_form
from devkit.flows.check_outcomes import check_outcomes
from devkit.flows.check_reads import check_reads
from devkit.flows.check_repeats import check_repeats
from devkit.flows.check_settings import check_settings
from devkit.flows.check_values import check_values
from devkit.flows.check_world import check_world
from devkit.flows.complaints import Complaint
from devkit.flows.connectors import GATEWAY, Connector
from devkit.flows.names import encode_name
from devkit.flows.sources import Flow
from devkit.flows.topics import TOPICS

# What is asked only of flows that are shipped to strangers.
SHIPPED = frozenset({"asked", "explained", "failure", "known", "named", "picked", "preset", "real", "silent", "twice"})
FORMAT = Path(__file__).with_name("definition.schema.json")
_FLOW_FILE = "#/definitions/flowFile"


def load_format() -> dict[str, Any]:
    """Return the JSON schema of flow files: the part of the workflow definition language that our flows use."""
    schema: dict[str, Any] = json.loads(FORMAT.read_text("utf-8"))
    return schema


def check_flows(
    flows: Iterable[Flow],
    connectors: dict[str, Connector],
    contract: Mapping[str, Any] | None = None,
    *,
    are_shipped: bool = True,
) -> list[Complaint]:
    """Return every complaint about the flows, each alone and all together, sorted.

    `contract` is the JSON schema of flow files; without it their form is held against our own checks only. Flows that
    are somebody's own (not `are_shipped`) may name their tenant and use connectors that we know nothing of.
    """
    flows = list(flows)
    found: list[Complaint] = []
    for flow in flows:
        found += check_form(flow)
        found += check_reads(flow, connectors)
        found += check_settings(flow)
        found += check_world(flow, connectors)
        found += [*check_failures(flow), *check_outcomes(flow), *check_values(flow, connectors)]
        found += check_repeats(flow, connectors)
        if contract is not None:
            found += _check_schema(flow, contract)
    if are_shipped:
        return sorted({*found, *_check_among(flows)})
    return sorted({complaint for complaint in found if complaint.rule not in SHIPPED})


def recognise_gateway(flows: Iterable[Flow], connectors: dict[str, Connector]) -> dict[str, Connector]:
    """Return the connectors; ours also under the names that environments gave it, which exported flows use."""
    own = connectors[GATEWAY]
    title = encode_name(own.title)
    named = {str(each.get("api", {}).get("name")) for flow in flows for each in flow.references.values()}
    return connectors | {name: own for name in named if name.startswith("shared_") and title in name}


def _check_schema(flow: Flow, contract: Mapping[str, Any]) -> Iterator[Complaint]:
    from jsonschema import Draft7Validator  # noqa: PLC0415 - only this check needs it

    validator = Draft7Validator({**contract, "anyOf": [{"$ref": _FLOW_FILE}]})
    for error in validator.iter_errors(flow.document):
        for cause in error.context or [error]:
            place = "/".join(str(part) for part in cause.absolute_path)
            yield Complaint(flow.name, "schema", place or "file", cause.message[:300])


def _check_among(flows: list[Flow]) -> Iterator[Complaint]:
    first: dict[str, tuple[str, tuple[Any, ...]]] = {}
    titles: dict[str, str] = {}
    for flow in flows:
        if (other := titles.setdefault(flow.title.lower(), flow.name)) != flow.name:
            yield Complaint(flow.name, "name", "displayName", f"“{other}” has the same name")
        if flow.topic not in TOPICS:
            yield Complaint(flow.name, "known", "topic", f"“{flow.topic}” is none: say one of {', '.join(TOPICS)}")
        for setting in flow.settings.values():
            meaning = (setting.name, setting.type, setting.default, setting.description, setting.data_source)
            name, known = first.setdefault(setting.schema_name, (flow.name, meaning))
            if known != meaning:
                yield Complaint(flow.name, "setting", setting.name, f"means something else in “{name}”")
