"""The use cases of event subscriptions, with the services of one call."""

import logging
from functools import partial
from typing import TYPE_CHECKING

from composition.subscription_feeds import GatewayFeeds
from event_subscriptions.delivering import EventDeliverer
from event_subscriptions.managing import Subscriptions
from event_subscriptions.messages import QUEUE, EventRequest
from event_subscriptions.targets.event_grid import EventGridKind
from event_subscriptions.targets.flow import FlowKind
from event_subscriptions.targets.https import HttpsKind
from event_subscriptions.targets.service_bus import ServiceBusKind
from event_subscriptions.targets.storage_queue import StorageQueueKind
from event_subscriptions.waking import sweep
from shared.errors import GatewayError
from shared.events import Event
from shared.sealing import Sealing
from shared.settings.event_targets import AzureTarget
from shared.state_key import derive_key, read_state_key
from shared.storage.queues import Queue
from shared.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from composition.connections import Services
    from event_subscriptions.targets.protocol import TargetKind
    from inbound_mail.reports.alarm import Alarm
    from shared.auth import Authenticator
    from shared.json_text import Json
    from shared.settings.config import Settings
    from shared.storage.account import Storage

_log = logging.getLogger("gateway.subscriptions")

_SECONDS = 10.0  # that a target may be silent

_MOST_SHOWN = 20


FLOW = "flow"  # only instant triggers make subscriptions with this kind of target


def build_target_kinds(
    settings: "Settings", authenticator: "Authenticator", storage: "Storage"
) -> "Mapping[str, TargetKind]":
    """Return the kinds of targets by the names that callers give."""
    read_key, allowed = authenticator.secret(settings.state_key_name), settings.event_targets
    transport = Transport(read_seconds=_SECONDS)
    read_token = partial(authenticator.identity.token, settings.identity_client_id)
    return {
        "https": HttpsKind(settings.target_hosts, read_key),
        AzureTarget.SERVICE_BUS: ServiceBusKind(transport, read_token, allowed),
        AzureTarget.EVENT_GRID: EventGridKind(transport, read_token, allowed),
        AzureTarget.STORAGE_QUEUE: StorageQueueKind(partial(Queue, storage), allowed),
        FLOW: FlowKind(transport, Sealing(read_key), allowed.flow_hosts),
    }


def open_subscriptions(services: "Services") -> Subscriptions:
    """Return what callers do with subscriptions."""
    stores = services.stores
    return Subscriptions(
        stores.subscriptions, GatewayFeeds(services), services.target_kinds.get(), stores.subscription_waker
    )


def open_deliverer(services: "Services") -> EventDeliverer:
    """Return what sends the events of subscriptions."""
    stores = services.stores
    return EventDeliverer(
        stores.subscriptions,
        GatewayFeeds(services),
        services.target_kinds.get(),
        stores.event_deliveries,
        stores.subscription_waker,
    )


def derive_id(services: "Services", text: str) -> str:
    """Return an id that follows from a text, and that nobody without the state key can guess."""
    read_key = services.authenticator.secret(services.settings.state_key_name)
    return derive_key(read_state_key(read_key()), f"gateway event subscription id {text}").hex()[:32]


def survey_subscriptions(services: "Services") -> "tuple[list[Json], list[Alarm]]":
    """Return how many subscriptions each connection has that has some, and what `find_paused` yields."""
    store = services.stores.subscriptions
    counted = {name: number for name in services.connections if (number := store.count(name))}
    paused = {name: store.list_paused(name) for name in counted}
    described: list[Json] = [
        {"connection": name, "subscriptions": number, "paused": len(paused[name])} for name, number in counted.items()
    ]
    return described, _list_alarms(paused)


def find_paused(services: "Services") -> "list[Alarm]":
    """Return an alarm for each connection with subscriptions that are paused, unless a caller paused them."""
    return _list_alarms({name: services.stores.subscriptions.list_paused(name) for name in services.connections})


def _list_alarms(paused: "Mapping[str, list[str]]") -> "list[Alarm]":
    from inbound_mail.reports.alarm import Alarm

    return [
        Alarm(Event.SUBSCRIPTION_PAUSED, name, len(found), {"paused": len(found), "subscriptions": found[:_MOST_SHOWN]})
        for name, found in paused.items()
        if found
    ]


def deliver_as_asked(services: "Services", body: bytes) -> None:
    """Do what a message of the queue asks for: scan the business of which Graph announces changes, send events."""
    from composition.notifications import scan_as_asked

    request = EventRequest.from_json(body)
    if request.business:
        scan_as_asked(services, request)
    open_deliverer(services).deliver_all(request)


def stand_in_for_deliveries(services: "Services") -> bool:
    """Deliver events where the trigger of the queue takes no messages; return whether that is so."""
    try:
        return services.mail.event_stand_in.run_each({QUEUE: partial(deliver_as_asked, services)})
    except GatewayError as error:
        _log.warning("the queue of event deliveries could not be looked at: %s", error)
        return False


def prove_deliveries(services: "Services") -> None:
    """Put a message that asks for nothing, after standing in: if it goes, the trigger takes messages again."""
    services.stores.event_deliveries.put(EventRequest("", ()).to_json())
    services.mail.event_stand_in.note_what_is_left()


def sweep_subscriptions(services: "Services") -> None:
    """Do the timer's work."""
    stores = services.stores
    sweep(stores.subscriptions, GatewayFeeds(services), stores.subscription_waker, services.connections)
