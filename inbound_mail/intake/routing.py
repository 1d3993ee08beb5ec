"""Decides where new mails go: by the rules of the mailbox, unless a mail answers one that went elsewhere.

An answer follows the mail that it answers, else a rule would tear a conversation apart: the answer to a mail that was
sent to support+vpn@ is often sent to support@. The decision is entered in the ledger together with the mail.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from inbound_mail.content.belonging import MOST_ANSWERED, list_answered_ids
from inbound_mail.content.models import InboundMail
from inbound_mail.content.rules import MatchedRule, find_rule
from inbound_mail.ledger.records import DeliveryState, MailState, NewMail
from inbound_mail.ledger.references import message_id_of
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import GatewayError, place_of

_log = logging.getLogger("gateway.mail")

type Sinks = tuple[str, ...]


class Router:
    """Applies the rules of one mailbox."""

    def __init__(self, mailbox: SupportMailbox) -> None:
        self._mailbox = mailbox
        self._settings = mailbox.settings
        self._ledger = mailbox.ledger
        self._follows = any(rule.sink for rule in self._settings.rules)

    def route(self, mails: Sequence[NewMail]) -> list[NewMail]:
        """Return the mails with what the rules decide. An answer may follow a mail that is among them."""
        if not self._settings.rules:
            return list(mails)
        together = _Together(mails)
        for mail in mails:
            self._route_once(mail, together)
        return [together.routed[mail.key] for mail in mails]

    def _route_once(self, new: NewMail, together: "_Together") -> NewMail:
        """Route a mail unless that is done or has begun: mails may claim to answer each other."""
        if new.key not in together.routed:
            together.routed[new.key] = new
            together.routed[new.key] = new if new.skipped else self._route(new, together)
        return together.routed[new.key]

    def _route(self, new: NewMail, together: "_Together") -> NewMail:
        mail = InboundMail(self._mailbox.name, self._settings.address, new.key, new.message)
        rule: MatchedRule | None = None
        followed: Sinks | None = None
        try:
            rule = find_rule(self._settings.rules, mail, new.folder)
            if self._follows and not (rule and rule.set_aside):
                followed = self._find_followed(mail, together)
        except GatewayError:  # the storage account, not the mail
            raise
        except Exception as error:  # noqa: BLE001 - hostile content must not keep other mails from being read
            _log.error("%s: the rules cannot be applied to mail %s: %s", self._mailbox.name, new.key, place_of(error))
        sinks: Sinks | None = (rule.sink,) if rule and rule.sink else None
        if followed is not None and set(followed) != set(sinks or self._settings.sinks):
            rule, sinks = None, followed  # what a rule sets for one service desk means nothing to another
        if rule is None:
            return replace(new, sinks=sinks)
        return replace(new, sinks=sinks, rule=rule.describe(), cause=new.cause or rule.cause)

    def _find_followed(self, mail: InboundMail, together: "_Together") -> Sinks | None:
        """Return where the mail went that this one answers, None if it answers none that is known."""
        for message_id in list_answered_ids(mail)[:MOST_ANSWERED]:
            answered = together.by_message_id.get(message_id)
            if answered is not None and answered.key != mail.key:
                return self._route_once(answered, together).sinks or self._settings.sinks
            key = self._ledger.find_key(message_id)
            found = self._find_sinks(key) if key and key != mail.key else None
            if found and set(found) <= set(self._settings.all_sinks):
                return found
        return None

    def _find_sinks(self, key: str) -> Sinks | None:
        record, deliveries = self._ledger.mail(key), self._ledger.deliveries(key)
        if record is None or record.state in (MailState.SKIPPED, MailState.GONE):
            return None
        delivered = tuple(one.sink for one in deliveries if one.state is DeliveryState.DELIVERED)
        return delivered or tuple(one.sink for one in deliveries) or record.sinks or self._settings.sinks


class _Together:
    """Mails that are entered together, and how far they are routed."""

    def __init__(self, mails: Sequence[NewMail]) -> None:
        named = ((message_id_of(mail.message), mail) for mail in reversed(mails) if not mail.skipped)
        self.by_message_id = {message_id: mail for message_id, mail in named if message_id}
        self.routed: dict[str, NewMail] = {}
