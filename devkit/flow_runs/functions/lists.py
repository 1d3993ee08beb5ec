"""Functions of arrays, of objects, and of texts as sequences of characters."""

from collections.abc import Callable
from typing import Any

from devkit.flow_runs.failures import (
    TemplateFailure,
    name_type,
    need_integer,
    need_list,
    need_object,
    need_sequence,
    need_text,
    refuse,
    refuse_value,
)
from devkit.flow_runs.functions.logic import are_equal
from devkit.flow_runs.members import find_name
from devkit.flow_runs.texts import as_text, count_units, cut_units


def is_empty(value: Any) -> bool:
    """Say whether a text, array or object has nothing in it; null has not."""
    if value is None or isinstance(value, str | list | dict):
        return not value
    raise refuse("empty", 0, "an object, an array or a string", value)


def contains(collection: Any, wanted: Any) -> bool:
    """Say whether a text has a text in it, an array a value, or an object a key; case counts."""
    if isinstance(collection, str):
        return need_text("contains", 1, wanted) in collection
    if isinstance(collection, list):
        return any(are_equal(each, wanted) for each in collection)
    if isinstance(collection, dict):
        return need_text("contains", 1, wanted) in collection
    raise refuse("contains", 0, "a dictionary (object), an array or a string", collection)


def take_first(value: Any) -> Any:
    """Return the first element, null if there is none."""
    return next(iter(_list_elements("first", value)), None)


def take_last(value: Any) -> Any:
    """Return the last element, null if there is none."""
    return next(reversed(_list_elements("last", value)), None)


def take(value: Any, count: Any) -> Any:
    """Return the beginning of a text or array."""
    whole, number = need_sequence("take", 0, value), _count("take", count)
    return cut_units(whole, 0, number) if isinstance(whole, str) else whole[:number]


def skip(value: Any, count: Any) -> Any:
    """Return an array without its beginning."""
    return need_list("skip", 0, value)[_count("skip", count) :]


def join(values: Any, between: Any) -> str:
    """Return the elements of an array as one text."""
    return need_text("join", 1, between).join(as_text(value) for value in need_list("join", 0, values))


def chunk(value: Any, size: Any) -> list[Any]:
    """Part a text or array into parts of equal length."""
    whole, length = need_sequence("chunk", 0, value), need_integer("chunk", 1, size)
    if length < 1:
        raise refuse_value("chunk", f"a length of {length}")
    if isinstance(whole, str):
        return [cut_units(whole, start, start + length) for start in range(0, count_units(whole), length)]
    return [whole[start : start + length] for start in range(0, len(whole), length)]


def sort(values: Any, key: Any = None) -> list[Any]:
    """Sort an array of numbers, texts or booleans, or of objects by one of their properties."""
    elements = need_list("sort", 0, values)
    name = None if key is None else need_text("sort", 1, key)

    def read_key(element: Any) -> Any:
        value = element if name is None else need_object("sort", 0, element).get(name)
        return (value is not None, value)

    try:
        return sorted(elements, key=read_key)
    except TypeError:
        raise refuse_value("sort", "values of different types have no order") from None


def unite(*collections: Any) -> Any:
    """Return what is in any of the arrays or objects; of properties with one name the last."""
    if isinstance(collections[0], dict):
        whole: dict[str, Any] = {}
        for place, each in enumerate(collections):
            whole |= need_object("union", place, each)
        return whole
    found: list[Any] = []
    for place, each in enumerate(collections):
        for one in need_list("union", place, each):
            if not contains(found, one):  # a list is freed of its own repetitions, too: union(a, a) is used for that
                found.append(one)
    return found


def intersect(*collections: Any) -> Any:
    """Return what is in all of the arrays or objects."""
    first, *others = collections
    if isinstance(first, dict):
        objects = [need_object("intersection", place, each) for place, each in enumerate(collections)]
        return {key: objects[-1][key] for key in first if all(key in each for each in objects)}
    lists = [need_list("intersection", place, each) for place, each in enumerate(others, 1)]
    return [one for one in need_list("intersection", 0, first) if all(contains(each, one) for each in lists)]


def add_property(owner: Any, name: Any, value: Any) -> dict[str, Any]:
    """Return an object with a new property."""
    before, key = need_object("addProperty", 0, owner), need_text("addProperty", 1, name)
    if find_name(before, key) is not None:
        raise TemplateFailure(f"The template language function 'addProperty': a property '{key}' exists already.")
    return {**before, key: value}


def set_property(owner: Any, name: Any, value: Any) -> dict[str, Any]:
    """Return an object with a property that is new or has another value."""
    before, key = need_object("setProperty", 0, owner), need_text("setProperty", 1, name)
    return {**before, find_name(before, key) or key: value}


def remove_property(owner: Any, name: Any) -> dict[str, Any]:
    """Return an object without a property."""
    before, key = need_object("removeProperty", 0, owner), need_text("removeProperty", 1, name)
    return {each: value for each, value in before.items() if each != find_name(before, key)}


def _count(function: str, value: Any) -> int:
    if (count := need_integer(function, 1, value)) < 0:
        raise refuse(function, 1, "a positive integer", value)
    return count


def _list_elements(function: str, value: Any) -> list[Any]:
    whole = need_sequence(function, 0, value)
    return chunk(whole, 1) if isinstance(whole, str) else whole


def _length(value: Any) -> int:
    if isinstance(value, list | str):
        return count_units(value) if isinstance(value, str) else len(value)
    raise TemplateFailure(
        "The template language function 'length' expects its parameter to be an array or a string. "
        f"The provided value is of type '{name_type(value)}'."
    )


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "empty": is_empty, "contains": contains, "first": take_first, "last": take_last, "take": take, "skip": skip,
    "join": join, "chunk": chunk, "sort": sort, "union": unite, "intersection": intersect, "length": _length,
    "reverse": lambda values: need_list("reverse", 0, values)[::-1],
    "addProperty": add_property, "setProperty": set_property, "removeProperty": remove_property,
}  # fmt: skip
