"""Meeting messages: what Exchange makes of a text/calendar part, as the fields of eventMessage.

Public sources: the reference pages of eventMessage, eventMessageRequest and eventMessageResponse; MS-OXCICAL (METHOD
and PARTSTAT decide the message class: request, cancellation, response); RFC 5545. A calendar without METHOD, or with
another one, is no meeting message: it stays a file, "not supported calendar message.ics" if it has no name.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from twin.bookings.zones import find_zone
from twin.core.wire import Json

UNSUPPORTED_NAME = "not supported calendar message.ics"
_TYPES = {"request": "eventMessageRequest", "response": "eventMessageResponse", "cancellation": "eventMessage"}
_CLASSES = {
    "meetingRequest": "IPM.Schedule.Meeting.Request",
    "meetingCancelled": "IPM.Schedule.Meeting.Canceled",
    "meetingAccepted": "IPM.Schedule.Meeting.Resp.Pos",
    "meetingTenativelyAccepted": "IPM.Schedule.Meeting.Resp.Tent",
    "meetingDeclined": "IPM.Schedule.Meeting.Resp.Neg",
}
# PARTSTAT: meetingMessageType (its spelling is Graph's own) and responseType.
_ANSWERS = {
    "ACCEPTED": ("meetingAccepted", "accepted"),
    "TENTATIVE": ("meetingTenativelyAccepted", "tentativelyAccepted"),
    "DECLINED": ("meetingDeclined", "declined"),
}
_FOLDED = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r"(?P<name>[A-Za-z0-9-]+)(?P<parameters>(?:;[A-Za-z0-9-]+=(?:\"[^\"]*\"|[^;:\"]*))*):(?P<value>.*)")
_PARAMETER = re.compile(r";([A-Za-z0-9-]+)=(?:\"([^\"]*)\"|([^;:\"]*))")
_ESCAPED = re.compile(r"\\(.)")
_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_DAYS = {
    "MO": "monday", "TU": "tuesday", "WE": "wednesday", "TH": "thursday", "FR": "friday", "SA": "saturday",
    "SU": "sunday",
}  # fmt: skip
_PATTERNS = {"DAILY": "daily", "WEEKLY": "weekly", "MONTHLY": "absoluteMonthly", "YEARLY": "absoluteYearly"}


@dataclass(frozen=True, slots=True)
class MeetingMessage:
    """What Exchange keeps of a calendar part: the type of the message, its class, its fields, and the description."""

    type_name: str
    message_class: str
    fields: Json
    description: str


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    parameters: dict[str, str]
    value: str

    @property
    def text(self) -> str:
        return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], self.value)


def read_meeting(text: str) -> MeetingMessage | None:
    """Return the meeting message that a calendar makes, None for one that is none."""
    method, lines = "", dict[str, _Line]()
    for component, line in _read_lines(text):
        if component == "VCALENDAR" and line.name == "METHOD":
            method = line.value.strip().upper()
        elif component == "VEVENT":
            lines.setdefault(line.name, line)
    start = _read_moment(lines.get("DTSTART"))
    if method not in ("REQUEST", "CANCEL", "REPLY", "COUNTER") or start is None:
        return None
    kind, answer = _name_answer(method, lines)
    fields = _read_times(lines, start) | {
        "meetingMessageType": kind,
        "type": "exception" if "RECURRENCE-ID" in lines else "seriesMaster" if "RRULE" in lines else "singleInstance",
        "isOutOfDate": False,
        "isDelegated": False,
        "location": {"displayName": lines["LOCATION"].text if "LOCATION" in lines else "", "locationType": "default"},
        "recurrence": _read_recurrence(lines, start),
    }
    if method == "REQUEST":
        is_new = not lines.get("SEQUENCE") or lines["SEQUENCE"].value.strip() in ("", "0")
        fields |= {
            "previousLocation": None, "previousStartDateTime": None, "previousEndDateTime": None,
            "responseRequested": True, "allowNewTimeProposals": True,
            "meetingRequestType": "newMeetingRequest" if is_new else "fullUpdate",
        }  # fmt: skip
    if answer is not None:
        times = {"start": fields["startDateTime"], "end": fields["endDateTime"]}
        fields |= {"responseType": answer, "proposedNewTime": times if method == "COUNTER" else None}
    role = "request" if method == "REQUEST" else "cancellation" if method == "CANCEL" else "response"
    described = lines["DESCRIPTION"].text if "DESCRIPTION" in lines else ""
    return MeetingMessage(f"#microsoft.graph.{_TYPES[role]}", _CLASSES[kind], fields, described)


def _name_answer(method: str, lines: dict[str, _Line]) -> tuple[str, str | None]:
    if method in ("REQUEST", "CANCEL"):
        return ("meetingRequest" if method == "REQUEST" else "meetingCancelled"), None
    attendee = lines.get("ATTENDEE")
    state = attendee.parameters.get("PARTSTAT", "").upper() if attendee else ""
    return _ANSWERS.get(state, _ANSWERS["TENTATIVE"])


def _read_lines(text: str) -> Iterator[tuple[str, _Line]]:
    """Yield the lines of a calendar with the component that they are in."""
    inside: list[str] = []
    for raw in _FOLDED.sub("", text).splitlines():
        found = _LINE.fullmatch(raw.strip())
        if found is None:
            continue
        name, value = found["name"].upper(), found["value"]
        if name == "BEGIN":
            inside.append(value.strip().upper())
        elif name == "END":
            inside = inside[:-1]
        elif inside:
            parameters = {one: quoted or plain for one, quoted, plain in _PARAMETER.findall(found["parameters"])}
            yield inside[-1], _Line(name, {one.upper(): each for one, each in parameters.items()}, value)


def _read_times(lines: dict[str, _Line], start: datetime | date) -> Json:
    end = _read_moment(lines.get("DTEND"))
    if end is None and "DURATION" in lines and (found := _DURATION.fullmatch(lines["DURATION"].value.strip())):
        weeks, days, hours, minutes, seconds = (int(one or 0) for one in found.groups())
        end = start + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    is_all_day = not isinstance(start, datetime)
    if end is None:
        end = start + timedelta(days=1) if is_all_day else start
    return {"startDateTime": _render(start), "endDateTime": _render(end), "isAllDay": is_all_day}


def _read_moment(line: _Line | None) -> datetime | date | None:
    """Return a day, or an instant in UTC; a time without a zone counts as UTC."""
    if line is None:
        return None
    value = line.value.strip()
    try:
        if len(value) == 8:  # noqa: PLR2004 - a date
            return datetime.strptime(value, "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone
        moment = datetime.strptime(value.removesuffix("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007 - the zone follows
    except ValueError:
        return None
    zone = UTC if value.endswith("Z") else _find_zone(line.parameters.get("TZID", "UTC"))
    return moment.replace(tzinfo=zone).astimezone(UTC)


def _find_zone(name: str) -> tzinfo:
    try:
        return find_zone(name)
    except KeyError:
        return UTC


def _render(moment: datetime | date) -> Json:
    return {"dateTime": f"{moment:%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": "UTC"}


def _read_recurrence(lines: dict[str, _Line], start: datetime | date) -> Json | None:
    if "RRULE" not in lines:
        return None
    rule = dict(part.upper().split("=", 1) for part in lines["RRULE"].value.split(";") if "=" in part)
    days = [_DAYS[one[-2:]] for one in rule.get("BYDAY", "").split(",") if one[-2:] in _DAYS]
    kind = _PATTERNS.get(rule.get("FREQ", ""), "daily")
    kind = kind.replace("absolute", "relative") if days else kind
    first = f"{start:%Y-%m-%d}"
    span: Json = {"type": "noEnd", "endDate": "0001-01-01", "numberOfOccurrences": 0}
    if "COUNT" in rule:
        span = {"type": "numbered", "endDate": "0001-01-01", "numberOfOccurrences": int(rule["COUNT"])}
    elif found := re.match(r"(\d{4})(\d\d)(\d\d)", rule.get("UNTIL", "")):
        span = {"type": "endDate", "endDate": "-".join(found.groups()), "numberOfOccurrences": 0}
    return {
        "pattern": {
            "type": kind, "interval": int(rule.get("INTERVAL", "1")), "month": 0, "dayOfMonth": 0,
            "daysOfWeek": days, "firstDayOfWeek": "sunday", "index": "first",
        },
        "range": span | {"startDate": first, "recurrenceTimeZone": lines["DTSTART"].parameters.get("TZID", "UTC")},
    }  # fmt: skip
