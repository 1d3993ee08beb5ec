"""Checks of what was built: all names that a container refers to exist."""

import json
import re
import uuid
import zipfile
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from devkit.flows.check_world import find_real_names
from devkit.flows.complaints import Complaint
from devkit.flows.packing import Files, unpack
from devkit.flows.sources import CONNECTED, find_branches, find_texts

_FLOW, _CONNECTOR = "29", "372"
_PICKED = "100000004"
_WORKFLOW_FILE = re.compile(r"/Workflows/\w+-(?P<guid>[0-9A-F-]{36})\.json")
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VARIABLE_FILE = re.compile(r"environmentvariabledefinitions/(\w+)/environmentvariabledefinition\.xml")
_NAMED_VARIABLE = re.compile(r"""environmentVariables\("(\w+)"\)""")
_READ_BY_NAME = "item/EnvironmentVariableName"
_CONNECTION = re.compile(r"parameters\('\$connections'\)\['(\w+)'\]")
_CUSTOM = "-5f"  # of custom connectors' names in an environment: shared_PREFIX-5fTITLE-5fNUMBER
_MADE = 5
_MAPS = {
    "apisMap.json": "Microsoft.PowerApps/apis",
    "connectionsMap.json": "Microsoft.PowerApps/apis/connections",
}
_FLAT_PATH = re.compile(r"(?:outputs\('[^']*'\)|triggerOutputs\(\))\??\['[^']*/")

type Found = tuple[str, str, str]  # rule, place, message


def check_built(files: Files) -> list[Complaint]:
    """Return every complaint about the files of `build_all`, sorted."""
    found: list[Complaint] = []
    for name, content in files.items():
        checks = {"packages/": check_package, "logic-apps/": check_workflow}
        if name.endswith(".zip"):
            check = next((each for start, each in checks.items() if name.startswith(start)), None)
            found += (check or check_solution)(name, content)
        elif name.startswith("logic-apps/") and name.endswith(".json"):
            found += check_workflow(name, content)
    return sorted(set(found))


def check_solution(name: str, content: bytes) -> list[Complaint]:
    """Return what is wrong with a solution zip."""
    try:
        files = unpack(content)
    except zipfile.BadZipFile:
        return [Complaint(name, "zip", name, "is no zip")]
    parsed: dict[str, Any] = {}
    found = list(_parse(files, parsed))
    missing = [each for each in ("[Content_Types].xml", "solution.xml", "customizations.xml") if each not in parsed]
    found += [("zip", each, "is missing") for each in missing]
    if not found:
        found += [
            *check_content_types(files, parsed["[Content_Types].xml"]),
            *_check_workflows(files, parsed),
            *_check_connectors(files, parsed),
            *_check_references(parsed),
            *_check_variables(files, parsed),
        ]
    return [Complaint(name, *each) for each in found]


def check_package(name: str, content: bytes) -> list[Complaint]:
    """Return what is wrong with a legacy package."""
    parsed: dict[str, Any] = {}
    found = list(_parse(unpack(content), parsed))
    if not found:
        found += _check_manifest(parsed)
    return [Complaint(name, *each) for each in found]


def check_workflow(name: str, content: bytes) -> list[Complaint]:
    """Return what is wrong with a workflow for Logic Apps."""
    workflow = json.loads(content)
    definition = workflow["definition"]
    found: list[Found] = []
    wanted = {key for key, each in definition["parameters"].items() if each["type"] != "SecureString"}
    if wanted != set(workflow["parameters"]):
        found.append(("setting", "parameters", "values and parameters are not the same"))
    keys = workflow["parameters"]["$connections"]["value"]
    for place, text in find_texts(definition):
        if _FLAT_PATH.search(text):
            found.append(("path", place, f"“{text[:80]}” is a path that only Power Automate reads"))
        unknown = [key for key in _CONNECTION.findall(text) if key not in keys]
        found += [("reference", place, f"there is no connection “{key}”") for key in unknown]
    left = [(step, thing["type"]) for step, thing in _list_steps(definition) if thing["type"] in CONNECTED]
    found += [("operation", step, f"is still of type {kind}") for step, kind in left]
    return [Complaint(name, *each) for each in found]


def check_names(files: Files) -> list[Complaint]:
    """Return ids, addresses and hosts in texts that could be real; ids of the build are of version 5."""
    found = []
    for name, content in files.items():
        for inner, data in unpack(content).items() if name.endswith(".zip") else [(name, content)]:
            if inner.endswith((".zip", ".png", ".Png")):
                continue
            strange = [real for real in find_real_names(data.decode()) if not _is_made(real)]
            found += [Complaint(name, "real", inner, f"“{real}” could be somebody's") for real in strange]
    return found


def _is_made(name: str) -> bool:
    return _GUID.fullmatch(name.lower()) is not None and uuid.UUID(name).version == _MADE


