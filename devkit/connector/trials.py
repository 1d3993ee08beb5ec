"""Call every operation that makers see once in a sample world: the examples of the makers' reference.

Things have to happen for triggers to report them. So this sends mails and books several appointments, waits for the
gateway's next scan, does something else to each of them, and waits for one scan more.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import requests

from blueprints._bounds import MINUTES_AHEAD
from devkit.connector.document import build_definition
from devkit.connector.operations import list_operations
from devkit.connector.pages import recorded_operations
from devkit.fuzzing.world import Running
from twin.seeds.mails import SUPPORT, make_demo

type Json = dict[str, Any]

_PAGE, _OTHER_PAGE, _MAILBOX = "ithelpdesk@contoso.com", "devicebar@contoso.com", "support"
_ZONE = "GMT Standard Time"
_EVENT_SECONDS = 90.0  # the longest wait for an event or a mail, on a busy machine
_PAUSE = 0.5
_AUTOMATIC = b"""From: Adele Vance <adele.vance@contoso.com>
To: support@contoso.com
Subject: Out of office: your ticket
Message-ID: <away-%d@mail.example.com>
Auto-Submitted: auto-replied

I am away until Monday.
"""
_MAIL_TRIGGERS = ("OnSupportMailArrived", "OnSupportMailFailed", "OnTicketCreated")


@dataclass(frozen=True)
class Trial:
    """One call of a maker, and its answer: JSON, or the content type of bytes."""

    given: Json
    status: int
    answer: Any


class TrialError(Exception):
    """An operation did not do what the examples need."""


class Trials:
    """The calls, each after those that it depends on."""

    def __init__(self, world: Running, say: Callable[[str], None] = print) -> None:
        self._world = world
        self._say = say
        self._operations = {
            operation["operationId"]: (method.upper(), path)
            for path, item in build_definition()["paths"].items()
            for method, operation in list_operations(item).items()
        }
        self._visible = {each["operationId"] for each in recorded_operations(build_definition())}
        self._appointment_triggers = [
            name for name, (_, path) in self._operations.items() if path.startswith("/triggers/appointments/")
        ]
        self._http = requests.Session()
        self._http.trust_env = False
        self.made: dict[str, Trial] = {}
        self._locations: dict[str, str] = {}

    def run(self) -> dict[str, Trial]:
        """Make every call; return them by operation. Raises TrialError."""
        for what, step in (
            ("Switching triggers on", self._begin_triggers),
            ("Sending mails", self._send_mails),
            ("Reading booking pages", self._read_bookings),
            ("Booking, and waiting for the next scan", self._book),
            ("Changing what was booked, and waiting for the next scan", self._change_bookings),
            ("Reading mails and deciding about them", self._follow_mails),
            ("Calling the rest", self._try_others),
        ):
            self._say(f"{what} ...")
            step()
        if missing := sorted(self._visible - {name for name, trial in self.made.items() if trial.answer is not None}):
            raise TrialError(f"Nothing here calls {', '.join(missing)}: add it to devkit/connector/trials.py")
        return self.made

    # -- bookings ---------------------------------------------------------------------------------------------------

    def _read_bookings(self) -> None:
        today = datetime.now(UTC).date()
        week = {"start": str(today), "end": str(today + timedelta(days=7)), "timeZone": _ZONE}
        page = {"business": _PAGE}
        self._do("ListBookingPages")
        for name in ("GetBookingPage", "ListServices", "ListStaffMembers", "ListCustomQuestions", "ListCustomers"):
            self._do(name, page)
        self._do("ListAppointments", page | week | {"details": True, "limit": 1})
        self._do("GetStaffAvailability", page, body=week)
        self._do("GetAgenda", page | {"date": str(today + timedelta(days=1)), "timeZone": _ZONE})
        self._do("GetGatewayStatus")

    def _book(self) -> None:
        """Book one appointment for each thing that is done to it later, and a group of two people."""
        page, day = {"business": _PAGE}, datetime.now(UTC).date() + timedelta(days=2)
        service = next(one for one in self._list("ListServices") if one["displayName"].startswith("Password"))
        search = {"start": str(day), "end": str(day + timedelta(days=7)), "timeZone": _ZONE}
        slots = self._send("FindFreeSlots", page | {"service": service["id"]} | search).json()["value"]
        self._find_slots(service, day)
        slots = [slot for slot in slots if len(slot["staffMembers"]) > 1]
        self._later, self._slots = slots[-1], slots
        self._hold(page, {"service": service["id"], "start": slots[4]["startLocal"], "timeZone": _ZONE, "minutes": 10})
        [question, *_] = self._list("ListCustomQuestions")
        customer = {"name": "Robin Example", "emailAddress": "robin@example.com",
                    "answers": {question["key"]: "LT-0042"}}  # fmt: skip
        body = {"service": service["id"], "timeZone": _ZONE, "customer": customer}
        moved = self._do("CreateAppointment", page, body=body | {"start": slots[0]["startLocal"]}, key=True).answer
        others = [
            self._make("CreateAppointment", page, body | {"start": slots[number]["startLocal"]}) for number in (1, 2, 3)
        ]
        self._moved, self._given, self._edited, self._cancelled = moved, *others
        self._do("GetAppointment", page | {"id": moved["id"], "timeZone": _ZONE})
        several = next(one for one in self._list("ListServices") if (one["maximumAttendeesCount"] or 1) > 1)
        search |= {"service": several["id"], "end": str(day + timedelta(days=14))}
        begin = self._send("FindFreeSlots", page | search).json()["value"][0]["startUtc"]
        people = [
            {"name": f"{name} Example", "emailAddress": f"{name.lower()}@example.com"} for name in ("Robin", "Alex")
        ]
        body = {"service": several["id"], "start": begin, "customers": people}
        self._group = self._make("CreateAppointment", page, body)
        self._follow("OnAppointmentCreated", moved)
        self._follow("OnAppointmentUpcoming")
        self._follow("OnAppointmentRegistered", self._group)

    def _hold(self, page: Json, slot: Json) -> None:
        held = page | {"hold": self._do("HoldSlot", page, body=slot, key=True).answer["id"]}
        self._do("GetHold", held)
        self._do("ReleaseHold", held)

    def _find_slots(self, service: Json, day: date) -> None:
        """Find slots of one page with reasons, and of two pages."""
        span = {"start": str(day), "end": str(day + timedelta(days=1))}
        wanted = span | {"service": [service["id"]], "staff": ["any"], "timeZone": _ZONE, "explain": "true"}
        self._do("FindFreeSlots", {"business": _PAGE} | wanted)
        other = self._send("ListServices", {"business": _OTHER_PAGE}).json()["value"][0]
        both = {"business": [_PAGE, _OTHER_PAGE], "service": [service["id"], other["id"]]}
        self._do("FindFreeSlotsOfPages", both | {"start": span["start"], "end": str(day + timedelta(days=7))})

    def _change_bookings(self) -> None:
        page = {"business": _PAGE}
        self._do(
            "RescheduleAppointment",
            page | {"id": self._moved["id"]},
            body={"start": self._later["startLocal"], "timeZone": _ZONE},
            key=True,
        )
        free = [each["id"] for each in self._slots[1]["staffMembers"]]
        other = next(each for each in free if each not in self._given["staffMemberIds"])
        self._do("AssignStaff", page | {"id": self._given["id"]}, body={"staff": [other]}, key=True)
        notes = {"serviceNotes": "Bring a spare charger."}
        self._do("UpdateAppointment", page | {"id": self._edited["id"]}, body=notes, key=True)
        message = {"message": "We call you instead."}
        self._do("CancelAppointment", page | {"id": self._cancelled["id"]}, body=message, key=True)
        leaves = {"customers": [{"emailAddress": "alex@example.com", "remove": True}]}
        self._make("UpdateAppointment", page | {"id": self._group["id"]}, leaves)
        self._follow("OnAppointmentRescheduled", self._moved)
        self._follow("OnAppointmentReassigned", self._given)
        self._follow("OnAppointmentUpdated", self._edited)
        self._follow("OnAppointmentCancelled", self._cancelled)
        self._follow("OnAppointmentUnregistered", self._group)
        self._follow("OnAnyAppointmentEvent")
        self._do("ListAppointmentChanges", page | {"timeZone": _ZONE})
        self._do("SaveCustomer", page, body={"emailAddress": "robin@example.com", "name": "Robin Example"}, key=True)

    # -- triggers ---------------------------------------------------------------------------------------------------

    def _begin_triggers(self) -> None:
        for name in self._appointment_triggers:
            query = {"business": _PAGE, "timeZone": _ZONE} | ({"details": True} if name.endswith("Created") else {})
            self._begin(name, query | ({"minutes": MINUTES_AHEAD.most} if name.endswith("Upcoming") else {}))
        for name in _MAIL_TRIGGERS:
            self._begin(name, {"mailbox": _MAILBOX})

    def _begin(self, name: str, query: Json) -> None:
        answer = self._send(name, query)
        if answer.status_code != requests.codes.accepted:
            raise TrialError(f"{name} began with {answer.status_code}: {answer.text}")
        self._locations[name] = answer.headers["Location"]
        self.made[name] = Trial(query, answer.status_code, None)

    def _follow(self, name: str, appointment: Json | None = None) -> None:
        """Poll a trigger until it returns an item, or that of an appointment; keep the first one."""
        found: list[Json] = []

        def has_items() -> bool:
            answer = self._http.get(self._locations[name], headers=self._headers(), timeout=60)
            items = answer.json()["value"] if answer.status_code == requests.codes.ok else []
            found[:] = [each for each in items if not appointment or each["appointmentId"] == appointment["id"]]
            if not items:  # else the trigger is asked again: its state stays behind what it returned
                self._locations[name] = answer.headers.get("Location", self._locations[name])
            return bool(found)

        self._wait(f"an item of {name}", has_items)
        self.made[name] = Trial(self.made[name].given, requests.codes.ok, {"value": found[:1]})

    def _wait(self, what: str, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _EVENT_SECONDS
        while not is_there():
            self._world.check()
            if time.monotonic() > deadline:
                raise TrialError(f"After {_EVENT_SECONDS:.0f} seconds there is still not {what}.")
            time.sleep(_PAUSE)

    def _try_others(self) -> None:
        """Call the operations that depend on nothing but a page."""
        for name, (method, path) in self._operations.items():
            needed = re.findall(r"\{(\w+)\}", path)
            if name in self._visible - self.made.keys() and method == "GET" and needed in ([], ["business"]):
                self._do(name, {"business": _PAGE} if needed else None)

    # -- support mail -----------------------------------------------------------------------------------------------

    def _send_mails(self) -> None:
        for sending in ({"json": wish} for wish in make_demo()):
            self._drop(sending)
        self._drop({"data": _AUTOMATIC % time.time_ns(), "headers": {"Content-Type": "message/rfc822"}})
        self._do("PollMailbox", {"mailbox": _MAILBOX})

    def _follow_mails(self) -> None:
        box = {"mailbox": _MAILBOX}
        for name in _MAIL_TRIGGERS:
            self._follow(name)
        self._do("ListSupportMailboxes")
        self._do("GetSupportMailbox", box)
        self._do("ListMails", box | {"limit": 100})
        mails = self._list("ListMails")
        mail = next(
            found for each in mails if _stored((found := self._do("GetMail", box | {"key": each["key"]})).answer)
        )
        one = box | {"key": mail.answer["key"]}
        self._do("GetMailAttachment", one | {"number": _stored(mail.answer)[0]["number"]})
        self._do("GetMailAttachmentLink", one | {"number": _stored(mail.answer)[0]["number"]})
        self._do("ExportMail", one)
        self._do("ExportMailLink", one)
        stuck = next(each for each in mails if each["state"] == "quarantined")
        self._do("RedeliverMail", box | {"key": stuck["key"]}, body={"sink": stuck["deliveries"][0]["sink"]})
        aside = [each for each in mails if each["state"] == "quarantined"][-1]
        self._do("SetMailAside", box | {"key": aside["key"]}, body={"reason": "A robot that is known", "by": "Megan"})
        self._do("DeliverMail", box | {"key": aside["key"]}, body={"by": "Megan", "reason": "A person wrote it"})

    def _drop(self, sending: Mapping[str, Any]) -> None:
        url = f"{self._world.control_url}/mail/mailboxes/{SUPPORT}/messages"
        self._http.post(url, timeout=60, **sending).raise_for_status()

    # -- calls --------------------------------------------------------------------------------------------------------

    def _do(self, name: str, query: Json | None = None, *, body: Json | None = None, key: bool = False) -> Trial:
        given = (query or {}) | (body or {}) | ({"Idempotency-Key": f"example-{time.time_ns()}"} if key else {})
        answer = self._send(name, query or {}, body=body, key=given.get("Idempotency-Key"))
        if not answer.ok:
            raise TrialError(f"{name} answered {answer.status_code}: {answer.text}")
        is_json = answer.headers["content-type"].startswith("application/json")
        answered = json.loads(answer.content or b"{}") if is_json else answer.headers["content-type"]
        self.made[name] = Trial(given, answer.status_code, answered)
        return self.made[name]

    def _make(self, name: str, query: Json, body: Json) -> Json:
        """Write something that is no example itself; return the answer."""
        answer = self._send(name, query, body=body)
        if not answer.ok:
            raise TrialError(f"{name} answered {answer.status_code}: {answer.text}")
        made: Json = answer.json()
        return made

    def _send(self, name: str, query: Json, *, body: Json | None = None, key: str | None = None) -> requests.Response:
        method, path = self._operations[name]
        rest = {field: value for field, value in query.items() if f"{{{field}}}" not in path}
        url = f"{self._world.base_url}/api{path.format(**query)}"
        headers = self._headers() | ({"Idempotency-Key": key} if key else {})
        return self._http.request(method, url, params=rest, json=body, headers=headers, timeout=60)

    def _headers(self) -> dict[str, str]:
        return {"x-functions-key": self._world.key}

    def _list(self, name: str) -> list[Json]:
        found: list[Json] = self.made[name].answer["value"]
        return found


def _stored(mail: Json) -> list[Json]:
    """Return the attachments of a mail whose bytes the gateway has."""
    return [each for each in mail["attachments"] if not each.get("omitted")]
