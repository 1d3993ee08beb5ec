"""Functions of texts."""

import uuid
from collections.abc import Callable
from typing import Any

from devkit.flow_runs.failures import need_integer, need_text, refuse_value
from devkit.flow_runs.texts import as_text, count_units, cut_units, find_unit

_GUID_FORMS = {"N": "{0.hex}", "D": "{0}", "B": "{{{0}}}", "P": "({0})"}


def concat(*values: Any) -> str:
    """Join values of any type as texts."""
    return "".join(as_text(value) for value in values)


def replace(text: Any, old: Any, new: Any) -> str:
    """Replace every occurrence; case counts."""
    text, old, new = (need_text("replace", place, value) for place, value in enumerate((text, old, new)))
    if not old:
        raise refuse_value("replace", "the text to replace is empty")
    return str(text.replace(old, new))


def split(text: Any, delimiter: Any) -> list[str]:
    """Part a text."""
    whole, between = need_text("split", 0, text), need_text("split", 1, delimiter)
    return whole.split(between) if between else [whole]


def substring(text: Any, start: Any, length: Any = None) -> str:
    """Return a part of a text; it must lie in the text."""
    whole, first = need_text("substring", 0, text), need_integer("substring", 1, start)
    there = count_units(whole)
    count = there - first if length is None else need_integer("substring", 2, length)
    if first < 0 or count < 0 or first + count > there:
        raise refuse_value("substring", f"{first} and {count} are not within a text of {there} characters")
    return cut_units(whole, first, first + count)


def slice_text(text: Any, start: Any, end: Any = None) -> str:
    """Return a part of a text; places that lie outside are cut, negative ones count from the end."""
    whole, first = need_text("slice", 0, text), need_integer("slice", 1, start)
    return cut_units(whole, first, None if end is None else need_integer("slice", 2, end))


def index_of(text: Any, wanted: Any) -> int:
    """Return the first place of a text in another; case does not count."""
    whole = need_text("indexOf", 0, text).lower()
    return find_unit(whole, whole.find(need_text("indexOf", 1, wanted).lower()))


def last_index_of(text: Any, wanted: Any) -> int:
    """Return the last place of a text in another; case does not count."""
    whole, part = need_text("lastIndexOf", 0, text).lower(), need_text("lastIndexOf", 1, wanted).lower()
    return max(count_units(whole) - 1, 0) if not part else find_unit(whole, whole.rfind(part))


def nth_index_of(text: Any, wanted: Any, occurrence: Any) -> int:
    """Return the n-th place of a text in another; a negative n counts from the end."""
    whole, part = need_text("nthIndexOf", 0, text).lower(), need_text("nthIndexOf", 1, wanted).lower()
    number = need_integer("nthIndexOf", 2, occurrence)
    places = [place for place in range(len(whole)) if part and whole.startswith(part, place)]
    index = number - 1 if number > 0 else len(places) + number
    return find_unit(whole, places[index]) if number and 0 <= index < len(places) else -1


def starts_with(text: Any, wanted: Any) -> bool:
    """Say whether a text begins with another; case does not count."""
    return need_text("startsWith", 0, text).lower().startswith(need_text("startsWith", 1, wanted).lower())


def ends_with(text: Any, wanted: Any) -> bool:
    """Say whether a text ends with another; case does not count."""
    return need_text("endsWith", 0, text).lower().endswith(need_text("endsWith", 1, wanted).lower())


def make_guid(form: Any = "D") -> str:
    """Return a new id."""
    if need_text("guid", 0, form) not in _GUID_FORMS:
        raise refuse_value("guid", f"there is no format '{form}'")
    return _GUID_FORMS[form].format(uuid.uuid4())


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "concat": concat, "replace": replace, "split": split, "substring": substring, "slice": slice_text,
    "indexOf": index_of, "lastIndexOf": last_index_of, "nthIndexOf": nth_index_of,
    "startsWith": starts_with, "endsWith": ends_with, "guid": make_guid,
    "toLower": lambda text: need_text("toLower", 0, text).lower(),
    "toUpper": lambda text: need_text("toUpper", 0, text).upper(),
    "trim": lambda text: need_text("trim", 0, text).strip(),
}  # fmt: skip
