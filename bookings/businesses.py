"""The booking businesses a caller may see, however many the tenant has.

Graph lists 500 at most, without a next link and without a word about the rest. Past that, the list is put together from
searches: `query` matches any part of a name, so searching for each character finds every name that holds one of them,
and a search that is itself cut is refined with one more character on either side.
"""

from collections import deque
from dataclasses import dataclass

from shared import context
from shared.config import AllowList
from shared.errors import NotFound
from shared.graph.bookings import CAP_OF_BUSINESSES, GraphBookings
from shared.graph.client import Json
from shared.workers import Workers

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_MOST_SEARCHES = 120
_AT_ONCE = 8
_TIME_KEPT = 10.0  # seconds of the call's budget: an incomplete list that says so beats a time-out


@dataclass(frozen=True)
class Businesses:
    """Businesses by name; `is_complete` False when there may be more than could be found."""

    items: list[Json]
    is_complete: bool


def list_businesses(graph: GraphBookings, allowed: AllowList, workers: Workers, search: str | None) -> Businesses:
    """Return the allowed businesses whose name holds `search`, sorted by name: {"id", "displayName"} each."""
    found = graph.list_businesses(search)
    is_complete = len(found) < CAP_OF_BUSINESSES
    if not is_complete and allowed.everything:
        found, is_complete = _list_in_parts(graph, workers, found, search or "")
    elif not is_complete:
        found, is_complete = found + _look_up_missing(graph, allowed, workers, found, search), True
    items = [{"id": item["id"], "displayName": item.get("displayName")} for item in found if allowed.allows(item["id"])]
    items.sort(key=lambda item: (str(item["displayName"]).casefold(), item["id"]))
    return Businesses(items, is_complete)


def _look_up_missing(
    graph: GraphBookings, allowed: AllowList, workers: Workers, found: list[Json], search: str | None
) -> list[Json]:
    """Ask for the allowed businesses that a cut list does not show, one by one: an allow-list is short."""

    def look_up(business: str) -> Json | None:
        try:
            return graph.get_business(business)
        except NotFound:
            return None

    seen = {item["id"].lower() for item in found}
    missing = workers.map(look_up, sorted(allowed.ids - seen))
    wanted = (search or "").casefold()
    return [item for item in missing if item and wanted in str(item.get("displayName")).casefold()]


def _list_in_parts(graph: GraphBookings, workers: Workers, found: list[Json], search: str) -> tuple[list[Json], bool]:
    by_id = {item["id"]: item for item in found}
    alphabet = _ALPHABET + "".join(sorted(_characters(found) - set(_ALPHABET)))
    waiting = deque(_refine(search, alphabet))
    asked = set(waiting)
    searches = 0
    while waiting and searches < _MOST_SEARCHES and context.remaining() > _TIME_KEPT:
        part = [waiting.popleft() for _ in range(min(len(waiting), _AT_ONCE))]
        searches += len(part)
        for text, answer in zip(part, workers.map(graph.list_businesses, part), strict=True):
            by_id |= {item["id"]: item for item in answer}
            more = [character for character in sorted(_characters(answer)) if character not in alphabet]
            alphabet += "".join(more)
            finer = _refine(text, alphabet) if len(answer) >= CAP_OF_BUSINESSES else []
            finer += _refine(search, "".join(more))
            waiting.extend(candidate for candidate in finer if candidate not in asked)
            asked.update(finer)
    return list(by_id.values()), not waiting


def _refine(text: str, alphabet: str) -> list[str]:
    """Return the searches that split what `text` finds. A name that holds it at one end only needs both sides."""
    after = [text + character for character in alphabet]
    before = [character + text for character in alphabet] if text else []
    return after + before


def _characters(items: list[Json]) -> set[str]:
    names = "".join(str(item.get("displayName") or "") for item in items).lower()
    return {character for character in names if character.isalnum()}
