"""The Bookings part of the metadata, read from the file `metadata.txt`, and the check of values against it."""

import re
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from twin.bookings.times import parse_duration
from twin.core.wire import Json

NAMESPACE = "#microsoft.graph."
_ANNOTATED = frozenset({"bookingsAvailability", "bookingsAvailabilityWindow"})
"""A declared type and the derived type that may be used instead."""
_ANNOTATION = re.compile(r"^(@|.+@odata\.)")


class MisfitError(ValueError):
    """A value that the metadata does not allow; the text is that of OData."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a type."""

    name: str
    kind: str
    nullable: bool
    many: bool
    flags: frozenset[str]


@dataclass(slots=True)
class Type:
    """One type; `properties` include those of its base."""

    name: str
    base: str | None
    abstract: bool
    properties: dict[str, Property] = field(default_factory=dict)

    def flagged(self, flag: str) -> frozenset[str]:
        """Names of the properties with a flag."""
        return frozenset(name for name, one in self.properties.items() if flag in one.flags)


def _read_table(text: str) -> tuple[dict[str, Type], dict[str, tuple[str, ...]]]:
    types: dict[str, Type] = {}
    enums: dict[str, tuple[str, ...]] = {}
    current: Type | None = None
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        is_indented = line.startswith(" ")
        if words[0] == "enum" and not is_indented:
            enums[words[1]] = tuple(words[2:])
        elif not is_indented:
            base = words[3] if len(words) > 3 else None  # noqa: PLR2004 - "type name : base"
            current = types[words[1]] = Type(words[1], base, words[0] == "abstract")
            if base is not None:
                current.properties |= types[base].properties
        elif current is not None:
            current.properties[words[0]] = _read_property(words)
    return types, enums


def _read_property(words: list[str]) -> Property:
    many = words[1].endswith("[]")
    kind = words[1].removesuffix("[]")
    return Property(words[0], kind.removesuffix("?"), kind.endswith("?"), many, frozenset(words[2:]))


TYPES, ENUMS = _read_table((Path(__file__).parent / "metadata.txt").read_text(encoding="utf-8"))


def check(value: Any, type_name: str) -> Json:
    """Check an object that was sent and return its properties, without annotations and computed ones.

    MisfitError if it does not fit.
    """
    if not isinstance(value, dict):
        raise MisfitError(f"A JSON object is expected for type 'microsoft.graph.{type_name}'.")
    fitting = _choose_type(value, type_name)
    kept: Json = {}
    for name, inner in value.items():
        if _ANNOTATION.match(name):
            continue
        if name not in fitting.properties:
            raise MisfitError(
                f"The property '{name}' does not exist on type 'microsoft.graph.{fitting.name}'. Make sure to only use "
                "property names that are defined by the type or mark the type as open type.",
            )
        one = fitting.properties[name]
        checked = _check_property(inner, one)
        if "computed" not in one.flags:
            kept[name] = checked
    return kept


def _choose_type(value: Json, type_name: str) -> Type:
    """Choose the declared type, or the derived one that @odata.type names; abstract types need the annotation."""
    declared = TYPES[type_name]
    named = value.get("@odata.type")
    if named is None:
        if declared.abstract:
            raise MisfitError("Cannot create an abstract class.")
        return declared
    chosen = TYPES.get(str(named).removeprefix("#").removeprefix("microsoft.graph."))
    if chosen is None:
        raise MisfitError(f"A type named '{named}' could not be resolved by the model.")
    if chosen.abstract:
        raise MisfitError("Cannot create an abstract class.")
    if type_name not in (chosen.name, chosen.base):
        raise MisfitError(f"The type '{named}' is not assignable to the expected type 'microsoft.graph.{type_name}'.")
    return chosen


def _check_property(value: Any, one: Property) -> Any:
    if one.many:
        if not isinstance(value, list):
            raise MisfitError(f"The property '{one.name}' expects a collection.")
        return [_check_value(item, one) for item in value]
    return _check_value(value, one)


def _check_value(value: Any, one: Property) -> Any:
    if value is None:
        if one.nullable:
            return None
        raise MisfitError(
            f"A null value was found for the property named '{one.name}', which has the expected type "
            f"'{one.kind}[Nullable=False]'. The expected type does not allow null values.",
        )
    if one.kind in TYPES:
        annotation = _annotate(one.kind, value)
        return annotation | check(value, one.kind)
    if one.kind in ENUMS:
        if value not in ENUMS[one.kind] or value == "unknownFutureValue":
            raise MisfitError(f"Requested value '{value}' was not found.")
        return value
    if not _PRIMITIVES[one.kind](value):
        raise MisfitError(f"Cannot convert the literal '{value}' to the expected type 'Edm.{one.kind}'.")
    return value


def _annotate(kind: str, value: Any) -> Json:
    """Return the annotation @odata.type where the declared type is not the only possible one."""
    if not isinstance(value, dict) or not (kind in _ANNOTATED or TYPES[kind].abstract):
        return {}
    return {"@odata.type": value.get("@odata.type", NAMESPACE + kind)}


def _reads_as(value: Any, parse: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parse(value)
    except ValueError:
        return False
    return True


_PRIMITIVES = {
    "String": lambda value: isinstance(value, str),
    "Boolean": lambda value: isinstance(value, bool),
    "Int32": lambda value: isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31,
    "Double": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "Duration": lambda value: _reads_as(value, parse_duration),
    "DateTimeOffset": lambda value: _reads_as(value, datetime.fromisoformat),
    "Date": lambda value: _reads_as(value, date.fromisoformat),
    "TimeOfDay": lambda value: _reads_as(value, time.fromisoformat),
}
