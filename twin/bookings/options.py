"""Query options of Bookings: which ones work, are ignored or fail, as far as known.

The pages name $count and $expand for lists; the metadata declare the usual OData options everywhere, which does not
mean that they work. Filters fail in public reports (microsoft-graph-docs issues 2846 and 10534,
microsoft-graph-docs-contrib issue 4372), and no report shows that $select, $orderby or $skip work: the switch
`unproven_options` decides.
"""

import re
from collections.abc import Callable
from typing import Any

from twin.bookings.errors import refuse_unknown
from twin.bookings.schema import TYPES
from twin.bookings.state import Switches
from twin.core.wire import Call, Json, Reply
from twin.graph.errors import GraphRefusal, refuse_option
from twin.graph.odata import (
    SKIP_TOKEN,
    answer_collection,
    make_link,
    read_flag,
    read_integer,
    read_position,
)

_LIST = frozenset(
    {"$top", "$skip", "$search", "$filter", "$count", "$orderby", "$select", "$expand", SKIP_TOKEN},
)
_ENTITY = frozenset({"$select", "$expand"})
_UNPROVEN = ("$select", "$orderby", "$skip")
_DATES = re.compile(r"DateTime", re.IGNORECASE)
NAVIGATION = ("appointments", "calendarView", "customers", "customQuestions", "services", "staffMembers")


def check_no_options(call: Call) -> None:
    """Refuse any query option: actions and writes have none."""
    _check_names(call, frozenset())


def check_entity_options(call: Call, type_name: str) -> None:
    """Refuse options that a single object does not have."""
    _check_names(call, _ENTITY)
    _check_properties(call, type_name)


def check_list_options(call: Call, type_name: str, switches: Switches, *more: str) -> None:
    """Refuse options that a list does not have; `more` are further options of this list."""
    _check_names(call, _LIST | frozenset(more))
    _check_properties(call, type_name)
    if switches.unproven_options == "refuse":
        for name in _UNPROVEN:
            if call.option(name) is not None:
                raise refuse_option(f"The query option '{name}' is not supported here.")
    if call.option("$search") is not None:
        raise refuse_option("The query parameter '$search' is not supported.")
    _check_filter(call)


def answer_list(
    call: Call,
    context: str,
    items: list[Any],
    render: Callable[[Any], Json],
    switches: Switches,
) -> Reply:
    """Answer with one page of a list: with a link to the next one, or cut by $top without a link."""
    honours = switches.unproven_options == "honour"
    start = read_position(call)
    top, skip = read_integer(call, "$top"), read_integer(call, "$skip")
    count = len(items) if read_flag(call, "$count") else None
    rendered: list[Json] | None = None
    if honours and call.option("$orderby"):
        rendered = _sort([render(item) for item in items], call.option("$orderby") or "")
    if honours and start == 0 and skip:
        start = skip
    end = start + (switches.page_size if top is None else top)
    page = rendered[start:end] if rendered is not None else [render(item) for item in items[start:end]]
    if honours and call.option("$select"):
        page = [_project(item, call.option("$select") or "") for item in page]
    link = make_link(call, end) if end < len(items) and (top is None or not switches.top_loses_link) else None
    return answer_collection(context, page, count=count, link=link)


def read_expansions(call: Call) -> list[str]:
    """Read the navigation properties to include; "*" stands for all but calendarView, which needs a range."""
    names = _split(call.option("$expand"))
    return [name for name in NAVIGATION if name != "calendarView"] if "*" in names else names


def _check_names(call: Call, allowed: frozenset[str]) -> None:
    for name, _ in call.query:
        if name not in allowed:
            raise refuse_option(f"The query parameter '{name}' is not supported.")


def _check_properties(call: Call, type_name: str) -> None:
    known = set(TYPES[type_name].properties)
    wanted = [*_split(call.option("$select")), *(part.split(" ")[0] for part in _split(call.option("$orderby")))]
    for name in wanted:
        if name not in known:
            message = f"Could not find a property named '{name}' on type 'microsoft.graph.{type_name}'."
            raise GraphRefusal(400, "RequestBroker--ParseUri", message)
    navigable = {"*", *(NAVIGATION if type_name == "bookingBusiness" else ())}
    for name in _split(call.option("$expand")):
        if name not in navigable:
            message = f"Could not find a property named '{name}' on type 'microsoft.graph.{type_name}'."
            raise GraphRefusal(400, "RequestBroker--ParseUri", message)


def _check_filter(call: Call) -> None:
    text = call.option("$filter")
    if text is None:
        return
    if "eq null" in text.lower() or call.path.lower().endswith("/calendarview"):
        raise refuse_unknown()
    if _DATES.search(text):
        raise refuse_option("This filter query is not supported.")
    raise refuse_option("Invalid filter clause")


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _project(item: Json, select: str) -> Json:
    wanted = {"id", "@odata.type", *_split(select)}
    return {name: value for name, value in item.items() if name in wanted}


def _sort(items: list[Json], order: str) -> list[Json]:
    for part in reversed(_split(order)):
        name, _, direction = part.partition(" ")
        items = sorted(items, key=lambda item: str(item.get(name)), reverse=direction.strip() == "desc")
    return items
