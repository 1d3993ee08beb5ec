"""The sample flows in their containers: valid by the schema of the format, whole, the same each time."""

import copy
import json
import re
from typing import Any

import pytest

from devkit.flows.build import Sources, build_all, load_sources
from devkit.flows.check import check_flows
from devkit.flows.check_failures import load_branch
from devkit.flows.check_packages import check_built, check_names
from devkit.flows.check_reads import check_reads
from devkit.flows.complaints import Complaint
from devkit.flows.connectors import GATEWAY
from devkit.flows.errors import WishError
from devkit.flows.legacy import KEY_PLACEHOLDER, SETTINGS_STEP
from devkit.flows.logic_apps import TEMPLATE
from devkit.flows.names import encode_name, make_file_name, make_identity
from devkit.flows.packing import Files, unpack
from devkit.flows.sources import Flow, find_texts

# The branch for failures is compared with its source word for word; containers write settings in other words, and
# where the values of settings are listed stands in other files of a solution.
OF_SOURCES = {"failure", "picked"}


def workflows_of(built: Files) -> dict[str, Any]:
    """The flows of all solutions by file."""
    files = [unpack(data) for name, data in built.items() if re.fullmatch(r"solutions/[a-z-]+\.zip", name)]
    flows = [(name, json.loads(each[name])) for each in files for name in each if name.startswith("Workflows/")]
    assert len(dict(flows)) == len(flows), "a flow is in two solutions"
    return dict(flows)


def legacy_of(built: Files, name: str) -> Any:
    files = unpack(built[f"packages/{name}.zip"])
    return json.loads(next(data for inner, data in files.items() if inner.endswith("definition.json")))["properties"]


def logic_app_of(built: Files, name: str) -> Any:
    return json.loads(built[f"logic-apps/{name}.json"])


# -- the format ------------------------------------------------------------------------------------------------------


def test_the_sample_flows_are_without_complaint(sources: Sources, flow_format: dict[str, Any]) -> None:
    assert len(sources.flows) >= 12
    assert check_flows(sources.flows, sources.connectors, flow_format) == []


_READ_NAME = re.compile(r"\?\['([\w/]+)'\]")
_GIVEN_NAME = re.compile(r'"((?:item|body|emailMessage)/\w+|business|mailbox|key|service|start|end|\$filter)": "')


def is_found(complaints: list[Complaint]) -> bool:
    """Whether a misspelt name is among the complaints: those of other rules follow from the name or are of the form."""
    return not {one.rule for one in complaints} <= {"asked", "failed", "failure", "reference", "silent"}


@pytest.mark.parametrize("pattern", [_READ_NAME, _GIVEN_NAME], ids=["read", "given"])
def test_a_misspelt_name_anywhere_in_a_sample_flow_is_seen(sources: Sources, pattern: re.Pattern[str]) -> None:
    spelt, unseen = 0, []
    branch, _ = load_branch()  # one text for all flows, and it reads whatever may have been answered
    for flow in sources.flows:
        document = copy.deepcopy(flow.document)
        document["properties"]["definition"]["actions"].pop(branch, None)
        text = json.dumps(document)
        # one place of those at which the same is read in the same way
        places = {text[max(0, found.start() - 40) : found.end()]: found for found in pattern.finditer(text)}
        for found in places.values():
            spelt += 1
            wrong = f"{text[: found.end(1)]}x{text[found.end(1) :]}"
            misspelt = Flow(flow.name, json.loads(wrong))
            # nearly all is found by the check of reads, one of those of check_flows, which take thirty times as long
            if not (
                is_found(check_reads(misspelt, sources.connectors))
                or is_found(check_flows([misspelt], sources.connectors))
            ):
                unseen.append(found[1])
    assert spelt > 90
    # answers of a form are named by the form's questions, and an answer that is no object has no names
    assert set(unseen) <= {"body/responder", "error", "code", "message", "requestId"}


def test_flows_in_the_solution_are_without_complaint(
    sources: Sources, built: Files, flow_format: dict[str, Any]
) -> None:
    identity = make_identity("Graph Gateway")
    connectors = sources.connectors | {identity.api_name: sources.connectors[GATEWAY]}
    flows = []
    for name, document in workflows_of(built).items():
        document["properties"] |= {"displayName": name.partition("-")[0].rpartition("/")[2], "topic": "forms"}
        flows.append(Flow(name, document))
    found = check_flows(flows, connectors, flow_format)
    assert [str(one) for one in found if one.rule not in OF_SOURCES] == []


