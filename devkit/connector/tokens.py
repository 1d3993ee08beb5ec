"""List the tokens that a flow designer offers after each operation, as Microsoft's parser finds them.

Source: Azure/LogicAppsUX, `outputprocessor.ts` and `schemaprocessor.ts`, asked as its designer asks: objects are tokens
beside their members, lists are followed to any depth, and the list that a trigger splits is none
(`updateOutputsForBatchingTrigger`). Only what this definition uses is here: titles stand in `x-ms-summary` alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

type Json = Mapping[str, Any]

_CARRIERS = ("200", "201", "default")
_SPLIT = "value"


@dataclass(frozen=True)
class Token:
    """What a maker can pick.

    `key`: its place, as `value/[*]/startUtc`; empty for the whole body. `title`: what the designer shows, the titles of
    lists and objects around it first. `own_title`: the last part of it. `visibility`: its own or inherited; empty for
    none.
    """

    key: str
    title: str
    own_title: str
    visibility: str
    is_dynamic: bool

    @property
    def is_in_view(self) -> bool:
        """Whether it is offered before the maker asks for more."""
        return self.visibility != "advanced"


@dataclass(frozen=True)
class _Place:
    key: str = ""
    around: str = ""  # titles of the lists and objects around it
    visibility: str = ""

    def enter(self, name: str, shape: Json, title: str) -> "_Place":
        key = f"{self.key}/{name}" if self.key else name
        return _Place(key, f"{self.around} {title}".strip(), shape.get("x-ms-visibility", self.visibility))


def list_tokens(operation: Json, document: Json) -> list[Token]:
    """Return the tokens of an operation, in the definition's order; none if designers find no schema."""
    responses = operation["responses"]
    carrier: Json = next((responses[status] for status in _CARRIERS if status in responses), {})
    if "schema" not in carrier:
        return []
    found = {token.key: token for token in _walk(carrier["schema"], _Place(), document)}
    if operation.get("x-ms-trigger") == "batch":
        del found[_SPLIT]
    return [token for token in found.values() if token.visibility != "internal"]


def _walk(shape: Json, place: _Place, document: Json) -> Iterator[Token]:
    shape = _resolve(shape, document)
    yield _make_token(shape, place)
    if "x-ms-dynamic-schema" in shape or shape.get("x-ms-visibility") == "internal":
        return
    own = shape.get("x-ms-summary", "")
    for name, inner in shape.get("properties", {}).items():
        yield from _walk(inner, place.enter(name, shape, own), document)
    if "items" in shape:
        has_title = "x-ms-summary" in _resolve(shape["items"], document)
        yield from _walk(shape["items"], place.enter("[*]", shape, "" if has_title else own), document)


def _make_token(shape: Json, place: _Place) -> Token:
    name = place.key.rpartition("/")[2]
    own = shape.get("x-ms-summary") or {"": shape.get("description", "Body"), "[*]": "Item"}.get(name, name)
    return Token(
        place.key,
        f"{place.around} {own}".strip(),
        own,
        shape.get("x-ms-visibility", place.visibility),
        "x-ms-dynamic-schema" in shape,
    )


def _resolve(shape: Json, document: Json) -> Json:
    while "$ref" in shape:
        shape = document["definitions"][shape["$ref"].rpartition("/")[2]]
    return shape
