"""The bodies that Graph is sent: typed customers, moments in UTC, and a mark by which an appointment is recognised.

- Every customer of an appointment names its type, on create and on PATCH: the declared type is an abstract base.
- Name, mail address and phone are sent beside a customerId: Graph does not fill them from the customer's record.
- The mark is the last line of the staff's notes. Graph promises no property for a caller's own values, so a lost create
  is searched for by service, time, customer and creation time as well (bookings.writing.recovery).

Sources: the reference pages of bookingAppointment, bookingCustomerInformation and bookingCustomer; pull request 9854 of
microsoft-graph-docs-contrib.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bookings.describe import question_key, read_options
from shared.errors import Invalid
from shared.json_text import Json
from shared.time_zones.zones import Zone, graph_moment

_TYPE = "#microsoft.graph."
_MARK = re.compile(r"\bRef\. ([0-9a-f]{12})\b")
_QUESTION_NAMES = ("displayName", "id")


@dataclass(frozen=True)
class Person:
    """A customer as the caller names it; `answers` by question, its id or its text."""

    id: str | None = None
    name: str | None = None
    mail: str | None = None
    phone: str | None = None
    notes: str | None = None
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Booking:
    """A wanted appointment. No `end` means as long as the service takes; `details` are Graph's own properties.

    `hold` is the id of the hold that it uses up; it never reaches Graph.
    """

    business: str
    service: str
    start: datetime
    customers: tuple[Person, ...]
    end: datetime | None = None
    zone: Zone | None = None
    staff: tuple[str, ...] = ()
    details: Json = field(default_factory=dict)
    hold: str | None = None


def read_person(values: Mapping[str, Any]) -> Person:
    """Return the customer that a request names, from {"customerId", "name", "emailAddress", "phone", "notes", …}."""
    return Person(
        id=values.get("customerId"),
        name=values.get("name"),
        mail=values.get("emailAddress"),
        phone=values.get("phone"),
        notes=values.get("notes"),
        answers=values.get("answers") or {},
    )


def mark_notes(notes: str | None, mark: str) -> str:
    """Return the staff's notes with the mark."""
    return "\n".join([*([notes] if notes else []), f"Ref. {mark}"])


def read_mark(notes: str | None) -> str | None:
    """Return the mark in some notes."""
    found = _MARK.findall(notes or "")
    return found[-1] if found else None


def times(start: datetime, end: datetime) -> Json:
    """Return start and end for Graph, in UTC, so that no zone can be misread."""
    return {"startDateTime": graph_moment(start), "endDateTime": graph_moment(end)}


def appointment_body(
    booking: Booking,
    span: tuple[datetime, datetime],
    customers: Sequence[Json],
    *,
    service: Json,
    zone: Zone,
    mark: str,
) -> Json:
    """Return the body of a create with all that Microsoft's samples send; the service fills what is not given."""
    body: Json = {
        "@odata.type": f"{_TYPE}bookingAppointment",
        "serviceId": booking.service,
        **times(*span),
        "customerTimeZone": (booking.zone or zone).iana,
        "customers": list(customers),
        "maximumAttendeesCount": int(service.get("maximumAttendeesCount") or 1),
        "filledAttendeesCount": len(customers),
        "isLocationOnline": bool(service.get("isLocationOnline")),
        "optOutOfCustomerEmail": False,
        "smsNotificationsEnabled": bool(service.get("smsNotificationsEnabled")),
        **booking.details,
        "serviceNotes": mark_notes(booking.details.get("serviceNotes"), mark),
    }
    return body | ({"staffMemberIds": list(booking.staff)} if booking.staff else {})


def customers_change(customers: Sequence[Json], seats: int) -> Json:
    """Return the part of a PATCH that replaces the customers; both counts are required with it."""
    return {"customers": list(customers), "maximumAttendeesCount": seats, "filledAttendeesCount": len(customers)}


def typed_customer(person: Person, answers: Sequence[Json]) -> Json:
    """Return a customer of an appointment."""
    known = {
        "customerId": person.id,
        "name": person.name,
        "emailAddress": person.mail,
        "phone": person.phone,
        "notes": person.notes,
    }
    body: Json = {"@odata.type": f"{_TYPE}bookingCustomerInformation"}
    body |= {name: value for name, value in known.items() if value is not None}
    return body | ({"customQuestionAnswers": list(answers)} if answers else {})


def kept_customer(customer: Json) -> Json:
    """Return a customer as Graph sent it, for a PATCH: that must name all customers who stay."""
    kept = {name: value for name, value in customer.items() if value is not None}
    return {"@odata.type": f"{_TYPE}bookingCustomerInformation"} | kept


def customer_record(name: str | None, mail: str | None, phones: Sequence[Json] | None) -> Json:
    """Return the record of a customer, or the changes to it."""
    known = {"displayName": name, "emailAddress": mail, "phones": list(phones) if phones is not None else None}
    return {"@odata.type": f"{_TYPE}bookingCustomer"} | {
        key: value for key, value in known.items() if value is not None
    }


def typed_answers(answers: Mapping[str, str], questions: Iterable[Json]) -> list[Json]:
    """Return answers with their questions. `answers`: by a question's key, its id, or its text if only one has it.

    Raises Invalid for an unknown question, for a text of several, and for an option that is not offered.
    """
    by_name: dict[str, list[Json]] = {}
    for question in questions:
        names = {str(question.get(name) or "").casefold() for name in _QUESTION_NAMES}
        for name in names | {question_key(question.get("id"), question.get("displayName"))}:
            by_name.setdefault(name, []).append(question)
    typed = []
    for name, answer in answers.items():
        found = by_name.get(name.casefold(), [])
        if len(found) != 1:
            what = "Several questions have the text" if found else "There is no question"
            raise Invalid(
                f'{what} "{name[:200]}". Use the key of a question from GET .../questions.',
                code="QuestionNotFound",
                target="answers",
            )
        [question] = found
        options, is_choice = read_options(question)
        if is_choice and answer not in options:
            raise Invalid(
                f'The answer to "{name[:200]}" is none of its choices. Send one of: {", ".join(options)}.',
                code="InvalidChoice",
                target="answers",
            )
        typed.append(
            {
                "questionId": question["id"],
                "question": question.get("displayName"),
                "answerInputType": question.get("answerInputType"),
                "answerOptions": options,
                "isRequired": False,
                "answer": answer,
                "selectedOptions": [answer] if is_choice else [],
            }
        )
    return typed
