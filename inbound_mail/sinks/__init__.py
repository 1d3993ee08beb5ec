"""The kinds of sinks. A new one is a module with a KIND, a line here, and a place in the sink contract suite."""

from collections.abc import Iterable, Mapping

from inbound_mail.sinks import storage_queue
from inbound_mail.sinks.easyvista import sink as easyvista
from inbound_mail.sinks.protocol import Kind, Sink, Tools
from inbound_mail.sinks.webhook import sink as webhook
from shared.settings.mail_settings import SinkSettings

KINDS: Mapping[str, Kind] = {
    "easyvista": easyvista.KIND,
    "webhook": webhook.KIND,
    "storage-queue": storage_queue.KIND,
}


def check_sink(settings: SinkSettings) -> Iterable[tuple[str, str]]:
    """Return what is wrong with a sink's settings, as (option, sentence)."""
    kind = KINDS.get(settings.kind)
    return kind.check(settings) if kind else [("kind", f"There is no such kind. Known: {', '.join(KINDS)}.")]


def build_sink(settings: SinkSettings, tools: Tools) -> Sink:
    """Build a sink of checked settings. Opens no connection."""
    return KINDS[settings.kind].build(settings, tools)