def test_flows_in_legacy_packages_are_without_complaint(
    sources: Sources, built: Files, flow_format: dict[str, Any]
) -> None:
    identity = make_identity("Graph Gateway")
    connectors = sources.connectors | {identity.api_name: sources.connectors[GATEWAY]}
    for flow in sources.flows:
        properties = legacy_of(built, flow.name) | {"topic": flow.topic}
        for key, reference in properties["connectionReferences"].items():
            # what a package says of a connection by other names
            more = {"api": {"name": reference["id"].rpartition("/")[2]}, "runtimeSource": "embedded"}
            reference.update(more | {"connection": {"connectionReferenceLogicalName": f"ggw_{key}"}})
        found = check_flows([Flow(flow.name, {"properties": properties})], connectors, flow_format)
        found = [one for one in found if one.rule not in OF_SOURCES]
        # what is chosen in the trigger itself is empty until then
        empty = [one for one in found if one.place == flow.trigger[0] and re.search("needs “\\w+”", one.message)]
        assert [str(one) for one in found if one not in empty] == []


def test_workflows_fit_the_format_of_logic_apps(sources: Sources, built: Files, flow_format: dict[str, Any]) -> None:
    import jsonschema  # noqa: PLC0415 - beside its only use

    validator = jsonschema.Draft7Validator({**flow_format, "anyOf": [{"$ref": "#/definitions/logicAppFile"}]})
    for flow in sources.flows:
        assert not [error.message for error in validator.iter_errors(logic_app_of(built, flow.name))]


# -- whole and the same ----------------------------------------------------------------------------------------------


def test_what_is_built_holds_together(built: Files) -> None:
    assert check_built(built) == []


def test_nothing_built_could_be_somebodys(sources: Sources) -> None:
    assert check_names(build_all(sources)) == []


def test_two_builds_are_the_same_byte_for_byte(built: Files) -> None:
    assert dict(build_all(load_sources())) == built


def test_every_flow_is_in_every_container(sources: Sources, built: Files) -> None:
    names = {flow.name for flow in sources.flows}
    assert {
        name.removesuffix(".zip").removeprefix("packages/") for name in built if name.startswith("packages/")
    } == names
    assert {name[11:-5] for name in built if name.startswith("logic-apps/") and name.endswith(".json")} == names
    assert {name[11:-11] for name in built if name.endswith(".bicepparam")} == names
    assert len(workflows_of(built)) == len(names)


# -- solutions -------------------------------------------------------------------------------------------------------


def test_each_connection_says_which_gateway_it_calls(built: Files) -> None:
    """As in microsoft/iom-provider-shopify: a parameter of the connection, and a policy that reads it."""
    files = unpack(built["solutions/connector.zip"])
    parts = {name.rpartition("_")[2]: data for name, data in files.items() if name.startswith("Connector/")}
    parameter = json.loads(parts["connectionparameters.json"])["host"]
    assert parameter["uiDefinition"]["constraints"]["required"] == "true"
    [policy] = [
        one for one in json.loads(parts["policytemplateinstances.json"]) if one["TemplateId"] == "dynamichosturl"
    ]
    # without operationName: for every operation, and with the base path, which the policy drops
    assert policy["Parameters"] == {
        "x-ms-apimTemplateParameter.urlTemplate": "https://@connectionParameters('host')/api"
    }
    definition = json.loads(parts["openapidefinition.json"])
    assert (definition["host"], definition["basePath"]) == ("azurewebsites.net", "/")
    assert not [path for path in definition["paths"] if path.startswith("/api/")]
    assert [name for name in files if "environmentvariable" in name] == []
    assert b"@environmentVariables" not in b"".join(files.values())
    properties = json.loads(built["connector/apiProperties.json"])["properties"]
    assert list(properties["connectionParameters"]) == ["host", "api_key", "tenant"]
    assert properties["policyTemplateInstances"][0]["templateId"] == "dynamichosturl"


