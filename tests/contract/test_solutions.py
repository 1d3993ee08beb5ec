"""Solutions have the form of real exports, field by field, and ask for nothing that their flows do not need.

Compared with exports in public repositories: pnp/powerplatform-samples (23 solutions),
microsoft/contoso-real-estate-power-platform, microsoft/iom-provider-shopify, microsoft/coe-starter-kit.
"""

import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from devkit.flows.build import Sources, build_all
from devkit.flows.check_packages import check_solution
from devkit.flows.contents import list_contents
from devkit.flows.names import make_identity
from devkit.flows.packing import pack, unpack
from devkit.flows.sources import load_flows
from devkit.flows.topics import TOPICS

NAMES = ["connector", *TOPICS]
NIL = {"{http://www.w3.org/2001/XMLSchema-instance}nil": "true"}
APIS = "/providers/Microsoft.PowerApps/apis"
GIVEN = "shared_ggw-5fgraph-20gateway-5f0123456789abcdef"
PUBLISHER = [
    "UniqueName", "LocalizedNames", "Descriptions", "EMailAddress", "SupportingWebsiteUrl", "CustomizationPrefix",
    "CustomizationOptionValuePrefix", "Addresses",
]  # fmt: skip
ADDRESS = [
    "AddressNumber", "AddressTypeCode", "City", "County", "Country", "Fax", "FreightTermsCode", "ImportSequenceNumber",
    "Latitude", "Line1", "Line2", "Line3", "Longitude", "Name", "PostalCode", "PostOfficeBox", "PrimaryContactName",
    "ShippingMethodCode", "StateOrProvince", "Telephone1", "Telephone2", "Telephone3", "TimeZoneRuleVersionNumber",
    "UPSZone", "UTCOffset", "UTCConversionTimeZoneCode",
]  # fmt: skip
SECTIONS = [
    "Entities", "Roles", "Workflows", "FieldSecurityProfiles", "Templates", "EntityMaps", "EntityRelationships",
    "OrganizationSettings", "optionsets", "CustomControls", "EntityDataProviders",
]  # fmt: skip
FLOW = {
    "JsonFileName": "", "Type": "1", "Subprocess": "0", "Category": "5", "Mode": "0", "Scope": "4", "OnDemand": "0",
    "TriggerOnCreate": "0", "TriggerOnDelete": "0", "AsyncAutodelete": "0", "SyncWorkflowLogOnFailure": "0",
    "StateCode": "0", "StatusCode": "1", "RunAs": "1", "IsTransacted": "1", "IntroducedVersion": "",
    "IsCustomizable": "1", "BusinessProcessType": "0", "IsCustomProcessingStepAllowedForOtherPublishers": "1",
    "ModernFlowType": "0", "PrimaryEntity": "none", "LocalizedNames": None, "Descriptions": None,
}  # fmt: skip
CONNECTOR = [
    "connectorid", "description", "displayname", "iconbrandcolor", "name", "connectortype", "openapidefinition",
    "connectionparameters", "policytemplateinstances", "iconblob",
]  # fmt: skip
OF_A_DATA_SOURCE = ("apiid", "parameterkey", "parentdefinitionid")  # see test_flow_settings.py
VARIABLE = ["description", "displayname", "introducedversion", "iscustomizable", "isrequired", "secretstore", "type"]


def read(built: dict[str, bytes], name: str) -> tuple[dict[str, bytes], ET.Element, ET.Element]:
    """Return the files of a solution, its manifest and its customizations."""
    files = unpack(built[f"solutions/{name}.zip"])
    return files, parse(files["solution.xml"]), parse(files["customizations.xml"])


def parse(data: bytes) -> ET.Element:
    return ET.fromstring(data)  # noqa: S314 - our own file


def tags(element: ET.Element | None) -> list[str]:
    return [] if element is None else [each.tag for each in element]


@pytest.mark.parametrize("ending", ["", "_managed"])
@pytest.mark.parametrize("name", NAMES)
def test_the_manifest_has_the_form_of_exports(built: dict[str, bytes], name: str, ending: str) -> None:
    files, root, customizations = read(built, name + ending)
    types = {"xml", "json", "Png"} if name == "connector" else {"xml", "json"}
    listed = {each.get("Extension"): each.get("ContentType") for each in parse(files["[Content_Types].xml"])}
    assert listed == dict.fromkeys(types, "application/octet-stream")
    assert {key: root.get(key) for key in ("SolutionPackageVersion", "languagecode", "generatedBy")} == {
        "SolutionPackageVersion": "9.2", "languagecode": "1033", "generatedBy": "CrmLive",
    }  # fmt: skip
    [manifest] = root
    assert tags(manifest) == [
        "UniqueName", "LocalizedNames", "Descriptions", "Version", "Managed", "Publisher", "RootComponents",
        "MissingDependencies",
    ]  # fmt: skip
    assert manifest.findtext("Managed") == ("1" if ending else "0")
    assert re.fullmatch(r"\d+\.\d+\.\d+\.0", manifest.findtext("Version") or "")
    assert tags(manifest.find("Publisher")) == PUBLISHER
    for address in manifest.iter("Address"):
        assert tags(address) == ADDRESS
        assert [each.attrib for each in address] == [{}, *[NIL] * (len(ADDRESS) - 1)]
    assert tags(manifest.find("MissingDependencies")) == []
    ids = {each.get("WorkflowId"): each for each in customizations.iter("Workflow")}
    for component in manifest.iter("RootComponent"):
        kind = component.get("type")
        assert component.get("behavior") == "0"
        assert set(component.attrib) == {"type", "id", "behavior"} | ({"schemaName"} if kind == "372" else set())
        assert kind == "372" or (kind == "29" and component.get("id") in ids)
    components = [(each.get("type"), each.get("id")) for each in manifest.iter("RootComponent")]
    assert components == sorted(components)
    kinds = {kind for kind, _ in components}
    assert kinds == ({"372"} if name == "connector" else {"29"}), "variables are no root components in any export"


