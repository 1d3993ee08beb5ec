"""What Graph posts: change notifications and lifecycle events, in one list. Only what is proven to be Graph's counts.

Source: "Receive change notifications through webhooks" and "Reduce missing subscriptions and change notifications" of
Microsoft Graph's documentation.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.json_text import Json, parse_json

MOST_BYTES = 512 * 1024
MOST_ITEMS = 1000
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Lifecycle(StrEnum):
    """What Graph says of a subscription itself."""

    REAUTHORIZE = "reauthorizationRequired"
    REMOVED = "subscriptionRemoved"
    MISSED = "missed"


@dataclass(frozen=True)
class Received:
    """What one request has brought. `refused`: how many items were not Graph's, or of no known form."""

    has_changes: bool = False
    lifecycle: frozenset[Lifecycle] = frozenset()
    refused: int = 0

    @property
    def is_wake_up(self) -> bool:
        """Whether something was brought."""
        return self.has_changes or bool(self.lifecycle)


def read_notifications(
    body: bytes, is_genuine: Callable[[object], bool], find_tenant: Callable[[], str | None]
) -> Received:
    """Read what Graph has posted to the address of one resource.

    `is_genuine` says whether a `clientState` is the one of this resource. `find_tenant` returns the id or a domain of
    the tenant that the notifications must come from, None if nothing is known of the resource any more; it is asked
    only if an item is genuine. Graph names the tenant by its id, so a domain is not compared.
    """
    items = _read_items(body)
    genuine = [item for item in items if _has_form(item) and is_genuine(item.get("clientState"))]
    tenant = find_tenant() if genuine else None
    if tenant is None:
        return Received(refused=len(items))
    ours = [item for item in genuine if _is_of_tenant(item, tenant)]
    events = [item.get("lifecycleEvent") for item in ours]
    known = frozenset(Lifecycle(event) for event in events if event in set(Lifecycle))
    return Received(None in events, known, len(items) - len(ours))


def _read_items(body: bytes) -> list[Any]:
    try:
        found = parse_json(body)
    except (ValueError, RecursionError):
        return []
    items = found.get("value") if isinstance(found, dict) else None
    return items[:MOST_ITEMS] if isinstance(items, list) else []


def _has_form(item: Any) -> bool:
    return isinstance(item, dict) and bool(_GUID.fullmatch(str(item.get("subscriptionId", ""))))


def _is_of_tenant(item: Json, tenant: str) -> bool:
    return not _GUID.fullmatch(tenant) or str(item.get("tenantId", "")).lower() == tenant.lower()
