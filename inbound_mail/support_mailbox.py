"""A support mailbox: what belongs to it at Graph, in storage and in the settings."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.mail_store import MailStore
from inbound_mail.ledger.planned_polls import PlannedPoll
from inbound_mail.ledger.references import mail_key
from shared.graph.mail import GraphMail
from shared.settings.mail_settings import Mailbox as MailboxSettings
from shared.storage.tables import Entity


@dataclass(frozen=True)
class SupportMailbox:
    """One support mailbox: its settings, its Graph client, its ledger and its stored mails.

    `own_addresses` are the addresses of all support mailboxes. `ticket_links`: by sink, the template of the address of
    a ticket, for the sinks that have one.
    """

    settings: MailboxSettings
    tenant_id: str
    graph: GraphMail
    ledger: Ledger
    store: MailStore
    own_addresses: Collection[str] = ()
    ticket_links: Mapping[str, str] = MappingProxyType({})

    @property
    def name(self) -> str:
        """The mailbox's name in the settings, which never changes."""
        return self.settings.name

    def key(self, graph_id: str) -> str:
        """Return the key of a mail."""
        return mail_key(self.tenant_id, self.name, graph_id)

    def read_state(self, planned: PlannedPoll | None = None) -> Entity:
        """Return the columns of the mailbox's own row, with the last poll and the last success of any kind of poll.

        Quick looks leave that row alone and are noted with the next poll: `planned`, if it was read already.
        """
        planned = planned or self.ledger.plan.find(self.name).planned
        return self.ledger.state().after_look(planned.quiet_at)
