"""Change a value as a connector's definition allows: something is missing, or a text is another one.

Only what stands in the value and whose name stands in `text` is changed; all elements of a list are changed alike.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from devkit.flows.connectors import Connector, Schema

type Place = tuple[str, ...]
type Change = tuple[Place, Any]  # where, and what stands there then
type Choose = Callable[[Any, Schema, bool], Iterator[Any]]  # value, its schema, whether it may be null


def leave_out(
    value: Any, schema: Schema, connector: Connector, text: str, *, never: Collection[str] = ()
) -> Iterator[tuple[str, Any]]:
    """Yield a value with null where that is allowed, and with each list empty, each with a name; last with all of that.

    `never`: places that are left as they are, by their last name or whole.
    """

    def choose(found: Any, _: Schema, is_nullable: bool) -> Iterator[Any]:  # noqa: FBT001 - see Choose
        if isinstance(found, list) and found:
            yield []
        if is_nullable:
            yield None

    changes = _list_changes(value, schema, connector, text, choose)
    named = {_name(place, new): (place, new) for place, new in changes if not {place[-1], "/".join(place)} & set(never)}
    everywhere = value
    for name, (place, new) in named.items():
        yield name, _put(value, place, new)
        everywhere = _put(everywhere, place, new)
    if len(named) > 1:
        yield "all", everywhere


def exchange_texts(
    value: Any, schema: Schema, connector: Connector, text: str, *, new: str, never: Collection[str] = ()
) -> Iterator[tuple[str, Any]]:
    """Yield a value with another text in each place for free texts, with a name; mail addresses stay as they are."""

    def choose(found: Any, inner: Schema, _: bool) -> Iterator[Any]:  # noqa: FBT001 - see Choose
        if isinstance(found, str) and not {"enum", "format"} & set(inner) and "@" not in found:
            yield new

    for place in dict.fromkeys(place for place, _ in _list_changes(value, schema, connector, text, choose)):
        if not {place[-1], "/".join(place)} & set(never):
            yield "/".join(place), _put(value, place, new)


def _list_changes(value: Any, schema: Schema, connector: Connector, text: str, choose: Choose) -> Iterator[Change]:
    schema = connector.resolve(schema)
    if isinstance(value, list):
        for element in value:
            yield from _list_changes(element, schema.get("items", {}), connector, text, choose)
    elif isinstance(value, dict):
        for name, below in value.items():
            inner = schema.get("properties", {}).get(name)
            if inner is None or below is None or name not in text:
                continue
            for place, new in _list_changes(below, inner, connector, text, choose):
                yield (name, *place), new
            resolved = connector.resolve(inner)
            is_nullable = bool(inner.get("x-nullable") or resolved.get("x-nullable"))
            yield from (((name,), new) for new in choose(below, resolved, is_nullable))


def _put(value: Any, place: Place, new: Any) -> Any:
    if isinstance(value, list):
        return [_put(element, place, new) for element in value]
    if not isinstance(value, dict) or place[0] not in value:
        return value
    first, *rest = place
    return {**value, first: _put(value[first], tuple(rest), new) if rest else new}


def _name(place: Place, new: Any) -> str:
    return "/".join(place) + (" null" if new is None else " empty")
