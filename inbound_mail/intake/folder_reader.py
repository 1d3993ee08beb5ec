"""Reads a folder: one delta round from its first page to its last, and an hourly sweep for mails the delta missed.

The mails of a page are stored and entered in the ledger before the page's link is saved, so a poll that dies in between
reads the page again. Nothing is delivered between two pages, because Graph's links expire.

A page that is too large, or does not come in time, is asked for in half its size. If that goes on down to a single
mail, the folder is read without bodies from then on, and each new mail by its id (`message_reader`): a delta's query is
frozen in its link, so there is no other way past that mail. A lost link begins a round with bodies again.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from inbound_mail.content.models import InboundMail
from inbound_mail.content.screening import screen_mail
from inbound_mail.intake.message_reader import MessageReader
from inbound_mail.intake.routing import Router
from inbound_mail.ledger.known_mails import KnownMails
from inbound_mail.ledger.mail_store import may_have_files
from inbound_mail.ledger.planned_polls import QuietFolder
from inbound_mail.ledger.records import NewMail, Phase
from inbound_mail.ledger.references import digest
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import AnswerTooLarge, GatewayError, OutcomeUnknown, Rejected, place_of
from shared.events import Event, log_event
from shared.graph.mail import DELTA_QUERY, SLIM_QUERY, DeltaPage
from shared.json_text import Json
from shared.storage.blobs import Lease
from shared.workers import Workers

_log = logging.getLogger("gateway.mail")

SWEEP_EVERY = timedelta(hours=1)
SWEEP_EVERY_IF_ANNOUNCED = timedelta(hours=2)  # each new mail, by Graph's notifications
SWEEP_BACK = timedelta(hours=48)
_MOST_AHEAD = timedelta(minutes=5)  # of a sweep that would else need a poll of its own in a quiet mailbox
_SMALL_PAGE = 5
_SLIM_PAGE = 100
_MOST_UNREAD = 100
_ENOUGH_POLLS = 3  # in which one mail did not come: then it is the mail's trouble, and not an outage
_MOST_RESTARTS = 3  # of a round whose link Graph has forgotten; then the next poll tries again
_QUERY, _SLIM_QUERY = digest(DELTA_QUERY), digest(SLIM_QUERY)


type Cause = tuple[str, str]


@dataclass
class PollCounts:
    """What one poll has found, in numbers. `answered`: a folder could be read, so the mailbox exists.

    `seen`: whatever Graph showed, known or not, and what has yet to be read again. 0: nothing has happened. `latest`:
    when the last of the mails was received that the ledger did not know.
    """

    new: int = 0
    skipped: int = 0
    removed_unseen: int = 0
    resyncs: int = 0
    answered: bool = False
    seen: int = 0
    latest: datetime | None = None


class FolderReader:
    """Reads the folders of one mailbox, for the holder of its lease."""

    def __init__(
        self,
        mailbox: SupportMailbox,
        workers: Workers,
        known: KnownMails,
        first_pages: Mapping[str, DeltaPage] | None = None,
        sweep_every: timedelta = SWEEP_EVERY,
    ) -> None:
        """`first_pages`: what was read just now, before the poll had the lease, by the links that it was read with."""
        self._sweep_every = sweep_every
        self._mailbox = mailbox
        self._settings = mailbox.settings
        self._graph = mailbox.graph
        self._ledger = mailbox.ledger
        self._workers = workers
        self._known = known
        self._reader = MessageReader(mailbox)
        self._router = Router(mailbox)
        self.has_swept = False
        self._cursors: dict[str, Json] = {}  # as they were read or written last
        self._newer_links: dict[str, str] = {}  # the sweep writes them
        self._first_pages = dict(first_pages or {})

    @property
    def next_sweeps(self) -> list[datetime]:
        """When the next sweeps of the folders are due that were read."""
        return [one["swept_at"] + self._sweep_every for one in self._cursors.values() if one.get("swept_at")]

    @property
    def quiet_folders(self) -> list[QuietFolder]:
        """The folders as the next poll finds them; none if one of them can only be read in a whole poll."""
        found = [
            QuietFolder(folder, cursor["link"], cursor["query"], cursor["swept_at"])
            for folder, cursor in self._cursors.items()
            if cursor.get("query") in (_QUERY, _SLIM_QUERY) and _is_settled(cursor) and not _read_unread(cursor)
        ]
        return found if len(found) == len(set(self._settings.folders)) else []

    def read(self, folder: str, lease: Lease, counts: PollCounts) -> None:
        """Read one delta round to its end. Raises GatewayError; the pages read until then are stored."""
        cursor = self._cursor(folder)
        is_slim = cursor.get("query") == _SLIM_QUERY
        link = str(cursor.get("link") or "") if is_slim or cursor.get("query") == _QUERY else ""
        page_size, restarts = find_page_size(self._settings.page_size, is_slim=is_slim), 0
        unread = earlier = _read_unread(cursor)
        is_first = not _had_first_round(cursor)
        while True:
            lease.check()
            try:
                page = self._first_pages.pop(link, None) or self._graph.read_delta(
                    folder, link or None, page_size, with_bodies=not is_slim
                )
            except Rejected as error:
                if error.code != "CursorLost" or not link or restarts >= _MOST_RESTARTS:
                    raise
                restarts += 1
                log_event(Event.CURSOR_LOST, mailbox=self._settings.name, folder=folder)
                counts.resyncs += 1
                link, is_slim, page_size = "", False, find_page_size(self._settings.page_size, is_slim=False)
                continue
            except (OutcomeUnknown, AnswerTooLarge) as error:
                if page_size > 1 and (not is_slim or isinstance(error, AnswerTooLarge)):
                    page_size = page_size // 2 if page_size > _SMALL_PAGE else 1
                    _log.info("%s: a page did not come, asking for %d mails", self._settings.name, page_size)
                    continue
                if is_slim or not self._is_stuck(folder, cursor, error):
                    raise
                _log.warning(
                    "%s: a mail of folder %s cannot be read with its page: %s; the folder is read without bodies",
                    self._settings.name, folder, error,
                )  # fmt: skip
                link, is_slim, page_size = "", True, find_page_size(self._settings.page_size, is_slim=True)
                continue
            counts.answered = True
            is_empty = not (page.items or page.next_link or unread)
            if is_empty and _is_fresh(cursor, link, self._sweep_every, is_slim=is_slim):
                self._newer_links[folder] = page.delta_link or link
                return
            counts.seen += len(page.items) + len(unread)
            left = self._take_page(folder, page, earlier, counts, is_slim=is_slim, is_first=is_first)
            unread, earlier = (left if earlier else unread | left), {}
            if len(unread) > _MOST_UNREAD:
                raise OutcomeUnknown(
                    "Microsoft Graph did not send many mails of a folder. Wait for the next poll.",
                    code="UpstreamBadAnswer",
                )
            link = page.next_link or page.delta_link or ""
            lease.check()
            self._put_cursor(
                folder,
                link=link,
                query=_SLIM_QUERY if is_slim else _QUERY,
                later=json.dumps(list(unread)),
                later_tries=json.dumps(unread),
                first_round_done=not is_first or page.next_link is None,
                **_pick(cursor, "swept_at"),
            )
            if not page.next_link:
                return

    def _is_stuck(self, folder: str, cursor: Json, error: GatewayError) -> bool:
        """Return whether a page of one mail is certain never to come. An outage looks the same in one or two polls."""
        if isinstance(error, AnswerTooLarge):
            return True
        stuck = int(cursor.get("stuck", 0)) + 1
        kept = _pick(cursor, "link", "query", "later", "later_tries", "first_round_done", "swept_at")
        self._put_cursor(folder, **kept, stuck=stuck)
        return stuck >= _ENOUGH_POLLS

    def sweep(self, folder: str, lease: Lease, counts: PollCounts) -> None:
        """Once an hour, or in two, enter the mails of the last 48 hours that the delta query did not show."""
        cursor = self._cursor(folder)
        now = datetime.now(UTC)
        kept = _pick(cursor, "link", "query", "later", "later_tries", "first_round_done", "stuck")
        swept_at = cursor.get("swept_at")
        if folder in self._newer_links:
            kept["link"] = self._newer_links[folder]
        if swept_at is None or not self._is_sweep_due(swept_at, now):
            if swept_at is None:
                self._put_cursor(folder, **kept, swept_at=now)
            return
        for page in self._graph.list_recent(folder, now - SWEEP_BACK):
            lease.check()
            missing = self._find_unknown([str(item["id"]) for item in page])
            counts.seen += len(missing)
            read = self._reader.read(missing, {}, {})
            found = self._take(
                folder, read.whole, counts, read.aside, is_first=not _had_first_round(cursor), by_sweep=True
            )
            if found:
                log_event(Event.SWEEP_FOUND, mailbox=self._settings.name, folder=folder, mails=found)
        self._put_cursor(folder, **kept, swept_at=now)
        self.has_swept = True

    def _is_sweep_due(self, swept_at: datetime, now: datetime) -> bool:
        return is_sweep_due(swept_at, self._settings.quiet_minutes, now, self._sweep_every)

    def _cursor(self, folder: str) -> Json:
        if folder not in self._cursors:
            self._cursors[folder] = self._ledger.cursor(folder)
        return self._cursors[folder]

    def _put_cursor(self, folder: str, **values: Any) -> None:
        self._cursors.pop(folder, None)  # if this fails, nobody knows what is stored
        self._ledger.put_cursor(folder, **values)
        self._cursors[folder] = values

    def _take_page(
        self,
        folder: str,
        page: DeltaPage,
        unread: Mapping[str, int],
        counts: PollCounts,
        *,
        is_slim: bool,
        is_first: bool,
    ) -> dict[str, int]:
        """Store and enter the mails of a page. `is_first`: of the first round of this folder that there ever was.

        `unread`: ids of mails of earlier polls that could not be read, and how often. Returns those of now.
        """
        shown: dict[str, Json] = {}
        stubs = set(unread)
        removed: set[str] = set()
        for item in page.items:
            graph_id = str(item["id"])
            if "@removed" in item:
                removed.add(graph_id)
            elif "receivedDateTime" in item:
                shown[graph_id] = item
            else:
                stubs.add(graph_id)
        removed -= shown.keys()
        # A mail that is skipped anyway needs no body.
        whole = {
            one: item
            for one, item in shown.items()
            if not is_slim or self._describe(folder, item, is_first=is_first).skipped
        }
        unclear = sorted((stubs | removed | shown.keys()) - whole.keys())
        unknown = self._find_unknown(unclear)
        read = self._reader.read([one for one in unknown if one not in removed], unread, shown)
        counts.removed_unseen += len(removed.intersection(unknown)) + read.gone
        self._take(folder, [*whole.values(), *read.whole], counts, read.aside, is_first=is_first)
        return read.unread

    def _take(
        self,
        folder: str,
        messages: Sequence[Json],
        counts: PollCounts,
        aside: Sequence[tuple[Json, Cause]],
        *,
        is_first: bool,
        by_sweep: bool = False,
    ) -> int:
        """Store and enter the messages that the ledger does not know; return how many these were.

        `aside`: messages without body that go to quarantine, and why. Mails that bear no mark are taken for new ones,
        unless it is certain that they are not: the ledger refuses those that it has.
        """
        marked = [str(one["id"]) for one in messages if not is_first and (one.get("isRead") or one.get("categories"))]
        certain = self._known.find_certain([self._mailbox.key(str(one["id"])) for one in messages])
        old = certain | self._known.find([self._mailbox.key(graph_id) for graph_id in marked])
        found: list[tuple[Json, Cause | None]] = [*((message, None) for message in messages), *aside]
        found = [(message, why) for message, why in found if self._mailbox.key(str(message["id"])) not in old]
        whole = self._reader.add_meeting_fields([message for message, _ in found])
        mails = [self._describe(folder, message, is_first=is_first) for message in whole]
        fresh = self._router.route([replace(mail, cause=cause) for mail, (_, cause) in zip(mails, found, strict=True)])
        kept = [mail for mail in fresh if not mail.skipped]
        self._workers.map(lambda mail: self._mailbox.store.put_message(mail.key, mail.message), kept)
        added = self._ledger.add(fresh, self._settings.sinks, by_sweep=by_sweep)
        self._known.note(mail.key for mail in fresh)
        for mail in added:
            if mail.cause and not mail.skipped and mail.phase is Phase.DELIVER:
                report_quarantined(self._settings.name, mail.key, mail.sinks or self._settings.sinks, mail.cause[0])
        skipped = sum(1 for mail in added if mail.skipped)
        counts.skipped += skipped
        counts.new += len(added) - skipped
        counts.latest = max(
            [*filter(None, [counts.latest]), *(_received(mail.message) for mail in added)], default=None
        )
        return len(added)

    def _describe(self, folder: str, message: Json, *, is_first: bool) -> NewMail:
        # The cutover is for what was there at the first round: what a person moves here later is new, however old.
        since = self._settings.since if is_first else None
        key = self._mailbox.key(str(message["id"]))
        return NewMail(
            key=key,
            message=message,
            folder=folder,
            phase=Phase.FETCH if may_have_files(message) else Phase.DELIVER,
            skipped="before-cutover" if since and _received(message) < since else None,
            screening=self._screen(key, message),
        )

    def _screen(self, key: str, message: Json) -> Json | None:
        mailbox = self._mailbox
        try:
            mail = InboundMail(mailbox.name, self._settings.address, key, message)
            return screen_mail(mail, mailbox.own_addresses, self._settings.own_senders).describe()
        except Exception as error:  # noqa: BLE001 - hostile content must not keep other mails from being read
            _log.error("%s: mail %s cannot be screened: %s", mailbox.name, key, place_of(error))
            return None

    def _find_unknown(self, graph_ids: Sequence[str]) -> list[str]:
        known = self._known.find([self._mailbox.key(graph_id) for graph_id in graph_ids])
        return [graph_id for graph_id in graph_ids if self._mailbox.key(graph_id) not in known]


def find_page_size(page_size: int, *, is_slim: bool) -> int:
    """Return how many mails to ask for at once, of a mailbox with this setting."""
    return max(_SLIM_PAGE, page_size) if is_slim else page_size


def is_sweep_due(swept_at: datetime, quiet_minutes: int, now: datetime, every: timedelta) -> bool:
    """Return whether a folder is to be swept again: once an hour, or a little before, if the next poll comes late."""
    return now - swept_at >= every - min(timedelta(minutes=quiet_minutes), _MOST_AHEAD)


def is_slim_query(query: str) -> bool | None:
    """Return whether the links of a query show mails without bodies; None if it is another version's query."""
    return {_QUERY: False, _SLIM_QUERY: True}.get(query)


