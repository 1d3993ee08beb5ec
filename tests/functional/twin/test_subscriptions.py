"""Subscriptions of the simulated Graph: how they are made, listed, renewed and ended."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.functional.twin.endpoint import HOST, LIFECYCLE, URL, Endpoint, serving
from tests.functional.twin.one_mailbox import MAIL_WRITE, read_error
from twin import Drop, Simulator
from twin.client import RawGraphClient
from twin.seeds.mails import SUPPORT
from twin.seeds.sample import TENANT_ID

PATH = "/subscriptions"
INBOX = f"users/{SUPPORT}/mailFolders('inbox')/messages"
EVENTS = "users/desk@contoso.com/events"


@pytest.fixture
def endpoint(sim: Simulator) -> Iterator[Endpoint]:
    with serving() as found:
        sim.subscriptions.sites[HOST] = found.address
        yield found
    del sim.subscriptions.sites[HOST]


@pytest.fixture
def graph(make_client: Callable[..., RawGraphClient]) -> RawGraphClient:
    return make_client("Mail.Read")


def wish(sim: Simulator, minutes: float = 9_000, **more: Any) -> dict[str, Any]:
    """Return the body of a request; None leaves a property out."""
    end = sim.world.clock.now() + timedelta(minutes=minutes)
    body = {
        "changeType": "created",
        "notificationUrl": URL,
        "resource": INBOX,
        "expirationDateTime": end.isoformat(),
        "clientState": "guess me",
    } | more
    return {name: value for name, value in body.items() if value is not None}


def read_message(answer: Any) -> tuple[int, str, str]:
    return *read_error(answer), answer.json()["error"]["message"]


def test_one_is_made_after_a_handshake_and_lives_until_it_is_deleted(
    sim: Simulator, endpoint: Endpoint, graph: RawGraphClient, make_client: Callable[..., RawGraphClient]
) -> None:
    answer = graph.request("POST", PATH, json=wish(sim, lifecycleNotificationUrl=LIFECYCLE))
    made = answer.json()
    assert answer.status_code == 201, answer.text
    assert (made["clientState"], made["resource"], made["changeType"]) == ("guess me", INBOX, "created")
    assert made["@odata.context"].endswith("/v1.0/$metadata#subscriptions/$entity")
    (first, media_type), (second, _) = endpoint.handshakes
    assert (urlsplit(first).path, urlsplit(second).path, media_type) == (
        "/notify", "/lifecycle", "text/plain; charset=utf-8",
    )  # fmt: skip
    assert parse_qs(urlsplit(first).query)["from"] == ["graph"]
    shown = graph.get(f"{PATH}/{made['id']}").json()
    assert shown["clientState"] is None
    assert {**shown, "clientState": "guess me"} == made
    assert [one["id"] for one in graph.pages(PATH)] == [made["id"]]
    assert graph.pages(PATH)[0]["clientState"] is None

    stranger = make_client("Mail.Read", app_id=sim.entra.add_app("a-stranger", sim.entra.tenant(TENANT_ID), "x").app_id)
    assert stranger.pages(PATH) == []
    assert read_error(stranger.get(f"{PATH}/{made['id']}")) == (404, "ResourceNotFound")
    assert read_error(stranger.request("DELETE", f"{PATH}/{made['id']}")) == (404, "ResourceNotFound")

    assert graph.request("DELETE", f"{PATH}/{made['id']}").status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        body = wish(sim) if method == "PATCH" else None
        assert read_error(graph.request(method, f"{PATH}/{made['id']}", json=body)) == (404, "ResourceNotFound")
    assert sim.server.failures == []


@pytest.fixture(autouse=True)
def a_stranger(sim: Simulator) -> None:
    tenant = sim.entra.tenant(TENANT_ID)
    tenant.install(sim.entra.add_app("a-stranger", tenant, "Stranger"))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"notificationUrl": URL.replace("https", "http")}, "NotificationUrl scheme='http' is not supported."),
        ({"lifecycleNotificationUrl": "http://x"}, "LifecycleNotificationUrl scheme='http' is not supported."),
        ({"changeType": None}, "changeType is a required property for subscription creation"),
        ({"expirationDateTime": None}, "expirationDateTime is a required property for subscription creation"),
        ({"expirationDateTime": "soon"}, "Invalid value for expirationDateTime."),
        ({"changeType": "created,read"}, "Invalid 'changeType' attribute: 'created,read'."),
        ({"resource": "users/x/mailFolders"}, "Resource 'users/x/mailFolders' is not supported for subscriptions."),
        ({"clientState": "x" * 129}, "The length of clientState exceeds the maximum of 128 characters."),
        ({"minutes": 10_080}, "Subscription expiration can only be 10070 minutes in the future."),
        ({"minutes": 1_441, "includeResourceData": True},
         "Subscription expiration can only be 1440 minutes in the future."),
        ({"url": URL}, "The property 'url' does not exist on type 'microsoft.graph.subscription'."),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_request_is_refused_before_anybody_is_asked(
    sim: Simulator, endpoint: Endpoint, graph: RawGraphClient, more: dict[str, Any], expected: str
) -> None:
    status, _, message = read_message(graph.request("POST", PATH, json=wish(sim, **more)))
    assert (status, message) == (400, expected)
    assert (endpoint.handshakes, sim.subscriptions.all()) == ([], [])


FAILED = "Subscription validation request failed. "
MUST = "Notification endpoint must respond with 200 OK to validation request."
EXACTLY = FAILED + "Response must exactly match validationToken query parameter."


@pytest.mark.parametrize(
    ("echo", "expected"),
    [
        ((403, "text/plain", str), f"{FAILED}HTTP status code is 'Forbidden'. {MUST}"),
        ((202, "text/plain", str), f"{FAILED}HTTP status code is 'Accepted'. {MUST}"),
        ((200, "application/json", str), EXACTLY),
        ((200, "text/plain", lambda token: f'"{token}"'), EXACTLY),
        ((200, "text/plain", lambda token: token.replace(" ", "+")), EXACTLY),
    ],
)
def test_an_endpoint_that_does_not_echo_gets_no_subscription(
    sim: Simulator, endpoint: Endpoint, graph: RawGraphClient, echo: Any, expected: str
) -> None:
    endpoint.echo = echo
    refused = read_message(graph.request("POST", PATH, json=wish(sim)))
    assert refused == (400, "ValidationError", expected)
    assert sim.subscriptions.all() == []


def test_an_endpoint_that_is_not_there_or_silent_gets_no_subscription(
    sim: Simulator, endpoint: Endpoint, graph: RawGraphClient
) -> None:
    nobody = graph.request("POST", PATH, json=wish(sim, notificationUrl="https://nobody.example/"))
    assert read_message(nobody) == (400, "ValidationError", FAILED + MUST)
    sim.subscriptions.switches.set({"handshake_seconds": 0.05})
    endpoint.holds.set()
    late = graph.request("POST", PATH, json=wish(sim))
    assert read_message(late) == (400, "ValidationError", "Subscription validation request timed out.")
    assert sim.subscriptions.all() == []


def test_the_mailbox_has_its_say_after_the_handshake(
    sim: Simulator, endpoint: Endpoint, make_client: Callable[..., RawGraphClient]
) -> None:
    denied = "Operation: Create; Exception: [Status Code: Forbidden; Reason: Access is denied. Check credentials and try again.]"  # noqa: E501 - one text
    for permission, resource in (
        ("Calendars.Read", INBOX), ("Mail.Read", EVENTS), ("Mail.ReadBasic.All", INBOX), ("Mail.ReadBasic", INBOX),
    ):  # fmt: skip
        answer = make_client(permission).request("POST", PATH, json=wish(sim, resource=resource))
        assert read_message(answer) == (403, "ExtensionError", denied)
    reader = make_client("Mail.Read")
    for resource in ("users/nobody@contoso.com/messages", f"users('{SUPPORT}')/mailFolders/none/messages"):
        assert read_error(reader.request("POST", PATH, json=wish(sim, resource=resource))) == (404, "ExtensionError")
    sim.mail.restrict(str(reader.sim.entra.app("a9900000-3333-4aaa-8bbb-000000000003").app_id), TENANT_ID, [])
    outside = read_message(reader.request("POST", PATH, json=wish(sim)))
    assert (outside[0], "Access to OData is disabled." in outside[2]) == (403, True)
    assert len(endpoint.handshakes) == 7
    assert sim.subscriptions.all() == []


def test_who_may_write_may_subscribe_unless_the_service_does_as_its_page_says(
    sim: Simulator, endpoint: Endpoint, make_client: Callable[..., RawGraphClient]
) -> None:
    writer = make_client(MAIL_WRITE)
    assert writer.request("POST", PATH, json=wish(sim)).status_code == 201
    sim.subscriptions.switches.set({"readwrite_subscribes": False})
    assert read_error(writer.request("POST", PATH, json=wish(sim))) == (403, "ExtensionError")
    assert len(endpoint.handshakes) == 2


def test_the_end_is_raised_moved_and_kept(sim: Simulator, endpoint: Endpoint, graph: RawGraphClient) -> None:
    before = sim.world.clock.now()
    made = graph.request("POST", PATH, json=wish(sim, minutes=1)).json()
    end = datetime.fromisoformat(made["expirationDateTime"])
    assert before + timedelta(minutes=45) <= end <= sim.world.clock.now() + timedelta(minutes=45)
    own = f"{PATH}/{made['id']}"
    for body, message in (
        ({"lifecycleNotificationUrl": LIFECYCLE}, "Property 'lifecycleNotificationUrl' cannot be updated."),
        ({}, "Subscription must contain either the 'expirationDateTime' or 'notificationUrl' property and its value."),
    ):
        assert read_message(graph.request("PATCH", own, json=body)) == (400, "InvalidRequest", message)
    end = sim.world.clock.now() + timedelta(days=2)
    renewed = graph.request("PATCH", own, json={"expirationDateTime": end.isoformat()})
    assert (renewed.status_code, datetime.fromisoformat(renewed.json()["expirationDateTime"])) == (200, end)
    moved = graph.request("PATCH", own, json={"notificationUrl": f"https://{HOST}/other"}).json()
    assert (moved["notificationUrl"], len(endpoint.handshakes)) == (f"https://{HOST}/other", 2)
    assert graph.request("POST", f"{own}/reauthorize").status_code == 204
    assert datetime.fromisoformat(graph.get(own).json()["expirationDateTime"]) == end
    sim.world.clock.advance(timedelta(days=2))
    assert read_error(graph.request("PATCH", own, json=wish(sim))) == (404, "ResourceNotFound")
    assert graph.pages(PATH) == []


def test_lists_come_in_pages_and_a_mailbox_has_a_limit(
    sim: Simulator, endpoint: Endpoint, graph: RawGraphClient
) -> None:
    sim.subscriptions.switches.set({"page_size": 2, "most_per_mailbox": 5})
    made = [graph.request("POST", PATH, json=wish(sim)).json()["id"] for _ in range(5)]
    assert [one["id"] for one in graph.pages(PATH)] == made
    assert sim.exchanges.count("subscriptions", method="GET") == 3
    assert read_error(graph.request("POST", PATH, json=wish(sim))) == (403, "ExtensionError")
    assert len(endpoint.handshakes) == 6


def test_one_is_made_though_the_answer_is_lost(sim: Simulator, endpoint: Endpoint, graph: RawGraphClient) -> None:
    sim.faults.add(Drop(), api="subscriptions", method="POST", when="after")
    with pytest.raises(requests.ConnectionError):
        graph.request("POST", PATH, json=wish(sim))
    assert len(graph.pages(PATH)) == len(endpoint.handshakes) == 1
    batch = {"requests": [{"id": "1", "method": "GET", "url": PATH}, {"id": "2", "method": "GET", "url": f"{PATH}/x"}]}
    answers = graph.request("POST", "/$batch", json=batch).json()["responses"]
    assert {one["id"]: one["status"] for one in answers} == {"1": 200, "2": 404}


def test_the_clientstate_is_never_recorded(sim: Simulator, endpoint: Endpoint, graph: RawGraphClient) -> None:
    assert graph.request("POST", PATH, json=wish(sim)).ok
    assert endpoint.handshakes
    assert "guess me" not in str([one.to_json() for one in sim.exchanges.all()])
