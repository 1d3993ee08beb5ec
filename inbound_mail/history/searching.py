"""A search through the mails of all mailboxes, the newest first.

What is newer than the history is read from the ledgers: two requests for each mailbox. Of the segments one list is
read, without their lines, and then those that may hold what is looked for, the newest first, until the page is full.
The order of reading makes the answer complete: places first, then mails on their way, then outcomes, then segments. So
what is rolled up or closed meanwhile is found twice rather than never.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from inbound_mail.history.news import News, complete_news, list_open_mails, read_news
from inbound_mail.history.rows import HistoryRows, Place
from inbound_mail.history.segments import ListedMail, Segment, fold, fold_fields
from inbound_mail.ledger.ledger import Ledger
from inbound_mail.ledger.records import DeliveryState
from shared.storage.tables import Table
from shared.workers import Workers

_BATCHES = (2, 8, 30, 90)  # segments that are read at once; then all that are left


@dataclass(frozen=True)
class Search:
    """What is looked for. `text`: in author, subject or ticket. `start`, `end`: as `ListedMail.received`, "" for any.

    `behind`: the place of the last mail of the page before.
    """

    text: str = ""
    sender: str = ""
    subject: str = ""
    ticket: str = ""
    state: str | None = None
    start: str = ""
    end: str = ""
    behind: tuple[str, str] | None = None

    def folded(self) -> tuple[str, str, str, str]:
        """Return the texts as they are compared: anywhere, in author, in subject, in a ticket."""
        return (fold(self.text), fold(self.sender), fold(self.subject), fold(self.ticket))

    def covers(self, mail: ListedMail) -> bool:
        """Return whether state, time and place of a mail fit."""
        return (
            self.state in (None, *mail.found_by)
            and mail.received >= self.start
            and (not self.end or mail.received < self.end)
            and (self.behind is None or mail.place < self.behind)
        )

    def may_cover(self, segment: Segment, mailboxes: frozenset[str]) -> bool:
        """Return whether a mail in a segment may fit."""
        return (
            segment.newest >= self.start
            and (not self.end or segment.oldest < self.end)
            and (self.behind is None or segment.oldest <= self.behind[0])
            and segment.has(mailboxes, self.state)
        )


class FoundMails(NamedTuple):
    """A page of mails. `is_complete`: none is missing that an older version has entered and no roll-up has seen."""

    mails: Sequence[ListedMail]
    has_more: bool
    is_complete: bool


class MailSearch:
    """Searches the mails of some mailboxes."""

    def __init__(self, table: Table, ledgers: Sequence[Ledger], workers: Workers) -> None:
        self._rows = HistoryRows(table)
        self._ledgers = ledgers
        self._workers = workers
        self._names = frozenset(one.mailbox for one in ledgers)

    def find(self, search: Search, limit: int) -> FoundMails:
        """Return the newest mails that fit."""
        if not self._ledgers:
            return FoundMails([], has_more=False, is_complete=True)
        places = self._rows.read_places()
        news = self._workers.map(lambda one: _read_newer(one, places.of(one.mailbox)), self._ledgers)
        newer: dict[str, ListedMail] = {}
        for ledger, (on_their_way, ended) in zip(self._ledgers, news, strict=True):
            newer |= {line.mail.key: line.mail for line in complete_news(ledger, ended, self._workers).list_lines()}
            newer |= {mail.key: mail for mail in on_their_way}
        texts = search.folded()
        mails = [mail for mail in newer.values() if search.covers(mail) and _matches(fold_fields(mail), texts)]
        if search.state != DeliveryState.WAITING:  # the work on all mails in segments has ended
            mails = self._search_segments(search, limit, mails, newer)
        mails = sorted({mail.key: mail for mail in reversed(mails)}.values(), key=lambda mail: mail.place, reverse=True)
        return FoundMails(mails[:limit], len(mails) > limit, all(ended.is_whole for _, ended in news))

    def _search_segments(
        self, search: Search, limit: int, mails: list[ListedMail], newer: Mapping[str, ListedMail]
    ) -> list[ListedMail]:
        """Return these mails and those of the segments that fit, at least the newest of them that fill the page."""
        index = self._rows.read_index()
        later = _find_later(index, newer)
        texts = search.folded()
        chosen = sorted(
            (one for one in index if search.may_cover(one, self._names)), key=lambda one: one.newest, reverse=True
        )
        for batch, rest in _share(chosen):
            for segment in self._rows.read_segments([one.number for one in batch]):
                mails += self._search_segment(segment, search, texts, later[segment.number])
            if rest and len(mails) > limit:
                mails.sort(key=lambda mail: mail.place, reverse=True)
                if mails[limit].received > rest[0].newest:
                    break
        return mails

    def _search_segment(
        self, segment: Segment, search: Search, texts: Sequence[str], later: frozenset[str]
    ) -> Iterator[ListedMail]:
        wanted = [text for text in texts if text]
        if wanted and not segment.may_hold(wanted):
            return
        folded = segment.read_folded() if wanted else None
        lines = segment.read_mails()
        own = segment.again
        seen: set[str] = set()
        for number in reversed(range(len(lines))):
            mail = lines[number]
            if mail.key in own:
                if mail.key in seen:
                    continue
                seen.add(mail.key)
            if mail.mailbox not in self._names or mail.key in later or not search.covers(mail):
                continue
            if folded is None or _matches(folded[number], texts):
                yield mail


def _read_newer(ledger: Ledger, place: Place) -> tuple[list[ListedMail], News]:
    """Return the mails of a mailbox on which work is open, and what is newer than its place."""
    on_their_way = list_open_mails(ledger)
    return on_their_way, read_news(ledger, place, arrivals=False)


def _matches(fields: Sequence[str], texts: Sequence[str]) -> bool:
    anywhere, *each = texts
    return any(anywhere in field for field in fields) and all(
        text in field for text, field in zip(each, fields, strict=True)
    )


def _find_later(index: Sequence[Segment], newer: Mapping[str, ListedMail]) -> dict[int, frozenset[str]]:
    """Return by the number of a segment the keys of the mails that have later lines."""
    found: dict[int, frozenset[str]] = {}
    later = frozenset(newer)
    for segment in reversed(index):
        found[segment.number] = later
        if again := segment.again:
            later |= again
    return found


def _share(segments: Sequence[Segment]) -> Iterator[tuple[Sequence[Segment], Sequence[Segment]]]:
    """Yield the segments that are read at once, and those behind them."""
    start = 0
    for size in (*_BATCHES, len(segments)):
        if start < len(segments):
            yield segments[start : start + size], segments[start + size :]
        start += size
