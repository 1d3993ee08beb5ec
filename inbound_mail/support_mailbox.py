"""Everything that belongs to one mailbox, in one hand."""

from dataclasses import dataclass

from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.mail_store import MailStore
from inbound_mail.ledger.references import mail_key
from shared.graph.mail import GraphMail
from shared.settings.mail_settings import Mailbox as MailboxSettings


@dataclass(frozen=True)
class SupportMailbox:
    """One mailbox: its settings, its place at Graph, its ledger and its mails."""

    settings: MailboxSettings
    tenant_id: str
    graph: GraphMail
    ledger: Ledger
    store: MailStore

    @property
    def name(self) -> str:
        """The mailbox's lasting name."""
        return self.settings.name

    def key(self, graph_id: str) -> str:
        """Return a mail's name in our store."""
        return mail_key(self.tenant_id, self.name, graph_id)
