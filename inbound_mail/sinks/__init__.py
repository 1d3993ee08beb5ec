"""The kinds of sinks.

To add one: write a folder with a module `options` that has OPTIONS and KIND, and a module `sink` that has `build`; add
it to KINDS and `build_sink`, a harness to tests/contract/test_sinks.py and a section to docs/sinks.md.
"""

# ruff: noqa: PLC0415 - a kind of sinks is imported when the first of them is built: cold start
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from inbound_mail.sinks._ticket_links import link_ticket
from inbound_mail.sinks.easyvista.options import KIND as EASYVISTA
from inbound_mail.sinks.kind import Kind
from inbound_mail.sinks.storage_queue.options import KIND as STORAGE_QUEUE
from inbound_mail.sinks.webhook.options import KIND as WEBHOOK
from shared.settings.mail_settings import SinkSettings

if TYPE_CHECKING:
    from inbound_mail.sinks.protocol import Sink, Tools

__all__ = ["KINDS", "build_sink", "check_sink", "link_ticket", "read_ticket_links"]

KINDS: Mapping[str, Kind] = {"easyvista": EASYVISTA, "webhook": WEBHOOK, "storage-queue": STORAGE_QUEUE}


def check_sink(settings: SinkSettings) -> Iterable[tuple[str, str]]:
    """Return the faults of a sink's settings, as (option, sentence)."""
    kind = KINDS.get(settings.kind)
    return kind.check(settings) if kind else [("kind", f"There is no such kind. Known: {', '.join(KINDS)}.")]


def read_ticket_links(sinks: Mapping[str, SinkSettings]) -> Mapping[str, str]:
    """Return, by sink, the template of the address of a ticket, for the sinks that have one."""
    found = {name: sink.options.get("ticket_url") for name, sink in sinks.items()}
    return {name: template for name, template in found.items() if isinstance(template, str)}


def build_sink(settings: SinkSettings, tools: "Tools") -> "Sink":
    """Build a sink from checked settings. Opens no connection. Only the kinds that are used are loaded."""
    if settings.kind == "easyvista":
        from inbound_mail.sinks.easyvista.sink import build as build_easyvista

        return build_easyvista(settings, tools)
    if settings.kind == "webhook":
        from inbound_mail.sinks.webhook.sink import build as build_webhook

        return build_webhook(settings, tools)
    from inbound_mail.sinks.storage_queue.sink import build as build_storage_queue

    return build_storage_queue(settings, tools)
