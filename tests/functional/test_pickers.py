"""Lists of appointments and customers that makers pick from, and parameters that take several values."""

from functools import partial
from typing import Any

import pytest

from tests.functional.booking_writes import CLEO, clock, open_page
from tests.functional.conftest import Gateway, read_error
from twin.seeds import tiny

ASKED: dict[str, Any] = {"business": tiny.BUSINESS}


def pick(gateway: Gateway, path: str) -> list[Any]:
    answer = gateway.get(f"connector/{path}", **ASKED)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["value"]
    return found


def test_coming_appointments_can_be_picked_by_time_service_and_customer(
    gateway_process: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_page(gateway_process)
    later = writer.made(start=clock(15))
    first = writer.made(start=clock(9), customers=[{"name": "Ada", "emailAddress": "ada@example.com"}])
    group = writer.made(service=tiny.GROUP, start=clock(11), staff=[tiny.BOB])
    shown = pick(writer.gateway, "appointments")
    when = [one["startLocal"][:16].replace("T", " ") for one in (first, group, later)]
    assert shown == [
        {"id": first["id"], "title": f"{when[0]}, Visit, Ada"},
        {"id": group["id"], "title": f"{when[1]}, Group, 1 of 6 seats"},
        {"id": later["id"], "title": f"{when[2]}, Visit, Cleo Customer"},
    ]
    assert writer.gateway.ask("/appointment", id=shown[0]["id"])["customerName"] == "Ada"
    monkeypatch.setattr("blueprints.connector.MOST_APPOINTMENTS_LISTED", 2)
    assert pick(writer.gateway, "appointments") == shown[:2]


def test_appointments_that_have_ended_or_are_far_away_are_not_offered(gateway_process: Gateway) -> None:
    writer = open_page(gateway_process)
    page = writer.gateway.sim.bookings.business(tiny.BUSINESS)
    for hours in (-72, 24 * 40):
        values: dict[str, Any] = {"serviceId": tiny.VISIT}
        for name, more in (("startDateTime", 0), ("endDateTime", 1)):
            values[name] = {"dateTime": clock(hours + more).rstrip("Z"), "timeZone": "UTC"}
        writer.gateway.sim.run(partial(page.appointments.add, values))
    assert pick(writer.gateway, "appointments") == []


def test_customers_can_be_picked_by_name_and_address(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    customers = gateway.sim.bookings.business(tiny.BUSINESS).customers
    for name, address in (("ada", "ada@example.com"), ("Zoe", None), ("Ada", "ada@contoso.com"), ("", None)):
        customers.add({"displayName": name, "emailAddress": address})
    shown = pick(gateway, "customers")
    assert [(one["title"], one["contact"]) for one in shown] == [
        ("Ada (ada@contoso.com)", "ada@contoso.com"), ("ada (ada@example.com)", "ada@example.com"),
        ("Cleo Customer (cleo@example.com)", "cleo@example.com"), ("Zoe", "Zoe"),
    ]  # fmt: skip
    assert tiny.CUSTOMER in [one["id"] for one in shown]
    monkeypatch.setattr("blueprints.connector.MOST_CUSTOMERS_LISTED", 2)
    assert len(pick(gateway, "customers")) == 2


def test_many_customers_cost_five_calls_at_most(gateway: Gateway) -> None:
    customers = gateway.sim.bookings.business(tiny.BUSINESS).customers
    for number in range(30):
        customers.add({"displayName": f"Customer {number}"})
    gateway.sim.bookings.switches.page_size = 4
    gateway.forget()
    assert len(pick(gateway, "customers")) == 20
    assert len(gateway.graph_calls()) == 5


def test_pages_that_may_not_be_asked_about_have_nothing_to_pick(gateway: Gateway) -> None:
    for path in ("appointments", "customers"):
        error = read_error(gateway.get(f"connector/{path}", business="other@contoso.com"))
        assert (error["status"], error["code"]) == (403, "BusinessNotAllowed")


def test_several_values_are_named_one_by_one_or_separated_by_commas(gateway_process: Gateway) -> None:
    gateway = open_page(gateway_process).gateway
    span = {"start": clock(0), "end": clock(24)}
    both = {"service": [tiny.VISIT, tiny.GROUP], "staff": [tiny.ANNE, tiny.BOB], "limit": 5}
    one_by_one = gateway.ask("/slots", **both, **span)
    joined = {"service": f"{tiny.VISIT},{tiny.GROUP}", "staff": f"{tiny.ANNE},{tiny.BOB}", "limit": 5}
    assert one_by_one["value"] == gateway.ask("/slots", **joined, **span)["value"] != []
    assert len(one_by_one["services"]) == 2
    more = gateway.http.get(one_by_one["nextLink"], headers={"x-functions-key": gateway.key}, timeout=30)
    assert more.status_code == 200, more.text
    pages: dict[str, Any] = {"business": [tiny.BUSINESS, tiny.BUSINESS.upper()], "service": [tiny.VISIT, tiny.GROUP]}
    assert gateway.get("bookings/slots", **(pages | span)).json()["failures"] == []
    assert CLEO["name"] not in str(more.json())
