"""The booking businesses a caller may see, however many the tenant has.

Graph lists 500 at most, without a next link and without a word about the rest. Beyond that, the list is put together
from searches: `query` matches any part of a name, so a search whose answer is not cut has found every name with its
text. How the searches go on from there is explained at `_Searches.collect`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared import context
from shared.errors import Invalid, NotFound
from shared.graph.bookings import CAP_OF_BUSINESSES, GraphBookings
from shared.json_text import Json
from shared.settings.businesses import AllowList
from shared.workers import Workers

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_MOST_SEARCHES = 300
_AT_ONCE = 8
_TIME_KEPT = 10.0  # seconds of the call's budget: an incomplete list that says so beats a time-out


@dataclass(frozen=True)
class Businesses:
    """Businesses by name; `is_complete` is False if there may be more than could be found."""

    items: list[Json]
    is_complete: bool


def list_businesses(graph: GraphBookings, allowed: AllowList, workers: Workers, search: str | None) -> Businesses:
    """Return the allowed businesses whose name holds `search`, sorted by name: {"id", "displayName"} each."""
    is_complete = True
    try:
        found = graph.list_businesses(search)
    except Invalid as error:
        if error.code != "SearchTooWide":
            raise
        if allowed.everything:
            error.restate(error.message, target="search")
            raise
        wanted = _look_up_missing(graph, allowed, workers, [])
        found = [item for item in wanted if (search or "").casefold() in str(item.get("displayName")).casefold()]
    if len(found) >= CAP_OF_BUSINESSES:
        if allowed.everything:
            searches = _Searches(graph, workers, found)
            is_complete = searches.collect()
            found = list(searches.found.values())
        else:
            found = found + _look_up_missing(graph, allowed, workers, found)
        found = [item for item in found if (search or "").casefold() in str(item.get("displayName")).casefold()]
    items = [{"id": item["id"], "displayName": item.get("displayName")} for item in found if allowed.allows(item["id"])]
    items.sort(key=lambda item: (str(item["displayName"]).casefold(), item["id"]))
    return Businesses(items, is_complete)


def _look_up_missing(graph: GraphBookings, allowed: AllowList, workers: Workers, found: list[Json]) -> list[Json]:
    """Read one by one the allowed businesses that a cut list does not show: an allow-list is short."""

    def look_up(business: str) -> Json | None:
        try:
            return graph.get_business(business)
        except NotFound:
            return None

    seen = {item["id"].lower() for item in found}
    return [item for item in workers.map(look_up, sorted(allowed.ids - seen)) if item]


class _Searches:
    """Collects businesses search by search."""

    def __init__(self, graph: GraphBookings, workers: Workers, found: Iterable[Json]) -> None:
        self._graph = graph
        self._workers = workers
        self._searched: set[str] = set()
        self.found = {item["id"]: item for item in found}

    def collect(self) -> bool:
        """Search until every name must have been found; return False if that cannot be said.

        A search is "cut" if it answers 500 names, because then there may be more. Every name holds at least one letter,
        so a name can only be missing if the search for each of its letters was cut. Then each pair of neighbouring
        letters in it must be searched for, and if all of these were cut, each three neighbours, and so on. A text of
        n + 1 letters is only needed if both of its halves (all but the last letter, all but the first) were cut, so
        each round makes its texts by overlapping cut texts of the round before: "abc" from "ab" and "bc". It ends when
        no search is cut. Two gaps remain: a name that is itself the text of a cut search cannot be told from the names
        that contain it, so finding one makes the list incomplete; and letters that only unfound names have are never
        searched for.
        """
        cut: set[str] = set()
        ever_cut: set[str] = set()
        while fresh := (set(_ALPHABET) | self._letters()) - self._searched:
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
            if len(self._searched) >= _MOST_SEARCHES or context.remaining() < _TIME_KEPT:
                return None
            part, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
            self._searched.update(part)
            for text, answer in zip(part, self._workers.map(self._graph.list_businesses, part), strict=True):
                self.found |= {item["id"]: item for item in answer}
                if len(answer) >= CAP_OF_BUSINESSES:
                    cut.add(text)
        return cut

    def _letters(self) -> set[str]:
        return {letter for item in self.found.values() for letter in str(item.get("displayName") or "").lower()}