@pytest.mark.parametrize("ending", ["", "_managed"])
@pytest.mark.parametrize("name", TOPICS)
def test_flows_have_the_form_of_exports(built: dict[str, bytes], name: str, ending: str) -> None:
    files, _, root = read(built, name + ending)
    assert tags(root) == [*SECTIONS, "connectionreferences", "Languages"]
    flows = [flow for flow in load_flows() if flow.topic == name]
    workflows = list(root.iter("Workflow"))
    assert [(each.get("Name"), each.get("Description")) for each in workflows] == [
        (flow.title, flow.description) for flow in flows
    ]
    for workflow in workflows:
        file = workflow.findtext("JsonFileName") or ""
        changing = {"JsonFileName": file, "IntroducedVersion": workflow.findtext("IntroducedVersion")}
        assert {each.tag: None if len(each) else each.text for each in workflow} == FLOW | changing
        assert tags(workflow) == list(FLOW)
        document = json.loads(files[file.removeprefix("/")])
        assert document["schemaVersion"] == "1.0.0.0"
        assert set(document) == {"properties", "schemaVersion"}
        assert set(document["properties"]) == {"connectionReferences", "definition", "templateName"}
        for reference in document["properties"]["connectionReferences"].values():
            assert reference["runtimeSource"] == "embedded"
            assert set(reference["connection"]) == {"connectionReferenceLogicalName"}
            is_own = reference["api"]["name"].startswith("shared_ggw")
            assert set(reference["api"]) == ({"name", "logicalName"} if is_own else {"name"})
    for reference in root.iter("connectionreference"):
        custom = ["customconnectorid"] if reference.get("connectionreferencelogicalname") == "ggw_Gateway" else []
        assert tags(reference) == [
            "connectionreferencedisplayname", "connectorid", *custom, "iscustomizable", "promptingbehavior",
            "statecode", "statuscode",
        ]  # fmt: skip


def test_the_connector_has_the_form_of_exports(built: dict[str, bytes]) -> None:
    files, _, root = read(built, "connector")
    assert tags(root) == [*SECTIONS, "Connectors", "Languages"]
    [connector] = root.iter("Connector")
    assert tags(connector) == CONNECTOR
    assert connector.findtext("connectortype") == "1"
    for part in CONNECTOR[6:]:
        assert re.fullmatch(rf"/Connector/ggw_graph-20gateway_{part}\.(json|Png)", connector.findtext(part) or "")
    policies = json.loads(files[str(connector.findtext("policytemplateinstances")).removeprefix("/")])
    assert {tuple(each) for each in policies} == {("TemplateId", "Title", "Parameters", "Type")}
    assert {each["Type"] for each in policies} == {None}


@pytest.mark.parametrize("name", TOPICS)
def test_variables_have_the_form_of_exports(built: dict[str, bytes], name: str) -> None:
    files, _, _ = read(built, name)
    variables = {file: data for file, data in files.items() if file.startswith("environmentvariabledefinitions/")}
    assert variables
    for file, data in variables.items():
        assert data.startswith(b"<environmentvariabledefinition schemaname="), "no declaration before it"
        variable = parse(data)
        assert file.split("/")[1:] == [variable.get("schemaname"), "environmentvariabledefinition.xml"]
        assert [tag for tag in tags(variable) if tag not in ("defaultvalue", *OF_A_DATA_SOURCE)] == VARIABLE
        assert tags(variable) == sorted(tags(variable)), "in the order of the alphabet"
        assert variable.findtext("isrequired") == "0"
        assert variable.findtext("secretstore") == "0"


def test_each_flow_is_in_the_solution_of_its_topic_alone(built: dict[str, bytes]) -> None:
    found = {name: {each.get("Name") for each in read(built, name)[2].iter("Workflow")} for name in TOPICS}
    expected: dict[str, set[str | None]] = {name: set() for name in TOPICS}
    for flow in load_flows():
        expected[flow.topic].add(flow.title)
    assert found == expected
    assert [name for name, titles in found.items() if not titles] == []


