"""The booking businesses a caller may see, however many the tenant has.

Graph lists 500 at most, without a next link and without a word about the rest. Past that, the list is put together from
searches: `query` matches any part of a name. A search that is not cut has found every name that holds its text, so a
name can only be missing if each of its letters is a cut search, and then each of its pairs of letters, and so on: the
searches grow by a letter where both of their halves were cut, until none is left.

Only a name that is itself the text of a cut search stays unprovable, so finding one makes the list incomplete; and a
name in letters that no other name has is not looked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared import context
from shared.errors import NotFound
from shared.graph.bookings import CAP_OF_BUSINESSES, GraphBookings
from shared.json_text import Json
from shared.settings.config import AllowList
from shared.workers import Workers

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_MOST_SEARCHES = 300
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
    is_complete = True
    if len(found) >= CAP_OF_BUSINESSES:
        if allowed.everything:
            parts = _Parts(graph, workers, found)
            is_complete = parts.collect()
            found = list(parts.found.values())
        else:
            found = found + _look_up_missing(graph, allowed, workers, found)
        found = [item for item in found if (search or "").casefold() in str(item.get("displayName")).casefold()]
    items = [{"id": item["id"], "displayName": item.get("displayName")} for item in found if allowed.allows(item["id"])]
    items.sort(key=lambda item: (str(item["displayName"]).casefold(), item["id"]))
    return Businesses(items, is_complete)


def _look_up_missing(graph: GraphBookings, allowed: AllowList, workers: Workers, found: list[Json]) -> list[Json]:
    """Ask for the allowed businesses that a cut list does not show, one by one: an allow-list is short."""

    def look_up(business: str) -> Json | None:
        try:
            return graph.get_business(business)
        except NotFound:
            return None

    seen = {item["id"].lower() for item in found}
    return [item for item in workers.map(look_up, sorted(allowed.ids - seen)) if item]


class _Parts:
    """Collects businesses search by search."""

    def __init__(self, graph: GraphBookings, workers: Workers, found: Iterable[Json]) -> None:
        self._graph = graph
        self._workers = workers
        self._asked: set[str] = set()
        self.found = {item["id"]: item for item in found}

    def collect(self) -> bool:
        """Search until every name must have been found; False if that cannot be said."""
        cut: set[str] = set()
        ever_cut: set[str] = set()
        while fresh := (set(_ALPHABET) | self._letters()) - self._asked:
            more = self._search(fresh)
            if more is None:
                return False
            cut |= more
        while cut:
            ever_cut |= cut
            halves = {text[:-1]: set[str]() for text in cut}
            for text in cut:
                halves[text[:-1]].add(text[-1])
            longer = {text + letter for text in cut for letter in halves.get(text[1:], ())}
            more = self._search(longer)
            if more is None:
                return False
            cut = more
        return not any(str(item.get("displayName")).lower() in ever_cut for item in self.found.values())

    def _search(self, texts: set[str]) -> set[str] | None:
        """Search for each text and return those whose answer was cut; None when it had to stop before the end."""
        waiting, cut = sorted(texts), set[str]()
        while waiting:
            if len(self._asked) >= _MOST_SEARCHES or context.remaining() < _TIME_KEPT:
                return None
            part, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
            self._asked.update(part)
            for text, answer in zip(part, self._workers.map(self._graph.list_businesses, part), strict=True):
                self.found |= {item["id"]: item for item in answer}
                if len(answer) >= CAP_OF_BUSINESSES:
                    cut.add(text)
        return cut

    def _letters(self) -> set[str]:
        return {letter for item in self.found.values() for letter in str(item.get("displayName") or "").lower()}
