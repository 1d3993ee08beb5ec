"""What Graph is sent when something is written: typed customers, moments in UTC, and a mark to know it by.

- Every customer of an appointment says its type, on create and on PATCH: the declared type is an abstract base.
- Next to a customerId stand name, mail address and phone: they are not filled from the customer's record.
- The mark is the last line of the staff's notes. No page promises that any property of a caller's own survives, so a
  lost create is looked for by service, time, customer and creation time as well (bookings.writing.recovery).

Sources: the reference pages of bookingAppointment, bookingCustomerInformation and bookingCustomer; pull request 9854 of
microsoft-graph-docs-contrib.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.errors import Invalid
from shared.json_text import Json
from shared.time_zones.zones import Zone, graph_moment

_TYPE = "#microsoft.graph."
_MARK = re.compile(r"\bRef\. ([0-9a-f]{12})\b")
_QUESTION_NAMES = ("displayName", "id")
MOST_CUSTOMERS = 4  # more in one create were seen to fail with 500, whatever the service allows


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
    """An appointment that is wanted. No `end`: as long as the service takes. `details`: Graph's own properties."""

    business: str
    service: str
    start: datetime
    customers: tuple[Person, ...]
    end: datetime | None = None
    zone: Zone | None = None
    staff: tuple[str, ...] = ()
    details: Json = field(default_factory=dict)


def mark_notes(notes: str | None, mark: str) -> str:
    """Return the staff's notes with the mark."""
    return "\n".join([*([notes] if notes else []), f"Ref. {mark}"])


def read_mark(notes: str | None) -> str | None:
    """Return the mark in some notes."""
    found = _MARK.findall(notes or "")
    return found[-1] if found else None


def times(start: datetime, end: datetime) -> Json:
    """Return start and end as Graph takes them: in UTC, so that no zone can be misread."""
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
    """Return the body of a create, with all that the page's samples send; what is not said, as the service."""
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
    """Return the part of a PATCH that replaces the customers; the page wants both counts with it."""
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
    """Return a customer as it was read, for a PATCH that has to name all of them."""
    kept = {name: value for name, value in customer.items() if value is not None}
    return {"@odata.type": f"{_TYPE}bookingCustomerInformation"} | kept


def customer_record(name: str | None, mail: str | None, phones: Sequence[Json] | None) -> Json:
    """Return the record of a customer, or what changes of it."""
    known = {"displayName": name, "emailAddress": mail, "phones": list(phones) if phones is not None else None}
    return {"@odata.type": f"{_TYPE}bookingCustomer"} | {
        key: value for key, value in known.items() if value is not None
    }


def read_options(question: Json) -> tuple[list[str], bool]:
    """Return what can be chosen, and whether one of it must be."""
    options = [str(option) for option in question.get("answerOptions") or []]
    return options, str(question.get("answerInputType")).lower() == "radiobutton"


def typed_answers(answers: Mapping[str, str], questions: Iterable[Json]) -> list[Json]:
    """Return answers with their questions. Raises Invalid for an unknown question or an option that is not offered."""
    by_name = {str(question.get(name) or "").casefold(): question for question in questions for name in _QUESTION_NAMES}
    typed = []
    for asked, answer in answers.items():
        question = by_name.get(asked.casefold())
        if question is None:
            raise Invalid(
                "There is no such question. Use the text or the id of a question as the list of questions gives it.",
                code="QuestionNotFound",
                target="answers",
            )
        options, is_choice = read_options(question)
        if is_choice and answer not in options:
            raise Invalid(f"The answer must be one of: {', '.join(options)}.", code="InvalidChoice", target="answers")
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
