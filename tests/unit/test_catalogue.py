"""Lists of what belongs to a business: what is read beside them."""

import threading
from typing import Any

from bookings.names import Names
from bookings.reading.catalogue import Catalogue
from shared.json_text import Json
from shared.workers import Workers


class Page:
    """A business whose services are answered once somebody has asked for its staff, or knew them."""

    def __init__(self) -> None:
        self.staff_is_asked = threading.Event()
        self.asked: list[str] = []

    def list_services(self, _business: str) -> list[Json]:
        assert self.staff_is_asked.wait(20)
        self.asked.append("services")
        return [{"id": "1", "displayName": "Repair", "staffMemberIds": ["a"]}]

    def list_staff(self, _business: str) -> list[Json]:
        self.asked.append("staff")
        self.staff_is_asked.set()
        return [{"id": "a", "displayName": "Adele"}]

    def get_business(self, _business: str) -> Json:
        return {}


def test_services_and_the_names_of_their_staff_are_read_side_by_side_and_names_once() -> None:
    page: Any = Page()
    catalogue = Catalogue(page, Names(page), Workers(2), page)
    for _ in range(2):
        [service] = catalogue.services("desk@contoso.com")
        assert [member["displayName"] for member in service["staffMembers"]] == ["Adele"]
    assert page.asked == ["staff", "services", "services"]
