"""Rules for lists to pick from and for schemas that are read at design time: what they call, with what, to what end."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from devkit.connector.standard_walk import Call, Json, follow, is_hidden, list_calls, list_parameters

type Checked = Iterator[tuple[str, str | None]]

# Each extension with its newer form, which names bodies' members without doubt.
_FORMS = {"x-ms-dynamic-values": "x-ms-dynamic-list", "x-ms-dynamic-schema": "x-ms-dynamic-properties"}
_READS = {"x-ms-dynamic-values": "parameter", "x-ms-dynamic-schema": "parameter"}
_ITEM = {"x-ms-dynamic-values": ("value-collection", "value-path"), "x-ms-dynamic-list": ("itemsPath", "itemValuePath")}
_SAME = {
    "x-ms-dynamic-values": (
        ("value-collection", "itemsPath"), ("value-path", "itemValuePath"), ("value-title", "itemTitlePath"),
    ),
    "x-ms-dynamic-schema": (("value-path", "itemValuePath"),),
}  # fmt: skip
_TYPES = {"string": str, "boolean": bool, "integer": int, "number": float}


class _Source(NamedTuple):
    """A parameter, or a member of a body: what it is, whether it must be given and whether makers see it."""

    shape: Json
    is_required: bool
    is_seen: bool


def check_lists(definition: Json) -> Checked:
    """Require that lists get values of the right type, which makers can see and must give, and give such values.

    OperationParameterTypeMismatch, …StaticTypeMismatch, …RequiredMismatch, …NameNotFound, SourcePropertyInternal,
    DynamicListExtensionRequiredFor…, DynamicPropertiesItemValuePathMismatch, InvokedOperationShouldProduceProperty.
    """
    calls = {str(call.operation["operationId"]): call for call in list_calls(definition)}
    for call in calls.values():
        sources = dict(_list_sources(definition, call))
        for name, source in sources.items():
            shape = source.shape.get("items", source.shape)
            for key in (*_FORMS, *_FORMS.values()):
                if key in shape:
                    place = f"{call.place} {name} {key}"
                    target = calls.get(str(shape[key]["operationId"]))
                    if target is None:
                        yield place, f"calls {shape[key]['operationId']}, which is not there"
                    else:
                        for message in _check_one(definition, key, shape, sources, target):
                            yield place, message
            yield from _check_forms(f"{call.place} {name}", shape)


def _list_sources(definition: Json, call: Call) -> Iterator[tuple[str, _Source]]:
    """Return parameters by their names, and members of the body by their paths, such as `body/service`."""
    for parameter in list_parameters(definition, call.operation):
        name, is_required = str(parameter["name"]), bool(parameter.get("required"))
        if "schema" in parameter:
            yield from _list_members(definition, name, parameter["schema"], is_required=is_required)
        else:
            # nobody sees what a hidden operation takes; it is given by lists, too
            is_seen = is_hidden(call.operation) or not is_hidden(parameter)
            yield name, _Source(parameter, is_required, is_seen)


def _list_members(definition: Json, path: str, schema: Json, *, is_required: bool) -> Iterator[tuple[str, _Source]]:
    shape = follow(definition, schema)
    for name, member in shape.get("properties", {}).items():
        known = follow(definition, member)
        needed = is_required and name in shape.get("required", [])
        yield f"{path}/{name}", _Source(known, needed, not is_hidden(known))
        yield from _list_members(definition, f"{path}/{name}", known, is_required=needed)


def _check_forms(place: str, shape: Json) -> Checked:
    for old, new in _FORMS.items():
        if old in shape or new in shape:
            yield place, None if old in shape and new in shape else f"has only one of {old} and {new}"
        if old in shape and new in shape:
            for one, other in _SAME[old]:
                is_same = str(shape[old].get(one, "")).removesuffix("/properties") == shape[new].get(other, "")
                yield place, None if is_same else f"{one} and {other} lead to different places"


def _check_one(
    definition: Json, key: str, shape: Json, sources: Mapping[str, _Source], target: Call
) -> Iterator[str | None]:
    asked: Json = shape[key]
    wanted = {str(one["name"]): one for one in list_parameters(definition, target.operation)}
    for name, value in asked.get("parameters", {}).items():
        if name not in wanted:
            yield f"gives {name}, which {asked['operationId']} does not take"
        else:
            yield from _check_given(wanted[name], value, sources, key)
    if key in _ITEM:
        found = _find_value(definition, target.operation, *(str(asked[part]) for part in _ITEM[key]))
        is_right = found is not None and found.get("type") == shape.get("type")
        yield None if is_right else f"offers values of another type than {shape.get('type')}"


def _check_given(wanted: Json, value: Any, sources: Mapping[str, _Source], key: str) -> Iterator[str | None]:
    reference = value.get(_READS.get(key, "parameterReference")) if isinstance(value, Mapping) else None
    if reference is None:
        fixed = value.get("value") if isinstance(value, Mapping) else value
        is_right = isinstance(fixed, _TYPES[wanted["type"]])
        yield None if is_right else f"gives {fixed!r} for {wanted['name']}, which is a {wanted['type']}"
        return
    # the older form names members of the body by their last names only
    named = [source for path, source in sources.items() if path == reference or path.endswith(f"/{reference}")]
    if not named:
        yield f"reads {reference}, which the operation does not have"
        return
    source = named[0]
    is_right = source.shape["type"] == wanted["type"]
    yield None if is_right else f"gives {source.shape['type']} for {wanted['name']}, a {wanted['type']}"
    yield None if source.is_seen else f"reads {reference}, which makers do not see"
    is_askable = source.is_required or not wanted.get("required")
    yield None if is_askable else f"needs {reference}, which may be empty"


def _find_value(definition: Json, operation: Json, collection: str, path: str) -> Json | None:
    """Return the schema of what a list offers, from the answer of the operation that it calls."""
    for answer in operation["responses"].values():
        if "schema" in answer:
            shape = follow(definition, answer["schema"])
            for part in (*collection.split("/"), None, *path.split("/")):
                shape = shape.get("items", {}) if part is None else shape.get("properties", {}).get(part, {})
                shape = follow(definition, shape)
            return shape
    return None
