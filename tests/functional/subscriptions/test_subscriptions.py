"""Event subscriptions: made, sent, tried again, paused, replayed, ended."""

import base64
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from composition import services
from event_subscriptions import delivering
from event_subscriptions.targets import https
from event_subscriptions.targets.protocol import OutgoingEvent, SendOutcome
from shared.errors import Unavailable
from shared.storage.tables import Operation
from shared.time_zones.zones import utc_text
from tests.functional.conftest import ahead, read_error
from tests.functional.subscriptions.conftest import URL, Hub
from twin.seeds import sample, tiny


def test_an_appointment_becomes_a_signed_event(hub: Hub) -> None:
    made = hub.subscribe()
    assert made["state"] == "active"
    assert made["target"] == {"kind": "https", "url": URL}
    [(_, origin)] = hub.gateway.sim.webhooks.asked
    assert origin == "127.0.0.1"
    appointment = hub.page.book(ahead(days=2))
    hub.scan()
    hub.pump()
    [sent] = hub.sent
    Webhook(made["secret"]).verify(sent.body, sent.headers)
    event = sent.json
    assert event["data"]["appointmentId"] == appointment
    assert event["data"]["eventId"] == event["id"] == sent.headers["webhook-id"]
    assert (event["type"], event["subject"]) == ("appointment.created", appointment)
    assert sent.headers["content-type"] == "application/cloudevents+json"
    [entry] = hub.list_deliveries(made)
    assert (entry["eventId"], entry["outcome"], entry["status"], entry["attempts"]) == (event["id"], "accepted", 204, 1)
    shown = hub.show(made)
    assert "secret" not in shown
    assert shown["lastAnswer"] == "HTTP 204"
    assert (shown["deliveries"], shown["lastEvent"]) == (1, "appointment.created")
    hub.sweep()
    hub.pump()
    assert len(hub.sent) == 1


def test_events_come_in_order_and_only_those_that_are_wanted(hub: Hub) -> None:
    hub.subscribe("appointment.created", "appointment.cancelled", staff=tiny.ANNE, expand="details")
    first, others = hub.page.book(ahead(days=2)), hub.page.book(ahead(days=3), staffMemberIds=[tiny.BOB])
    hub.scan()
    hub.page.move(first, ahead(days=4))
    hub.scan()
    hub.page.cancel(first)
    hub.page.cancel(others)
    hub.scan()
    hub.pump()
    assert [(one.json["type"], one.json["subject"]) for one in hub.sent] == [
        ("appointment.created", first),
        ("appointment.cancelled", first),
    ]
    assert hub.sent[0].json["data"]["customers"]


def test_what_is_refused_is_tried_again_with_the_same_id_and_nothing_passes_it(hub: Hub) -> None:
    made = hub.subscribe()
    hub.gateway.sim.webhooks.answer(503, {"title": "away"}, headers={"Retry-After": "120"}, times=1)
    booked = [hub.page.book(ahead(days=2 + number)) for number in range(3)]
    hub.scan()
    hub.pump()
    assert len(hub.sent) == 1
    shown = hub.show(made)
    assert shown["failures"] == 1
    assert shown["lastAnswer"].startswith("HTTP 503")
    assert datetime.fromisoformat(shown["nextAttemptDateTime"]) >= datetime.now(UTC) + timedelta(seconds=100)
    hub.scan()  # another wake before the time is ignored
    hub.sweep()
    hub.pump()
    assert len(hub.sent) == 1
    hub.clock.pass_by(hours=1)
    hub.pump()
    assert hub.taken == booked
    assert len({one.id for one in hub.sent}) == 3
    assert [entry["attempts"] for entry in hub.list_deliveries(made)] == [1, 1, 2]


@pytest.mark.slow(reason="tries again for a day")
def test_a_receiver_that_is_down_for_a_day_misses_nothing(hub: Hub) -> None:
    made = hub.subscribe()
    hub.gateway.sim.webhooks.answer(500)
    booked = []
    for hour in range(24):
        booked.append(hub.page.book(ahead(days=2, hours=hour)))
        hub.scan()
        hub.pump()
        hub.clock.pass_by(hours=1)
    assert hub.show(made)["state"] == "active"
    assert hub.taken == []
    assert len(hub.sent) < 40, "the pauses grow"
    hub.gateway.sim.webhooks.forget_answers()
    hub.clock.pass_by(hours=4)
    hub.pump()
    assert hub.taken == booked
    assert hub.gateway.sim.webhooks.duplicates() == {}