def _parse(files: Files, parsed: dict[str, Any]) -> Iterator[Found]:
    for name, content in files.items():
        if "\\" in name:
            yield "zip", name, "backslashes in a name"
        try:
            if name.endswith(".json"):
                parsed[name] = json.loads(content)
            elif name.endswith(".xml"):
                parsed[name] = ET.fromstring(content)  # noqa: S314 - our own file
        except (json.JSONDecodeError, ET.ParseError) as error:
            yield "form", name, f"cannot be read: {error}"


def check_content_types(files: Files, types: ET.Element) -> Iterator[Found]:
    """Find files whose extension [Content_Types].xml does not name."""
    known = {str(each.get("Extension")) for each in types}
    for name in files:
        if (extension := name.rpartition(".")[2]) not in known:
            yield "zip", name, f"[Content_Types].xml says nothing of “{extension}”"


def _check_workflows(files: Files, parsed: dict[str, Any]) -> Iterator[Found]:
    listed = _components(parsed, _FLOW, "id")
    seen, named = set(), set()
    for workflow in parsed["customizations.xml"].iter("Workflow"):
        guid = str(workflow.get("WorkflowId")).strip("{}")
        file = str(workflow.findtext("JsonFileName"))
        seen.add(guid)
        named.add(file.removeprefix("/"))
        match = _WORKFLOW_FILE.fullmatch(file)
        if match is None or match["guid"].lower() != guid or guid != guid.lower():
            yield "guid", file, f"does not carry the id of its flow, {guid}"
        if workflow.findtext("Category") != "5":
            yield "form", file, "is not of category 5, a cloud flow"
    if listed != seen:
        yield "guid", "solution.xml", "lists other flows than customizations.xml"
    if named != {name for name in files if name.startswith("Workflows/")}:
        yield "guid", "Workflows", "holds other files than customizations.xml names"


def _check_connectors(files: Files, parsed: dict[str, Any]) -> Iterator[Found]:
    ids, named = set(), set()
    for connector in parsed["customizations.xml"].iter("Connector"):
        ids.add(str(connector.findtext("connectorid")))
        logical = connector.findtext("name")
        for part in connector:
            if str(part.text).startswith("/Connector/"):
                named.add(str(part.text).removeprefix("/"))
        if logical not in _components(parsed, _CONNECTOR, "schemaName"):
            yield "guid", "solution.xml", f"does not list the connector {logical}"
    if ids != _components(parsed, _CONNECTOR, "id"):
        yield "guid", "solution.xml", "lists other connectors than customizations.xml"
    if named != {name for name in files if name.startswith("Connector/")}:
        yield "guid", "Connector", "holds other files than customizations.xml names"
    for name, content in parsed.items():
        if name.endswith("_connectionparameters.json") and "properties" in content:
            yield "form", name, "is the bare object, not wrapped in properties"


def _check_references(parsed: dict[str, Any]) -> Iterator[Found]:
    listed = {
        str(each.get("connectionreferencelogicalname")): each
        for each in parsed["customizations.xml"].iter("connectionreference")
    }
    used = set()
    for name, content in parsed.items():
        if not name.startswith("Workflows/"):
            continue
        for key, reference in content["properties"]["connectionReferences"].items():
            logical = str(reference["connection"]["connectionReferenceLogicalName"])
            used.add(logical)
            if logical not in listed:
                yield "reference", f"{name}/{key}", f"customizations.xml has no connection reference {logical}"
                continue
            own_name = reference["api"]["name"]
            if listed[logical].findtext("connectorid") != f"/providers/Microsoft.PowerApps/apis/{own_name}":
                yield "reference", f"{name}/{key}", f"{logical} is of another connector than {own_name}"
            if ("logicalName" in reference["api"]) != (listed[logical].find("customconnectorid") is not None):
                yield "reference", f"{name}/{key}", f"{logical}: one file calls the connector ours, the other does not"
    for logical in sorted(set(listed) - used):
        yield "reference", "customizations.xml", f"no flow uses {logical}"


def _check_variables(files: Files, parsed: dict[str, Any]) -> Iterator[Found]:
    defined, used = set(), set()
    for name in files:
        if (match := _VARIABLE_FILE.fullmatch(name)) is None:
            continue
        defined.add(match[1])
        if parsed[name].get("schemaname") != match[1]:
            yield "guid", name, "is not the variable that its folder names"
        if not files[name].startswith(b"<environmentvariabledefinition"):
            yield "form", name, "holds more than its root element: the import would fail and name no cause"
        yield from _check_picked(name, parsed)
    for name, content in parsed.items():
        named = _list_named_variables(name, content)
        used |= set(named.values())
        missing = {place: variable for place, variable in named.items() if variable not in defined}
        for place, variable in missing.items():
            yield "setting", f"{name}/{place}", f"there is no variable {variable}"
    for variable in sorted(defined - used):
        yield "setting", variable, "nothing uses this variable, and the import asks for it"