def test_an_environments_name_for_the_connector_is_used(sources: Sources) -> None:
    files = build_all(sources, "shared_ggw-5fgraph-20gateway-5f0123456789abcdef")
    customizations = unpack(files["solutions/appointments.zip"])["customizations.xml"]
    assert b"shared_ggw-5fgraph-20gateway-5f0123456789abcdef" in customizations
    with pytest.raises(WishError, match="no connector's name"):
        build_all(sources, "Graph Gateway")


def test_the_import_asks_for_what_has_no_good_default(sources: Sources, built: Files) -> None:
    for flow in sources.flows:
        files = unpack(built[f"solutions/{flow.topic}.zip"])
        for setting in flow.settings.values():
            xml = files[f"environmentvariabledefinitions/{setting.schema_name}/environmentvariabledefinition.xml"]
            assert (b"<defaultvalue>" in xml) != setting.is_asked
            assert (b"<type>100000005</type>" in xml) == setting.is_secret
    asked = {setting.short_name for flow in sources.flows for setting in flow.settings.values() if setting.is_asked}
    assert {"BookingPage", "SharePointSite", "TicketList", "GatewayKey"} <= asked


def test_a_secret_is_read_from_its_variable_and_kept_secret(built: Files) -> None:
    [document] = [one for name, one in workflows_of(built).items() if "PlainHTTP" in name]
    definition = document["properties"]["definition"]
    assert "SecureString" not in {each["type"] for each in definition["parameters"].values()}
    around = definition["actions"]["Work"]["actions"]["Ask_the_gateway"]["actions"]
    read = around["Read_the_gateway_key"]
    assert read["runtimeConfiguration"]["secureData"]["properties"] == ["outputs"]
    assert read["inputs"]["parameters"]["item/EnvironmentVariableName"] == "ggw_GatewayKey"
    header = around["Ask_for_changes"]["inputs"]["headers"]["x-functions-key"]
    assert header == "@outputs('Read_the_gateway_key')?['body/EnvironmentVariableSecretValue']"
    first = [name for name, action in around.items() if not action["runAfter"]]
    assert first == ["Read_the_gateway_key"]


# -- legacy packages and workflows -----------------------------------------------------------------------------------


def test_a_package_has_its_settings_in_one_action(built: Files) -> None:
    definition = legacy_of(built, "new-appointment-without-connector")["definition"]
    assert set(definition["parameters"]) == {"$connections", "$authentication"}
    assert set(definition["actions"][SETTINGS_STEP]["inputs"]) >= {"BookingPage", "GatewayAddress", "TicketList"}
    asking = definition["actions"]["Work"]["actions"]["Ask_the_gateway"]["actions"]["Ask_for_changes"]
    assert asking["inputs"]["headers"]["x-functions-key"] == KEY_PLACEHOLDER
    assert asking["runtimeConfiguration"]["secureData"]["properties"] == ["inputs"]
    texts = [text for _, text in find_texts(definition["actions"])]
    assert sum(KEY_PLACEHOLDER in text for text in texts) == 1
    assert not [text for text in texts if "parameters('" in text and "$authentication" not in text]


def test_a_packages_trigger_has_the_example_in_it(built: Files) -> None:
    trigger = legacy_of(built, "new-appointment-ticket")["definition"]["triggers"]["When_an_appointment_is_created"]
    assert trigger["inputs"]["parameters"] == {"business": "helpdesk@example.com", "details": True}


def test_operations_become_requests(built: Files) -> None:
    definition = logic_app_of(built, "appointment-cancelled")["definition"]
    trigger = definition["triggers"]["When_an_appointment_is_cancelled"]
    assert trigger["type"] == "ApiConnection"
    assert (trigger["inputs"]["method"], trigger["inputs"]["path"]) == ("get", "/triggers/appointments/cancelled")
    assert trigger["inputs"]["queries"]["business"] == "@parameters('BookingPage')"
    assert trigger["splitOn"] == "@triggerBody()?['value']"
    work = definition["actions"]["Work"]["actions"]
    note = work["For_each_ticket"]["actions"]["If_there_is_something_to_note"]["actions"]["Note_the_cancellation"]
    site = "@{encodeURIComponent(encodeURIComponent(parameters('SharePointSite')))}"
    assert note["inputs"]["path"].startswith(f"/datasets/{site}/tables/")
    assert note["inputs"]["path"].endswith("/items/@{encodeURIComponent(items('For_each_ticket')?['ID'])}")
    assert set(note["inputs"]["body"]) == {"Title", "Notes"}
    teams = work["If_the_team_has_to_know"]["actions"]["Tell_the_team"]["inputs"]
    assert {*teams["body"]["recipient"]} == {"groupId", "channelId"}
    assert all("parameters('ChannelLink')" in text for text in teams["body"]["recipient"].values())


