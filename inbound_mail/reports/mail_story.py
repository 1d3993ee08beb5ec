"""The story of a mail: what happened to it, one plain sentence for each event, the oldest first.

It is made from the rows of the ledger alone, so it is right whatever process died when. Nothing of the mail's text is
in it. An event without a time is one that lasts, or that an older version did not note.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from inbound_mail.content.models import Attachment
from inbound_mail.ledger.closing import WrittenBack
from inbound_mail.ledger.delivery_history import read_history
from inbound_mail.ledger.records import DeliveryRecord, DeliveryState, MailRecord, MailState
from shared.json_text import Json
from shared.time_zones.zones import LONG_AGO, utc_text
from shared.wording import count_of

# What `event` can be, in the order in which things usually happen.
EVENTS = (
    "received", "stored", "screened", "rule", "thread", "attempted", "delivered", "quarantined", "setAside",
    "redelivered", "deliveredByHand", "writtenBack", "gone", "omitted", "waiting",
)  # fmt: skip

_LOOKS_FIRST = "its outcome is unknown; the next attempt looks for the mail before it writes"
_SKIPPED = {
    "copy": "The mail is a copy of a mail that the gateway has already. It is set aside.",
    "before-cutover": "The mail is older than the time from which this mailbox is read. It is set aside.",
}
_WRITTEN_BACK = {
    WrittenBack.DONE: "The mail was changed in the mailbox as the mailbox's write_back says.",
    WrittenBack.DENIED: "The app has no right to change the mailbox, so the mail was left as it is.",
    WrittenBack.MISSING: "The mail was no longer in the mailbox, so nothing was changed there.",
    WrittenBack.FAILED: "Changing the mail in the mailbox failed again and again, so it was given up.",
}


@dataclass(frozen=True)
class _Event:
    """One event. `at` None: its time is not known, and it stands behind what came before it."""

    at: datetime | None
    event: str
    text: str
    sink: str | None = None
    by: str | None = None

    def describe(self) -> Json:
        """Return it as answers show it."""
        shown = utc_text(self.at) if self.at else None
        return {"dateTime": shown, "event": self.event, "sink": self.sink, "by": self.by, "text": self.text}


def make_mail_story(
    mail: MailRecord,
    deliveries: Sequence[DeliveryRecord],
    files: Sequence[Attachment],
    thread: Mapping[str, Any],
    *,
    set_aside: Collection[str],
) -> list[Json]:
    """Return the events of a mail, the oldest first.

    `files`: its attachments as they are stored. `thread`: as answers show it. `set_aside`: the causes in quarantine
    that need no person.
    """
    beginning = list(_begin(mail, deliveries, files, thread))
    first, others = beginning[:1], beginning[1:]
    lasting: list[_Event] = []
    for delivery in deliveries:
        events = list(_Delivery(mail, delivery, set_aside).list_events())
        others += [one for one in events if one.event != "waiting"]
        lasting += [one for one in events if one.event == "waiting"]
    others += _end(mail)
    return [one.describe() for one in (*first, *_sort(others), *lasting)]


def _sort(events: Sequence[_Event]) -> list[_Event]:
    """Return events by their seconds, which is what all rows note; those of one second stay in their order."""
    timed, last = [], LONG_AGO
    for one in events:
        last = one.at.replace(microsecond=0) if one.at else last
        timed.append((last, one))
    return [one for _, one in sorted(timed, key=lambda pair: pair[0])]


def _begin(
    mail: MailRecord, deliveries: Sequence[DeliveryRecord], files: Sequence[Attachment], thread: Mapping[str, Any]
) -> Iterator[_Event]:
    """Yield how the mail came, and what was decided about it."""
    seen, dates = mail.dates.seen_at, mail.dates
    author = f" from {mail.sender}" if mail.sender else ""
    yield _Event(_read_time(mail.received), "received", f"Exchange received the mail{author}.")
    if mail.number is not None:
        text = f"The gateway read it in {mail.folder} and stored it{_name_files(files)}."
        yield _Event(dates.stored_at, "stored", text)
    elif mail.state is MailState.SEEN:
        yield _Event(seen, "stored", f"The gateway read it in {mail.folder}; its files are still being fetched.")
    if mail.screening is not None:
        yield _Event(seen, "screened", _describe_screening(mail.screening))
    if mail.rule is not None:
        yield _Event(seen, "rule", _describe_rule(mail.rule))
    if thread.get("isReply"):
        yield _Event(seen, "thread", f"It goes on from an earlier mail of this mailbox (thread {thread['reference']}).")
    if mail.state is MailState.SKIPPED and not deliveries:
        reason = f"The mail is set aside ({mail.reason})."
        yield _Event(dates.closed_at or seen, "setAside", _SKIPPED.get(mail.reason or "", reason))


def _end(mail: MailRecord) -> Iterator[_Event]:
    """Yield how the work on the mail ended in the mailbox."""
    closed = mail.dates.closed_at
    if mail.state is MailState.GONE:
        yield _Event(closed, "gone", "The mail was removed from the mailbox before it could be stored.")
    if mail.written_back:
        yield _Event(closed, "writtenBack", _WRITTEN_BACK[WrittenBack(mail.written_back)])


class _Delivery:
    """The events of one delivery."""

    def __init__(self, mail: MailRecord, delivery: DeliveryRecord, set_aside: Collection[str]) -> None:
        self._mail = mail
        self._delivery = delivery
        self._sink = delivery.sink
        self._set_aside = set_aside
        self._entries = read_history(delivery.values)

    def list_events(self) -> Iterator[_Event]:
        """Yield them, the oldest first."""
        yield from self._begin()
        for number, entry in enumerate(self._entries):
            at = _read_time(entry.get("at"))
            match entry["what"]:
                case "attempt":
                    yield self._describe_attempt(at, entry, self._entries[number + 1 :])
                case "deliver":
                    yield self._describe_redelivery(at, entry)
                case "set-aside":
                    yield self._describe_setting_aside(at, entry)
                case _:
                    gone = count_of(int(entry.get("number", 0)), "event")
                    yield self._make(at, "omitted", f"Of this long history, {gone} are no longer kept here.")
        yield from self._end()

    def _begin(self) -> Iterator[_Event]:
        """Yield what the mail's first delivery waited for, if a person had to look before any attempt."""
        first = next(iter(self._entries), None)
        if first is None and self._delivery.state is DeliveryState.QUARANTINED:
            yield self._describe_quarantine(self._delivery.quarantined_at, self._delivery.cause, self._delivery.message)
        elif first and first.get("earlierState") == DeliveryState.QUARANTINED and not first.get("attempts"):
            at = self._mail.dates.stored_at
            yield self._describe_quarantine(at, first.get("cause"), first.get("message"))

    def _describe_attempt(self, at: datetime | None, entry: Json, later: Sequence[Json]) -> _Event:
        cause = entry.get("cause")
        match entry.get("outcome"):
            case DeliveryState.DELIVERED:
                return self._describe_delivered(at)
            case DeliveryState.QUARANTINED:
                message = later[0].get("message") if later else self._delivery.message
                return self._describe_quarantine(at, cause, message)
            case "died":
                return self._make(at, "attempted", f"{self._name_attempt()} ended without a result: {_LOOKS_FIRST}.")
        return self._make(at, "attempted", f"An attempt to deliver it to {self._sink} did not succeed ({cause}).")

    def _describe_delivered(self, at: datetime | None) -> _Event:
        ticket, sink = self._delivery.ticket, self._sink
        if ticket is None:
            text = f"{sink} took the mail, and named no ticket."
        elif self._delivery.is_reply:
            text = f"The mail was added to ticket {ticket} of {sink}."
        else:
            text = f"The mail became ticket {ticket} of {sink}."
        return self._make(at, "delivered", " ".join([text, *self._delivery.notes]))

    def _describe_quarantine(self, at: datetime | None, cause: str | None, message: str | None) -> _Event:
        because = f"{cause}: {message}" if message else f"{cause}."
        if cause in self._set_aside:
            return self._make(at, "setAside", f"It is not delivered to {self._sink}. {because}")
        text = f"The delivery to {self._sink} waits in quarantine for a person. {because}"
        return self._make(at, "quarantined", text)

    def _describe_redelivery(self, at: datetime | None, entry: Json) -> _Event:
        by, sink, ticket = entry.get("by"), self._sink, entry.get("ticket")
        earlier, instead_of = entry.get("earlierState"), entry.get("insteadOf")
        event = "deliveredByHand" if ticket or instead_of or earlier == MailState.SKIPPED else "redelivered"
        again = "again " if event == "redelivered" else ""
        goal = f"to ticket {ticket} of {sink}" if ticket else f"to {sink}"
        text = f"{by or 'A person'} asked to deliver the mail {again}{goal}"
        text += f" instead of {instead_of}." if instead_of else "."
        if earlier and earlier != DeliveryState.WAITING:
            cause = f" ({entry['cause']})" if entry.get("cause") else ""
            text += f" Before, it was {_NAMES.get(earlier, earlier)}{cause}."
        return self._make(at, event, text + _give_reason(entry), by)

    def _describe_setting_aside(self, at: datetime | None, entry: Json) -> _Event:
        by, moved_to = entry.get("by"), entry.get("movedTo")
        who = by or "A person"
        if moved_to:
            text = f"{who} sent the mail to {moved_to} instead of {self._sink}."
        else:
            text = f"{who} set the mail aside, so that it is not delivered to {self._sink}."
        return self._make(at, "setAside", text + _give_reason(entry), by)

    def _end(self) -> Iterator[_Event]:
        """Yield what the history lacks, because an older version wrote it, and what lasts."""
        delivery, outcomes = self._delivery, {entry.get("outcome") for entry in self._entries}
        match delivery.state:
            case DeliveryState.DELIVERED if DeliveryState.DELIVERED not in outcomes:
                yield self._describe_delivered(delivery.finished_at)
            case DeliveryState.CLAIMED if delivery.due >= datetime.now(UTC):
                yield self._make(None, "waiting", f"An attempt to deliver it to {self._sink} is under way.")
            case DeliveryState.CLAIMED:
                yield self._make(None, "waiting", f"{self._name_attempt()} ended without a result: {_LOOKS_FIRST}.")
            case DeliveryState.WAITING:
                due = utc_text(delivery.due)
                yield self._make(None, "waiting", f"The next attempt to deliver it to {self._sink} is due at {due}.")

    def _name_attempt(self) -> str:
        return f"The worker of an attempt to deliver it to {self._sink}"

    def _make(self, at: datetime | None, event: str, text: str, by: str | None = None) -> _Event:
        return _Event(at, event, text, self._sink, by)


