"""The makers' reference: every operation is there, and its examples still are what the app takes and answers."""

import json
import re
from typing import Any

import jsonschema
import pytest

from devkit.connector.answers import load_definition
from devkit.connector.files import REFERENCE
from devkit.connector.pages import recorded_operations, titles
from devkit.connector.reference import shorten

PAGE = REFERENCE.read_text()
SECTIONS = {
    re.search(r"^`(\w+)`\. ", text, flags=re.MULTILINE)[1]: text  # type: ignore[index]  # each has one
    for text in PAGE.split("\n### ")[1:]
}
VISIBLE = {each["operationId"]: each for each in recorded_operations(load_definition().document)}


def test_every_operation_that_makers_see_has_its_example() -> None:
    assert set(SECTIONS) == set(VISIBLE)


@pytest.mark.parametrize("name", sorted(VISIBLE))
def test_the_fields_of_an_example_are_the_operations_own(name: str) -> None:
    fields = re.findall(r"^\| (.+?) \| `.+` \|$", SECTIONS[name], flags=re.MULTILINE)
    operation = VISIBLE[name]
    parameters = load_definition().parameters(operation)
    shown = dict(titles(operation, load_definition().document))
    needed = {shown[one["name"]] for one in parameters if one.get("required") and one["in"] != "body"}
    for one in parameters:
        if one["in"] == "body":
            needed |= {shown[each] for each in one["schema"].get("required", [])}
    assert needed <= set(fields) <= set(shown.values())
    assert operation["summary"] in SECTIONS[name]
    assert operation["description"] in SECTIONS[name]


@pytest.mark.parametrize("name", sorted(VISIBLE))
def test_the_answer_of_an_example_is_what_the_schema_says(name: str) -> None:
    definition = load_definition()
    code, response = next(iter(sorted(VISIBLE[name]["responses"].items())))
    found = re.search(r"```json\n(.+?)\n```", SECTIONS[name], flags=re.DOTALL)
    if response.get("schema", {}).get("format") == "binary":
        assert "bytes, as `" in SECTIONS[name]
        return
    if "schema" not in response:
        assert "Answers nothing." in SECTIONS[name]
        return
    assert found, code
    answer: Any = json.loads(found[1])
    assert answer
    jsonschema.validate(answer, _without_required(definition.strict(response["schema"])))


def _without_required(schema: Any) -> Any:
    """What is empty is left out of the examples, needed or not."""
    if isinstance(schema, dict):
        return {name: _without_required(inner) for name, inner in schema.items() if name != "required"}
    return [_without_required(inner) for inner in schema] if isinstance(schema, list) else schema


def test_long_ids_are_cut_and_empty_things_left_out() -> None:
    whole = {"id": "A" * 80, "name": "short", "list": [1, 2], "none": None, "empty": []}
    assert shorten(whole) == {"id": "A" * 24 + "…", "name": "short", "list": [1]}
