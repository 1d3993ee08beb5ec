"""What the deliveries of one message read of the ledger, read at once before the first of them begins.

It only spares requests: each row is guarded by the version that was read, and read again if that is not its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from inbound_mail.ledger.open_texts import OpenText
from inbound_mail.ledger.records import DeliveryRecord


@dataclass(frozen=True)
class ReadAhead:
    """`deliveries`: rows of deliveries beside open work, by key and sink. `texts`: messages of mails, by their keys."""

    deliveries: Mapping[tuple[str, str], DeliveryRecord] = field(default_factory=dict)
    texts: Mapping[str, OpenText] = field(default_factory=dict)


NOTHING_READ = ReadAhead()
