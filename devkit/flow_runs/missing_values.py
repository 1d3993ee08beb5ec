"""Let values be missing that may be missing by a connector's definition: null, or a list without elements."""

from collections.abc import Collection, Iterator
from typing import Any

from devkit.flows.connectors import Connector, Schema

type Place = tuple[str, ...]
type Gap = tuple[Place, list[Any] | None]  # where something is missing, and what stands there


def vary(
    value: Any, schema: Schema, connector: Connector, text: str, never: Collection[str] = ()
) -> Iterator[tuple[str, Any]]:
    """Yield a value with each gap, and last with all of them, each with a name.

    Gaps are made where something is and may be missing, and where its name stands in `text`; all elements of a list are
    changed alike. `never`: places that are left as they are.
    """
    found = _find_gaps(value, schema, connector, text)
    gaps = {_name(place, gap): (place, gap) for place, gap in found if "/".join(place) not in never}
    everywhere = value
    for name, (place, gap) in gaps.items():
        yield name, _put(value, place, gap)
        everywhere = _put(everywhere, place, gap)
    if len(gaps) > 1:
        yield "all", everywhere


def _find_gaps(value: Any, schema: Schema, connector: Connector, text: str) -> Iterator[Gap]:
    schema = connector.resolve(schema)
    if isinstance(value, list):
        for element in value:
            yield from _find_gaps(element, schema.get("items", {}), connector, text)
    elif isinstance(value, dict):
        for name, below in value.items():
            inner = schema.get("properties", {}).get(name)
            if inner is None or below is None or name not in text:
                continue
            for place, gap in _find_gaps(below, inner, connector, text):
                yield (name, *place), gap
            if isinstance(below, list) and below:
                yield (name,), []
            if inner.get("x-nullable") or connector.resolve(inner).get("x-nullable"):
                yield (name,), None


def _put(value: Any, place: Place, gap: Any) -> Any:
    if isinstance(value, list):
        return [_put(element, place, gap) for element in value]
    if not isinstance(value, dict) or place[0] not in value:
        return value
    first, *rest = place
    return {**value, first: _put(value[first], tuple(rest), gap) if rest else gap}


def _name(place: Place, gap: Any) -> str:
    return "/".join(place) + (" null" if gap is None else " empty")
