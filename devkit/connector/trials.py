"""Call every operation that makers see once in a running sample world: the examples of the makers' reference.

Things have to happen for triggers to tell of them, so this books, moves, gives away and cancels an appointment, sends
mails, and waits for the gateway's next look in between: some minutes.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import requests

from blueprints._bounds import MINUTES_AHEAD
from devkit.connector.document import build_definition
from devkit.connector.pages import visible_operations
from devkit.running import Running
from twin.seeds.mails import SUPPORT, make_demo

type Json = dict[str, Any]

_PAGE, _MAILBOX = "ithelpdesk@contoso.com", "support"
_ZONE = "GMT Standard Time"
_LOOK_SECONDS = 65  # CHANGES_REFRESH_SECONDS, and a little
_MAIL_SECONDS = 50
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

    def __init__(self, world: Running) -> None:
        self._world = world
        self._operations = {
            operation["operationId"]: (method.upper(), path)
            for path, item in build_definition()["paths"].items()
            for method, operation in item.items()
        }
        self._visible = {each["operationId"] for each in visible_operations(build_definition())}
        self._appointment_triggers = [
            name for name, (_, path) in self._operations.items() if path.startswith("/triggers/appointments/")
        ]
        self._http = requests.Session()
        self._http.trust_env = False
        self.made: dict[str, Trial] = {}
        self._locations: dict[str, str] = {}

    def run(self) -> dict[str, Trial]:
        """Make every call; return them by operation. Raises TrialError."""
        self._begin_triggers()
        self._read_bookings()
        self._write_bookings()
        self._follow_mails()
        self._try_others()
        return self.made

    # -- bookings ---------------------------------------------------------------------------------------------------

    def _read_bookings(self) -> None:
        today = datetime.now(UTC).date()
        week = {"start": str(today), "end": str(today + timedelta(days=7)), "timeZone": _ZONE}
        page = {"business": _PAGE}
        self._do("ListBookingPages")
        for name in ("GetBookingPage", "ListServices", "ListStaffMembers", "ListCustomQuestions", "ListCustomers"):
            self._do(name, page)
        self._do("ListAppointments", page | week | {"expand": "details", "limit": 1})
        self._do("GetStaffAvailability", page, body=week)
        self._do("GetAgenda", page | {"date": str(today + timedelta(days=1)), "timeZone": _ZONE})
        self._do("GetGatewayStatus")

    def _write_bookings(self) -> None:
        page = {"business": _PAGE}
        service = next(one for one in self._list("ListServices") if one["displayName"].startswith("Password"))
        first = datetime.now(UTC).date() + timedelta(days=2)
        slots = self._do(
            "FindFreeSlots",
            page | {"service": service["id"], "start": str(first), "end": str(first + timedelta(days=7)),
                    "timeZone": _ZONE},
        ).answer["value"]  # fmt: skip
        slot, later = slots[0], slots[-1]
        [question, *_] = self._list("ListCustomQuestions")
        customer = {"name": "Robin Example", "emailAddress": "robin@example.com",
                    "answers": {question["key"]: "LT-0042"}}  # fmt: skip
        body = {"service": service["id"], "start": slot["startLocal"], "timeZone": _ZONE, "customer": customer}
        made = self._do("CreateAppointment", page, body=body, key=True).answer
        one = page | {"id": made["id"]}
        self._do("GetAppointment", one | {"timeZone": _ZONE})
        self._follow_appointments("Created", "Upcoming")
        self._do("RescheduleAppointment", one, body={"start": later["startLocal"], "timeZone": _ZONE}, key=True)
        self._follow_appointments("Rescheduled")
        others = [each["id"] for each in later["staffMembers"] if each["displayName"] not in made["staffNames"]]
        self._do("AssignStaff", one, body={"staff": others[:1]}, key=True)
        self._follow_appointments("Reassigned")
        self._do("UpdateAppointment", one, body={"serviceNotes": "Bring a spare charger."}, key=True)
        self._follow_appointments("Updated")
        self._follow("OnAnyAppointmentEvent")
        self._do("CancelAppointment", one, body={"message": "We call you instead."}, key=True)
        self._follow_appointments("Cancelled")
        self._register(first)
        self._do("ListAppointmentChanges", page | {"timeZone": _ZONE})
        self._do("SaveCustomer", page, body={"emailAddress": "robin@example.com", "name": "Robin Example"}, key=True)

    def _register(self, first: date) -> None:
        """Open a group appointment with two people, and take one out again."""
        service = next(one for one in self._list("ListServices") if (one["maximumAttendeesCount"] or 1) > 1)
        query = {"business": _PAGE, "service": service["id"], "start": str(first), "timeZone": _ZONE}
        slots = self._send("FindFreeSlots", query | {"end": str(first + timedelta(days=14))}).json()["value"]
        people = [
            {"name": f"{name} Example", "emailAddress": f"{name.lower()}@example.com"} for name in ("Robin", "Alex")
        ]
        body = {"service": service["id"], "start": slots[0]["startUtc"], "customers": people}
        made = self._send("CreateAppointment", {"business": _PAGE}, body=body).json()
        self._follow_appointments("Registered")
        leaves = {"customers": [{"emailAddress": people[1]["emailAddress"], "remove": True}]}
        self._send("UpdateAppointment", {"business": _PAGE, "id": made["id"]}, body=leaves)
        self._follow_appointments("Unregistered")

    # -- triggers ---------------------------------------------------------------------------------------------------

    def _begin_triggers(self) -> None:
        for name in self._appointment_triggers:
            query = {"business": _PAGE, "timeZone": _ZONE} | ({"expand": "details"} if name.endswith("Created") else {})
            self._begin(name, query | ({"minutes": MINUTES_AHEAD.most} if name.endswith("Upcoming") else {}))
        for name in _MAIL_TRIGGERS:
            self._begin(name, {"mailbox": _MAILBOX})

    def _begin(self, name: str, query: Json) -> None:
        answer = self._send(name, query)
        if answer.status_code != requests.codes.accepted:
            raise TrialError(f"{name} began with {answer.status_code}: {answer.text}")
        self._locations[name] = answer.headers["Location"]
        self.made[name] = Trial(query, answer.status_code, None)

    def _follow_appointments(self, *kinds: str) -> None:
        time.sleep(_LOOK_SECONDS)
        for kind in kinds:
            self._follow(f"OnAppointment{kind}")

    def _follow(self, name: str) -> None:
        answer = self._http.get(self._locations[name], headers=self._headers(), timeout=60)
        if answer.status_code != requests.codes.ok:
            raise TrialError(f"{name} returned no items: {answer.status_code}")
        items = answer.json()["value"]
        self.made[name] = Trial(self.made[name].given, answer.status_code, {"value": items[:1]})

    def _try_others(self) -> None:
        """Call the operations that depend on nothing but a page."""
        for name in self._appointment_triggers:
            if self.made[name].answer is None:
                self._follow(name)
        for name, (method, path) in self._operations.items():
            needed = re.findall(r"\{(\w+)\}", path)
            if name in self._visible - self.made.keys() and method == "GET" and needed in ([], ["business"]):
                self._do(name, {"business": _PAGE} if needed else None)

    # -- support mail -----------------------------------------------------------------------------------------------

    def _follow_mails(self) -> None:
        for sending in ({"json": wish} for wish in make_demo()):
            self._drop(sending)
        self._drop({"data": _AUTOMATIC % time.time_ns(), "headers": {"Content-Type": "message/rfc822"}})
        box = {"mailbox": _MAILBOX}
        self._do("PollMailbox", box)
        time.sleep(_MAIL_SECONDS)
        for name in _MAIL_TRIGGERS:
            self._follow(name)
        self._do("ListSupportMailboxes")
        self._do("GetSupportMailbox", box)
        self._do("ListMails", box | {"limit": 100})
        mails = self._list("ListMails")
        mail = next(
            found for each in mails if (found := self._do("GetMail", box | {"key": each["key"]})).answer["attachments"]
        )
        one = box | {"key": mail.answer["key"]}
        self._do("GetMailAttachment", one | {"number": mail.answer["attachments"][0]["number"]})
        self._do("ExportMail", one)
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
        answered = json.loads(answer.content) if is_json else answer.headers["content-type"]
        self.made[name] = Trial(given, answer.status_code, answered)
        return self.made[name]

    def _send(self, name: str, query: Json, *, body: Json | None = None, key: str | None = None) -> requests.Response:
        method, path = self._operations[name]
        rest = {field: value for field, value in query.items() if f"{{{field}}}" not in path}
        url = f"{self._world.base_url}/api{path.format(**query)}"
        headers = self._headers() | ({"Idempotency-Key": key} if key else {})
        return self._http.request(method, url, params=rest, json=body, headers=headers, timeout=60)

    def _headers(self) -> dict[str, str]:
        return {"x-functions-key": self._world.host_key}

    def _list(self, name: str) -> list[Json]:
        found: list[Json] = self.made[name].answer["value"]
        return found
