"""Instant triggers of flows: subscribed, called back, and ended as the platform does it, so that nothing is left."""

from itertools import count
from typing import Any

import pytest

from composition import services
from devkit.flow_engine import PREFIX, Backend
from devkit.flow_engine import Flow as PollingFlow
from devkit.instant_flows import DISABLED, InstantFlow
from event_subscriptions.subscription import EventSubscription, State
from tests.functional.conftest import ahead
from tests.functional.subscriptions.conftest import Hub
from tests.functional.subscriptions.instant import open_flow
from twin.seeds import tiny

pytestmark = pytest.mark.usefixtures("rows_in_memory")


def make_flow(hub: Hub, name: str = "OnAppointmentCreatedInstantly", **given: Any) -> InstantFlow:
    """A flow that is off."""
    return open_flow(hub.gateway, name, **{"business": hub.page.name} | given)


def turn_on(hub: Hub, name: str = "OnAppointmentCreatedInstantly", **given: Any) -> InstantFlow:
    one = make_flow(hub, name, **given)
    assert one.turn_on(), one.refusal
    return one


def list_subscriptions(hub: Hub) -> list[EventSubscription]:
    return [one.subscription for one in hub.store.list_from("default", "")]


_hours = count(30)


def book(hub: Hub, **more: Any) -> str:
    appointment: str = hub.page.book(ahead(hours=next(_hours)), **more)
    return appointment


def happen(hub: Hub) -> None:
    hub.scan()
    hub.pump()


def ids(runs: list[Any]) -> list[str]:
    return [run["appointmentId"] for run in runs]


def test_a_flow_runs_once_for_each_event_with_the_item_of_the_polling_trigger(hub: Hub) -> None:
    backend = Backend(hub.gateway.base_url, hub.gateway.key)
    query = {"business": hub.page.name, "details": "true", "timeZone": "GMT Standard Time"}
    polling = PollingFlow(backend, "triggers/appointments/created", query)
    polling.recur()
    one = turn_on(hub, details=True, timeZone="GMT Standard Time")
    booked = [book(hub), book(hub)]
    happen(hub)
    assert ids(one.runs) == booked
    hub.page.age()
    assert one.runs == polling.recur()
    happen(hub)
    assert len(one.runs) == 2


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("OnAppointmentCreatedInstantly", ["created"]),
        ("OnAppointmentUpdatedInstantly", ["rescheduled", "reassigned", "edited"]),
        ("OnAppointmentRescheduledInstantly", ["rescheduled"]),
        ("OnAppointmentReassignedInstantly", ["reassigned"]),
        ("OnAppointmentCancelledInstantly", ["cancelled"]),
        ("OnAnyAppointmentEventInstantly", ["created", "rescheduled", "reassigned", "edited", "cancelled"]),
    ],
)
def test_each_kind_runs_for_its_own(hub: Hub, name: str, kinds: list[str]) -> None:
    others = [book(hub) for _ in range(4)]
    one = turn_on(hub, name)
    book(hub)
    hub.page.move(others[0], ahead(days=9))
    hub.page.change(others[1], staffMemberIds=[tiny.BOB])
    hub.page.change(others[2], customerPhone="1")
    hub.page.cancel(others[3])
    happen(hub)
    assert sorted(run["eventKind"] for run in one.runs) == sorted(kinds)


def test_filters_hold_as_those_of_the_polling_trigger(hub: Hub) -> None:
    bob, group = turn_on(hub, staff=tiny.BOB), turn_on(hub, service=tiny.GROUP)
    book(hub)
    mine = book(hub, staffMemberIds=[tiny.BOB], serviceId=tiny.GROUP)
    happen(hub)
    assert ids(bob.runs) == ids(group.runs) == [mine]


def test_any_number_of_flows_of_one_page_and_each_ends_for_itself(hub: Hub) -> None:
    flows = [turn_on(hub) for _ in range(12)]
    flows[0].turn_off()
    flows[1].delete()
    booked = book(hub)
    happen(hub)
    assert [len(one.runs) for one in flows] == [0, 0] + [1] * 10
    assert len(list_subscriptions(hub)) == 10
    again = flows[0]
    assert again.turn_on()
    later = book(hub)
    happen(hub)
    assert (ids(again.runs), ids(flows[2].runs)) == ([later], [booked, later])