@pytest.mark.parametrize("ending", ["", "_managed"])
@pytest.mark.parametrize("name", TOPICS)
def test_a_solution_asks_for_what_its_flows_use_and_nothing_else(
    built: dict[str, bytes], name: str, ending: str
) -> None:
    files, _, root = read(built, name + ending)
    flows = [flow for flow in load_flows() if flow.topic == name]
    connections = {
        each["connection"]["connectionReferenceLogicalName"] for flow in flows for each in flow.references.values()
    }
    settings = {each.schema_name: each for flow in flows for each in flow.settings.values()}
    reads_a_secret = {"ggw_Dataverse"} if any(each.is_secret for each in settings.values()) else set()
    listed = {each.get("connectionreferencelogicalname") for each in root.iter("connectionreference")}
    assert listed == connections | reads_a_secret
    assert {file.split("/")[1] for file in files if file.startswith("environmentvariable")} == set(settings)
    assert check_solution(name, pack(files)) == []


@pytest.mark.parametrize("given", [None, GIVEN])
@pytest.mark.parametrize("name", TOPICS)
def test_the_file_of_settings_holds_what_the_import_asks_and_nothing_invented(
    sources: Sources, name: str, given: str | None
) -> None:
    """The import finds connections below the ids that the file names: an id with a number of our own finds none."""
    built = dict(build_all(sources, given))
    settings = json.loads(built[f"solutions/{name}.settings.json"])
    _, _, root = read(built, name)
    references = {each["LogicalName"]: each for each in settings["ConnectionReferences"]}
    assert set(references) == {each.get("connectionreferencelogicalname") for each in root.iter("connectionreference")}
    assert {each["ConnectionId"] for each in references.values()} == {""}
    own = references.pop("ggw_Gateway", None)
    assert own is None or own["ConnectorId"] == (f"{APIS}/{given}" if given else "")
    assert all(re.fullmatch(rf"{APIS}/shared_[a-z0-9]+", each["ConnectorId"]) for each in references.values())
    known = {each.schema_name: each for flow in load_flows() for each in flow.settings.values() if flow.topic == name}
    assert {each["SchemaName"]: each["Value"] for each in settings["EnvironmentVariables"]} == {
        key: "" if each.is_asked else each.default for key, each in known.items() if not each.is_secret
    }


def test_flows_can_be_written_as_turned_on_for_importing_again(sources: Sources, built: dict[str, bytes]) -> None:
    on = dict(build_all(sources, flows_on=True))
    for name in TOPICS:
        for ending in ("", "_managed"):
            states = {
                (each.findtext("StateCode"), each.findtext("StatusCode"))
                for each in read(on, name + ending)[2].iter("Workflow")
            }
            assert states == {("1", "2")}, "as exports of flows that run"
    assert {name for name in built if built[name] != on[name]} == {
        f"solutions/{name}{ending}.zip" for name in TOPICS for ending in ("", "_managed")
    }


def test_without_its_key_the_flow_for_plain_http_can_be_turned_on(built: dict[str, bytes]) -> None:
    """A flow refers to a variable by a parameter; with a parameter whose variable has no value it stays off."""
    files, _, _ = read(built, "plain-http")
    [document] = [json.loads(data) for file, data in files.items() if file.startswith("Workflows/")]
    definition = document["properties"]["definition"]
    assert "ggw_GatewayKey" not in json.dumps(definition["parameters"])
    reading = find_step(definition, "Read_the_gateway_key")
    assert reading["inputs"]["parameters"]["item/EnvironmentVariableName"] == "ggw_GatewayKey"


def find_step(container: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an action of a definition, or of a scope in it."""
    found = [action for key, action in container["actions"].items() if key == name]
    inner = (find_step(action, name) for action in container["actions"].values() if "actions" in action)
    return found[0] if found else next((action for action in inner if action), {})


def test_the_list_of_contents_says_what_each_file_asks(sources: Sources, built: dict[str, bytes]) -> None:
    contents = {each.file: each for each in list_contents(sources.flows, sources.connectors, make_identity("X"))}
    written = built["CONTENTS.md"].decode()
    assert written.count("\n| `") == len(contents)
    assert set(contents) <= set(built)
    for name in TOPICS:
        content = contents[f"solutions/{name}.zip"]
        files, _, root = read(built, name)
        assert len(content.connections) == len(list(root.iter("connectionreference")))
        variables = {file.split("/")[1]: data for file, data in files.items() if file.startswith("environmentvariable")}
        assert {*content.to_fill_in, *content.optional, *content.with_default} == set(variables)
        assert set(content.with_default) == {key for key, data in variables.items() if b"<defaultvalue>" in data}
    assert contents["solutions/plain-http.zip"].optional == ("ggw_GatewayKey",)
    assert "ggw_GatewayKey" in contents["packages/new-appointment-without-connector.zip"].to_fill_in
    for flow in sources.flows:
        manifest = json.loads(unpack(built[f"packages/{flow.name}.zip"])["manifest.json"])
        apis = [each for each in manifest["resources"].values() if each["type"] == "Microsoft.PowerApps/apis"]
        assert len(contents[f"packages/{flow.name}.zip"].connections) == len(apis)
