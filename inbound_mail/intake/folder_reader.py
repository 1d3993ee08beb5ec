"""Reads a folder: one delta round from its first page to its last, and an hourly sweep for mails the delta missed.

The mails of a page are stored and entered in the ledger before the page's link is saved, so a poll that dies in between
reads the page again. Nothing is delivered between two pages, because Graph's links expire.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from inbound_mail.content.models import InboundMail
from inbound_mail.content.screening import screen_mail
from inbound_mail.ledger.mail_store import may_have_files
from inbound_mail.ledger.records import NewMail, Phase
from inbound_mail.ledger.references import digest
from inbound_mail.support_mailbox import SupportMailbox
from shared.errors import AnswerTooLarge, GatewayError, NotFound, Rejected, TimedOut, place_of
from shared.events import Event, log_event
from shared.graph.mail import DELTA_QUERY, DeltaPage, is_of_one_mail
from shared.json_text import Json
from shared.storage.blobs import Lease
from shared.workers import Workers

_log = logging.getLogger("gateway.mail")

SWEEP_EVERY = timedelta(hours=1)
SWEEP_BACK = timedelta(hours=48)
_SMALLEST_PAGE = 5
_MOST_UNREAD = 100
_MOST_RESTARTS = 3  # of a round whose link Graph has forgotten; then the next poll tries again
_QUERY = digest(DELTA_QUERY)


@dataclass
class PollCounts:
    """What one poll has found, in numbers. `answered`: a folder could be read, so the mailbox exists."""

    new: int = 0
    skipped: int = 0
    copies: int = 0
    gone: int = 0
    removed_unseen: int = 0
    resyncs: int = 0
    swept: int = 0
    answered: bool = False


class FolderReader:
    """Reads the folders of one mailbox, for the holder of its lease."""

    def __init__(self, mailbox: SupportMailbox, workers: Workers) -> None:
        self._mailbox = mailbox
        self._settings = mailbox.settings
        self._graph = mailbox.graph
        self._ledger = mailbox.ledger
        self._workers = workers

    def read(self, folder: str, lease: Lease, counts: PollCounts) -> None:
        """Read one delta round to its end. Raises GatewayError; the pages read until then are stored."""
        cursor = self._ledger.cursor(folder)
        link = str(cursor.get("link") or "") if cursor.get("query") == _QUERY else ""
        page_size, restarts = self._settings.page_size, 0
        unread: list[str] = json.loads(cursor.get("later") or "[]")
        while True:
            lease.check()
            try:
                page = self._graph.read_delta(folder, link or None, page_size)
            except Rejected as error:
                if error.code != "CursorLost" or not link or restarts >= _MOST_RESTARTS:
                    raise
                restarts += 1
                log_event(Event.CURSOR_LOST, mailbox=self._settings.name, folder=folder)
                counts.resyncs += 1
                link = ""
                continue
            except (TimedOut, AnswerTooLarge):
                if page_size <= _SMALLEST_PAGE:
                    raise
                page_size = max(_SMALLEST_PAGE, page_size // 2)
                _log.info(
                    "%s: the page was too large, continuing with pages of %d mails", self._settings.name, page_size
                )
                continue
            counts.answered = True
            unread = self._take_page(folder, page, unread, counts)
            link = page.next_link or page.delta_link or ""
            lease.check()
            self._ledger.put_cursor(
                folder, link=link, query=_QUERY, later=json.dumps(unread), **_pick(cursor, "swept_at")
            )
            if not page.next_link:
                return

    def sweep(self, folder: str, lease: Lease, counts: PollCounts) -> None:
        """Once an hour, enter the mails of the last 48 hours that the delta query did not show."""
        cursor = self._ledger.cursor(folder)
        now = datetime.now(UTC)
        kept, swept_at = _pick(cursor, "link", "query", "later"), cursor.get("swept_at")
        if swept_at is None or now - swept_at < SWEEP_EVERY:
            if swept_at is None:
                self._ledger.put_cursor(folder, **kept, swept_at=now)
            return
        for page in self._graph.list_recent(folder, now - SWEEP_BACK):
            lease.check()
            missing = [
                str(item["id"])
                for item, known in zip(page, self._are_known([str(item["id"]) for item in page]), strict=True)
                if not known
            ]
            messages = [message for graph_id in missing if isinstance(message := self._read_one(graph_id), dict)]
            found = self._take(folder, messages, counts)
            if found:
                counts.swept += found
                log_event(Event.SWEEP_FOUND, mailbox=self._settings.name, folder=folder, mails=found)
        self._ledger.put_cursor(folder, **kept, swept_at=now)

    def _take_page(self, folder: str, page: DeltaPage, unread: Sequence[str], counts: PollCounts) -> list[str]:
        """Store and enter the mails of a page.

        `unread`: ids of mails of earlier pages that could not be read. Returns the ids that still cannot be read.
        """
        whole: dict[str, Json] = {}
        stubs = set(unread)
        removed: set[str] = set()
        for item in page.items:
            graph_id = str(item["id"])
            if "@removed" in item:
                removed.add(graph_id)
            elif "receivedDateTime" in item:
                whole[graph_id] = item
            else:
                stubs.add(graph_id)
        unclear = sorted((stubs | removed) - whole.keys())
        still_unread: list[str] = []
        for graph_id, known in zip(unclear, self._are_known(unclear), strict=True):
            if known:
                continue
            if graph_id in removed:
                counts.removed_unseen += 1
            elif isinstance(message := self._read_one(graph_id), GatewayError):
                still_unread.append(graph_id)
            elif message is not None:
                whole[graph_id] = message
            else:
                counts.removed_unseen += 1
        self._take(folder, list(whole.values()), counts)
        return still_unread[:_MOST_UNREAD]

    def _take(self, folder: str, messages: Sequence[Json], counts: PollCounts) -> int:
        """Store and enter the messages that the ledger does not know; return how many these were."""
        known = self._are_known([str(message["id"]) for message in messages])
        fresh = [self._describe(folder, message) for message, is_old in zip(messages, known, strict=True) if not is_old]
        kept = [mail for mail in fresh if not mail.skipped]
        self._workers.map(lambda mail: self._mailbox.store.put_message(mail.key, mail.message), kept)
        added = self._ledger.add(fresh, self._settings.sinks)
        skipped = sum(1 for mail in added if mail.skipped)
        counts.skipped += skipped
        counts.copies += sum(1 for mail in added if mail.skipped == "copy")
        counts.new += len(added) - skipped
        return len(added)

    def _describe(self, folder: str, message: Json) -> NewMail:
        since = self._settings.since
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
            return screen_mail(mail, mailbox.own_addresses).describe()
        except Exception as error:  # noqa: BLE001 - hostile content must not keep other mails from being read
            _log.error("%s: mail %s cannot be screened: %s", mailbox.name, key, place_of(error))
            return None

    def _read_one(self, graph_id: str) -> Json | GatewayError | None:
        """Return a message, None if it is gone, or the error if only this one cannot be read. Raises other errors."""
        try:
            return self._graph.get_message(graph_id)
        except GatewayError as error:
            if not is_of_one_mail(error):
                raise
            if isinstance(error, NotFound):
                return None
            _log.warning("%s: a mail cannot be read yet: %s", self._settings.name, error)
            return error

    def _are_known(self, graph_ids: Sequence[str]) -> list[bool]:
        return self._workers.map(lambda graph_id: self._ledger.is_known(self._mailbox.key(graph_id)), graph_ids)


def _received(message: Json) -> datetime:
    try:
        return datetime.fromisoformat(str(message.get("receivedDateTime")))
    except ValueError:  # a mail without a time counts as received now
        return datetime.now(UTC)


def _pick(cursor: Json, *names: str) -> Json:
    return {name: cursor[name] for name in names if name in cursor}
