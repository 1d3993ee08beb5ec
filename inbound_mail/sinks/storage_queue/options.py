"""The options of storage queues, and their check."""

import re
from collections.abc import Iterator, Mapping

from inbound_mail.sinks._options import Option, check_options
from inbound_mail.sinks.kind import Kind
from shared.settings.mail_settings import SinkSettings

OPTIONS: Mapping[str, Option] = {
    "queue": Option(
        "Name of the queue in the gateway's storage account.",
        needed=True,
        pattern=re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
        wrong="Give a queue name: 3 to 63 of a-z, 0-9 and single dashes.",
    ),
    "ttl_days": Option("Days after which an unread message expires; without it, never.", kind=int, bounds=(1, 3650)),
    "body": Option("`html` adds sanitised HTML to the text.", usual="text", choices=("text", "html")),
}


def _check(settings: SinkSettings) -> Iterator[tuple[str, str]]:
    yield from check_options(OPTIONS, settings.options)


KIND = Kind(options=OPTIONS, check=_check, needs=(("storage", "queues"),))
