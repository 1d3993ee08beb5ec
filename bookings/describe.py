"""Descriptions of Bookings objects in answers: Graph's properties, with names, local times and answers added."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bookings.names import Table
from shared.json_text import Json
from shared.time_zones.zones import Zone, local_text, read_graph_moment, utc_text

SOMEBODY_GONE = "Somebody who left"  # the staff: there is an id, and no name any more
_EMPTY_IN_LISTS = ("customerNotes", "serviceNotes", "reminders")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def plain(value: Any) -> Any:
    """Return a value without Graph's annotations, at any depth: names that begin with "@"."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items() if not name.startswith("@")}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def describe_times(start: datetime, end: datetime, zone: Zone) -> Json:
    """Return the moments in UTC and as wall time in the zone, under the names that flow designers know.

    `timeZone` is the Windows name, because convertTimeZone() takes no other; `timeZoneIana` is the IANA name.
    """
    return {
        "startUtc": utc_text(start),
        "endUtc": utc_text(end),
        "startLocal": local_text(start, zone),
        "endLocal": local_text(end, zone),
        "timeZone": zone.windows or zone.iana,
        "timeZoneIana": zone.iana,
    }


def describe_staff(ids: Iterable[str], staff: Table) -> list[Json]:
    """Return id, name and mail address of staff members; the name is null if they left the staff."""
    return [
        {
            "id": member,
            "displayName": staff.get(member, {}).get("displayName"),
            "emailAddress": staff.get(member, {}).get("emailAddress"),
        }
        for member in ids
    ]


def describe_appointment(item: Json, zone: Zone, *, staff: Table, services: Table, has_details: bool) -> Json:
    """Return one appointment for the answer.

    Without details `customers`, notes and reminders are left out: Graph sends them empty in lists, which would look
    like "no customers".
    """
    start, end = appointment_times(item)
    described: Json = plain(item)
    customers = item.get("customers") or []
    if has_details or customers:
        described["customers"] = [_describe_customer(customer) for customer in customers]
        described |= _describe_answers(described["customers"])
    else:
        described.pop("customers", None)
    if not has_details:
        described = {name: value for name, value in described.items() if value or name not in _EMPTY_IN_LISTS}
    members = describe_staff(item.get("staffMemberIds") or [], staff)
    service = services.get(item.get("serviceId") or "", {})
    return described | {
        "serviceName": item.get("serviceName") or service.get("displayName"),
        **describe_times(start, end, zone),
        "durationMinutes": round((end - start).total_seconds() / 60),
        "staffMembers": members,
        "staffNames": join_names(members),
    }


def join_names(members: Iterable[Json]) -> str:
    """Return the names of described staff members in a line. Those who left are named only if nobody else is there."""
    names = [member["displayName"] for member in members]
    return ", ".join(name for name in names if name) or (SOMEBODY_GONE if names else "")


def appointment_times(item: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """Return start and end in UTC."""
    return read_graph_moment(item.get("startDateTime") or {}), read_graph_moment(item.get("endDateTime") or {})


def question_key(question_id: object, text: object) -> str:
    """Return the name of a custom question among answers: the same for good, unique, and safe in flow expressions.

    It is made from the question's id, because texts change and may be equal; from the text if Graph sends no id.
    """
    name = str(question_id or text or "")
    if _GUID.fullmatch(name):
        return f"q_{name.replace('-', '').lower()}"
    return f"q_{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _describe_customer(customer: Json) -> Json:
    described: Json = plain(customer)
    given = [
        answer | {"key": question_key(answer.get("questionId"), answer.get("question"))}
        for answer in described.get("customQuestionAnswers") or []
    ]
    if "customQuestionAnswers" in described:
        described["customQuestionAnswers"] = given
    return described | {"answers": {answer["key"]: answer_text(answer) for answer in given}}


def _describe_answers(customers: Sequence[Json]) -> Json:
    """Return the first customer's answers beside the list: flow designers can pick single values but not list items."""
    if not customers:
        return {"answers": {}, "answersText": ""}
    lines = []
    for each in customers[0].get("customQuestionAnswers") or []:
        question, answer = str(each.get("question") or each.get("questionId") or ""), answer_text(each)
        lines.append(f"{question} {answer}" if question.endswith(("?", ":")) else f"{question}: {answer}")
    return {"answers": customers[0]["answers"], "answersText": "\n".join(lines)}


def answer_text(answer: Mapping[str, Any]) -> str:
    """Return the answer to a custom question as text.

    Multiple-choice answers come with `selectedOptions` only: the options' texts, or, as the Power Automate connector
    was seen to do, their positions in `answerOptions`.
    """
    if answer.get("answer"):
        return str(answer["answer"])
    options = [str(option) for option in answer.get("answerOptions") or []]
    return ", ".join(_option_text(chosen, options) for chosen in answer.get("selectedOptions") or [])


def read_options(question: Json) -> tuple[list[str], bool]:
    """Return (options, True if the answer must be one of them)."""
    options = [str(option) for option in question.get("answerOptions") or []]
    return options, str(question.get("answerInputType")).lower() == "radiobutton"


def _option_text(chosen: Any, options: list[str]) -> str:
    text = str(chosen)
    by_position = {str(position): option for position, option in enumerate(options)}
    return text if text in options else by_position.get(text, text)
