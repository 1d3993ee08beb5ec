"""Targets of event subscriptions beside webhooks: flows, Service Bus, Event Grid and queues of the storage account."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat

from event_subscriptions.subscription import Reason
from event_subscriptions.targets.event_grid import EventGridKind
from event_subscriptions.targets.flow import FlowKind
from event_subscriptions.targets.protocol import NoTargetError, OutgoingEvent, SendOutcome, TargetKind, Verdict
from event_subscriptions.targets.service_bus import ServiceBusKind
from event_subscriptions.targets.storage_queue import StorageQueueKind
from shared import context
from shared.errors import Forbidden, Invalid, StorageRefused, Unavailable
from shared.identity import Identity
from shared.sealing import Sealing
from shared.settings.choices import IdentitySource
from shared.settings.event_targets import AllowedTargets, AzureTarget, find_kind
from shared.storage.account import Storage
from shared.storage.queues import Queue
from shared.transport import Transport
from tests.house.triggers import builders
from twin import Answer, Delay, Drop, Simulator
from twin.client import redirected_to
from twin.messaging.state import Entity, Host
from twin.seeds import sample, tiny
from twin.webhook.flow import Workflow

BUS, GRID = "contoso.servicebus.windows.net", "desk.westeurope-1.eventgrid.azure.net"
QUEUE_URL, GRID_URL = f"https://{BUS}/bookings", f"https://{GRID}"
SUBSCRIPTION = "5" * 32
KEY = base64.b64encode(bytes(32)).decode()


def make_event(number: int = 1, **data: Any) -> OutgoingEvent:
    return OutgoingEvent(
        id=f"g-{number}", type="appointment.created", source="/gateway/bookings/desk@contoso.com", subject="AAMk",
        time=datetime(2026, 5, 5, 9, tzinfo=UTC), order="bookings/desk@contoso.com",
        data={"eventId": f"g-{number}"} | data,
    )  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator(tiny.build(), latency=0).running() as started, redirected_to(started):
        yield started


@pytest.fixture
def sim(running: Simulator) -> Simulator:
    running.reset()
    running.faults.clear()
    return running


def read_token(resource: str) -> str:
    return Identity(IdentitySource.MANAGED).token(sample.IDENTITY_CLIENT_ID, resource)


def make_kind(name: str, *allowed: str) -> TargetKind:
    made = ServiceBusKind if name == "service-bus" else EventGridKind
    return made(Transport(read_seconds=1), read_token, AllowedTargets(allowed))


def send(kind: TargetKind, given: dict[str, Any], *events: OutgoingEvent) -> list[SendOutcome]:
    settings = json.loads(json.dumps(kind.read(given, SUBSCRIPTION)))  # as a row keeps it
    with context.call("one", seconds=10):
        target = kind.open(settings, SUBSCRIPTION)
        return [target.send(event) for event in events]


# -- flows ------------------------------------------------------------------------------------------------------------


def make_flow(sim: Simulator, **more: Any) -> Workflow:
    return sim.run(
        lambda: sim.webhooks.add_workflow(
            "0123", "geheim", trigger="When_it_is", version="08585330776762131491", **more
        )
    )


def flows(*further: str, key: str = KEY) -> FlowKind:
    return FlowKind(Transport(read_seconds=1), Sealing(lambda: key), further)


def test_a_flow_runs_once_for_each_event_with_what_a_polling_trigger_gives(sim: Simulator) -> None:
    flow = make_flow(sim)
    outcomes = send(flows(), {"url": flow.callback}, make_event(1, name="Zoë"), make_event(2))
    assert outcomes == [SendOutcome(Verdict.ACCEPTED, "HTTP 202", 202)] * 2
    assert flow.received == [{"eventId": "g-1", "name": "Zoë"}, {"eventId": "g-2"}]
    assert [one.headers["webhook-id"] for one in sim.webhooks.deliveries] == ["g-1", "g-2"]


def test_the_address_of_a_flow_is_in_no_row_and_in_no_list(sim: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    flow = make_flow(sim)
    kind = flows()
    settings = kind.read({"url": flow.callback}, SUBSCRIPTION)
    send(kind, {"url": flow.callback}, make_event())
    assert kind.describe(settings) == {"host": "prod-00.westeurope.logic.azure.com"}
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn")]  # the twin's
    for text in (json.dumps(settings), json.dumps(kind.describe(settings)), repr(settings), *ours):
        assert flow.sig not in text
        assert flow.id not in text


@pytest.mark.parametrize(
    ("state", "verdict"),
    [("Deleted", Verdict.GONE), ("Disabled", Verdict.UNAVAILABLE), ("Suspended", Verdict.UNAVAILABLE)],
)
def test_a_flow_that_was_deleted_is_gone_and_one_that_is_off_may_come_back(
    sim: Simulator, state: str, verdict: Verdict
) -> None:
    flow = make_flow(sim, state=state)
    [outcome] = send(flows(), {"url": flow.callback}, make_event())
    assert outcome == SendOutcome(verdict, "HTTP 400 WorkflowTriggerIsNotEnabled", 400)
    assert flow.received == []


def test_a_flow_of_which_nothing_is_left_is_gone(sim: Simulator) -> None:
    flow = make_flow(sim)
    unknown = flow.callback.replace("/0123/", "/9999/")
    assert send(flows(), {"url": unknown}, make_event()) == [
        SendOutcome(Verdict.GONE, "HTTP 404 WorkflowNotFound", 404)
    ]
    sim.faults.add(Answer(410), api="flow")
    assert send(flows(), {"url": flow.callback}, make_event())[0].verdict is Verdict.GONE


def test_a_wrong_key_and_trouble_of_the_service_are_tried_again_and_a_lost_answer_is_unknown(sim: Simulator) -> None:
    flow = make_flow(sim)
    wrong = flow.callback.replace("geheim", "falsch")
    assert send(flows(), {"url": wrong}, make_event()) == [
        SendOutcome(Verdict.UNAVAILABLE, "HTTP 401 AuthorizationFailed", 401)
    ]
    sim.faults.add(Answer(429, headers={"retry-after": "7"}), api="flow")
    [outcome] = send(flows(), {"url": flow.callback}, make_event())
    assert (outcome.verdict, outcome.retry_after) == (Verdict.UNAVAILABLE, 7)
    sim.faults.add(Drop(), api="flow", when="after")
    sim.faults.add(Delay(2), api="flow", when="after")
    outcomes = send(flows(), {"url": flow.callback}, make_event(), make_event(2))
    assert [one.verdict for one in outcomes] == [Verdict.UNKNOWN] * 2
    assert flow.id not in repr(outcomes)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("", Invalid),
        ("http://prod-00.westeurope.logic.azure.com/workflows/1?sig=x", Invalid),
        ("https://u:p@prod-00.westeurope.logic.azure.com/workflows/1", Invalid),
        ("https://prod-00.westeurope.logic.azure.com\\@evil.example/", Invalid),
        (f"https://prod-00.westeurope.logic.azure.com/{'x' * 5000}", Invalid),
        ("https://evil.example/prod-00.westeurope.logic.azure.com", Forbidden),
        ("https://evillogic.azure.com/workflows/1", Forbidden),
        ("https://logic.azure.com.evil.example/workflows/1", Forbidden),
        ("https://10.0.0.1/workflows/1", Forbidden),
        ("https://169.254.169.254/metadata", Forbidden),
    ],
)
def test_only_flows_of_microsofts_engines_are_called(url: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        flows().read({"url": url}, SUBSCRIPTION)


def test_further_hosts_are_those_of_the_settings_and_what_they_lose_is_not_called() -> None:
    standard = "https://contoso-flows.azurewebsites.net:443/api/created/triggers/t/invoke?sig=x"
    settings = flows("contoso-flows.azurewebsites.net").read({"url": standard}, SUBSCRIPTION)
    with pytest.raises(NoTargetError) as caught:
        flows().open(settings, SUBSCRIPTION)
    assert caught.value.reason is Reason.NOT_ALLOWED
    for url in (
        "https://default0123.89.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/1?sig=x",
        "https://PROD-00.westeurope.LOGIC.azure.com:443/workflows/1?sig=x",
    ):
        assert flows().read({"url": url}, SUBSCRIPTION)


def test_after_a_new_state_key_or_in_another_row_an_address_cannot_be_read() -> None:
    settings = flows().read({"url": "https://a.logic.azure.com/x?sig=y"}, SUBSCRIPTION)
    for kind, subscription in ((flows(key=base64.b64encode(bytes(33)).decode()), SUBSCRIPTION), (flows(), "6" * 32)):
        with pytest.raises(NoTargetError) as caught:
            kind.open(settings, subscription)
        assert caught.value.reason is Reason.KEY_CHANGED


# -- Service Bus and Event Grid ---------------------------------------------------------------------------------------


@pytest.fixture
def bus(sim: Simulator) -> Host:
    host = sim.run(lambda: sim.messaging.add_host(BUS, sample.TENANT_ID, sample.IDENTITY_PRINCIPAL_ID))
    host.entities["bookings"] = Entity(detects_duplicates=True)
    return host


@pytest.fixture
def grid(sim: Simulator) -> Host:
    return sim.run(lambda: sim.messaging.add_host(GRID, sample.TENANT_ID, sample.IDENTITY_PRINCIPAL_ID))


def test_an_event_is_a_message_with_its_id_and_its_session(bus: Host) -> None:
    events = [make_event(1), make_event(2), make_event(2)]
    outcomes = send(make_kind("service-bus", QUEUE_URL), {"kind": "service-bus", "url": QUEUE_URL}, *events)
    assert {one.verdict for one in outcomes} == {Verdict.ACCEPTED}
    first, second = bus.entities["bookings"].messages  # the repetition was dropped
    assert (first.properties["MessageId"], second.properties["MessageId"]) == ("g-1", "g-2")
    assert first.properties["SessionId"] == first.properties["PartitionKey"] == "bookings/desk@contoso.com"
    assert first.content_type == "application/cloudevents+json"
    assert JSONFormat().read(None, first.body).get_data() == {"eventId": "g-1"}


def test_ids_that_are_too_long_stay_different_and_the_same_at_each_attempt(bus: Host) -> None:
    kind = make_kind("service-bus", QUEUE_URL)
    long = OutgoingEvent(**{**vars(make_event()), "id": "x" * 200, "order": "ü" * 20})
    other = OutgoingEvent(**{**vars(make_event()), "id": "x" * 199 + "y", "order": "ü" * 20})
    send(kind, {"url": QUEUE_URL}, long, other, long)
    messages = bus.entities["bookings"].messages
    assert len({one.properties["MessageId"] for one in messages}) == len(messages) == 2


def test_an_event_is_published_as_a_batch_of_one(grid: Host) -> None:
    [outcome] = send(make_kind("event-grid", GRID_URL), {"url": f"{GRID_URL}/api/events"}, make_event())
    assert outcome == SendOutcome(Verdict.ACCEPTED, "HTTP 200", 200)
    [event] = grid.events
    assert (event["id"], event["type"], event["specversion"]) == ("g-1", "appointment.created", "1.0")
    assert event["data"] == {"eventId": "g-1"}


@pytest.mark.parametrize(("kind", "url"), [("service-bus", QUEUE_URL), ("event-grid", GRID_URL)])
def test_without_the_role_and_without_the_entity_it_is_tried_again(
    sim: Simulator, bus: Host, grid: Host, kind: str, url: str
) -> None:
    for host in (bus, grid):
        host.senders.clear()
    [outcome] = send(make_kind(kind, url), {"url": url}, make_event())
    assert (outcome.verdict, outcome.status) == (Verdict.UNAVAILABLE, 401 if kind == "service-bus" else 403)
    for host in (bus, grid):
        host.senders.add(sample.IDENTITY_PRINCIPAL_ID)
        host.entities.clear()
    assert send(make_kind(kind, url), {"url": url}, make_event())[0].status == (410 if kind == "service-bus" else 200)
    sim.faults.add(Answer(503, headers={"retry-after": "9"}), api=kind)
    [outcome] = send(make_kind(kind, url), {"url": url}, make_event())
    assert (outcome.verdict, outcome.retry_after) == (Verdict.UNAVAILABLE, 9)
    sim.faults.add(Drop(), api=kind, when="after")
    assert send(make_kind(kind, url), {"url": url}, make_event())[0].verdict is Verdict.UNKNOWN


@pytest.mark.usefixtures("sim")
@pytest.mark.parametrize("kind", ["service-bus", "event-grid"])
def test_a_host_that_does_not_exist_is_tried_again(kind: str) -> None:
    url = QUEUE_URL if kind == "service-bus" else GRID_URL
    [outcome] = send(make_kind(kind, url), {"url": url}, make_event())
    assert outcome.verdict is Verdict.UNAVAILABLE


# -- queues of the storage account ------------------------------------------------------------------------------------


def test_an_event_lies_in_the_queue_and_a_large_one_without_its_data(storage: Storage, name: str) -> None:
    name = f"events-{name}"
    kind = StorageQueueKind(lambda queue: Queue(storage, queue), AllowedTargets([name]))
    large = make_event(2, text="x" * 60_000)
    assert [one.verdict for one in send(kind, {"queue": name}, make_event(1), large)] == [Verdict.ACCEPTED] * 2
    received = list(storage.open_queue(name).receive_messages(max_messages=32))
    events = [json.loads(base64.b64decode(message.content)) for message in received]
    assert {event["id"]: event["data"] for event in events} == {
        "g-1": {"eventId": "g-1"}, "g-2": {"isOmitted": True, "size": len(large.body)},
    }  # fmt: skip


@pytest.mark.parametrize("error", [Unavailable("It is away. Try again."), StorageRefused("No. Ask for it.")])
def test_trouble_of_the_account_is_tried_again(error: Exception) -> None:
    class Broken:
        def put(self, message: Any, *, delay: float = 0, ttl: float | None = None) -> None:
            raise error

    kind = StorageQueueKind(lambda _: Broken(), AllowedTargets(["events-for-crm"]))
    assert send(kind, {"queue": "events-for-crm"}, make_event())[0].verdict is Verdict.UNAVAILABLE


def test_no_queue_of_the_gateways_own_can_be_allowed() -> None:
    bindings = [binding.get_dict_repr() for function in builders() for binding in function.get_bindings()]
    own = {str(each["queueName"]) for each in bindings if "queueName" in each}
    assert len(own) >= 3
    assert [name for name in own if find_kind(name) is not None] == []


# -- what callers may name --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        (QUEUE_URL, AzureTarget.SERVICE_BUS),
        ("https://contoso.servicebus.usgovcloudapi.net/bookings", AzureTarget.SERVICE_BUS),
        (GRID_URL, AzureTarget.EVENT_GRID),
        (f"{GRID_URL}/api/events", AzureTarget.EVENT_GRID),
        ("events-for-crm", AzureTarget.STORAGE_QUEUE),
        ("https://contoso.servicebus.windows.net", None),  # names no queue
        ("https://contoso.servicebus.windows.net/a/b", None),
        ("https://contoso.servicebus.windows.net.evil.example/bookings", None),
        ("http://contoso.servicebus.windows.net/bookings", None),
        ("https://contoso.servicebus.windows.net:444/bookings", None),
        ("https://contoso.queue.core.windows.net/events", None),
        ("deliveries", None),
        ("event-deliveries", None),
        ("events-", None),
        ("events-For-crm", None),
        (f"events-{'x' * 60}", None),
        ("", None),
    ],
)
def test_what_an_administrator_can_allow(address: str, kind: AzureTarget | None) -> None:
    assert find_kind(address) is kind


@pytest.mark.parametrize("kind", ["service-bus", "event-grid"])
def test_callers_name_what_is_allowed_exactly_and_nothing_else(kind: str) -> None:
    url, other = (QUEUE_URL, GRID_URL) if kind == "service-bus" else (GRID_URL, QUEUE_URL)
    allowing = make_kind(kind, url, other)
    assert allowing.read({"kind": kind, "url": url.upper().replace("HTTPS", "https")}, SUBSCRIPTION) == {"url": url}
    for wrong in (other, f"{url}x", f"{url}/../x", "events-for-crm"):
        with pytest.raises(Forbidden):
            allowing.read({"kind": kind, "url": wrong}, SUBSCRIPTION)
    for given in ({}, {"url": 7}, {"url": url, "queue": "x"}):
        with pytest.raises(Invalid):
            allowing.read(given, SUBSCRIPTION)
    with pytest.raises(Forbidden):
        make_kind(kind).read({"url": url}, SUBSCRIPTION)  # nothing is allowed where nothing is said
    with pytest.raises(NoTargetError) as caught:
        make_kind(kind).open({"url": url}, SUBSCRIPTION)
    assert caught.value.reason is Reason.NOT_ALLOWED