def test_after_three_days_it_pauses_and_goes_on_when_it_is_resumed(hub: Hub) -> None:
    made = hub.subscribe()
    hub.gateway.sim.webhooks.answer(500)
    booked = [hub.page.book(ahead(days=2)), hub.page.book(ahead(days=3))]
    hub.scan()
    for _ in range(80):
        hub.pump()
        hub.clock.pass_by(hours=1)
    shown = hub.show(made)
    assert (shown["state"], shown["reason"]) == ("paused", "targetUnavailable")
    assert hub.raise_alarms() == [("SubscriptionPaused", "default")]
    assert hub.queue.messages == []
    hub.gateway.sim.webhooks.forget_answers()
    hub.sweep()
    hub.pump()
    assert hub.taken == []
    assert hub.act(made, "resume")["state"] == "active"
    hub.pump()
    assert hub.taken == booked
    assert hub.raise_alarms() == []


def test_gone_ends_it_and_nothing_is_left_after_a_week(hub: Hub) -> None:
    made = hub.subscribe()
    hub.gateway.sim.webhooks.answer(410)
    hub.page.book(ahead(days=2))
    hub.scan()
    hub.pump()
    shown = hub.show(made)
    assert (shown["state"], shown["reason"]) == ("ended", "targetGone")
    refused = hub.gateway.post(f"subscriptions/{made['id']}/resume")
    assert read_error(refused)["code"] == "SubscriptionEnded"
    hub.clock.pass_by(days=8)
    hub.sweep()
    assert read_error(hub.gateway.get(f"subscriptions/{made['id']}"))["code"] == "SubscriptionNotFound"
    rows = list(hub.store._table.query("default", start="!", end="~"))
    assert [row.row_key for row in rows if made["id"] in row.row_key] == []


def test_one_that_expired_gets_nothing_and_leaves_nothing(hub: Hub) -> None:
    soon = utc_text(datetime.now(UTC) + timedelta(minutes=5))
    made = hub.subscribe(expires=soon)
    hub.clock.pass_by(minutes=10)
    hub.page.book(ahead(days=2))
    hub.scan()
    hub.pump()
    assert hub.sent == []
    hub.sweep()
    assert hub.store.find("default", made["id"]) is None
    assert hub.store.list_active("default", f"bookings|{hub.page.name}") == []


def test_a_pause_keeps_what_happens_meanwhile(hub: Hub) -> None:
    made = hub.subscribe()
    assert hub.act(made, "pause")["reason"] == "byHand"
    booked = hub.page.book(ahead(days=2))
    hub.scan()
    hub.sweep()
    hub.pump()
    assert hub.sent == []
    assert "reason" not in hub.act(made, "resume")
    hub.pump()
    assert hub.taken == [booked]


def test_replay_sends_again_with_the_same_ids(hub: Hub) -> None:
    began = datetime.now(UTC) - timedelta(seconds=1)
    made = hub.subscribe()
    booked = [hub.page.book(ahead(days=2)), hub.page.book(ahead(days=3))]
    hub.scan()
    hub.pump()
    hub.act(made, "replay", since=utc_text(began))
    hub.pump()
    assert hub.taken == booked * 2
    assert [one.id for one in hub.sent[:2]] == [one.id for one in hub.sent[2:]]
    late = hub.subscribe(since=utc_text(began))
    hub.pump()
    assert hub.taken == booked * 3
    assert len(hub.list_deliveries(late)) == 2
    old = utc_text(datetime.now(UTC) - timedelta(days=31))
    refused = read_error(hub.gateway.post(f"subscriptions/{made['id']}/replay", {"since": old}))
    assert (refused["code"], refused["target"]) == ("TooLongAgo", "since")


def test_events_that_are_not_kept_any_more_are_reported(hub: Hub) -> None:
    made = hub.subscribe()
    hub.page.book(ahead(days=2))
    hub.scan()
    hub.page.journal.forget(hub.page.state(), datetime.now(UTC) + timedelta(days=1))
    hub.sweep()
    hub.pump()
    shown = hub.show(made)
    assert (shown["state"], shown["reason"]) == ("paused", "eventsLost")
    assert hub.raise_alarms() == [("SubscriptionPaused", "default")]
    refused = read_error(hub.gateway.post(f"subscriptions/{made['id']}/resume"))
    assert (refused["status"], refused["code"]) == (409, "EventsLost")
    hub.act(made, "replay", since=utc_text(datetime.now(UTC) - timedelta(seconds=1)))
    booked = hub.page.book(ahead(days=4))
    hub.scan()
    hub.pump()
    assert hub.taken == [booked]