def report_quarantined(mailbox: str, key: str, sinks: Sequence[str], cause: str) -> None:
    """Log that a mail's deliveries went to quarantine."""
    for sink in sinks:
        log_event(Event.MAIL_QUARANTINED, mailbox=mailbox, key=key, sink=sink, cause=cause)


def _had_first_round(cursor: Json) -> bool:
    """Return whether a folder was ever read to its end. Cursors of older versions say it by the kind of their link."""
    return bool(cursor.get("first_round_done", "deltatoken" in str(cursor.get("link") or "").lower()))


def _is_fresh(cursor: Json, link: str, sweep_every: timedelta, *, is_slim: bool) -> bool:
    """Return whether a link that showed nothing may stay as it is until the sweep writes a newer one.

    Graph forgets links that are not used, and says not after which time.
    """
    is_same = bool(link) and link == cursor.get("link") and cursor.get("query") == (_SLIM_QUERY if is_slim else _QUERY)
    return is_same and _is_settled(cursor) and datetime.now(UTC) - cursor["swept_at"] < sweep_every


def _is_settled(cursor: Json) -> bool:
    """Return whether a folder was read to its end and swept, so that only its link is of interest."""
    has_link = bool(cursor.get("link") and cursor.get("swept_at"))
    return has_link and bool(cursor.get("first_round_done")) and "stuck" not in cursor


def _read_unread(cursor: Json) -> dict[str, int]:
    """Return the ids of mails that could not be read, and how often; cursors of older versions do not say how often."""
    tries: dict[str, int] = json.loads(cursor.get("later_tries") or "{}")
    return {graph_id: tries.get(graph_id, 0) for graph_id in json.loads(cursor.get("later") or "[]")}


def _received(message: Json) -> datetime:
    try:
        return datetime.fromisoformat(str(message.get("receivedDateTime")))
    except ValueError:  # a mail without a time counts as received now
        return datetime.now(UTC)


def _pick(cursor: Json, *names: str) -> Json:
    return {name: cursor[name] for name in names if name in cursor}
