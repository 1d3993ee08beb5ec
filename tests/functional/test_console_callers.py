"""The console's views of booking pages, triggers and subscriptions, in a browser."""

from typing import Any

import pytest

from devkit.flow_engine import PREFIX
from tests.functional.conftest import Gateway
from tests.functional.console_browser import use_console
from twin.seeds import sample, service_desks
from twin.seeds.booking_pages import CONTOSO_PAGES, LONDON

pytestmark = [pytest.mark.slow(reason="starts a browser", seconds=4), pytest.mark.usefixtures("rows_in_memory")]

VIEWS = {"bookings": "#/bookings", "page": "#/bookings/ithelpdesk%40contoso.com", "callers": "#/callers"}
FLOW = {"x-ms-workflow-name": "new-bookings-to-teams", "X-MS-APIM-Referrer-Prefix": PREFIX}


@pytest.fixture
def watched(gateway_process: Gateway) -> Gateway:
    """The sample world, in which two flows poll, one in vain, and one subscription is there."""
    host = service_desks.HOOK_URL.split("/")[2]
    gateway_process.begin(sample.seed, EVENT_TARGET_HOSTS=host)
    for business in (LONDON.id, "closed@contoso.com"):
        gateway_process.get("triggers/appointments/created", headers=FLOW, business=business)
    target = {"kind": "https", "url": service_desks.HOOK_URL}
    wanted = {"events": ["appointment.created"], "business": LONDON.id, "target": target}
    assert gateway_process.post("subscriptions", wanted).status_code == 201
    return gateway_process


def test_pages_and_callers_are_shown_without_barriers(watched: Gateway) -> None:
    seen = use_console(watched.base_url, watched.key, "once", views=VIEWS)["once"]
    assert (seen["complaints"], seen["violations"]) == ([], [])
    looks: dict[str, Any] = seen["views"]
    for view, look in looks.items():
        assert (look["barriers"], look["isFailed"], look["overflow"]) == ([], False, 0), view
    assert all(page.name in looks["bookings"]["text"] for page in CONTOSO_PAGES)
    for words in ("Next appointment", "This week", "Next free slot", "Change feed"):
        assert looks["bookings"]["text"].count(words) == len(CONTOSO_PAGES)
    for service in LONDON.services:
        assert service["displayName"] in looks["page"]["text"]
    overview = watched.get(f"bookings/businesses/{LONDON.id}/overview").json()
    assert f"{round(overview['week']['utilization'] * 100)} % of what staff offer is booked" in looks["page"]["text"]
    assert overview["today"][0]["startLocal"][11:16] in looks["page"]["text"]
    callers = looks["callers"]["text"]
    assert callers.index("403 BusinessNotAllowed") < callers.index("202, nothing new")
    for words in ("new-bookings-to-teams", "closed@contoso.com", "An appointment is created", "appointment.created"):
        assert words in callers


def test_a_subscription_is_paused_after_a_question_and_resumed(watched: Gateway) -> None:
    seen = use_console(watched.base_url, watched.key, "pause")["pause"]
    assert [url.rpartition("/")[2] for url in seen["posted"]] == ["pause", "resume"]
    assert "Paused by hand" in seen["paused"]
    assert "Paused by hand" not in seen["resumed"]
    assert [one["state"] for one in watched.get("subscriptions").json()["value"]] == ["active"]


def test_nothing_to_show_is_said_and_no_failure(gateway_process: Gateway) -> None:
    gateway_process.begin(sample.seed, BOOKINGS_BUSINESSES="")
    views = {view: address for view, address in VIEWS.items() if view != "page"}
    looks = use_console(gateway_process.base_url, gateway_process.key, "once", views=views)["once"]["views"]
    assert not any(look["isFailed"] for look in looks.values())
    assert "The gateway may use no booking page." in looks["bookings"]["text"]
    assert "No flow has polled a trigger" in looks["callers"]["text"]
    assert "There are no subscriptions" in looks["callers"]["text"]
