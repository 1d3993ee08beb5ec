"""What the tests of writing to Bookings share: a desk that may be written to, and a caller that writes."""

import uuid
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import requests

from bookings.writing import booking
from composition import services
from shared import retry
from shared.errors import Conflict
from shared.storage import idempotency
from shared.storage.tables import Operation
from tests.functional.conftest import Gateway, read_error
from twin.bookings.book import Appointment
from twin.seeds import tiny

TOMORROW = datetime.combine(datetime.now(UTC).date() + timedelta(days=1), time(), UTC)
PAGE = f"bookings/businesses/{tiny.BUSINESS}"
CLEO = {"name": "Cleo Customer", "emailAddress": "cleo@example.com", "phone": "+44 20 7946 0000"}


def clock(hours: float) -> str:
    return (TOMORROW + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Writer:
    """A caller that writes to the small desk."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.headers: dict[str, str] = {}

    def send(self, method: str, path: str, body: Any, key: str | None = None, **query: Any) -> requests.Response:
        """Send one request; `path` below the business."""
        headers = {"x-functions-key": self.gateway.key} | self.headers
        headers |= {"Idempotency-Key": key} if key is not None else {}
        url = f"{self.gateway.base_url}/api/{PAGE}{path}"
        return self.gateway.http.request(method, url, params=query, json=body, headers=headers, timeout=60)

    def create(self, key: str | None = None, **changes: Any) -> requests.Response:
        """Book a visit of Cleo's tomorrow at nine, or what the changes say; None leaves a field out.

        The same visit may be booked again, unless `allowDuplicate` is left out.
        """
        whole = {"service": tiny.VISIT, "start": clock(9), "customers": [CLEO], "allowDuplicate": True} | changes
        body = {name: value for name, value in whole.items() if value is not None}
        return self.send("POST", "/appointments", body, key)

    def made(self, **changes: Any) -> Any:
        """Book, which must succeed; return the appointment."""
        answer = self.create(**changes)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def update(self, appointment: str, key: str | None = None, **body: Any) -> requests.Response:
        return self.send("PATCH", "/appointment", body, key, id=appointment)

    def verb(self, verb: str, appointment: str, key: str | None = None, **body: Any) -> requests.Response:
        return self.send("POST", f"/appointment/{verb}", body, key, id=appointment)

    def customer(self, key: str | None = None, **body: Any) -> requests.Response:
        return self.send("POST", "/customer", body, key)

    def calendar(self) -> list[Appointment]:
        """All appointments that the desk really has."""
        return self.gateway.sim.run(self.gateway.sim.bookings.business(tiny.BUSINESS).appointments.all)

    def customers(self) -> list[Any]:
        return self.gateway.sim.run(self.gateway.sim.bookings.business(tiny.BUSINESS).customers.all)

    def writes(self) -> list[str]:
        """Return the writes that Graph got: method and last part of the path."""
        found = [seen for seen in self.gateway.graph_calls() if seen.method != "GET"]
        names = [f"{seen.method} {seen.path.rpartition('/')[2]}" for seen in found]
        return [name for name in names if not name.endswith("getStaffAvailability")]


def refused(answer: requests.Response) -> tuple[int, str, str | None]:
    """Status, code and target of an error answer."""
    error = read_error(answer)
    return error["status"], error["code"], error.get("target")


def open_page(gateway: Gateway) -> Writer:
    """Begin with the small desk, which may be written to, and where nothing is held."""
    gateway.begin(tiny.seed, BOOKINGS_BUSINESSES=tiny.BUSINESS, BOOKINGS_WRITES="on")
    gateway.business = tiny.BUSINESS
    writes = services.services().connections["default"].writes
    assert writes
    row = {"PartitionKey": tiny.BUSINESS, "RowKey": "holds"}
    with suppress(Conflict):  # there is none
        writes._holds._table.transact([Operation("delete", row)])
    return Writer(gateway)


def open_page_with_new_keys(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Writer:
    """Begin with the small desk, where no idempotency key is known and waits are short."""
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(booking, "SECOND_SEARCH", 0.05)
    monkeypatch.setattr(idempotency, "TABLE", f"t{uuid.uuid4().hex}")
    return open_page(gateway)
