"""Build solutions for environments with Dataverse: one of the connector, and one of the flows of each topic.

The connector comes first. In one solution its own flows would not find it: it is registered only when the import is
over. Each solution comes unmanaged, for an environment in which flows are changed, and managed, for one in which a new
version shall leave changes alone.
"""

import copy
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from devkit.flows.connectors import GATEWAY, Connector
from devkit.flows.names import (
    CONNECTOR_SOLUTION,
    PREFIX,
    PUBLISHER_TITLE,
    Identity,
    make_file_name,
    make_guid,
)
from devkit.flows.packing import Files, write_json
from devkit.flows.rewriting import put_first, replace_parameters, rewrite_texts
from devkit.flows.solution_xml import (
    PackedConnector,
    PackedFlow,
    Reference,
    name_components,
    name_connector_files,
    write_content_types,
    write_customizations,
    write_solution,
    write_variable,
)
from devkit.flows.sources import DATA_SOURCE, Flow, Json, Setting
from devkit.flows.topics import Topic

_DATAVERSE = "shared_commondataserviceforapps"
_DATAVERSE_REFERENCE = f"{PREFIX}_Dataverse"
_VARIABLES = "environmentvariabledefinitions"
_SCHEMA_VERSION = "1.0.0.0"


@dataclass(frozen=True)
class ConnectorFiles:
    """The connector's files in `power-automate`."""

    definition: Json
    properties: Json
    icon: bytes | None
    settings: bytes


@dataclass(frozen=True)
class Edition:
    """How solutions are written: `version` (four numbers), managed or not, flows as turned on or off."""

    version: str
    is_managed: bool = False
    are_on: bool = False


def build_connector_solution(files: ConnectorFiles, identity: Identity, edition: Edition) -> Files:
    """Return the files of the first solution: the connector, which asks for the gateway's host with each connection."""
    return {
        "[Content_Types].xml": write_content_types(_list_extensions(files)),
        "solution.xml": write_solution(
            CONNECTOR_SOLUTION, f"{PUBLISHER_TITLE}: connector", "Import this before the flows.", edition.version,
            name_components(connector=identity), is_managed=edition.is_managed,
        ),
        "customizations.xml": write_customizations(edition.version, connector=_describe_connector(files, identity)),
        **_write_connector(files, identity),
    }  # fmt: skip


def build_flows_solution(
    topic: Topic,
    flows: Iterable[Flow],
    connectors: dict[str, Connector],
    identity: Identity,
    edition: Edition,
    *,
    with_connector: ConnectorFiles | None = None,
) -> Files:
    """Return the files of a topic's solution; with the connector in it only for certification."""
    flows = list(flows)
    documents = {flow.name: bind_flow(flow, identity) for flow in flows}
    packed = [_name_packed(flow) for flow in flows]
    settings = {each.schema_name: each for flow in flows for each in flow.settings.values()}
    variables = [settings[name] for name in sorted(settings)]
    return {
        "[Content_Types].xml": write_content_types(_list_extensions(with_connector)),
        "solution.xml": write_solution(
            topic.solution, f"{PUBLISHER_TITLE}: {topic.title}", topic.description, edition.version,
            name_components(packed, identity if with_connector else None), is_managed=edition.is_managed,
        ),
        "customizations.xml": write_customizations(
            edition.version, packed, _list_references(documents.values(), connectors, identity),
            _describe_connector(with_connector, identity) if with_connector else None,
            are_on=edition.are_on,
        ),
        **{each.file.lstrip("/"): write_json(documents[flow.name]) for each, flow in zip(packed, flows, strict=True)},
        **_write_variables(variables, edition.version),
        **(_write_connector(with_connector, identity) if with_connector else {}),
    }  # fmt: skip


def _list_extensions(connector: ConnectorFiles | None) -> list[str]:
    return ["xml", "json", "Png"] if connector and connector.icon else ["xml", "json"]


def _describe_connector(files: ConnectorFiles, identity: Identity) -> PackedConnector:
    colour = str(files.properties["properties"]["iconBrandColor"])
    return PackedConnector(identity, str(files.definition["info"]["description"]), colour, bool(files.icon))


def bind_flow(flow: Flow, identity: Identity) -> Json:
    """Return a flow file for a solution: our connector by its names there, secrets read from their own place."""
    document = copy.deepcopy(flow.document)
    document["schemaVersion"] = _SCHEMA_VERSION
    properties = document["properties"]
    properties["templateName"] = None
    properties.pop("displayName", None)  # customizations.xml says it
    properties.pop("topic", None)  # the solution itself
    for setting in flow.settings.values():
        if setting.is_secret:
            _read_secret(properties, setting)
        if setting.data_source is not None:
            parameter = properties["definition"]["parameters"][setting.name]
            del parameter["metadata"][DATA_SOURCE], parameter["defaultValue"]
    own = f"/providers/Microsoft.PowerApps/apis/{GATEWAY}"
    properties["definition"] = rewrite_texts(
        properties["definition"], lambda text: identity.api_id if text == own else text
    )
    for reference in properties["connectionReferences"].values():
        if reference["api"]["name"] == GATEWAY:
            reference["api"] = {"name": identity.api_name, "logicalName": identity.logical_name}
    return dict(document)


