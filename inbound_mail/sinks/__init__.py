"""The kinds of sinks.

To add one: write a folder with a module `sink`, and a module `options` with OPTIONS and KIND that imports the sink only
to build it; add a line to KINDS, a harness to tests/contract/test_sinks.py and a section to docs/sinks.md.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from inbound_mail.sinks.easyvista.options import KIND as EASYVISTA
from inbound_mail.sinks.kind import Kind
from inbound_mail.sinks.storage_queue.options import KIND as STORAGE_QUEUE
from inbound_mail.sinks.webhook.options import KIND as WEBHOOK
from shared.settings.mail_settings import SinkSettings

if TYPE_CHECKING:
    from inbound_mail.sinks.protocol import Sink, Tools

KINDS: Mapping[str, Kind] = {"easyvista": EASYVISTA, "webhook": WEBHOOK, "storage-queue": STORAGE_QUEUE}


def check_sink(settings: SinkSettings) -> Iterable[tuple[str, str]]:
    """Return the faults of a sink's settings, as (option, sentence)."""
    kind = KINDS.get(settings.kind)
    return kind.check(settings) if kind else [("kind", f"There is no such kind. Known: {', '.join(KINDS)}.")]


def build_sink(settings: SinkSettings, tools: "Tools") -> "Sink":
    """Build a sink from checked settings. Opens no connection."""
    return KINDS[settings.kind].build(settings, tools)
