"""Build schemas: Swagger 2.0 with the extensions of Power Platform connectors.

Every leaf has a title (`x-ms-summary`) and a description, because makers of flows see these and nothing else. Swagger
2.0 knows no null; `x-nullable` says where it may come. `name` is what generated clients call an object; it stands in
the OpenAPI 3.1 text only (`client_description.py`), because Swagger 2.0 is read by designers of flows, who see titles.

Source: "OpenAPI extensions for custom connectors".
"""

from collections.abc import Mapping, Sequence
from typing import Any

type Shape = dict[str, Any]

NAME = "x-schema-name"
VISIBILITY = "x-ms-visibility"


def text(
    title: str,
    description: str,
    *,
    form: str | None = None,
    null: bool = False,
    choices: Sequence[str] | Mapping[str, str] | None = None,
    name: str | None = None,
    **more: Any,
) -> Shape:
    """Describe a text. `form`: a format such as date-time; `choices`: the allowed values, in a mapping with labels.

    `name`: what clients call the choices, if they stand in several places.
    """
    shape = _leaf("string", title, description, null=null, form=form)
    if choices:
        shape["enum"] = list(choices)
    if isinstance(choices, Mapping):
        shape["x-ms-enum-values"] = [{"value": value, "displayName": label} for value, label in choices.items()]
    if name:
        shape[NAME] = name
    return shape | _extensions(more)


def moment(title: str, description: str, *, null: bool = False, **more: Any) -> Shape:
    """Describe a moment in UTC."""
    return text(title, description, form="date-time", null=null, **more)


def wall_time(title: str, description: str, **more: Any) -> Shape:
    """Describe a wall time without offset."""
    return text(title, description, form="date-no-tz", **more)


def whole(title: str, description: str, *, null: bool = False, **more: Any) -> Shape:
    """Describe a whole number."""
    return _leaf("integer", title, description, null=null, form="int32") | _extensions(more)


def decimal(title: str, description: str, *, null: bool = False, **more: Any) -> Shape:
    """Describe a number."""
    return _leaf("number", title, description, null=null, form="double") | _extensions(more)


def flag(title: str, description: str, *, null: bool = False, **more: Any) -> Shape:
    """Describe yes or no."""
    return _leaf("boolean", title, description, null=null) | _extensions(more)


def list_of(items: Shape, title: str, description: str, *, null: bool = False, **more: Any) -> Shape:
    """Describe a list."""
    return _leaf("array", title, description, null=null) | {"items": items} | _extensions(more)


def thing(
    properties: Mapping[str, Shape],
    title: str | None = None,
    description: str | None = None,
    *,
    name: str | None = None,
    required: Sequence[str] = (),
    null: bool = False,
    in_view: str | None = None,
    **more: Any,
) -> Shape:
    """Describe an object; without properties it may hold anything.

    Designers put its title before the titles of all its properties: most objects have none. `in_view`: names of the
    properties that are offered at once (`keep_in_view`), also if the object itself is advanced.
    `name`: what clients call it, wherever the same thing stands; else it is named by its place.
    Where the texts of one thing differ from place to place, clients read those of DEFINITIONS under that name.
    """
    shape: Shape = {"type": "object"}
    if title and description:
        shape = _leaf("object", title, description, null=null)
    else:
        shape |= {"description": description} if description else {}
        shape |= {"x-nullable": True} if null else {}
    if properties:  # an empty list of members is a fault to certification
        shape["properties"] = dict(properties)
    if in_view is not None:
        is_advanced = more.get("visibility") == "advanced"
        shape["properties"] = (_bring_all if is_advanced else keep_in_view)(properties, in_view)
    if required:
        shape["required"] = list(required)
    if name:
        shape[NAME] = name
    return shape | _extensions(more)


