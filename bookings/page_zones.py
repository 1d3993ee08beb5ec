"""The time zone of a booking page, in which wall times count unless a caller names another one.

Graph has it in the page's settings. A page's zone hardly ever changes, so each instance keeps it for an hour; reading
the business for another purpose renews it.
"""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import cachetools

from shared.json_text import Json
from shared.time_zones.zones import UnknownZoneError, Zone, find_zone

REMEMBERED_SECONDS = 3600
_MOST_BUSINESSES = 1_000

type ReadBusiness = Callable[[str], Json]
type ReadStaff = Callable[[str], dict[str, Json]]


class PageZones:
    """The zones of the pages of one connection."""

    def __init__(self, read_business: ReadBusiness, read_staff: ReadStaff) -> None:
        self._read_staff = read_staff
        self._zones: cachetools.TTLCache[Any, Zone] = cachetools.TTLCache(_MOST_BUSINESSES, REMEMBERED_SECONDS)
        self._condition = threading.Condition()
        self._find = cachetools.cached(self._zones, key=str.lower, condition=self._condition)(
            lambda business: self._zone_of(business, read_business(business))
        )

    def find(self, business: str) -> Zone:
        """Return the zone of a page; at most an hour old. It is read once for all threads that need it."""
        return self._find(business)

    def learn(self, business: str, whole: Json) -> Zone:
        """Keep the zone of a business that was read; return it."""
        zone = self._zone_of(business, whole)
        with self._condition:
            self._zones[business.lower()] = zone
        return zone

    def _zone_of(self, business: str, whole: Json) -> Zone:
        zone = _find_known((whole.get("bookingPageSettings") or {}).get("businessTimeZone"))
        return zone or _zone_of_staff(self._read_staff(business)) or find_zone("UTC")


def _zone_of_staff(staff: dict[str, Json]) -> Zone | None:
    """Return the zone of most of the staff: Graph has no zone of the page in US Government clouds."""
    zones = Counter(str(member["timeZone"]) for member in staff.values() if member.get("timeZone"))
    return next((zone for name, _ in zones.most_common() if (zone := _find_known(name))), None)


def _find_known(name: object) -> Zone | None:
    try:
        return find_zone(str(name)) if name else None
    except UnknownZoneError:
        return None
