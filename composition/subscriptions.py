"""The use cases of event subscriptions, with the services of one call."""

from typing import TYPE_CHECKING

from composition.subscription_feeds import GatewayFeeds
from event_subscriptions.delivering import EventDeliverer
from event_subscriptions.managing import Subscriptions
from event_subscriptions.targets.https import HttpsKind
from event_subscriptions.waking import sweep
from shared.state_key import derive_key, read_state_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from composition.connections import Services
    from event_subscriptions.targets.protocol import TargetKind
    from shared.settings.config import Settings


def build_target_kinds(settings: "Settings", read_key: "Callable[[], str]") -> "Mapping[str, TargetKind]":
    """Return the kinds of targets by the names that callers give."""
    return {"https": HttpsKind(settings.target_hosts, read_key)}


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
        stores.subscriptions, GatewayFeeds(services), services.target_kinds.get(), stores.event_deliveries
    )


def derive_id(services: "Services", text: str) -> str:
    """Return an id that follows from a text, and that nobody without the state key can guess."""
    read_key = services.authenticator.secret(services.settings.state_key_name)
    return derive_key(read_state_key(read_key()), f"gateway event subscription id {text}").hex()[:32]


def sweep_subscriptions(services: "Services") -> None:
    """Do the timer's work."""
    stores = services.stores
    sweep(stores.subscriptions, GatewayFeeds(services), stores.subscription_waker, services.connections)
