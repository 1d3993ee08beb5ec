"""One mail in several mailboxes that share a sink is delivered once.

    x|{digest}   message id, content and files of a mail -> the mailbox and key from which the sink gets it

Each sink has a partition in the table of threads. The row is created before the sink is called, so a worker that dies
leaves an owner, whose own delivery goes on. A mail that finds another owner waits until that one has a ticket, and is
then noted as the same. If the owner went to quarantine, and certainly wrote nothing, the next one takes its place.
"""

from inbound_mail.content.models import InboundMail
from inbound_mail.ledger.claims import Claim
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.records import DeliveryRecord, DeliveryState
from inbound_mail.ledger.references import digest, files_digest, identity_digest
from inbound_mail.sinks.protocol import Receipt
from shared.errors import Unavailable
from shared.storage.tables import Entity, Table


class SameMails:
    """The mails of one sink that may come into several mailboxes."""

    def __init__(self, table: Table, sink: str) -> None:
        self._table = table
        self._sink = sink

    def find_delivered(self, mail: InboundMail, claimed: Claim, ledger: Ledger) -> Receipt | None:
        """Return the receipt of a mail that the sink has from another mailbox; None if it is this mail's to deliver.

        `ledger`: of the mailbox of this mail. Raises Unavailable while the other delivery has not ended.
        """
        identity = identity_digest(mail.message)
        if identity is None or claimed.values:  # what was begun here is brought to its end here
            return None
        name = f"x|{digest(identity, files_digest(mail.attachments))}"
        own: Entity = {"PartitionKey": self._sink, "RowKey": name, "mailbox": mail.mailbox, "key": mail.key}
        if self._table.create(own):
            return None
        row = self._table.get(self._sink, name)
        if row is None:
            raise _wait(mail.mailbox)
        mailbox, key = str(row.values["mailbox"]), str(row.values["key"])
        is_own = (mailbox, key) == (mail.mailbox, mail.key)
        delivery = None if is_own else ledger.of(mailbox).delivery(key, self._sink)
        if delivery is None or _has_written_nothing(delivery):
            # An owner that goes on changes the row's version, so nobody takes its place at the same moment.
            if self._table.update(own, row.etag):
                return None
            raise _wait(mailbox)
        if delivery.state is DeliveryState.DELIVERED or delivery.ticket:
            note = f"The same mail came into the mailbox {mailbox} and was delivered from there."
            return Receipt(delivery.ticket, is_reply=True, notes=(note,))
        raise _wait(mailbox)


def _has_written_nothing(delivery: DeliveryRecord) -> bool:
    """Return whether a delivery ended in quarantine without a ticket, and no attempt of it is unclear."""
    ended = delivery.state is DeliveryState.QUARANTINED
    return ended and not delivery.ticket and not delivery.values["interrupted"]


def _wait(mailbox: str) -> Unavailable:
    return Unavailable(
        f"The same mail is being delivered from the mailbox {mailbox}. Settle that delivery first.",
        code="SameMailUnderway",
    )
