"""A support mailbox: what belongs to it at Graph, in storage and in the settings."""

from collections.abc import Collection
from dataclasses import dataclass

from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.mail_store import MailStore
from inbound_mail.ledger.references import mail_key
from shared.graph.mail import GraphMail
from shared.settings.mail_settings import Mailbox as MailboxSettings


@dataclass(frozen=True)
class SupportMailbox:
    """One support mailbox: its settings, its Graph client, its ledger and its stored mails.

    `own_addresses` are the addresses of all support mailboxes.
    """

    settings: MailboxSettings
    tenant_id: str
    graph: GraphMail
    ledger: Ledger
    store: MailStore
    own_addresses: Collection[str] = ()

    @property
    def name(self) -> str:
        """The mailbox's name in the settings, which never changes."""
        return self.settings.name

    def key(self, graph_id: str) -> str:
        """Return the key of a mail."""
        return mail_key(self.tenant_id, self.name, graph_id)
