"""Reads what belongs to a booking business: itself, its services, staff, customers and questions."""

from dataclasses import dataclass

from bookings.describe import describe_staff, plain, question_key
from bookings.names import Names
from bookings.reading.businesses import Businesses, list_businesses
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.settings.businesses import AllowList
from shared.workers import Workers


@dataclass(frozen=True)
class CustomerPage:
    """Some customers, and Graph's link to the next page."""

    items: list[Json]
    next_link: str | None


class Catalogue:
    """Lists of one connection, fresh from Graph: one call each, except for more than 500 businesses."""

    def __init__(self, graph: GraphBookings, names: Names, workers: Workers, allowed: AllowList) -> None:
        self._graph = graph
        self._names = names
        self._workers = workers
        self._allowed = allowed

    def businesses(self, search: str | None) -> Businesses:
        """Return the allowed businesses by name; with `search`, those whose name holds the text."""
        return list_businesses(self._graph, self._allowed, self._workers, search)

    def business(self, business: str) -> Json:
        """Return one business."""
        whole = self._graph.get_business(business)
        self._names.learn_zone(business, whole)
        described: Json = plain(whole)
        return described

    def services(self, business: str) -> list[Json]:
        """Return the services by name, each with the names of its staff beside their ids."""
        find_staff = self._names.begin_staff(business, self._workers)
        items = self._graph.list_services(business)
        self._names.learn_services(business, items)
        staff = find_staff()
        return _by_name(
            [plain(item) | {"staffMembers": describe_staff(item.get("staffMemberIds") or [], staff)} for item in items]
        )

    def staff(self, business: str) -> list[Json]:
        """Return the staff members by name."""
        items = self._graph.list_staff(business)
        self._names.learn_staff(business, items)
        return _by_name([plain(item) for item in items])

    def questions(self, business: str) -> list[Json]:
        """Return the custom questions by name, each with the key under which answers to it are found."""
        return _by_name(
            [
                plain(item) | {"key": question_key(item.get("id"), item.get("displayName"))}
                for item in self._graph.list_questions(business)
            ]
        )

    def customers(self, business: str, link: str | None) -> CustomerPage:
        """Return one page of customers of the size that Graph chooses: the first, or the one behind a page's link."""
        page = self._graph.get_customers(business, link)
        return CustomerPage([plain(item) for item in page.items], page.next_link)


def _by_name(items: list[Json]) -> list[Json]:
    return sorted(items, key=lambda item: (str(item.get("displayName") or "").casefold(), str(item.get("id"))))
