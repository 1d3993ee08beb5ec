"""The flows of a rehearsal: every kind of trigger, with and without filters and gateway; and those of the samples."""

from collections.abc import Iterator, Mapping
from typing import Any

from devkit.flows.connectors import GATEWAY, load_connectors
from devkit.flows.sources import load_flows
from devkit.rehearsals.app import MAILBOX
from devkit.rehearsals.events import Trigger
from twin.seeds import tiny

SEES_ALL = "any"
_KINDS = ("created", "updated", "rescheduled", "cancelled", "reassigned", "registered", "unregistered")
_SECONDS = {"Second": 1.0, "Minute": 60.0, "Hour": 3600.0}
_ZONE = "GMT Standard Time"
_CHOSEN: Mapping[str, str] = {"BookingPage": tiny.BUSINESS, "TimeZone": _ZONE, "SupportMailbox": MAILBOX}
"""What is chosen when the samples are imported, by the short names of their settings."""


def list_own() -> Iterator[Trigger]:
    """Yield one flow for each kind of trigger, and others with filters, details and without a gateway."""
    page: dict[str, Any] = {"business": tiny.BUSINESS}
    for kind in (*_KINDS, SEES_ALL, "upcoming"):
        yield Trigger(kind, f"triggers/appointments/{kind}", page)
    for kind in ("cancelled", "registered", "unregistered"):
        yield Trigger(f"{kind}, details", f"triggers/appointments/{kind}", page | {"details": "true"})
    of_bob = page | {"staff": tiny.BOB, "service": tiny.GROUP}
    yield Trigger("registered with Bob", "triggers/appointments/registered", of_bob, through_gateway=False)
    yield Trigger("any, no gateway", "triggers/appointments/any", page | {"timeZone": _ZONE}, through_gateway=False)
    yield Trigger("any of Bob", "triggers/appointments/any", page | {"staff": tiny.BOB})
    yield Trigger("created, groups", "triggers/appointments/created", page | {"service": tiny.GROUP})
    yield Trigger("created, details", "triggers/appointments/created", page | {"details": "true"})
    moved = page | {"staff": tiny.ANNE, "service": tiny.VISIT}
    yield Trigger("rescheduled of Anne", "triggers/appointments/rescheduled", moved, through_gateway=False)
    yield Trigger("upcoming of Anne", "triggers/appointments/upcoming", page | {"staff": tiny.ANNE, "minutes": 60})
    box: dict[str, Any] = {"mailbox": MAILBOX}
    yield Trigger("mail arrived", "triggers/mails/arrived", box)
    yield Trigger("mail failed", "triggers/mails/failed", box)
    yield Trigger("ticket", "triggers/tickets/created", box)
    for kind in ("created", SEES_ALL):
        yield Trigger(f"{kind}, instant", f"instant-triggers/appointments/{kind}", page)
    yield Trigger("registered of Bob, instant", "instant-triggers/appointments/registered", of_bob)
    yield Trigger("mail arrived, instant", "instant-triggers/mails/arrived", box)
    yield Trigger("ticket, instant", "instant-triggers/tickets/created", box)
    yield Trigger("ticket, no gateway", "triggers/tickets/created", box | {"folder": "inbox"}, through_gateway=False)


def list_samples() -> Iterator[Trigger]:
    """Yield the triggers of the sample flows that poll the gateway or are called by it, set up as after an import."""
    connector = load_connectors()[GATEWAY]
    for flow in load_flows():
        _, trigger = flow.trigger
        host = trigger.get("inputs", {}).get("host", {})
        if not str(host.get("apiId", "")).endswith(f"/{GATEWAY}"):
            continue
        every = trigger.get("recurrence", {"frequency": "Minute", "interval": 1})  # none if it is called back
        yield Trigger(
            f"sample: {flow.name}",
            connector.operations[host["operationId"]].path.strip("/"),
            {name: _choose(flow.settings, value) for name, value in trigger["inputs"]["parameters"].items()},
            recurrence=_SECONDS[every["frequency"]] * every["interval"],
        )


def _choose(settings: Mapping[str, Any], value: Any) -> Any:
    """Return the value of a parameter: the chosen value of a setting, or the parameter itself."""
    for name, setting in settings.items():
        if value == f"@parameters('{name}')":
            return _CHOSEN[setting.short_name]
    return value
