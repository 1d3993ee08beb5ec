"""The doctor's steps of change notifications: the public address, and Graph's list of subscriptions."""

from collections.abc import Iterator

import pytest

from composition.services import services
from tests.functional.doctor.conftest import Installation
from twin import Answer
from twin.seeds.sample import CLIENT_ID, GATEWAY_HOST, GATEWAY_URL, TENANT_ID

ON = {"GRAPH_NOTIFICATIONS": "on", "GRAPH_NOTIFICATIONS_URL": f"{GATEWAY_URL}/api"}
ADDRESS = ("notification-address", f"{GATEWAY_URL}/api")
SUBSCRIPTIONS = ("graph-subscriptions", "default")


@pytest.fixture
def announced(installation: Installation) -> Iterator[Installation]:
    """The installation with a public address, and with a subscription for each folder."""
    sites = installation.gateway.sim.world.sites
    sites[GATEWAY_HOST] = installation.gateway.base_url
    installation.gateway.sim.subscriptions.switches.set({"handshake_seconds": 60})
    installation.configure(**ON)
    used = services()
    used.notifications.converge(used.mail, {})
    yield installation
    installation.configure()
    used = services()
    used.notifications.converge(used.mail, {})
    sites.pop(GATEWAY_HOST, None)


def test_address_and_subscriptions_are_well(announced: Installation) -> None:
    found = announced.find("ok")
    assert found[ADDRESS]["message"] == "The public address answers as Graph wants it."
    assert "Graph announces new mail of " in found[SUBSCRIPTIONS]["message"]


def test_an_address_that_leads_elsewhere_is_named_with_its_setting(announced: Installation) -> None:
    announced.gateway.sim.world.sites[GATEWAY_HOST] = announced.gateway.sim.control_url
    assert "GRAPH_NOTIFICATIONS_URL" in announced.find_only(ADDRESS)
    del announced.gateway.sim.world.sites[GATEWAY_HOST]
    assert "GRAPH_NOTIFICATIONS_URL" in announced.find_only(ADDRESS)


def test_a_subscription_that_is_not_there_is_named_with_its_mailbox(announced: Installation) -> None:
    state = announced.gateway.sim.subscriptions
    [lost, *_] = [one for one in state.all() if "support" in one.resource]
    state.remove(lost.id)
    said = announced.find_only(SUBSCRIPTIONS)
    assert announced.support in said
    assert "Mail.Read" in said


def test_a_page_whose_calendar_may_not_be_read_is_named_with_the_right_for_it(announced: Installation) -> None:
    announced.configure(**ON, GRAPH_NOTIFICATIONS_BOOKINGS="on")
    used = services()
    used.notifications.converge(used.mail, {})
    said = announced.find_only(SUBSCRIPTIONS, ("graph-subscriptions", "partner"))
    assert "(calendar)" in said
    assert "Grant Application Calendars.Read" in said
    assert f"register consent --app {CLIENT_ID} --tenant {TENANT_ID} --for calendars --page " in said


def test_a_list_that_graph_refuses_is_said(announced: Installation) -> None:
    announced.gateway.sim.faults.add(Answer(403), path="v1.0/subscriptions$", method="GET", times=None)
    assert announced.find_only(SUBSCRIPTIONS)


def test_without_the_switch_nothing_is_asked(installation: Installation) -> None:
    assert not {step for step, _ in installation.find("ok", "warn", "fail", "skipped")} & {ADDRESS[0], SUBSCRIPTIONS[0]}
