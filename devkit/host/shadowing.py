"""Which routes can never, or not always, be reached because an earlier function takes their requests.

The platform tries functions in alphabetical order, not the most specific route first. So ``items/{id}`` of
``get_item`` takes ``items/recent`` away from ``recent_items``. This module finds such pairs without guessing paths.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from devkit.host.templates import Parameter, Segment, Template

_WIDER = {
    "int": {"long", "decimal", "double", "float", "required"},
    "long": {"decimal", "double", "float", "required"},
    "decimal": {"double", "float", "required"},
    "double": {"float", "required"},
    "float": {"double", "required"},
}
"""What each constraint implies; everything else is decided by sample values, or taken to be different."""

_COMMON_SAMPLES = ("a", "abc", "recent", "0", "1", "42", "-1", "true", "1.5", "2026-01-31", "a-b_c", "x" * 40, "7" * 40)


@dataclass(frozen=True)
class _Shape:
    """A template without its optional parts: so many segments, then perhaps anything."""

    segments: tuple[Segment, ...]
    rest: bool


def overlaps(left: Template, right: Template) -> bool:
    """Say whether some path matches both templates. When that cannot be decided the answer is yes."""
    return any(_meet(a, b) for a in _expand(left) for b in _expand(right))


def includes(outer: Template, inner: Template) -> bool:
    """Say whether every path that matches ``inner`` matches ``outer``. When undecided the answer is no."""
    return all(any(_covers(a, b) for a in _expand(outer)) for b in _expand(inner))


def find_hidden(routes: Sequence[tuple[str, Template, frozenset[str] | None]]) -> Iterator[tuple[str, str]]:
    """Yield (hidden function, hiding function) for routes in their order of precedence.

    A pair counts when both take a common method and a common path, unless the earlier route is the narrower of the
    two: then it is the intended exception in front of the general case.
    """
    for (early, early_template, early_methods), (late, late_template, late_methods) in combinations(routes, 2):
        if early_methods is not None and late_methods is not None and not early_methods & late_methods:
            continue
        if not overlaps(early_template, late_template):
            continue
        if includes(late_template, early_template) and not includes(early_template, late_template):
            continue
        yield late, early


def _expand(template: Template) -> list[_Shape]:
    segments, shapes = list(template.segments), []
    rest = template.has_rest
    if rest:
        segments.pop()
    while True:
        shapes.append(_Shape(tuple(segments), rest))
        last = segments[-1].parameter if segments else None
        if last is None or not (last.optional or last.default is not None):
            return shapes
        rest = False
        segments.pop()


def _meet(left: _Shape, right: _Shape) -> bool:
    short, long = sorted((left, right), key=lambda shape: len(shape.segments))
    if len(short.segments) < len(long.segments) and not short.rest:
        return False
    return all(_segments_meet(a, b) for a, b in zip(left.segments, right.segments, strict=False))


def _covers(outer: _Shape, inner: _Shape) -> bool:
    if inner.rest and not outer.rest:
        return False
    if len(outer.segments) > len(inner.segments) or (len(outer.segments) < len(inner.segments) and not outer.rest):
        return False
    return all(_segment_covers(a, b) for a, b in zip(outer.segments, inner.segments, strict=False))


def _segments_meet(left: Segment, right: Segment) -> bool:
    if left.literal is not None:
        return right.match(left.literal) is not None
    if right.literal is not None:
        return left.match(right.literal) is not None
    one, other = left.parameter, right.parameter
    if one is None or other is None:
        return True
    if _is_undecidable(one) or _is_undecidable(other) or not one.constraints or not other.constraints:
        return True
    return any(one.accepts(sample) and other.accepts(sample) for sample in _sample(one, other))


def _segment_covers(outer: Segment, inner: Segment) -> bool:
    if inner.literal is not None:
        return outer.match(inner.literal) is not None
    wide, narrow = outer.parameter, inner.parameter
    if wide is not None and not wide.constraints:
        return True
    if wide is None or narrow is None:
        return outer == inner
    known = {constraint.text for constraint in narrow.constraints}
    implied = known.union(*(_WIDER.get(text, {"required"}) for text in known))
    return {constraint.text for constraint in wide.constraints} <= implied


def _is_undecidable(parameter: Parameter) -> bool:
    return any(constraint.text.lower().startswith("regex") for constraint in parameter.constraints)


def _sample(*parameters: Parameter) -> Iterator[str]:
    yield from _COMMON_SAMPLES
    for parameter in parameters:
        for constraint in parameter.constraints:
            yield from constraint.samples