def test_a_webhook_subscribes_by_itself(built: Files) -> None:
    trigger = logic_app_of(built, "free-slot-answer")["definition"]["triggers"]["When_a_response_is_submitted"]
    assert trigger["type"] == "ApiConnectionWebhook"
    assert trigger["inputs"]["body"]["notificationUrl"] == "@{listCallbackUrl()}"


def test_a_header_and_a_nested_body_find_their_place(built: Files) -> None:
    definition = logic_app_of(built, "book-appointment")["definition"]
    work = definition["actions"]["Work"]["actions"]
    step = work["If_an_appointment_is_named"]["else"]["actions"]["Book_the_appointment"]["inputs"]
    assert set(step["headers"]) == {"Idempotency-Key"}
    assert set(step["body"]["customer"]) == {"name", "emailAddress", "phone", "notes"}
    assert "triggerAuthenticationType" not in json.dumps(definition)


def test_a_secret_has_no_value_in_a_workflow(built: Files) -> None:
    workflow = logic_app_of(built, "new-appointment-without-connector")
    assert workflow["definition"]["parameters"]["GatewayKey"]["type"] == "SecureString"
    assert "GatewayKey" not in workflow["parameters"]
    assert "defaultValue" not in workflow["definition"]["parameters"]["GatewayKey"]


def test_values_for_bicep_name_every_setting(sources: Sources, built: Files) -> None:
    assert TEMPLATE.name in {name.removeprefix("logic-apps/") for name in built}
    declared = set(re.findall(r"^param (\w+)", TEMPLATE.read_text(), flags=re.MULTILINE))
    for flow in sources.flows:
        text = built[f"logic-apps/{flow.name}.bicepparam"].decode()
        secrets = {one.short_name for one in flow.settings.values() if one.is_secret}
        key = {"gatewayKey"}
        given = set(re.findall(r"^param (\w+)", text, flags=re.MULTILINE))
        assert given == declared - {"location"} - (set() if secrets else key)
        values = dict(re.findall(r"^  (\w+): \{\n    value: '(.*)'$", text, flags=re.MULTILINE))
        assert values == {one.short_name: str(one.default) for one in flow.settings.values() if not one.is_secret}


def test_a_secret_is_assigned_to_a_secure_parameter_itself(sources: Sources, built: Files) -> None:
    template = TEMPLATE.read_text()
    secure = re.findall(r"^@secure\(\)\nparam (\w+) string = ''$", template, flags=re.MULTILINE)
    secrets = {one.short_name for flow in sources.flows for one in flow.settings.values() if one.is_secret}
    assert {f"{name[0].upper()}{name[1:]}" for name in secure} == secrets == {"GatewayKey"}
    joined = re.search(r"union\(\s*settings,\s*empty\(gatewayKey\) \? \{\} : (\{.*\}),\n", template)
    assert joined, "the last one of a name wins"
    assert joined[1] == "{ GatewayKey: { value: gatewayKey } }"
    text = built["logic-apps/new-appointment-without-connector.bicepparam"].decode()
    assert re.search(r"^param gatewayKey = az\.getSecret\('[^)]*'\)$", text, flags=re.MULTILINE)
    assert sum(data.count(b"getSecret") for name, data in built.items() if name.startswith("logic-apps/")) == 1


# -- names -----------------------------------------------------------------------------------------------------------


def test_names_are_encoded_as_the_platform_does() -> None:
    assert encode_name("Stable Baseline") == "stable-20baseline"
    assert encode_name("cw_psa-server") == "cw-5fpsa-2dserver"
    assert make_file_name("New appointment: ticket and Teams message") == "NewAppointmentTicketAndTeamsMessage"
    identity = make_identity("Graph Gateway")
    assert identity.logical_name == "ggw_graph-20gateway"
    assert re.fullmatch(r"shared_ggw-5fgraph-20gateway-5f[0-9a-f]{16}", identity.api_name)
