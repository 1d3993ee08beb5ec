"""Where events may be sent beside webhooks: the queues and topics of EVENT_TARGETS, and further hosts of flows.

Without the list of queues and topics anybody with a function key could make the app's identity write wherever that
identity may. The list is asked again when events are sent, so what is taken from it gets nothing more.

Sources: "Service Bus queues, topics", naming rules; "Event Grid custom topics", endpoints; "Naming queues and metadata"
(queue storage). Suffixes of other clouds: "Compare Azure Government and global Azure", "Azure in China developer
guide".
"""

import re
from collections.abc import Callable, Collection
from enum import StrEnum

from shared.errors import Forbidden
from shared.web_address import HTTPS_HOST, HTTPS_PATH


class AzureTarget(StrEnum):
    """A kind of targets in Azure, as callers name it."""

    SERVICE_BUS = "service-bus"
    EVENT_GRID = "event-grid"
    STORAGE_QUEUE = "storage-queue"


_BUS_HOST = re.compile(r"[a-z0-9-]+\.servicebus\.(?:windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)")
_GRID_HOST = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+\.eventgrid\.azure\.(?:net|us|cn)")
_ENTITY = re.compile(r"/[A-Za-z0-9](?:[A-Za-z0-9._-]{0,258}[A-Za-z0-9])?")
_QUEUE = re.compile(r"events-[a-z0-9](?:-?[a-z0-9]){0,55}")  # the gateway's own queues have other names


def find_kind(address: str) -> AzureTarget | None:
    """Return what an entry of the setting is, or None for what it cannot be."""
    if _QUEUE.fullmatch(address):
        return AzureTarget.STORAGE_QUEUE
    found = HTTPS_PATH.fullmatch(address)
    if found is None or ":" in address.removeprefix("https://"):
        return None
    host, path = found["host"].lower(), found["path"]
    if _BUS_HOST.fullmatch(host) and _ENTITY.fullmatch(path):
        return AzureTarget.SERVICE_BUS
    return AzureTarget.EVENT_GRID if _GRID_HOST.fullmatch(host) and path in ("", "/", "/api/events") else None


class AllowedTargets:
    """The addresses and names of EVENT_TARGETS, and the hosts of FLOW_CALLBACK_HOSTS."""

    def __init__(self, addresses: Collection[str], flow_hosts: Collection[str] = ()) -> None:
        self._known = {_normalise(each): find_kind(each) for each in addresses}
        self.flow_hosts = frozenset(flow_hosts)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is allowed."""
        return not self._known

    def list_addresses(self, kind: AzureTarget) -> list[str]:
        """Return the addresses or names of a kind."""
        return [address for address, found in self._known.items() if found is kind]

    def check(self, kind: AzureTarget, address: str) -> str:
        """Return an address as the setting has it. Raises Forbidden."""
        wanted = _normalise(address)
        if self._known.get(wanted) is not kind:
            raise Forbidden(
                "The gateway sends no events there. An administrator can add the target to EVENT_TARGETS.",
                code="TargetNotAllowed",
                target="target",
            )
        return wanted


def read_event_targets(text: Callable[[str], str], report: Callable[[str, str], None]) -> AllowedTargets:
    """Read both settings; report what can be no target, and what is no host."""
    addresses = _split(text("EVENT_TARGETS"))
    for wrong in (address for address in addresses if find_kind(address) is None):
        report(
            "EVENT_TARGETS",
            f"{wrong!r} can be no target. Give addresses such as https://contoso.servicebus.windows.net/bookings or "
            "https://desk.westeurope-1.eventgrid.azure.net, or names of queues that begin with events-.",
        )
    hosts = frozenset(host.lower() for host in _split(text("FLOW_CALLBACK_HOSTS")))
    for wrong in sorted(host for host in hosts if not HTTPS_HOST.fullmatch(f"https://{host}") or "." not in host):
        report("FLOW_CALLBACK_HOSTS", f"{wrong!r} is no host. Use a name such as contoso-flows.azurewebsites.net.")
    return AllowedTargets(addresses, hosts)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _normalise(address: str) -> str:
    """Return an address in one form; paths of queues and topics count without regard to case."""
    return address.strip().lower().removesuffix("/").removesuffix("/api/events")
