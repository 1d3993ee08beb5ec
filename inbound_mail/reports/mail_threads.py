"""The thread of a mail in its mailbox: the earlier mail from which it goes on, and what proves it.

The decision is that of `belongs_to`, as sinks make it about tickets. Here a thread takes the place of the ticket, and
is named by the reference of its first mail, so that a flow whose service desk the gateway does not know finds its
ticket again. Nothing is stored: everything follows from the mails, also from those that came before a flow existed.

Two proofs are missing, because they need what only sinks know: numbers of tickets, and mails that the mailbox never
got. A message id leads to the first mail that had it, whoever used it later. A mail goes on only from one that came no
later, and a chain of more than 30 mails is followed by the oldest mail that they name. What lies beyond a hundred
mails is not looked at, so that nobody can make an answer slow.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from inbound_mail.content.belonging import PROOFS_OF_AUTHOR, Belonging, Thread, belongs_to
from inbound_mail.content.models import InboundMail, Screening
from inbound_mail.content.rendering import read_title
from inbound_mail.content.screening import screen_mail
from shared.errors import GatewayError, place_of
from shared.json_text import Json

if TYPE_CHECKING:
    from inbound_mail.ledger.records import MailRecord
    from inbound_mail.support_mailbox import SupportMailbox

_log = logging.getLogger("gateway.mail")

_DEEPEST = 30
_MOST_MAILS = 100  # that one answer looks at: whoever sends many mails that name many others makes it no slower
_MOST_IDS = 20
_MOST_COPIES = 50  # people of one mail who only got it


@dataclass(frozen=True)
class MailThread:
    """The thread of a mail. `reference`: of its first mail. `participants`: addresses in lower case."""

    reference: str
    belonging: Belonging = field(default_factory=Belonging)
    participants: frozenset[str] = frozenset()
    title: str = ""

    def describe(self) -> Json:
        """Return it as answers show it."""
        proof = self.belonging.proof
        return {
            "reference": self.reference,
            "isReply": proof in PROOFS_OF_AUTHOR,
            "proof": proof.value if proof else None,
            "notes": list(self.belonging.notes),
        }


def find_thread(mailbox: "SupportMailbox", record: "MailRecord", mail: InboundMail | None) -> MailThread:
    """Return the thread of a mail; a mail that is not stored any more is alone in its thread."""
    return _Finder(mailbox).find(record, mail, 0)


class _Finder:
    """Follows mails to those that they answer; each mail is looked at once."""

    def __init__(self, mailbox: "SupportMailbox") -> None:
        self.mailbox = mailbox
        self._found: dict[str, MailThread | None] = {}  # None while it is looked for

    def find(self, record: "MailRecord", mail: InboundMail | None, depth: int) -> MailThread:
        """Return the thread of a mail that is not being looked for."""
        known = self._found.get(record.key)
        if known is None:
            self._found[record.key] = None
            known = self._found[record.key] = self._decide(record, mail, depth)
        return known

    def is_closed_to(self, key: str) -> bool:
        """Return whether a mail is not followed: it answers a mail that answers it, or too many were looked at."""
        if key in self._found:
            return self._found[key] is None
        return len(self._found) >= _MOST_MAILS

    def _decide(self, record: "MailRecord", mail: InboundMail | None, depth: int) -> MailThread:
        if mail is None:
            return MailThread(record.reference, participants=frozenset({record.sender}) - {""})
        try:
            screening = screen_mail(mail, self.mailbox.own_addresses, self.mailbox.settings.own_senders)
            title = read_title(mail.subject).title
            earlier = _EarlierMails(self, mail, depth)
            belonging = belongs_to(mail, screening, title, earlier)
        except GatewayError:  # the storage account, not the mail
            raise
        except Exception as error:  # noqa: BLE001 - hostile content must not keep the mail from being read
            _log.error("the thread of mail %s cannot be found: %s", mail.key, place_of(error))
            return MailThread(record.reference)
        people = _list_people(mail, screening)
        if belonging.ticket is None:
            return MailThread(record.reference, belonging, people, title)
        thread = earlier.yielded[belonging.ticket]
        return MailThread(belonging.ticket, belonging, thread.participants | people, thread.title or title)


class _EarlierMails:
    """The threads of the mails that one mail names, for `belongs_to`."""

    def __init__(self, finder: _Finder, mail: InboundMail, depth: int) -> None:
        self._finder = finder
        self._mail = mail
        self._depth = depth
        self.yielded: dict[str, Thread] = {}

    def find_all(self, message_ids: Iterable[str]) -> Iterator[Thread]:
        """Yield the threads of these message ids, in their order, each once."""
        ids = list(islice(dict.fromkeys(message_ids), _MOST_IDS))
        for message_id in ids if self._depth < _DEEPEST else ids[-1:]:
            found = self._find(message_id)
            if found is not None and found.ticket not in self.yielded:
                self.yielded[found.ticket] = found
                yield found

    def find_siblings(self, _message_ids: Iterable[str]) -> Iterator[Thread]:
        """Yield nothing: only the mails of the mailbox are known."""
        return iter(())

    def find_conversation(self, _conversation_id: str) -> Thread | None:
        """Return None: a conversation in Exchange proves nothing."""
        return None

    def find_ticket(self, _ticket: str) -> Thread | None:
        """Return None: numbers of tickets are those of a service desk."""
        return None

    def _find(self, message_id: str) -> Thread | None:
        mailbox = self._finder.mailbox
        key = mailbox.ledger.find_key(message_id)
        if key is None or key == self._mail.key or self._finder.is_closed_to(key) or self._depth > _DEEPEST:
            return None
        record = mailbox.ledger.mail(key)
        if record is None or record.received > str(self._mail.message.get("receivedDateTime") or ""):
            return None
        thread = self._finder.find(record, mailbox.store.load(key), self._depth + 1)
        return Thread(thread.reference, thread.participants, thread.title)


def _list_people(mail: InboundMail, screening: Screening) -> frozenset[str]:
    """Return who wrote or got a mail, without the mailbox itself; nobody takes part because of an automatic mail."""
    if not screening.makes_ticket:
        return frozenset()
    copies = [*mail.recipients("toRecipients"), *mail.recipients("ccRecipients")][:_MOST_COPIES]
    return frozenset({mail.sender, *copies}) - {"", mail.address.lower()}