@pytest.mark.parametrize("has_key", [True, False])
@pytest.mark.parametrize("how", ["turn_off", "delete", "change", "change first", "copy"])
def test_a_flow_leaves_nothing_behind(hub: Hub, how: str, has_key: bool) -> None:
    one = turn_on(hub)
    one.has_key_at_the_end = has_key
    one.subscribes_first = how == "change first"
    match how:
        case "copy":
            other = one.copy()
            other.has_key_at_the_end = has_key
            assert other.turn_on()
            one.delete()
            other.turn_off()
            left = 0
        case "turn_off" | "delete":
            getattr(one, how)()
            left = 0
        case _:
            assert one.change(service=tiny.VISIT)
            left = 1
    assert one.answers[-1] in (201, 204)
    found = list_subscriptions(hub)
    assert [each.filters.get("service") for each in found] == [tiny.VISIT] * left
    book(hub, serviceId=tiny.VISIT)
    happen(hub)
    assert len(one.runs) == left


def test_a_subscription_whose_answer_got_lost_is_made_once_and_ends_with_the_last_location(hub: Hub) -> None:
    one = make_flow(hub)
    one.lose = 1
    assert one.turn_on()
    assert one.answers == [0, 201]
    assert len(list_subscriptions(hub)) == 1
    booked = book(hub)
    happen(hub)
    assert ids(one.runs) == [booked]
    one.turn_off()
    assert list_subscriptions(hub) == []


def test_an_old_location_ends_nothing_that_was_made_after_it(hub: Hub) -> None:
    """Where the address of a callback stays the same, the new subscription and the old one are one row."""
    one = turn_on(hub)
    old = one.location
    assert one.turn_on()  # saved again, without a new version
    assert one.location != old
    one._end(old)
    assert one.answers[-1] == 204
    assert len(list_subscriptions(hub)) == 1
    one.turn_off()
    assert list_subscriptions(hub) == []


def test_a_flow_that_was_deleted_without_a_word_is_called_once_more_and_never_again(hub: Hub) -> None:
    one, other = turn_on(hub), turn_on(hub)
    one.vanish()
    book(hub)
    happen(hub)
    assert len(other.runs) == 1
    states = sorted(each.state for each in list_subscriptions(hub))
    assert states == [State.ACTIVE, State.ENDED]
    calls = len(hub.gateway.sim.webhooks.deliveries)
    book(hub)
    happen(hub)
    assert len(hub.gateway.sim.webhooks.deliveries) == calls + 1
    hub.clock.pass_by(days=8)
    hub.sweep()
    assert [each.state for each in list_subscriptions(hub)] == [State.ACTIVE]


def test_a_flow_that_is_off_is_tried_for_three_days_and_gets_what_it_missed(hub: Hub) -> None:
    one = turn_on(hub)
    one.vanish(DISABLED)
    missed = book(hub)
    happen(hub)
    hub.clock.pass_by(days=1)
    hub.sweep()
    hub.pump()
    assert one.runs == []
    assert one.turn_on()
    hub.clock.pass_by(hours=4)
    hub.sweep()
    hub.pump()
    assert ids(one.runs) == [missed]


