"""Finds the names of staff and services by their ids; each instance keeps the lists for five minutes.

Ids are looked up in the lists, never with one GET each: services keep ids of people who have left, and a GET of those
answers 404 or 500.
"""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import cachetools

from bookings.page_zones import PageZones
from shared.errors import Invalid
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.time_zones.zones import Zone
from shared.workers import Workers

REMEMBERED_SECONDS = 300
_MOST_BUSINESSES = 256

type Table = dict[str, Json]


class Names:
    """Staff and services of the businesses of one connection, by id; and the zones of their pages."""

    def __init__(self, graph: GraphBookings) -> None:
        self._staff = _Remembered(graph.list_staff)
        self._services = _Remembered(graph.list_services)
        self._zones = PageZones(graph.get_business, self.staff)

    def staff(self, business: str) -> Table:
        """Return the staff members by id; at most five minutes old."""
        return self._staff.table(business)

    def begin_staff(self, business: str, workers: Workers) -> Callable[[], Table]:
        """Begin to read the staff members, unless they are known; return what waits for them, as `staff` does."""
        if self._staff.has(business):
            return partial(self.staff, business)
        return workers.start(partial(self.staff, business)).result

    def services(self, business: str) -> Table:
        """Return the services by id; at most five minutes old."""
        return self._services.table(business)

    def zone(self, business: str) -> Zone:
        """Return the time zone of the page; at most an hour old."""
        return self._zones.find(business)

    def learn_zone(self, business: str, whole: Json) -> Zone:
        """Keep the time zone of a business that was read for another purpose; return it."""
        return self._zones.learn(business, whole)

    def check_filters(self, business: str, *, service: str | None, staff: str | None) -> None:
        """Raise Invalid for a service or staff member that the page does not have: nothing would ever be found.

        A list that does not show it is read again, because it may be new.
        """
        if service is not None and not self._services.knows(business, service):
            raise Invalid(
                f"There is no service {service} on this page. List the services to see their ids.",
                code="ServiceNotFound",
                target="service",
            )
        if staff is not None and not self._staff.knows(business, staff):
            raise Invalid(
                f"There is no staff member {staff} on this page. List the staff to see their ids.",
                code="StaffNotFound",
                target="staff",
            )

    def learn_staff(self, business: str, items: Sequence[Json]) -> Table:
        """Keep a list that was read for another purpose; return it by id."""
        return self._staff.learn(business, items)

    def learn_services(self, business: str, items: Sequence[Json]) -> Table:
        """Keep a list that was read for another purpose; return it by id."""
        return self._services.learn(business, items)


class _Remembered:
    """One kind of list, read once for all threads that need it at the same time."""

    def __init__(self, read: Callable[[str], list[Json]]) -> None:
        self._cache: cachetools.TTLCache[Any, Table] = cachetools.TTLCache(_MOST_BUSINESSES, REMEMBERED_SECONDS)
        self._condition = threading.Condition()
        self._read_list = read
        self._read = cachetools.cached(self._cache, key=str.lower, condition=self._condition)(
            lambda business: _by_id(read(business))
        )

    def table(self, business: str) -> Table:
        return self._read(business)

    def has(self, business: str) -> bool:
        with self._condition:
            return business.lower() in self._cache

    def knows(self, business: str, name: str) -> bool:
        is_kept = self.has(business)
        if name in self.table(business):
            return True
        return is_kept and name in self.learn(business, self._read_list(business))

    def learn(self, business: str, items: Sequence[Json]) -> Table:
        table = _by_id(items)
        with self._condition:
            self._cache[business.lower()] = table
        return table


def _by_id(items: Sequence[Json]) -> Table:
    return {str(item["id"]): item for item in items if item.get("id")}