def test_a_new_secret_signs_beside_the_old_one_for_a_day(hub: Hub) -> None:
    made = hub.subscribe()
    changed = hub.act(made, "secret")
    assert changed["secret"] != made["secret"]
    hub.page.book(ahead(days=2))
    hub.scan()
    hub.pump()
    [sent] = hub.sent
    for secret in (made["secret"], changed["secret"]):
        Webhook(secret).verify(sent.body, sent.headers)
    assert len(sent.headers["webhook-signature"].split()) == 2


def test_the_same_key_makes_one_subscription_and_shows_its_secret_again(hub: Hub) -> None:
    url, body = f"{hub.gateway.base_url}/api/subscriptions", hub.wish()
    headers = {"x-functions-key": hub.gateway.key, "Idempotency-Key": f"key of {hub.page.name}"}
    first, second = (hub.gateway.http.post(url, json=body, headers=headers, timeout=60) for _ in range(2))
    assert second.headers["Idempotency-Replayed"] == "true"
    assert first.json() == second.json()
    assert len(list(hub.store.list_from("default", ""))) == 1


def test_lists_have_pages(hub: Hub) -> None:
    made = {hub.subscribe()["id"] for _ in range(3)}
    page = hub.gateway.get("subscriptions", limit=2).json()
    rest = hub.gateway.http.get(page["nextLink"], headers={"x-functions-key": hub.gateway.key}, timeout=60).json()
    assert {one["id"] for one in page["value"] + rest["value"]} == made
    assert "nextLink" not in rest
    [first, *_] = page["value"]
    for _ in range(3):
        hub.page.book(ahead(days=2))
    hub.scan()
    hub.pump()
    latest = hub.gateway.get(f"subscriptions/{first['id']}/deliveries", limit=2).json()
    link = hub.gateway.http.get(latest["nextLink"], headers={"x-functions-key": hub.gateway.key}, timeout=60)
    assert [one["number"] for one in latest["value"] + link.json()["value"]] == [3, 2, 1]
    for one in made:
        answer = hub.gateway.http.delete(
            f"{hub.gateway.base_url}/api/subscriptions/{one}", headers={"x-functions-key": hub.gateway.key}, timeout=60
        )
        assert answer.status_code == 204
    assert hub.gateway.get("subscriptions").json() == {"value": []}


@pytest.mark.parametrize(
    ("change", "status", "code", "target"),
    [
        ({"events": []}, 400, "InvalidParameter", "events"),
        ({"events": ["appointment.eaten"]}, 400, "InvalidChoice", "events"),
        ({"business": "foreign@contoso.com"}, 403, "BusinessNotAllowed", "business"),
        ({"service": "unknown"}, 400, "ServiceNotFound", "service"),
        ({"target": None}, 400, "WrongType", "target"),
        ({"target": {"kind": "pigeon"}}, 400, "InvalidChoice", "target.kind"),
        ({"target": {"kind": "https", "url": "http://hooks.contoso.com"}}, 400, "InvalidParameter", "target.url"),
        ({"target": {"kind": "https", "url": f"{URL}?sig=x"}}, 400, "InvalidParameter", "target.url"),
        ({"target": {"kind": "https", "url": "https://evil.example/x"}}, 403, "TargetNotAllowed", "target.url"),
        ({"target": {"kind": "https", "url": URL, "more": 1}}, 400, "InvalidParameter", "target"),
        ({"expires": "2020-01-01T00:00:00Z"}, 400, "InvalidDate", "expires"),
        ({"since": "2020-01-01T00:00:00Z"}, 400, "TooLongAgo", "since"),
        ({"since": "2020-01-01T00:00:00"}, 400, "InvalidDate", "since"),
    ],
)
def test_what_cannot_be_wanted_is_refused(
    hub: Hub, change: dict[str, object], status: int, code: str, target: str
) -> None:
    refused = read_error(hub.gateway.post("subscriptions", hub.wish() | change))
    assert (refused["status"], refused["code"], refused["target"]) == (status, code, target)
    assert list(hub.store.list_from("default", "")) == []


