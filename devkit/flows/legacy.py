"""Build one package for each flow for "Import package (legacy)", for environments without Dataverse.

Such a flow knows no environment variables. What there is to choose stands in one action at its beginning, Settings, and
in the trigger itself; the key is put into the one action that sends it, because only there it can be kept secret.
Form: exports and their builders in public projects; if `resources` lacks a key of the maps, the import fails and names
no cause. A custom connector has another id in each environment: exports name none, and the import lets people choose
(pnp/powerautomate-samples, samples/teams-invites-via-graph-api/sourcecode/manifest.json, resource a39149c1).
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devkit.flows.connectors import GATEWAY, Connector
from devkit.flows.names import PREFIX, Identity, make_guid
from devkit.flows.packing import Files, write_json
from devkit.flows.rewriting import put_first, replace_parameters, rewrite_texts
from devkit.flows.sources import Flow, Json, Setting

SETTINGS_STEP = "Settings"
KEY_PLACEHOLDER = "put the gateway's key here"
_MOMENT = "2026-01-01T00:00:00.0000000Z"
_APIS = "/providers/Microsoft.PowerApps/apis"
_HOME = "Microsoft.Flow/flows"


@dataclass(frozen=True)
class _Ids:
    """Ids of the parts of a package: the flow's folder, each connector and each connection."""

    flow: str
    apis: Mapping[str, str]
    connections: Mapping[str, str]


def build_legacy_package(flow: Flow, connectors: dict[str, Connector], identity: Identity) -> Files:
    """Return the files of a flow's package."""
    ids = _Ids(
        make_guid("package", flow.name),
        {key: make_guid("api", flow.name, key) for key in flow.references},
        {key: make_guid("connection", flow.name, key) for key in flow.references},
    )
    return {
        "manifest.json": write_json(_write_manifest(flow, connectors, identity, ids)),
        f"{_HOME}/manifest.json": write_json(
            {"packageSchemaVersion": "1.0", "flowAssets": {"assetPaths": [ids.flow]}}
        ),
        f"{_HOME}/{ids.flow}/definition.json": write_json(_write_definition(flow, identity)),
        f"{_HOME}/{ids.flow}/apisMap.json": write_json(ids.apis),
        f"{_HOME}/{ids.flow}/connectionsMap.json": write_json(ids.connections),
    }  # fmt: skip


def settle_flow(flow: Flow) -> Json:
    """Return the definition of a flow without parameters: its settings stand in an action, or where they are used."""
    definition = copy.deepcopy(flow.definition)
    settings = flow.settings.values()
    definition["parameters"] = {name: each for name, each in definition["parameters"].items() if name.startswith("$")}
    definition["triggers"] = rewrite_texts(definition["triggers"], lambda text: _fill_in(text, flow))
    open_settings = [each for each in settings if not each.is_secret and _is_used(each, definition["actions"])]
    places = {each.name: f"outputs('{SETTINGS_STEP}')?['{each.short_name}']" for each in open_settings}
    places |= {each.name: _quote(KEY_PLACEHOLDER) for each in settings if each.is_secret}
    definition["actions"] = rewrite_texts(
        definition["actions"], lambda text: _unwrap(replace_parameters(text, places))
    )  # fmt: skip
    if not open_settings:
        return definition
    notes = "What to choose, in one place; the trigger has its own."
    values = {each.short_name: each.default for each in open_settings}
    return put_first(definition, SETTINGS_STEP, {"type": "Compose", "description": notes, "inputs": values})


def _fill_in(text: str, flow: Flow) -> str:
    """Put defaults into the trigger, which runs before any action."""
    for setting in flow.settings.values():
        if text == f"@parameters('{setting.name}')":
            return str(setting.default)
    return replace_parameters(text, {each.name: _quote(str(each.default)) for each in flow.settings.values()})


def _unwrap(text: str) -> str:
    """Replace an expression that consists of one placeholder only by the text of the setting."""
    return KEY_PLACEHOLDER if text == f"@{_quote(KEY_PLACEHOLDER)}" else text


def _is_used(setting: Setting, actions: Json) -> bool:
    return f"parameters('{setting.name}')" in str(write_json(actions), "ascii")


def _write_definition(flow: Flow, identity: Identity) -> Json:
    guid = make_guid("legacy flow", flow.name)
    own = f"{_APIS}/{GATEWAY}"
    definition = rewrite_texts(settle_flow(flow), lambda text: identity.api_id if text == own else text)
    references = {}
    for key, reference in flow.references.items():
        name = _name_api(str(reference["api"]["name"]), identity)
        references[key] = {
            "connectionName": key, "source": "Embedded", "id": f"{_APIS}/{name}", "tier": "NotSpecified",
            "apiName": name.removeprefix("shared_"),
        }  # fmt: skip
    return {
        "name": guid,
        "id": f"/providers/Microsoft.Flow/flows/{guid}",
        "type": "Microsoft.Flow/flows",
        "properties": {
            "apiId": f"{_APIS}/shared_logicflows",
            "displayName": flow.title,
            "definition": definition,
            "connectionReferences": references,
            "flowFailureAlertSubscribed": False,
            "isManaged": False,
        },
    }


def _write_manifest(flow: Flow, connectors: dict[str, Connector], identity: Identity, ids: _Ids) -> Json:
    apis, connections, resource = ids.apis, ids.connections, ids.flow
    resources: dict[str, Any] = {
        resource: {
            "type": "Microsoft.Flow/flows",
            "suggestedCreationType": "New",
            "creationType": "Existing, New, Update",
            "details": {"displayName": flow.title},
            "configurableBy": "User",
            "hierarchy": "Root",
            "dependsOn": [*apis.values(), *connections.values()],
        }
    }
    for key, reference in flow.references.items():
        name = str(reference["api"]["name"])
        title = identity.title if name == GATEWAY else connectors[name].title
        resources[apis[key]] = _write_api(name, title)
        resources[connections[key]] = {
            "type": "Microsoft.PowerApps/apis/connections",
            "suggestedCreationType": "Existing",
            "creationType": "Existing",
            "details": {"displayName": title},
            "configurableBy": "User",
            "hierarchy": "Child",
            "dependsOn": [apis[key]],
        }
    details = {
        "displayName": flow.title,
        "description": flow.description,
        "createdTime": _MOMENT,
        "packageTelemetryId": make_guid("telemetry", flow.name),
        "creator": PREFIX,
        "sourceEnvironment": "",
    }
    return {"schema": "1.0", "details": details, "resources": resources}


def _write_api(name: str, title: str) -> Json:
    """Return the entry of a connector: one of the platform is found by its id, a custom one is chosen."""
    is_custom = name == GATEWAY
    return {
        **({} if is_custom else {"id": f"{_APIS}/{name}", "name": name}),
        "type": "Microsoft.PowerApps/apis",
        "suggestedCreationType": "Existing",
        **({"creationType": "Existing"} if is_custom else {}),
        "details": {"displayName": title},
        "configurableBy": "User" if is_custom else "System",
        "hierarchy": "Child",
        "dependsOn": [],
    }


def _name_api(name: str, identity: Identity) -> str:
    return identity.api_name if name == GATEWAY else name


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
