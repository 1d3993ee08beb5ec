"""Graph announces changes of a page's calendar: the page is scanned if somebody follows it, and that is all."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest

from blueprints import subscriptions_work
from composition.services import replace_services, services
from shared.storage.queues import Queue
from tests.functional.changes.conftest import Page
from tests.functional.conftest import Gateway, ahead
from tests.functional.mail.test_graph_subscriptions import PATIENT
from tests.functional.twin.endpoint import until
from twin.seeds import sample, tiny

pytestmark = pytest.mark.usefixtures("rows_in_memory")

ON = {
    "GRAPH_NOTIFICATIONS": "on",
    "GRAPH_NOTIFICATIONS_BOOKINGS": "on",
    "GRAPH_NOTIFICATIONS_URL": f"{sample.GATEWAY_URL}/api",
}


class AnnouncedPage(Page):
    """A page whose calendar is watched, and the messages that the app puts into queues."""

    def __init__(self, gateway: Gateway, messages: list[dict[str, Any]]) -> None:
        super().__init__(gateway, tiny.seed, **ON)
        self.messages = messages
        tenant = gateway.sim.entra.tenants[sample.TENANT_ID]
        tenant.principals[sample.CLIENT_ID].roles |= {"Calendars.Read"}
        gateway.sim.subscriptions.switches.set(PATIENT)

    def converge(self) -> None:
        replace_services(None)
        used = services()
        used.notifications.converge(used.mail, {})

    def work(self) -> None:
        """Do what the first message asks for."""
        subscriptions_work.deliver_events(func.QueueMessage(body=json.dumps(self.messages.pop(0)).encode()))

    def await_message(self) -> None:
        until(lambda: self.messages)

    @property
    def last(self) -> int:
        return self.journal.state().last


@pytest.fixture
def page(gateway_process: Gateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[AnnouncedPage]:
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(Queue, "put", lambda _self, message, **_more: messages.append(dict(message)))
    sites = gateway_process.sim.world.sites
    sites[sample.GATEWAY_HOST] = gateway_process.base_url
    yield AnnouncedPage(gateway_process, messages)
    sites.pop(sample.GATEWAY_HOST, None)


def test_the_calendar_of_each_named_page_is_watched(page: AnnouncedPage) -> None:
    page.converge()
    [made] = page.gateway.sim.subscriptions.all()
    assert made.resource == f"users/{page.name}/events"
    assert made.change_types == {"created", "updated", "deleted"}
    shown = {one["mailbox"]: one["isThere"] for one in services().notifications.describe()}
    assert (shown[page.name], shown["other@contoso.com"]) == (True, False), "the other one does not exist"


def test_a_change_is_found_as_soon_as_it_is_announced(page: AnnouncedPage) -> None:
    page.feed.tail(page.name)
    page.converge()
    page.book(ahead(days=2))
    page.await_message()
    assert page.last == 0, "it was scanned a moment ago"
    page.work()
    assert page.last == 1


def test_what_a_later_scan_has_seen_is_not_scanned_again(page: AnnouncedPage) -> None:
    page.feed.tail(page.name)
    page.converge()
    page.book(ahead(days=2))
    page.await_message()
    page.feed.look(page.name, datetime.now(UTC) + timedelta(seconds=1))
    page.gateway.forget()
    page.messages[0]["announcedAt"] = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    page.work()
    assert not page.gateway.graph_calls()


def test_a_page_that_nobody_follows_is_not_scanned(page: AnnouncedPage) -> None:
    page.converge()
    page.book(ahead(days=2))
    page.await_message()
    page.gateway.forget()
    page.work()
    assert not page.gateway.graph_calls()


@pytest.mark.parametrize("changed", [{"business": "ceo@contoso.com"}, {"connection": "none"}, {"announcedAt": "soon"}])
def test_a_message_about_something_else_scans_nothing(page: AnnouncedPage, changed: dict[str, str]) -> None:
    page.feed.tail(page.name)
    message = {
        "connection": "default",
        "subscriptions": [],
        "business": page.name,
        "announcedAt": "2030-01-01T00:00:00Z",
    }
    page.messages[:] = [message | changed]
    page.gateway.forget()
    page.work()
    assert not page.gateway.graph_calls()


def test_without_the_second_switch_no_calendar_is_watched(page: AnnouncedPage) -> None:
    page.converge()
    page.gateway.begin(page._seed, BOOKINGS_BUSINESSES=page.name, **ON | {"GRAPH_NOTIFICATIONS_BOOKINGS": "off"})
    page.converge()
    assert not page.gateway.sim.subscriptions.all()