def _list_named_variables(name: str, content: Any) -> dict[str, str]:
    """Return the environment variables that a file of a solution names, by place."""
    if name.startswith("Connector/"):
        return {place: found[1] for place, text in find_texts(content) if (found := _NAMED_VARIABLE.search(text))}
    if not name.startswith("Workflows/"):
        return {}
    definition = content["properties"]["definition"]
    settings = {key: each for key, each in definition["parameters"].items() if not key.startswith("$")}
    named = {key: str(each.get("metadata", {}).get("schemaName")) for key, each in settings.items()}
    return named | {place: text for place, text in find_texts(definition) if place.endswith(f"/{_READ_BY_NAME}")}


def _check_picked(name: str, parsed: dict[str, Any]) -> Iterator[Found]:
    """Find variables whose values the import could not list."""
    variable = parsed[name]
    api, key, parent = (variable.findtext(tag) for tag in ("apiid", "parameterkey", "parentdefinitionid/schemaname"))
    if (variable.findtext("type") == _PICKED) != (api is not None and key is not None):
        yield "picked", name, "apiid and parameterkey belong to variables of a data source, which need both"
    if api is not None:
        listed = parsed["customizations.xml"].iter("connectionreference")
        if api.lower() not in {str(each.findtext("connectorid")).lower() for each in listed}:
            yield "picked", name, f"the solution has no connection of {api} to list values with"
        if variable.find("defaultvalue") is not None:
            yield "picked", name, "has a default, so that the import would not ask"
    if parent is not None and name.replace(str(variable.get("schemaname")), parent) not in parsed:
        yield "picked", name, f"lists what is within {parent}, which is not in the solution"


def _check_manifest(parsed: dict[str, Any]) -> Iterator[Found]:
    resources = parsed.get("manifest.json", {}).get("resources", {})
    assets = parsed.get("Microsoft.Flow/flows/manifest.json", {}).get("flowAssets", {}).get("assetPaths", [])
    if not resources or not assets:
        yield "manifest", "manifest.json", "names no flow: the import would succeed and bring nothing"
    for asset in assets:
        if resources.get(asset, {}).get("type") != "Microsoft.Flow/flows":
            yield "manifest", "manifest.json", f"the flow {asset} is not among the resources"
        yield from _check_asset(parsed, f"Microsoft.Flow/flows/{asset}", resources)
    for resource, entry in resources.items():
        for other in entry["dependsOn"]:
            if other not in resources:
                yield "manifest", resource, f"depends on {other}, which is not there"


def _check_asset(parsed: dict[str, Any], folder: str, resources: dict[str, Any]) -> Iterator[Found]:
    flow = parsed[f"{folder}/definition.json"]["properties"]
    keys = set(flow["connectionReferences"])
    steps = [step for _, step in _list_steps(flow["definition"]) if step["type"] in CONNECTED]
    if {step["inputs"]["host"]["connectionName"] for step in steps} != keys:
        yield "reference", f"{folder}/definition.json", "steps and connection references do not name the same"
    for file, kind in _MAPS.items():
        mapped = parsed[f"{folder}/{file}"]
        if set(mapped) != keys:
            yield "manifest", file, "does not name the connections of the flow"
        for key, resource in mapped.items():
            if resources.get(resource, {}).get("type") != kind:
                yield "manifest", file, f"“{key}” leads to no resource of type {kind}"
    for key, reference in flow["connectionReferences"].items():
        yield from _check_api(str(reference.get("id")), resources.get(parsed[f"{folder}/apisMap.json"].get(key), {}))


def _check_api(api_id: str, entry: dict[str, Any]) -> Iterator[Found]:
    """Find entries that no import resolves: the platform's connectors have ids, custom ones must be chosen."""
    name = api_id.rpartition("/")[2]
    custom = {"creationType": "Existing", "configurableBy": "User"}
    wanted = custom if _CUSTOM in name else {"id": api_id, "name": name, "configurableBy": "System"}
    given = {key: entry[key] for key in ("id", "name", "creationType", "configurableBy") if key in entry}
    if given != wanted:
        yield "manifest", name, f"the connector's entry must say {wanted}, as exports do"


def _components(parsed: dict[str, Any], kind: str, attribute: str) -> set[str]:
    root = parsed["solution.xml"]
    return {
        str(each.get(attribute)).strip("{}") for each in root.iter("RootComponent") if each.get("type") == kind
    }  # fmt: skip


def _list_steps(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from definition["triggers"].items()
    yield from _list_actions(definition["actions"])


def _list_actions(actions: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, action in actions.items():
        yield name, action
        for branch in find_branches(action):
            yield from _list_actions(branch)