_NAMES = {
    DeliveryState.QUARANTINED: "in quarantine",
    DeliveryState.SET_ASIDE: "set aside",
    DeliveryState.CLAIMED: "being delivered by a worker that ended",
    MailState.SKIPPED: "not taken in",
}


def _give_reason(entry: Json) -> str:
    reason = str(entry.get("reason") or "").strip().rstrip(".")
    return f" Reason: {reason}." if reason else ""


def _name_files(files: Sequence[Attachment]) -> str:
    kept = sum(1 for one in files if one.blob)
    left = len(files) - kept
    text = f" with {count_of(kept, 'file')}" if kept else ""
    return text + (f" ({count_of(left, 'attachment')} without bytes)" if left else "")


def _describe_screening(screening: Mapping[str, Any]) -> str:
    evidence = "; ".join(one.rstrip(".") for one in screening.get("evidence") or ())
    evidence = f" {evidence}." if evidence else ""
    if screening.get("makesTicket"):
        return f"Screening: the mail is worth a ticket.{evidence}"
    return f"Screening: an automatic mail, which makes no ticket of its own.{evidence}"


def _describe_rule(rule: Mapping[str, Any]) -> str:
    name = rule.get("name")
    if rule.get("setAside"):
        return f"The rule {name} set it aside: {rule['setAside']}"
    effects = [f"sink {rule['sink']}"] if rule.get("sink") else []
    effects += [f"catalog entry {rule['catalogEntry']}"] if rule.get("catalogEntry") else []
    effects += [f"urgency {rule['urgency']}"] if rule.get("urgency") is not None else []
    return f"The rule {name} matched" + (f": {', '.join(effects)}." if effects else ".")


def _read_time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
    except ValueError:
        return None
