"""Every request our client can send to Graph, and what comes back, against Graph's own metadata."""

import inspect
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bookings.describe import appointment_times
from bookings.writing import graph_bodies
from shared.auth import Authenticator
from shared.errors import NotFound
from shared.graph.bookings import GraphBookings
from shared.graph.client import GraphClient
from shared.graph.limits import CallLimits
from shared.settings.config import load_settings
from shared.time_zones.zones import find_zone
from shared.transport import Transport
from tests.contract.openapi import Contract, load_contract
from twin.seeds import sample
from twin.simulator import Simulator

BUSINESS = "ithelpdesk@contoso.com"
BOOKABLE = (timedelta(days=3), timedelta(days=29))
"""From now on: each service takes bookings of these days. The longest lead time is two days and the shortest advance is
thirty; see twin/seeds/booking_pages.py."""


@pytest.fixture
def sim() -> Iterator[Simulator]:
    before = dict(os.environ)
    with Simulator(sample.build()).running() as running:
        os.environ.update(running.environment())
        try:
            yield running
        finally:
            os.environ.clear()
            os.environ.update(before)


@pytest.fixture
def contract() -> Contract:
    return load_contract("bookings")


def make_client(sim: Simulator) -> GraphBookings:
    tokens = Authenticator(load_settings(sample.settings(sim))).tokens("default")
    return GraphBookings(GraphClient(tokens, Transport(), CallLimits(4)))


def call_everything(graph: GraphBookings) -> None:
    """Call each public method of the client, in good and in bad cases."""
    now = datetime.now(UTC)
    graph.list_businesses()
    graph.list_businesses("desk & co + 50 %")
    graph.get_business(BUSINESS)
    services = graph.list_services(BUSINESS)
    graph.get_service(BUSINESS, services[0]["id"])
    staff = graph.list_staff(BUSINESS)
    graph.list_questions(BUSINESS)
    page = graph.get_customers(BUSINESS)
    assert page.next_link
    graph.get_customers(BUSINESS, page.next_link)
    appointments = graph.calendar_view(BUSINESS, now - timedelta(days=20), now + timedelta(days=11))
    with_slash = [item["id"] for item in appointments if "/" in item["id"]]
    assert with_slash
    for appointment in (appointments[0]["id"], with_slash[0]):
        assert graph.get_appointment(BUSINESS, appointment)["id"] == appointment
    graph.get_staff_availability(BUSINESS, [member["id"] for member in staff], now, now + timedelta(days=31))
    with pytest.raises(NotFound):
        graph.get_business("nobody@contoso.com")
    with pytest.raises(NotFound):
        graph.get_service(BUSINESS, "00000000-0000-4000-8000-000000000000")
    with pytest.raises(NotFound):
        graph.get_appointment(BUSINESS, "AAMkADunknown=")


def write_everything(graph: GraphBookings) -> None:
    """Call each method that writes, with the bodies that the use cases make."""
    now = datetime.now(UTC)
    singles = {each["id"] for each in graph.list_services(BUSINESS) if each["maximumAttendeesCount"] == 1}
    calendar = graph.calendar_view(BUSINESS, now, now + timedelta(days=60))
    with_slash, old = (graph.get_appointment(BUSINESS, found["id"]) for found in choose_two(calendar, singles, now))
    customers = [graph_bodies.kept_customer(each) for each in with_slash["customers"]]
    change = graph_bodies.customers_change(customers, 1) | {"serviceNotes": "x"}
    graph.update_appointment(BUSINESS, with_slash["id"], change)
    for closed in (with_slash, old):
        graph.cancel_appointment(BUSINESS, closed["id"], "Closed.")
    record = graph_bodies.customer_record("Robin", "robin@example.com", [{"number": "1", "type": "business"}])
    robin = graph.create_customer(BUSINESS, record)
    graph.update_customer(BUSINESS, robin["id"], graph_bodies.customer_record("Robin E.", None, None))
    assert graph.get_customer(BUSINESS, robin["id"])["displayName"] == "Robin E."
    questions = graph.list_questions(BUSINESS)
    answers = {str(each["displayName"]): (each["answerOptions"] or ["x"])[0] for each in questions}
    person = graph_bodies.Person(id=robin["id"], name="Robin", mail="robin@example.com", phone="1", notes="x")
    customer = graph_bodies.typed_customer(person, graph_bodies.typed_answers(answers, questions))
    start, end = appointment_times(old)
    staff, details = tuple(old["staffMemberIds"][:1]), {"isLocationOnline": True}
    booking = graph_bodies.Booking(BUSINESS, str(old["serviceId"]), start, (person,), staff=staff, details=details)
    service = graph.get_service(BUSINESS, booking.service)
    body = graph_bodies.appointment_body(
        booking, (start, end), [customer], service=service, zone=find_zone("Europe/London"), mark="0123456789ab"
    )
    made = graph.create_appointment(BUSINESS, body)
    moved = graph_bodies.times(start, end) | {"staffMemberIds": made["staffMemberIds"]}
    graph.update_appointment(BUSINESS, made["id"], moved)
    with pytest.raises(NotFound):
        graph.cancel_appointment(BUSINESS, "AAMkADunknown=", "")


def choose_two(calendar: list[Any], singles: set[str], now: datetime) -> tuple[Any, Any]:
    """Choose an appointment with a slash in its id, and another whose time may be booked again."""
    of_one = [item for item in calendar if item["serviceId"] in singles]
    with_slash = next(item for item in of_one if "/" in item["id"])
    soonest, latest = (now + span for span in BOOKABLE)
    others = (item for item in of_one if item is not with_slash)
    return with_slash, next(item for item in others if soonest <= appointment_times(item)[0] < latest)


def test_every_request_of_the_client_and_its_answer_fit_the_metadata(sim: Simulator, contract: Contract) -> None:
    graph = make_client(sim)
    sim.bookings.switches.page_size = 20
    called = watch(graph)
    call_everything(graph)
    write_everything(graph)
    assert called == {name for name, _ in inspect.getmembers(GraphBookings, inspect.isfunction) if name[0] != "_"}
    exchanges = [seen for seen in sim.exchanges.all() if seen.api == "bookings"]
    assert len(exchanges) >= 15
    complaints = {f"{seen.method} {seen.path}": found for seen in exchanges if (found := contract.check(seen))}
    assert not complaints
    operations = [contract.find_operation(seen.method, seen.path) for seen in exchanges]
    assert all(operation is not None and operation.is_documented for operation in operations)


def test_no_request_uses_an_option_that_bookings_does_not_honour(sim: Simulator) -> None:
    sim.bookings.switches.page_size = 20
    call_everything(make_client(sim))
    for seen in sim.exchanges.all():
        if seen.api == "bookings" and not seen.option("$skiptoken"):
            assert not [name for name, _ in seen.query if name.startswith("$")], seen.path


def watch(graph: GraphBookings) -> set[str]:
    """Note the names of the public methods that are called."""
    called: set[str] = set()
    for name, method in inspect.getmembers(graph, inspect.ismethod):
        if not name.startswith("_"):

            def noted(*args: object, _name: str = name, _method: object = method, **more: object) -> object:
                called.add(_name)
                return _method(*args, **more)  # type: ignore[operator]

            setattr(graph, name, noted)
    return called