def test_after_three_days_its_subscription_ends_without_an_alarm_and_turning_it_on_makes_one(
    hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    one = turn_on(hub)
    one.vanish(DISABLED)
    book(hub)
    happen(hub)
    for _ in range(8):
        hub.clock.pass_by(hours=12)
        hub.sweep()
        hub.pump()
    assert [each.state for each in list_subscriptions(hub)] == [State.ENDED]
    assert "SubscriptionPaused" not in caplog.text
    assert one.turn_on()
    later = book(hub)
    happen(hub)
    assert ids(one.runs) == [later]


@pytest.mark.parametrize("damage", ["cut", "forged", "bare id", "empty key"])
def test_an_address_that_we_did_not_give_ends_nothing(hub: Hub, damage: str) -> None:
    one = turn_on(hub)
    [subscription] = list_subscriptions(hub)
    token = (one.location or "").rpartition("/")[2]
    wrong = {
        "cut": token[:-3],
        "forged": ("A" if token[0] != "A" else "B") + token[1:],
        "bare id": subscription.id,
        "empty key": services.services().cursors.seal([subscription.connection, subscription.id], binding="else"),
    }[damage]
    answer = hub.gateway.http.delete(f"{hub.gateway.base_url}/api/instant-triggers/{wrong}", timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "SubscriptionNotFound")
    assert len(list_subscriptions(hub)) == 1


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"business": "other@contoso.com"}, "BusinessNotFound"),
        ({"service": "11111111-1111-4111-8111-111111111111"}, "ServiceNotFound"),
        ({"timeZone": "Mars"}, "UnknownTimeZone"),
    ],
)
def test_what_is_wrong_is_refused_when_the_flow_is_turned_on(hub: Hub, given: dict[str, str], code: str) -> None:
    one = make_flow(hub, **given)
    assert not one.turn_on()
    assert one.refusal["error"]["code"] == code
    assert list_subscriptions(hub) == []


@pytest.mark.parametrize(
    ("callback", "code"),
    [
        ("https://evil.example/workflows/1?sig=x", "TargetNotAllowed"),
        ("http://prod-00.westeurope.logic.azure.com/workflows/1", "InvalidAddress"),
        (None, "MissingParameter"),
    ],
)
def test_only_callbacks_of_flows_are_taken(hub: Hub, callback: str | None, code: str) -> None:
    answer = hub.gateway.post(
        "instant-triggers/appointments/created", {"callbackUrl": callback}, business=hub.page.name
    )
    assert answer.json()["error"]["code"] == code
    assert list_subscriptions(hub) == []


def test_an_unknown_kind_and_one_that_no_feed_announces_are_refused(hub: Hub) -> None:
    for kind in ("upcoming", "x"):
        answer = hub.gateway.post(f"instant-triggers/appointments/{kind}", {}, business=hub.page.name)
        assert answer.json()["error"]["code"] == "InvalidChoice"


def test_the_callback_is_in_no_answer_no_row_and_no_log(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    one = turn_on(hub)
    book(hub)
    happen(hub)
    [subscription] = list_subscriptions(hub)
    listed = hub.gateway.get("subscriptions").text
    shown = hub.gateway.get(f"subscriptions/{subscription.id}").text
    rows = [row.values for row in services.services().stores.subscriptions._table.query("default", start="", end="~")]
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn")]
    for text in (listed, shown, repr(rows), (one.location or "").removeprefix(PREFIX), *ours):
        assert f"key-{one.version}" not in text
        assert one.workflow not in text
    assert hub.gateway.get("subscriptions").json()["value"][0]["target"] == {
        "kind": "flow",
        "host": "prod-00.westeurope.logic.azure.com",
    }


def test_a_subscription_names_its_flow_as_the_engine_did(hub: Hub) -> None:
    """The name is no part of the callback, which stays a secret."""
    address = f"{hub.gateway.base_url}/api/instant-triggers/appointments/created?business={hub.page.name}"
    headers = {"x-functions-key": hub.gateway.key, "x-ms-workflow-name": "new-bookings " + "x" * 500}
    callback = {"callbackUrl": "https://prod-00.westeurope.logic.azure.com/workflows/1/triggers/manual/run?sig=x"}
    assert hub.gateway.http.post(address, json=callback, headers=headers, timeout=60).status_code == 201
    target = hub.gateway.get("subscriptions").json()["value"][0]["target"]
    assert target["workflow"].startswith("new-bookings xxx")
    assert len(target["workflow"]) == 120


def test_callers_cannot_name_a_flow_as_a_target_of_their_own(hub: Hub) -> None:
    target = {"kind": "flow", "url": "https://prod-00.westeurope.logic.azure.com/workflows/1?sig=x"}
    answer = hub.gateway.post("subscriptions", hub.wish(target=target))
    assert answer.json()["error"]["code"] == "InvalidChoice"
