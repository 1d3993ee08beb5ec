"""The brake against loops, as deliveries see it: what a mail will become, and the notice that tells of a loop.

Two machines that answer each other, or a broken sender, would make hundreds of tickets. `ledger.brakes` counts.
"""

import logging
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from inbound_mail.content.belonging import Threads, list_answered_ids, may_belong
from inbound_mail.content.screening import screen_mail
from inbound_mail.ledger.brakes import Becomes, Judgement, Limits, Verdict
from inbound_mail.ledger.records import DeliveryRecord, MailFacts
from inbound_mail.sinks.protocol import LoopNotice
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import Refused, place_of
from shared.wording import count_of

_log = logging.getLogger("gateway.mail")

_SHORTEST_WAIT, _LONGEST_WAIT = 45.0, 75.0


@dataclass(frozen=True)
class LoopBrake:
    """Asks the brake of a mailbox about deliveries to one sink."""

    mailbox: SupportMailbox
    threads: Threads
    own_addresses: Collection[str]

    def judge(self, delivery: DeliveryRecord) -> Judgement:
        """Say what becomes of a delivery that a worker claims: the `Judge` of the claim."""
        facts, brakes = self.mailbox.ledger.facts(delivery), self.mailbox.settings.brakes
        if facts is None or brakes.spares(facts.sender):
            return Judgement(Verdict.GO, {})
        limits = Limits(brakes.tickets_per_hour, brakes.comments_per_hour)
        return self.mailbox.ledger.brake.judge(delivery, facts, limits, self._foresee(delivery.key, facts))

    def _foresee(self, key: str, facts: MailFacts) -> Callable[[], Becomes]:
        def foresee() -> Becomes:
            mail = self.mailbox.store.load(key)
            try:
                screening = screen_mail(mail, self.own_addresses, self.mailbox.settings.own_senders) if mail else None
            except Exception as error:  # noqa: BLE001 - hostile content: the attempt itself says what is wrong
                _log.error("mail %s cannot be screened: %s", key, place_of(error))
                screening = None
            if mail is None or screening is None:
                return Becomes.NOTHING
            if not screening.makes_ticket and not (facts.rule or {}).get("takesAutomatic"):
                return Becomes.COMMENT if may_belong(mail, screening, self.threads) else Becomes.NOTHING
            is_answer = next(iter(self.threads.find_all(list_answered_ids(mail))), None) is not None
            return Becomes.COMMENT if is_answer else Becomes.TICKET

        return foresee


def describe_loop(mailbox: SupportMailbox, correspondent: str, counted: dict[str, object]) -> LoopNotice:
    """Return what the notice says. `counted`: hour, tickets and comments when the limit was reached."""
    begin = datetime.fromisoformat(f"{counted['hour']}:00:00+00:00")
    return LoopNotice(
        correspondent=correspondent or "an unknown author",
        begin=begin,
        end=begin + timedelta(hours=1),
        tickets=int(str(counted["tickets"])),
        comments=int(str(counted["comments"])),
        rest=f"GET mailboxes/{mailbox.name}/mails?state=loop",
    )


def refuse_loop(mailbox: SupportMailbox) -> Refused:
    """Return the error that sets a mail aside."""
    brakes = mailbox.settings.brakes
    limit = f"{count_of(brakes.tickets_per_hour, 'ticket')} or {count_of(brakes.comments_per_hour, 'comment')}"
    message = (
        f"Loop suspected: within the hour its author reached the limit of {limit}. One ticket tells of it. Deliver "
        "this mail by hand if somebody needs it."
    )
    return Refused(message, code="LoopSuspected")


def wait_for_places() -> float:
    """Return how many seconds a mail waits for others of its author, which may take the last places."""
    return random.uniform(_SHORTEST_WAIT, _LONGEST_WAIT)  # noqa: S311 - spreads load, guards nothing
