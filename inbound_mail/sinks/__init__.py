"""The kinds of sinks.

To add one: write a module with OPTIONS and KIND, add a line to KINDS, a harness to tests/contract/test_sinks.py and a
section to docs/sinks.md.
"""

from collections.abc import Iterable, Mapping

from inbound_mail.sinks.easyvista.sink import KIND as EASYVISTA
from inbound_mail.sinks.protocol import Kind, Sink, Tools
from inbound_mail.sinks.storage_queue import KIND as STORAGE_QUEUE
from inbound_mail.sinks.webhook.sink import KIND as WEBHOOK
from shared.settings.mail_settings import SinkSettings

KINDS: Mapping[str, Kind] = {"easyvista": EASYVISTA, "webhook": WEBHOOK, "storage-queue": STORAGE_QUEUE}


def check_sink(settings: SinkSettings) -> Iterable[tuple[str, str]]:
    """Return the faults of a sink's settings, as (option, sentence)."""
    kind = KINDS.get(settings.kind)
    return kind.check(settings) if kind else [("kind", f"There is no such kind. Known: {', '.join(KINDS)}.")]


def build_sink(settings: SinkSettings, tools: Tools) -> Sink:
    """Build a sink from checked settings. Opens no connection."""
    return KINDS[settings.kind].build(settings, tools)