def list_settings(flows: Iterable[Flow], references: Iterable[Reference], unknown: str | None = None) -> Json:
    """Return the file that `pac solution import --settings-file` takes, with the values left empty or as by default.

    An empty value is refused (microsoft/coe-starter-kit#4566), so what may stay empty is not in the file.
    `unknown`: the id of the connector if the number in it is ours: the import looks connections up below the ids of
    this file, so it is left to the administrator (Capgemini/powerapps-packagedeployer-template#55).
    """
    settings = {each.schema_name: each for flow in flows for each in flow.settings.values()}
    return {
        "EnvironmentVariables": [
            {"SchemaName": name, "Value": "" if settings[name].is_asked else str(settings[name].default)}
            for name in sorted(settings)
            if not settings[name].is_optional
        ],
        "ConnectionReferences": [
            {
                "LogicalName": each.logical_name,
                "ConnectionId": "",
                "ConnectorId": "" if each.connector_id == unknown else each.connector_id,
            }
            for each in references
        ],
    }


def find_references(flows: Iterable[Flow], connectors: dict[str, Connector], identity: Identity) -> list[Reference]:
    """Return the connection references of a solution with these flows."""
    return _list_references((bind_flow(flow, identity) for flow in flows), connectors, identity)


def _name_packed(flow: Flow) -> PackedFlow:
    guid = make_guid("flow", flow.name)
    file = f"/Workflows/{make_file_name(flow.title)}-{guid.upper()}.json"
    return PackedFlow(guid, flow.title, flow.description, file)


def _read_secret(properties: Json, setting: Setting) -> None:
    """Make a flow read a secret through Dataverse, because a flow with a secret parameter cannot be turned on."""
    name = f"Read_the_{setting.title.lower().replace(' ', '_')}"
    definition = properties["definition"]
    del definition["parameters"][setting.name]
    value = f"outputs('{name}')?['body/EnvironmentVariableSecretValue']"
    used = f"parameters('{setting.name}')"
    reading = {
        "type": "OpenApiConnection",
        "description": "The secret lies in Key Vault; the environment variable names it, and secure outputs hide it.",
        "inputs": {
            "host": {
                "apiId": f"/providers/Microsoft.PowerApps/apis/{_DATAVERSE}", "connectionName": _DATAVERSE,
                "operationId": "PerformUnboundAction",
            },
            "parameters": {
                "actionName": "RetrieveEnvironmentVariableSecretValue",
                "item/EnvironmentVariableName": setting.schema_name,
            },
            "authentication": "@parameters('$authentication')",
        },
        "runtimeConfiguration": {"secureData": {"properties": ["outputs"]}},
    }  # fmt: skip
    definition = _put_before_users(definition, used, name, reading)
    properties["definition"] = rewrite_texts(
        definition, lambda text: replace_parameters(text, {setting.name: value})
    )  # fmt: skip
    properties["connectionReferences"][_DATAVERSE] = {
        "runtimeSource": "embedded",
        "connection": {"connectionReferenceLogicalName": _DATAVERSE_REFERENCE},
        "api": {"name": _DATAVERSE},
    }


def _put_before_users(around: Json, used: str, name: str, reading: Json) -> Json:
    """Return a copy with a step at the beginning of the innermost scope in which a parameter is used.

    What runs after a failed scope then tells that the key could not be read, and does not see the key.
    """
    users = [inside for inside, action in around["actions"].items() if used in json.dumps(action)]
    if len(users) != 1 or around["actions"][users[0]]["type"] != "Scope":
        return put_first(around, name, reading)
    scope = _put_before_users(around["actions"][users[0]], used, name, reading)
    return {**around, "actions": {**around["actions"], users[0]: scope}}


def _list_references(
    documents: Iterable[Json], connectors: dict[str, Connector], identity: Identity
) -> list[Reference]:
    found: dict[str, Reference] = {}
    for document in documents:
        for reference in document["properties"]["connectionReferences"].values():
            logical = str(reference["connection"]["connectionReferenceLogicalName"])
            name = str(reference["api"]["name"])
            is_own = name == identity.api_name
            title = identity.title if is_own else connectors[name].title
            api = f"/providers/Microsoft.PowerApps/apis/{name}"
            found[logical] = Reference(logical, title, api, identity.id if is_own else None)
    return [found[name] for name in sorted(found)]


def _write_connector(files: ConnectorFiles, identity: Identity) -> Files:
    named = name_connector_files(identity)
    properties = files.properties["properties"]
    return {
        named["openapidefinition"]: write_json(files.definition),
        named["connectionparameters"]: write_json(properties["connectionParameters"]),
        named["policytemplateinstances"]: write_json([
            _spell_policy(each) for each in properties.get("policyTemplateInstances", [])
        ]),
        **({named["iconblob"]: files.icon} if files.icon else {}),
    }  # fmt: skip


def _spell_policy(policy: dict[str, Any]) -> dict[str, Any]:
    """Write a policy with the names of solutions; apiProperties.json has them in small letters."""
    return {
        "TemplateId": policy["templateId"], "Title": policy["title"], "Parameters": policy["parameters"], "Type": None,
    }  # fmt: skip


def _write_variables(settings: Iterable[Setting], version: str) -> Files:
    return {
        f"{_VARIABLES}/{each.schema_name}/environmentvariabledefinition.xml": write_variable(each, version)
        for each in settings
    }


def read_connector_files(definition: bytes, properties: bytes, icon: bytes, settings: bytes) -> ConnectorFiles:
    """Read the connector's files. Raises json.JSONDecodeError."""
    return ConnectorFiles(json.loads(definition), json.loads(properties), icon, settings)
