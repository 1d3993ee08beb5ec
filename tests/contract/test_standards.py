"""Microsoft's coding standards beyond the lint: nothing to say of the connector, and a word about every fault."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from devkit.connector.document import build_definition, build_properties
from devkit.connector.files import DEFINITION
from devkit.connector.standards import PROPERTIES_RULES, RULES, check_standards

type Spoil = Callable[[Any, Any], object]
GOOD = build_definition()
PROPERTIES = build_properties()


def breaks(rule: str, definition: Any, properties: Any) -> bool:
    checked = RULES[rule](definition) if rule in RULES else PROPERTIES_RULES[rule](properties)
    return any(message for _, message in checked)


def test_the_connector_keeps_all_of_them() -> None:
    verdict = check_standards(GOOD, PROPERTIES, DEFINITION.read_text())
    assert [str(each) for each in verdict.complaints] == []
    assert verdict.passed > 20_000
    assert str(verdict) == f"{verdict.passed} passed, 0 failed"


def at(definition: Any, path: str, method: str = "get") -> Any:
    return definition["paths"][path][method]


def reorder(definition: Any, _: Any) -> None:
    definition["info"] = definition.pop("info")


def inline_parameter(definition: Any, _: Any) -> None:
    written = definition["parameters"]["BusinessAsked"]
    for path in ("/connector/schemas/answers", "/connector/schemas/questions"):
        asked = at(definition, path)["parameters"]
        asked[:] = [written if one.get("$ref", "").endswith("/BusinessAsked") else one for one in asked]


def inline_answer(definition: Any, _: Any) -> None:
    written = definition["definitions"]["SupportMailbox"]
    for path in ("/mailboxes/{mailbox}", "/status"):
        at(definition, path)["responses"]["200"]["schema"] = written


FAULTS: list[tuple[str, Spoil]] = [
    ("order", reorder),
    ("restricted words", lambda d, _: d["info"].update(title="Bookings Gateway")),
    ("restricted words", lambda d, _: d["info"].update(description="Asks an API for you, every single time.")),
    ("full stops", lambda d, _: at(d, "/status").update(description="Gets the state")),
    ("full stops", lambda d, _: d["parameters"]["Start"].update(description="The start")),
    ("triggers", lambda d, _: at(d, "/triggers/mails/arrived").update(summary="On a mail")),
    ("triggers", lambda d, _: at(d, "/triggers/mails/arrived").update(description="A mail came.")),
    ("titles", lambda d, _: d["parameters"]["Start"].update({"x-ms-summary": "startLocal"})),
    ("titles", lambda d, _: at(d, "/status").update(summary="Get the state, at once")),
    ("English", lambda d, _: d["parameters"]["Start"].update(description="Début.")),
    ("English", lambda d, _: d["parameters"]["Start"].update(description="The  start.")),
    ("visibility", lambda d, _: at(d, "/status").pop("x-ms-visibility")),
    ("visibility", lambda d, _: d["parameters"]["Start"].pop("x-ms-summary")),
    ("keywords", lambda d, _: d["definitions"]["GatewayStatus"].update(uniqueItems=True)),
    ("keywords", lambda d, _: at(d, "/status").update(note="x")),
    ("keywords", lambda d, _: d["paths"]["/status"].update(parameters=[])),
    ("unique values", lambda d, _: d["produces"].append("application/json")),
    ("choices", lambda d, _: d["parameters"]["Start"].update(enum=["a"], default="b")),
    ("choices", lambda d, _: d["parameters"]["Start"].update({"x-ms-enum-values": [{"value": "a"}]})),
    ("required members", lambda d, _: d["definitions"]["GatewayStatus"].update(required=[])),
    ("required members", lambda d, _: d["definitions"]["GatewayStatus"].update(required=["nothing"])),
    ("bounds", lambda d, _: d["parameters"]["PageSize"].update(minimum=9999)),
    ("bounds", lambda d, _: d["parameters"]["Start"].update(pattern="(")),
    ("empty objects", lambda d, _: d["definitions"]["GatewayStatus"].update(properties={})),
    ("empty objects", lambda d, _: d["definitions"]["GatewayStatus"].update(type="array")),
    ("files", lambda d, _: d["definitions"]["GatewayStatus"]["properties"].update(
        bytes={"type": "string", "format": "binary"})),
    ("shared schemas", inline_answer),
    ("shared parameters", inline_parameter),
    ("shared parameters", lambda d, _: d["parameters"].update(Spare=d["parameters"]["Start"])),
    ("answers", lambda d, _: at(d, "/status")["responses"].update({"202": at(d, "/status")["responses"].pop("200")})),
    ("answers", lambda d, _: at(d, "/status")["responses"].update({"okay": {"description": "Good."}})),
    ("answers", lambda d, _: at(d, "/status").update(responses={"200": at(d, "/status")["responses"]["200"]})),
    ("media types", lambda d, _: at(d, "/status").update(produces=["message/rfc822"])),
    ("media types", lambda d, _: d.update(consumes=["application/xml"])),
    ("encodings", lambda d, _: d["parameters"]["Business"].pop("x-ms-url-encoding")),
    ("encodings", lambda d, _: d["parameters"]["Start"].update({"x-ms-url-encoding": "single"})),
    ("references", lambda d, _: d["definitions"].pop("SupportMailbox")),
    ("references", lambda d, _: at(d, "/mailboxes/{mailbox}")["responses"]["200"]["schema"].update(type="object")),
    ("references", lambda d, _: d["definitions"].update(Spare={"$ref": "#/definitions/SupportMailbox"})),
    ("references", lambda d, _: d["definitions"].update(Spare={
        "type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/definitions/Spare"}}})),
    ("keywords", lambda d, _: d["parameters"]["Start"].update(schema={"type": "string"})),
    ("bounds", lambda d, _: d["parameters"]["Start"].update(exclusiveMaximum=True)),
    ("bounds", lambda d, _: d["parameters"]["Start"].update(multipleOf=0)),
    ("lists to pick from", lambda d, _: d["parameters"]["Service"]["x-ms-dynamic-list"].update(itemTitlePath="name")),
    ("lists to pick from", lambda d, _: d["parameters"]["Service"]["x-ms-dynamic-values"].update(
        {"value-path": "nothing"})),
    ("lists to pick from", lambda d, _: d["parameters"]["Service"]["x-ms-dynamic-values"].update(operationId="None")),
    ("lists to pick from", lambda d, _: d["parameters"]["Service"]["x-ms-dynamic-values"].update(
        parameters={"business": 5})),
    ("lists to pick from", lambda d, _: d["parameters"]["Service"]["x-ms-dynamic-values"].update(
        parameters={"business": {"parameter": "page"}})),
    ("lists to pick from", lambda d, _: d["parameters"]["Service"].pop("x-ms-dynamic-list")),
    ("lists to pick from", lambda d, _: d["parameters"]["Business"].update(type="integer")),
    ("lists to pick from", lambda d, _: d["parameters"]["Business"].update({"x-ms-visibility": "internal"})),
    ("lists to pick from", lambda d, _: d["parameters"]["Business"].update(required=False)),
    ("tags", lambda d, _: d["tags"].pop()),
    ("status", lambda d, _: (d["info"].pop("x-ms-api-annotation"),
                             at(d, "/status").update({"x-ms-api-annotation": {"status": "Production"}}))),
    ("host", lambda _, p: p["properties"]["policyTemplateInstances"].pop(0)),
    ("host", lambda _, p: p["properties"]["connectionParameters"].pop("host")),
    ("host", lambda _, p: p["properties"]["policyTemplateInstances"][0]["parameters"].update(
        {"x-ms-apimTemplateParameter.urlTemplate": "http://@connectionParameters('host')"})),
    ("connection texts", lambda _, p: p["properties"]["connectionParameters"]["host"]["uiDefinition"].update(
        tooltip="Host")),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "spoil"), FAULTS)
def test_a_fault_is_seen(rule: str, spoil: Spoil) -> None:
    definition, properties = copy.deepcopy(GOOD), copy.deepcopy(PROPERTIES)
    assert not breaks(rule, definition, properties)
    spoil(definition, properties)
    assert breaks(rule, definition, properties)


def test_every_rule_has_a_fault_here() -> None:
    assert {rule for rule, _ in FAULTS} == {*RULES, *PROPERTIES_RULES}


@pytest.mark.parametrize("line", ["  {", "\t{", "    { "])
def test_a_file_that_is_indented_otherwise_is_seen(line: str) -> None:
    verdict = check_standards(GOOD, PROPERTIES, f"{{\n{line}\n}}")
    assert {each.rule for each in verdict.complaints} == {"indentation"}