def keep_in_view(properties: Mapping[str, Shape], names: str) -> dict[str, Shape]:
    """Return properties of an answer, all but the named ones marked advanced; `names` are separated by blanks.

    Designers offer what is advanced on request. What is inside it is advanced, too, unless it is marked otherwise.
    """
    shown = _split_names(properties, names)
    return {
        name: shape if name in shown or VISIBILITY in shape else shape | {VISIBILITY: "advanced"}
        for name, shape in properties.items()
    }


def _bring_all(properties: Mapping[str, Shape], names: str) -> dict[str, Shape]:
    shown = _split_names(properties, names)
    return {name: bring_into_view(shape) if name in shown else shape for name, shape in properties.items()}


def _split_names(properties: Mapping[str, Shape], names: str) -> set[str]:
    shown = set(names.split())
    assert shown <= set(properties), shown - set(properties)  # noqa: S101 - a slip in a description, found when it is built
    return shown


def bring_into_view(shape: Shape) -> Shape:
    """Return a property as it is offered at once, even inside an advanced object."""
    return shape | {VISIBILITY: "important"}


def texts_by_name(title: str, description: str, *, null: bool = False, **more: Any) -> Shape:
    """Describe an object whose properties are all texts, under names that only the booking page knows."""
    shape = _leaf("object", title, description, null=null)
    return shape | {"additionalProperties": {"type": "string"}, NAME: "TextsByKey"} | _extensions(more)


def counts_by_name(title: str, description: str, *, null: bool = False, **more: Any) -> Shape:
    """Describe an object whose properties are all whole numbers, under names that come as they occur."""
    shape = _leaf("object", title, description, null=null)
    number = {"type": "integer", "format": "int32"}
    return shape | {"additionalProperties": number, NAME: "CountsByKey"} | _extensions(more)


def without_names(node: Any) -> Any:
    """Return a description as Power Platform reads it."""
    if isinstance(node, dict):
        return {key: without_names(value) for key, value in node.items() if key != NAME}
    return [without_names(each) for each in node] if isinstance(node, list) else node


def ref(name: str) -> Shape:
    """Refer to a definition."""
    return {"$ref": f"#/definitions/{name}"}


def from_list(operation: str, value: str, shown: str, collection: str = "value", **parameters: str) -> Shape:
    """Let makers pick the value from a list, in both forms. `parameters`: those of the list operation."""
    return {
        "x-ms-dynamic-values": {
            "operationId": operation,
            "parameters": {name: {"parameter": ours} for name, ours in parameters.items()},
            "value-collection": collection,
            "value-path": value,
            "value-title": shown,
        },
        "x-ms-dynamic-list": {
            "operationId": operation,
            "parameters": {name: {"parameterReference": ours} for name, ours in parameters.items()},
            "itemsPath": collection,
            "itemValuePath": value,
            "itemTitlePath": shown,
        },
    }


def from_schema(operation: str, *, old: Mapping[str, str], new: Mapping[str, str]) -> Shape:
    """Get the schema from the page's questions, in both forms, which name a body's fields differently."""
    return {
        "x-ms-dynamic-schema": {
            "operationId": operation,
            "parameters": {name: {"parameter": ours} for name, ours in old.items()},
            "value-path": "schema",
        },
        "x-ms-dynamic-properties": {
            "operationId": operation,
            "parameters": {name: {"parameterReference": ours} for name, ours in new.items()},
            "itemValuePath": "schema",
        },
    }


def _leaf(kind: str, title: str, description: str, *, null: bool, form: str | None = None) -> Shape:
    shape: Shape = {"type": kind}
    if form:
        shape["format"] = form
    shape |= {"x-ms-summary": title, "description": description}
    return shape | ({"x-nullable": True} if null else {})


def _extensions(more: Mapping[str, Any]) -> Shape:
    """Turn keyword names into extensions: `visibility` is x-ms-visibility; Swagger's own words stay, dashes allowed."""
    return {f"x-ms-{name}" if name == "visibility" else name: value for name, value in more.items()}
