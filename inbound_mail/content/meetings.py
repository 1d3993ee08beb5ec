"""Meeting messages: what Graph's eventMessage says about when, where and who; and answers to our invitations.

Sources: the reference pages of eventMessage, eventMessageRequest and eventMessageResponse. A delta query and $select
give only the type of such a message, so `intake` reads its fields by itself. Graph gives times in UTC.

An answer without words of a person is automatic. Outlook and Exchange send an empty text, or quote the invitation. The
text of an answer that says of itself that a program wrote it (Auto-Submitted; Google's calendar does so) is no
person's, but for a line in quotation marks: that is how Google's calendar shows the author's note.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from inbound_mail.content.html import unescape
from inbound_mail.content.models import InboundMail
from inbound_mail.content.quoting import find_text_above_history
from shared.json_text import Json
from shared.wording import count_of

# The fields that a meeting message has besides those of other messages; `intake` adds them to the stored message.
FIELDS = (
    "meetingMessageType", "type", "startDateTime", "endDateTime", "isAllDay", "isOutOfDate", "location", "recurrence",
    "meetingRequestType", "previousStartDateTime", "previousEndDateTime", "previousLocation", "responseType",
    "proposedNewTime",
)  # fmt: skip
_REQUEST, _RESPONSE = "#microsoft.graph.eventMessageRequest", "#microsoft.graph.eventMessageResponse"
_TYPES = ("#microsoft.graph.eventMessage", _REQUEST, _RESPONSE)
_ANSWERS = {
    "meetingAccepted": "accepted",
    "meetingTenativelyAccepted": "accepted tentatively",  # the spelling is Graph's own
    "meetingDeclined": "declined",
}
_MOST_TEXT = 100_000
_LONGEST_VALUE = 1_000
_TAG = re.compile(
    r"<(style|head|title)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)|<[^<>]{0,10000}>", re.IGNORECASE | re.DOTALL
)
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|hr)\b[^<>]{0,1000}>", re.IGNORECASE)
_WORD = re.compile(r"\w")
_SIGNATURE = re.compile(r"^-- ?$", re.MULTILINE)
_NOTE = re.compile('"[^"]+"|\u201c[^\u201d]+\u201d|\u201e[^\u201c]+\u201c|\u00ab[^\u00bb]+\u00bb')


class MeetingKind(StrEnum):
    """What a meeting message is."""

    INVITATION = "invitation"
    UPDATE = "changed invitation"
    CANCELLATION = "cancellation"
    ANSWER = "answer"
    OTHER = "message about a meeting"


def is_meeting(message: Json) -> bool:
    """Return whether a message of Graph is a meeting message. Its type is known before its fields are."""
    return message.get("@odata.type") in _TYPES


def pick_fields(message: Json) -> Json:
    """Return the fields that a message has as a meeting message."""
    return {name: message[name] for name in FIELDS if message.get(name) is not None}


def find_meeting_kind(message: Json) -> MeetingKind | None:
    """Return what kind of meeting message a message is, None for other mails."""
    if not is_meeting(message):
        return None
    kind, type_name = message.get("meetingMessageType"), message["@odata.type"]
    if kind in _ANSWERS or type_name == _RESPONSE:
        return MeetingKind.ANSWER
    if kind == "meetingCancelled":
        return MeetingKind.CANCELLATION
    if kind == "meetingRequest" or type_name == _REQUEST:
        is_update = message.get("meetingRequestType") in ("fullUpdate", "informationalUpdate", "silentUpdate")
        return MeetingKind.UPDATE if is_update else MeetingKind.INVITATION
    return MeetingKind.OTHER


def name_answer(message: Json) -> str:
    """Return how a meeting was answered, in words."""
    return _ANSWERS.get(str(message.get("meetingMessageType")), "given")


def has_words_of_a_person(mail: InboundMail) -> bool:
    """Return whether the text of an answer to an invitation says more than that it is one."""
    body = mail.message.get("body") or {}
    text = str(body.get("content") or "")[:_MOST_TEXT].replace("\r\n", "\n")
    if str(body.get("contentType")).lower() == "html":
        text = unescape(_TAG.sub("", _BREAK.sub("\n", text.replace("\n", " "))))
    own = find_text_above_history(_SIGNATURE.split(text, maxsplit=1)[0])
    is_generated = any(value.strip().lower().startswith("auto-") for value in mail.headers("Auto-Submitted"))
    if is_generated:
        return any(_NOTE.fullmatch(line.strip()) for line in own.split("\n"))
    return _WORD.search(own) is not None


def describe_meeting(mail: InboundMail) -> list[str]:
    """Return lines that say what a meeting message is about, none for other mails."""
    kind = find_meeting_kind(mail.message)
    return [] if kind is None else [_shorten(line) for line in _describe(mail, kind)]


def _describe(mail: InboundMail, kind: MeetingKind) -> Iterator[str]:
    message = mail.message
    yield f"Meeting: {kind}, {name_answer(message)}" if kind is MeetingKind.ANSWER else f"Meeting: {kind}"
    when = _describe_span(message.get("startDateTime"), message.get("endDateTime"), is_all_day=message.get("isAllDay"))
    yield f"When: {when}" if when else f"When: Exchange did not say; the mail in {mail.address} shows it"
    before = _describe_span(
        message.get("previousStartDateTime"), message.get("previousEndDateTime"), is_all_day=message.get("isAllDay")
    )
    if before and before != when:
        yield f"Before: {before}"
    if repeats := _describe_recurrence(message):
        yield f"Repeats: {repeats}"
    if where := _name_place(message.get("location")):
        yield f"Where: {where}"
    if (before := _name_place(message.get("previousLocation"))) and before != where:
        yield f"Before at: {before}"
    proposed = message.get("proposedNewTime") or {}
    if new_time := _describe_span(proposed.get("start"), proposed.get("end"), is_all_day=False):
        yield f"Proposed instead: {new_time}"
    role = "Answered by" if kind is MeetingKind.ANSWER else "Organizer"
    yield f"{role}: {mail.sender_name} ({mail.sender})" if mail.sender_name != mail.sender else f"{role}: {mail.sender}"
    if kind is not MeetingKind.ANSWER:
        yield f"Invited: {', '.join([*mail.recipients('toRecipients'), *mail.recipients('ccRecipients')])}"
    if message.get("isOutOfDate"):
        yield "A later message about this meeting has replaced this one."


def _describe_span(start: Any, end: Any, *, is_all_day: Any) -> str:
    """Return a span of time with its zone, "" if it is not known."""
    first, last = _read_moment(start), _read_moment(end)
    if first is None:
        return ""
    if is_all_day:
        final = last - timedelta(days=1) if last else first
        return f"{first:%A, %Y-%m-%d}, all day" if final <= first else f"{first:%A, %Y-%m-%d} to {final:%A, %Y-%m-%d}"
    zone = str(start.get("timeZone") or "UTC")
    if last is None or last == first:
        return f"{first:%A, %Y-%m-%d, %H:%M} {zone}"
    until = f"{last:%H:%M}" if last.date() == first.date() else f"{last:%A, %Y-%m-%d, %H:%M}"
    return f"{first:%A, %Y-%m-%d, %H:%M} to {until} {zone}"


def _read_moment(given: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(given["dateTime"]))
    except (TypeError, KeyError, ValueError):
        return None


def _describe_recurrence(message: Json) -> str:
    if message.get("type") in ("occurrence", "exception"):
        return "this is one meeting of a series"
    recurrence = message.get("recurrence")
    pattern, span = ((recurrence or {}).get(name) or {} for name in ("pattern", "range"))
    if not pattern.get("type"):
        return ""
    kind = re.sub(r"^(?:absolute|relative)", "", str(pattern["type"])).lower()
    text = kind if pattern.get("interval") in (None, 1) else f"{kind}, every {pattern['interval']}"
    if days := pattern.get("daysOfWeek"):
        text += f", on {', '.join(str(day) for day in days)}"
    if span.get("type") == "endDate":
        return f"{text}, until {span.get('endDate')}"
    return (
        f"{text}, {count_of(span.get('numberOfOccurrences') or 0, 'time')}" if span.get("type") == "numbered" else text
    )


def _name_place(location: Any) -> str:
    found = location if isinstance(location, dict) else {}
    return str(found.get("displayName") or found.get("locationUri") or "").strip()


def _shorten(line: str) -> str:
    flat = " ".join(line.split())
    return flat if len(flat) <= _LONGEST_VALUE else f"{flat[: _LONGEST_VALUE - 1]}…"