def test_a_target_that_does_not_agree_gets_no_event(hub: Hub) -> None:
    hub.gateway.sim.webhooks.agrees = False
    refused = read_error(hub.gateway.post("subscriptions", hub.wish()))
    assert (refused["status"], refused["code"]) == (400, "TargetNotVerified")
    assert list(hub.store.list_from("default", "")) == []


def test_what_the_settings_allow_no_more_is_paused(hub: Hub) -> None:
    made = hub.subscribe()
    hub.page.gateway.configure(**hub.settings(EVENT_TARGET_HOSTS="other.contoso.com"))
    hub.begin_process()
    hub.page.book(ahead(days=2))
    hub.scan()
    hub.pump()
    assert hub.sent == []
    shown = hub.show(made)
    assert (shown["state"], shown["reason"]) == ("paused", "notAllowed")


def test_the_timer_asks_for_what_nobody_asked_for_and_keeps_the_feed(hub: Hub) -> None:
    made = hub.subscribe()
    booked = hub.page.book(ahead(days=2))
    hub.scan()
    hub.queue.messages.clear()  # the process died before it sent the message
    row = {"PartitionKey": "feeds", "RowKey": f"default|{hub.page.name}"}
    stale = {
        "connection": "default",
        "business": hub.page.name,
        "asked_at": datetime.now(UTC) - timedelta(days=2),
    }
    hub.page.table.upsert(row | stale)
    hub.sweep()
    hub.pump()
    assert hub.taken == [booked]
    kept = hub.page.table.get("feeds", f"default|{hub.page.name}")
    assert kept is not None
    assert datetime.now(UTC) - kept.values["asked_at"] < timedelta(hours=1)
    assert hub.show(made)["failures"] == 0


def test_waits_are_random_and_grow() -> None:
    for failures, most in ((1, 10.0), (3, 40.0), (30, 10800.0)):
        waits = [delivering.find_wait(failures, None) for _ in range(300)]
        assert min(waits) >= 1
        assert most / 2 < max(waits) <= most
        assert min(waits) < most / 3
    assert delivering.find_wait(1, 500.0) == 500.0


