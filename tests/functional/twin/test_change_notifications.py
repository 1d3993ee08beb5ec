"""What the simulated Graph sends to subscribers: notifications, retries, lifecycle events, and what goes wrong."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from tests.functional.twin.endpoint import HOST, LIFECYCLE, URL, Endpoint, serving, until
from twin import Simulator
from twin.client import RawGraphClient
from twin.mail.mailbox import Mailbox
from twin.seeds import tiny
from twin.seeds.mails import SUPPORT
from twin.seeds.sample import CLIENT_ID, TENANT_ID
from twin.subscriptions.forgeries import FORGERIES, forge
from twin.subscriptions.subscription import Subscription

PATH = "/subscriptions"
INBOX = f"users/{SUPPORT}/mailFolders('inbox')/messages"
SECRET = "guess me"


@pytest.fixture
def endpoint(sim: Simulator) -> Iterator[Endpoint]:
    sim.subscriptions.switches.set({"latency_seconds": 0, "seed": 11})
    with serving() as found:
        sim.subscriptions.sites[HOST] = found.address
        yield found
    del sim.subscriptions.sites[HOST]


@pytest.fixture
def graph(make_client: Callable[..., RawGraphClient]) -> RawGraphClient:
    return make_client("Mail.Read", "Calendars.Read")


@pytest.fixture
def box(sim: Simulator) -> Mailbox:
    return sim.mail.mailbox(SUPPORT)


type Subscribe = Callable[..., Subscription]


@pytest.fixture
def subscribe(sim: Simulator, endpoint: Endpoint, graph: RawGraphClient) -> Subscribe:
    """Return a function that makes a subscription and returns the twin's own object for it."""

    def make(resource: str = INBOX, *, immutable: bool = False, hours: float = 48, **more: Any) -> Subscription:
        end = sim.world.clock.now() + timedelta(hours=hours)
        body = {
            "changeType": "created", "notificationUrl": URL, "resource": resource, "clientState": SECRET,
            "expirationDateTime": end.isoformat(), "lifecycleNotificationUrl": LIFECYCLE,
        } | more  # fmt: skip
        headers = {"Prefer": 'IdType="ImmutableId"'} if immutable else {}
        answer = graph.request("POST", PATH, json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        assert endpoint.handshakes
        return sim.subscriptions.find(answer.json()["id"])

    return make


def test_a_mail_is_announced_as_documented(endpoint: Endpoint, box: Mailbox, subscribe: Subscribe) -> None:
    one = subscribe()
    mail = box.receive(subject="Printer")
    until(lambda: endpoint.items)
    ((path, (item,)),) = endpoint.posts
    address = f"Users/{box.object_id}/Messages/{mail.mutable_id}"
    assert path == "/notify?from=graph"
    assert item.pop("resourceData").pop("@odata.etag").startswith('W/"')
    assert item == {
        "subscriptionId": one.id,
        "subscriptionExpirationDateTime": one.show(with_secret=False)["expirationDateTime"],
        "tenantId": TENANT_ID,
        "clientState": SECRET,
        "changeType": "created",
        "resource": address,
    }


def test_each_hears_what_it_asked_for(sim: Simulator, endpoint: Endpoint, box: Mailbox, subscribe: Subscribe) -> None:
    inbox, everything = subscribe(immutable=True), subscribe(f"/Users/{box.object_id}/messages",
                                                             changeType="created,updated,deleted")  # fmt: skip
    calendar = subscribe(f"users/{tiny.BUSINESS}/events", changeType="created, updated,deleted")
    names = {inbox.id: "inbox", everything.id: "all", calendar.id: "calendar"}
    mail = box.receive()
    mail.mark_read()
    old = mail.mutable_id
    mail.move("archive")
    book = sim.bookings.business(tiny.BUSINESS).appointments
    start, end = ({"dateTime": f"2027-03-01T{hour}:00:00", "timeZone": "UTC"} for hour in ("09", "10"))
    made = book.add({"startDateTime": start, "endDateTime": end})
    book.patch(made.id, {"additionalInformation": "Bring the form"})
    book.remove(made.id)
    until(lambda: len(endpoint.items) == 8)
    heard = [(names[one["subscriptionId"]], one["changeType"], one["resourceData"]["id"]) for one in endpoint.items]
    assert sorted(heard) == sorted(
        [("inbox", "created", mail.id), ("all", "created", old), ("all", "updated", old), ("all", "deleted", old),
         ("all", "created", mail.mutable_id), ("calendar", "created", made.id), ("calendar", "updated", made.id),
         ("calendar", "deleted", made.id)]
    )  # fmt: skip
    assert {one["resourceData"]["@odata.type"] for one in endpoint.items} == {
        "#Microsoft.Graph.Message", "#Microsoft.Graph.Event",
    }  # fmt: skip


def test_what_happens_at_once_comes_in_one_post(
    sim: Simulator, endpoint: Endpoint, box: Mailbox, subscribe: Subscribe
) -> None:
    subscribe()
    sim.run(lambda: [box.receive(subject=f"{number}") for number in range(120)])
    until(lambda: len(endpoint.items) == 120)
    assert sorted(len(items) for _, items in endpoint.posts) == [20, 100]


def test_what_nobody_takes_is_tried_again_for_four_hours(
    sim: Simulator, endpoint: Endpoint, box: Mailbox, subscribe: Subscribe
) -> None:
    subscribe()
    endpoint.statuses = [500, 404]
    box.receive()
    for tries in (1, 2, 3):
        until(lambda: len(sim.subscriptions.deliveries) >= tries)  # noqa: B023 - used at once
        sim.world.clock.advance(timedelta(seconds=20))
    assert [one.status for one in sim.subscriptions.deliveries] == [500, 404, 202]
    assert len({str(item) for item in endpoint.items}) == 1

    endpoint.status = 503
    box.receive()
    for _ in range(60):
        done = len(sim.subscriptions.deliveries)
        if sim.subscriptions.lost:
            break
        sim.world.clock.advance(timedelta(minutes=5))
        until(lambda: len(sim.subscriptions.deliveries) > done)  # noqa: B023 - used at once
    endpoint.status = 202
    until(lambda: "missed" in endpoint.events)
    assert sim.subscriptions.lost == 1
    assert 40 <= len(sim.subscriptions.deliveries) <= 60
    refused = [one for one in sim.subscriptions.deliveries if one.status == 503 and "changeType" in one.items[0]]
    assert timedelta(hours=3, minutes=50) <= refused[-1].when - refused[0].when <= timedelta(hours=4)


def test_an_ended_subscription_is_silent_and_announces_its_end_before(
    sim: Simulator, endpoint: Endpoint, box: Mailbox, graph: RawGraphClient, subscribe: Subscribe
) -> None:
    one = subscribe(hours=24)
    assert endpoint.events == []
    sim.world.clock.advance(timedelta(hours=22))
    until(lambda: endpoint.events)
    end = (sim.world.clock.now() + timedelta(hours=24)).isoformat()
    assert graph.request("PATCH", f"{PATH}/{one.id}", json={"expirationDateTime": end}).ok
    sim.world.clock.advance(timedelta(hours=22))
    until(lambda: len(endpoint.events) == 2)
    sim.world.clock.advance(timedelta(hours=3))
    box.receive()
    other = subscribe()
    box.receive()
    until(lambda: endpoint.items)
    assert [item["subscriptionId"] for item in endpoint.items] == [other.id]
    assert endpoint.events == ["reauthorizationRequired"] * 2


def test_a_challenge_without_an_answer_stops_the_notifications(
    sim: Simulator, endpoint: Endpoint, box: Mailbox, graph: RawGraphClient, subscribe: Subscribe
) -> None:
    one = subscribe()
    sim.subscriptions.challenge(one.id)
    box.receive()
    until(lambda: endpoint.items and endpoint.events == ["reauthorizationRequired"])
    sim.world.clock.advance(timedelta(hours=2))
    box.receive()
    assert sim.subscriptions.lost == 1
    assert graph.request("POST", f"{PATH}/{one.id}/reauthorize").status_code == 204
    box.receive()
    until(lambda: len(endpoint.items) == 2)
    sim.subscriptions.notify(one, "missed")
    until(lambda: endpoint.events[1:] == ["missed"])


def test_one_is_removed_when_the_permission_is_withdrawn_or_the_service_wants_it(
    sim: Simulator, endpoint: Endpoint, box: Mailbox, subscribe: Subscribe
) -> None:
    quietly, announced, third = subscribe(), subscribe(), subscribe()
    sim.subscriptions.remove(quietly.id)
    sim.subscriptions.remove(announced.id, announced=True)
    until(lambda: endpoint.events == ["subscriptionRemoved"])
    sim.entra.tenant(TENANT_ID).principals[CLIENT_ID].revoke_roles("Mail.ReadWrite")
    box.receive()
    until(lambda: endpoint.events == ["subscriptionRemoved"] * 2)
    assert (sim.subscriptions.all(), endpoint.items) == ([], [])
    assert [items[0]["subscriptionId"] for _, items in endpoint.posts] == [announced.id, third.id]


@pytest.mark.parametrize("case", [(9, "sent"), (10, "late"), (14, "late"), (15, "dropped")])
def test_a_slow_endpoint_gets_its_notifications_late_or_never(
    sim: Simulator, endpoint: Endpoint, box: Mailbox, subscribe: Subscribe, case: tuple[int, str]
) -> None:
    slow, expected = case
    subscribe()
    state = sim.subscriptions
    state.note(URL, [], [{}] * slow, 202, 2.95)
    state.note(URL, [], [{}] * (100 - slow), 202, 0.1)
    box.receive()
    if expected == "late":
        until(lambda: [one.was_throttled for one in state.waiting if not one.is_lifecycle] == [True])
        sim.world.clock.advance(timedelta(minutes=9))
        assert endpoint.items == []
        sim.world.clock.advance(timedelta(minutes=2))
    if expected == "dropped":
        until(lambda: endpoint.events == ["missed"])
        assert (endpoint.items, state.lost) == ([], 1)
        sim.world.clock.advance(timedelta(minutes=10))
        box.receive()
    until(lambda: len(endpoint.items) == 1)


def test_an_endpoint_that_hangs_keeps_nobody_waiting_and_ends_with_the_twin(box: Mailbox) -> None:
    _ = box
    before = set(threading.enumerate())
    with serving() as endpoint:
        with Simulator(tiny.build(), latency=0).running() as sim:
            sim.subscriptions.sites[HOST] = endpoint.address
            sim.subscriptions.switches.set({"latency_seconds": 0})
            with RawGraphClient(sim, "Mail.Read", tenant_id=TENANT_ID, app_id=CLIENT_ID) as graph:
                end = (sim.world.clock.now() + timedelta(days=1)).isoformat()
                body = {"changeType": "created", "notificationUrl": URL, "resource": INBOX, "expirationDateTime": end}
                assert graph.request("POST", PATH, json=body).status_code == 201
                endpoint.holds.set()
                sim.mail.mailbox(SUPPORT).receive()
                until(lambda: endpoint.held)
                assert len(graph.pages(PATH)) == 1
                sim.reset()
                assert graph.pages(PATH) == []
        assert sim.server.failures == []
    assert set(threading.enumerate()) == before


def test_notifications_are_dropped_duplicated_reordered_and_delayed_by_share(
    sim: Simulator, endpoint: Endpoint, box: Mailbox, subscribe: Subscribe
) -> None:
    subscribe(immutable=True)
    state = sim.subscriptions
    state.set_switches({"dropped": 0.3, "seed": 5})
    sim.run(lambda: [box.receive() for _ in range(200)])
    assert 40 <= state.lost <= 80
    until(lambda: len(endpoint.items) == 200 - state.lost)

    endpoint.posts.clear()
    state.set_switches({"dropped": 0.0, "duplicated": 0.3, "reordered": 0.3, "delayed": 0.1, "delayed_seconds": 300})
    sent = sim.run(lambda: [box.receive().id for _ in range(200)])
    sim.world.clock.advance(timedelta(seconds=10))
    until(lambda: len(endpoint.items) > 200)
    sim.world.clock.advance(timedelta(minutes=6))
    until(lambda: {one["resourceData"]["id"] for one in endpoint.items} == set(sent))
    heard = [one["resourceData"]["id"] for one in endpoint.items]
    assert list(dict.fromkeys(heard)) != sent
    assert 205 <= len(heard) <= 290

    endpoint.posts.clear()
    state.set_switches({"duplicated": 0.0, "reordered": 0.0, "delayed": 0.0, "silent": True})
    lost = state.lost
    box.receive()
    state.set_switches({"silent": False})
    last = box.receive()
    until(lambda: endpoint.items)
    assert ([one["resourceData"]["id"] for one in endpoint.items], state.lost) == ([last.id], lost + 1)
    for wrong in ({"dropt": 1}, {"silent": 1}, {"dropped": True}, {"seed": "x"}):
        with pytest.raises(ValueError, match=r"no switch|is of type"):
            state.set_switches(wrong)


def test_forgeries_differ_from_the_genuine_in_what_their_name_says(
    sim: Simulator, endpoint: Endpoint, box: Mailbox, subscribe: Subscribe
) -> None:
    one = subscribe()
    with pytest.raises(ValueError, match="nothing was sent"):
        forge(sim.subscriptions, "replay", one)
    box.receive()
    until(lambda: sim.subscriptions.deliveries)
    ((_, genuine),) = endpoint.posts
    assert forge(sim.subscriptions, "replay", one) == {"value": genuine}
    known = {"subscriptionId", "tenantId", "clientState"}
    for kind in FORGERIES:
        (item,) = forge(sim.subscriptions, kind, one)["value"]
        differing = {name for name in known if item.get(name) != genuine[0][name]}
        assert differing == {
            "tenant": {"tenantId"}, "client-state": {"clientState"}, "no-client-state": {"clientState"},
            "empty-client-state": {"clientState"}, "unknown": {"subscriptionId"},
            "ended": {"subscriptionId", "clientState"}, "replay": set(),
        }[kind]  # fmt: skip


def test_people_and_other_processes_control_it_over_http(
    sim: Simulator, endpoint: Endpoint, box: Mailbox, subscribe: Subscribe
) -> None:
    one = subscribe()
    base = f"{sim.control_url}/subscriptions"

    def ask(method: str, path: str = "", body: Any = None) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, f"{base}{path}", json=body, timeout=20)
            assert answer.ok, answer.text
            return answer.json() if answer.content else None

    assert ask("GET")["sites"] == {HOST: endpoint.address}
    assert [each["clientState"] for each in ask("GET")["subscriptions"]] == [None]
    ask("PUT", "/sites/Other.Example", {"url": endpoint.address})
    assert sim.subscriptions.reach("https://other.example/x?y=1") == f"{endpoint.address}/x?y=1"
    assert sim.subscriptions.reach("http://other.example/x") is None
    ask("DELETE", "/sites/other.example")
    assert sim.subscriptions.reach("https://other.example/x") is None
    assert ask("PATCH", "/switches", {"dropped": 0.25})["dropped"] == 0.25
    ask("PATCH", "/switches", {"dropped": 0.0})
    box.receive()
    until(lambda: sim.subscriptions.deliveries)
    (delivery,) = ask("GET", "/deliveries?since=0")["deliveries"]
    assert (delivery["status"], SECRET in str(delivery)) == (202, False)
    assert ask("POST", f"/{one.id}/forgeries", {"kind": "unknown"})["value"][0]["clientState"] == SECRET
    ask("POST", f"/{one.id}/challenge")
    ask("POST", f"/{one.id}/missed")
    ask("DELETE", f"/{one.id}?announced=true")
    until(lambda: sorted(endpoint.events) == ["missed", "reauthorizationRequired", "subscriptionRemoved"])
