"""What is newer in a mailbox's ledger than its place in the history: arrivals, outcomes, and mails on their way.

Outcomes that an earlier version wrote say nothing of the mail and its deliveries: then these are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from inbound_mail.content.names import safe_line
from inbound_mail.history.figures import Figures
from inbound_mail.history.rows import Place
from inbound_mail.history.segments import Line, ListedMail
from inbound_mail.ledger.delivery_history import read_history
from inbound_mail.ledger.entities import end_delivery
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.records import (
    DeliveryRecord,
    DeliveryState,
    EndedDelivery,
    FeedEntry,
    MailOutcome,
    MailState,
    MailSummary,
    OpenMail,
    Phase,
)
from inbound_mail.reports.mails import find_state, is_set_aside
from shared.time_zones.zones import utc_text
from shared.workers import Workers

MOST_AT_ONCE = 1_000  # rows in one request


@dataclass(frozen=True)
class News:
    """What is newer than a place. `is_whole`: nothing newer is left out."""

    mailbox: str
    place: Place
    arrivals: Sequence[FeedEntry]
    outcomes: Sequence[MailOutcome]
    is_whole: bool

    @property
    def next_place(self) -> Place:
        """The place behind it."""
        return replace(
            self.place,
            number=self.arrivals[-1].number if self.arrivals else self.place.number,
            outcome=self.outcomes[-1].number if self.outcomes else self.place.outcome,
            delivered=self.place.delivered + sum(1 for one in self.outcomes if one.state is MailState.DELIVERED),
        )

    def count(self) -> dict[datetime, Figures]:
        """Return the figures of the hours in which it happened."""
        found: dict[datetime, Figures] = {}

        def of(moment: datetime) -> Figures:
            return found.setdefault(begin_hour(moment), Figures())

        for entry in self.arrivals:
            of(entry.at).mails += 1
        for outcome in self.outcomes:
            at = _find_end(outcome)
            if outcome.state is MailState.DELIVERED:
                received = _read_moment(outcome.summary.received) if outcome.summary else None
                of(at).note_ticket((at - received).total_seconds() if received else None)
            elif outcome.state is MailState.QUARANTINED and not is_set_aside(outcome.state, outcome.deliveries or ()):
                of(at).failures += 1
            else:
                of(at).set_aside += 1
        return found

    def list_lines(self) -> list[Line]:
        """Return the lines of the mails on which the work has ended, the earliest first."""
        return [
            Line(_list_outcome(self.mailbox, outcome, outcome.summary), outcome.is_again)
            for outcome in self.outcomes
            if outcome.summary is not None
        ]


def begin_hour(moment: datetime) -> datetime:
    """Return the beginning of an hour."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def read_news(ledger: Ledger, place: Place, *, limit: int = MOST_AT_ONCE, arrivals: bool = True) -> News:
    """Return what is newer than a place, the oldest first and no more than so many rows of each feed: two requests.

    Without `arrivals` it is one.
    """
    entries = ledger.feed(place.number, limit) if arrivals else []
    outcomes = ledger.outcomes_after(place.outcome, limit)
    return News(ledger.mailbox, place, entries, outcomes, max(len(entries), len(outcomes)) < limit)


def complete_news(ledger: Ledger, news: News, workers: Workers) -> News:
    """Return it with what an earlier version has not written with the outcomes."""
    unknown = [one for one in news.outcomes if one.summary is None or one.deliveries is None]
    if not unknown:
        return news
    known = {one.number: one for one in workers.map(lambda one: _complete(ledger, one), unknown)}
    return replace(news, outcomes=[known.get(one.number, one) for one in news.outcomes])


def _complete(ledger: Ledger, outcome: MailOutcome) -> MailOutcome:
    mail, deliveries = ledger.mail(outcome.key), ledger.deliveries(outcome.key)
    decided = any(entry["what"] in ("deliver", "set-aside") for one in deliveries for entry in read_history(one.values))
    return replace(
        outcome,
        summary=MailSummary(mail.sender, mail.subject, mail.received) if mail else None,
        deliveries=tuple(map(end_delivery, deliveries)),
        is_again=outcome.is_again or decided,
    )


def list_open_mails(ledger: Ledger) -> list[ListedMail]:
    """Return the mails on which work is open, as they are now: one request."""
    return [_list_open(ledger, mail) for mail in ledger.open_mails()]


def _list_open(ledger: Ledger, mail: OpenMail) -> ListedMail:
    summary = mail.summary
    if summary is None:  # an earlier version entered it
        known = ledger.mail(mail.key)
        summary = MailSummary(known.sender, known.subject, known.received) if known else MailSummary("", "", "")
    deliveries: Sequence[DeliveryRecord] = mail.deliveries
    if mail.phase is Phase.DELIVER and not deliveries:  # an earlier version entered it
        deliveries = ledger.delivery_rows.list_closed(mail.key)
    state = find_state([one.state for one in deliveries], DeliveryState.WAITING)
    return _list(ledger.mailbox, mail.key, summary, state, [end_delivery(one) for one in deliveries])


def _list_outcome(mailbox: str, outcome: MailOutcome, summary: MailSummary) -> ListedMail:
    known = MailSummary(summary.sender, summary.subject, summary.received or utc_text(outcome.at))
    return _list(mailbox, outcome.key, known, outcome.state, outcome.deliveries or ())


def _list(mailbox: str, key: str, summary: MailSummary, state: str, deliveries: Sequence[EndedDelivery]) -> ListedMail:
    received = _read_moment(summary.received)
    return ListedMail(
        mailbox,
        key,
        utc_text(received.replace(microsecond=0)) if received else "",
        safe_line(summary.sender),
        safe_line(summary.subject),
        str(state),
        tuple((one.sink, safe_line(one.ticket)) for one in deliveries if one.ticket),
        is_set_aside=is_set_aside(state, deliveries),
    )


def _find_end(outcome: MailOutcome) -> datetime:
    """Return when the last delivery was done that ended the work."""
    ended = [one for one in outcome.deliveries or () if one.at is not None]
    new = [one for one in ended if one.sink in outcome.sinks] if outcome.state is MailState.DELIVERED else ended
    return max((one.at for one in new or ended if one.at is not None), default=outcome.at)


def _read_moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