def test_a_slow_receiver_holds_up_no_other_subscription(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are in one message; the quick one has its event while the slow one is still waited for."""
    slow, quick = f"{URL}/slow", f"{URL}/quick"
    ids = [hub.subscribe(target={"kind": "https", "url": url})["id"] for url in (slow, quick)]
    has_quick, order = threading.Event(), list[str]()
    send = https._HttpsTarget.send

    def watch(target: https._HttpsTarget, event: OutgoingEvent) -> SendOutcome:
        if target._url == slow:
            assert has_quick.wait(20), "the quick one waits for the slow one"
        outcome = send(target, event)
        order.append(target._url)
        has_quick.set()
        return outcome

    monkeypatch.setattr(https._HttpsTarget, "send", watch)
    hub.page.book(ahead(days=2))
    hub.scan()
    hub.queue.messages.clear()
    hub.queue.put({"connection": "default", "subscriptions": ids})
    hub.pump()
    assert order == [quick, slow]


def test_one_that_is_asked_for_twice_at_once_sends_once_and_looks_again(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run finds the claim and leaves a mark, and the first one sends what has come meanwhile."""
    hub.subscribe()
    booked = [hub.page.book(ahead(days=2))]
    hub.scan()
    [message] = hub.queue.take()
    send = https._HttpsTarget.send

    def watch(target: https._HttpsTarget, event: OutgoingEvent) -> SendOutcome:
        if len(booked) == 1:
            booked.append(hub.page.book(ahead(days=3)))
            hub.scan()
            hub.pump()  # the second run, while the first one is sending
            assert hub.sent == []
        return send(target, event)

    monkeypatch.setattr(https._HttpsTarget, "send", watch)
    hub.queue.put(message)
    hub.pump()
    assert hub.taken == booked
    assert hub.queue.messages == []


def test_many_subscriptions_are_woken_by_one_message(hub: Hub) -> None:
    for _ in range(25):
        hub.subscribe()
    hub.page.book(ahead(days=2))
    hub.scan()
    [message] = hub.queue.take()
    assert message == {"connection": "default", "subscriptions": [], "feed": f"bookings|{hub.page.name}"}
    hub.queue.put(message)
    hub.pump()
    assert len(hub.sent) == 25
    assert len({one.id for one in hub.sent}) == 1


def test_a_subscription_belongs_to_its_connection(hub: Hub) -> None:
    made = hub.subscribe()
    other = {"tenant_id": sample.TENANT_ID, "client_id": sample.CLIENT_ID, "credential": "secret"}
    other |= {"credential_name": "graph-secret", "bookings_businesses": "*"}
    hub.gateway.configure(**hub.settings(GRAPH_CONNECTIONS=json.dumps({"other": other})))
    hub.begin_process()
    one = f"subscriptions/{made['id']}"
    assert read_error(hub.gateway.get(one, connection="other"))["code"] == "SubscriptionNotFound"
    assert read_error(hub.gateway.post(f"{one}/pause", connection="other"))["code"] == "SubscriptionNotFound"
    assert hub.gateway.get("subscriptions", connection="other").json() == {"value": []}
    hub.gateway.http.delete(
        f"{hub.gateway.base_url}/api/{one}",
        params={"connection": "other"},
        headers={"x-functions-key": hub.gateway.key},
        timeout=60,
    )
    assert hub.show(made)["state"] == "active"
    [counted] = hub.gateway.get("status").json()["eventSubscriptions"]
    assert counted == {"connection": "default", "subscriptions": 1, "paused": 0}


def test_what_a_newer_version_wrote_sends_nothing_and_hides_nothing(hub: Hub) -> None:
    made, other = hub.subscribe(), hub.subscribe()
    row = {"PartitionKey": "default", "RowKey": f"s|{made['id']}", "state": "resting", "reason": "tired", "more": 1}
    hub.store._table.transact([Operation("merge", row)])
    assert {one["state"] for one in hub.gateway.get("subscriptions").json()["value"]} == {"active", "paused"}
    hub.page.book(ahead(days=2))
    hub.scan()
    hub.sweep()
    hub.pump()
    assert len(hub.sent) == 1
    assert hub.show(other)["deliveredDateTime"] is not None


def test_a_business_that_is_allowed_no_more_is_paused_and_cannot_be_replayed(hub: Hub) -> None:
    made = hub.subscribe()
    hub.page.book(ahead(days=2))
    hub.scan()
    hub.gateway.configure(**hub.settings(BOOKINGS_BUSINESSES="other@contoso.com"))
    hub.begin_process()
    hub.pump()
    assert hub.sent == []
    assert hub.show(made)["reason"] == "notAllowed"
    since = utc_text(datetime.now(UTC) - timedelta(minutes=1))
    refused = read_error(hub.gateway.post(f"subscriptions/{made['id']}/replay", {"since": since}))
    assert (refused["status"], refused["code"]) == (403, "SubscriptionNotAllowed")


def test_trouble_of_the_gateway_s_own_counts_as_no_failure_of_the_target(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = hub.subscribe()
    booked = hub.page.book(ahead(days=2))
    hub.scan()

    def refuse(*_: object) -> None:
        raise Unavailable("The vault is away. Try again later.")

    with monkeypatch.context() as patched:
        patched.setattr(https.HttpsKind, "open", refuse)
        hub.pump()
    shown = hub.show(made)
    assert (shown["state"], shown["failures"], hub.sent) == ("active", 0, [])
    hub.clock.pass_by(minutes=1, seconds=1)  # less than a claim lasts
    hub.pump()
    assert hub.taken == [booked]


def test_a_state_key_that_was_replaced_pauses_until_there_is_a_new_secret(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = hub.subscribe()
    booked = hub.page.book(ahead(days=2))
    hub.scan()
    other = base64.b64encode(bytes(range(32))).decode()
    monkeypatch.setattr(services.services().target_kinds.get()["https"], "_read_key", lambda: other)
    hub.pump()
    assert hub.sent == []
    assert hub.show(made)["reason"] == "signingKeyChanged"
    changed = hub.act(made, "secret")
    assert changed["state"] == "active"
    hub.pump()
    [sent] = hub.sent
    Webhook(changed["secret"]).verify(sent.body, sent.headers)
    assert len(sent.headers["webhook-signature"].split()) == 1
    assert hub.taken == [booked]
