"""Flows with instant triggers that are turned on at the app of the tests."""

from typing import Any

from devkit import twin_callbacks
from devkit.flow_engine import Backend
from devkit.instant_flows import InstantFlow
from tests.functional.conftest import Gateway


def open_flow(gateway: Gateway, operation: str, **given: Any) -> InstantFlow:
    """Return a flow that is off."""
    backend = Backend(gateway.base_url, gateway.key)
    return twin_callbacks.open_flow(gateway.sim, backend, operation, given, gateway.http)
