"""Calls of EasyVista for requests, tasks and documents, with checks of the answers.

Sources: EasyVista wiki, "WebService REST" (REST API - Create, View, See a list, Create a task, Add documents). What the
wiki does not describe was measured by the public Python client baraline/easyvista_python_client. Note:

- A list ignores a condition that it cannot parse and returns the whole table. So every row is compared.
- The answer to a create has the ticket's number in the last part of its HREF and nowhere else.
- `external_reference` holds 50 characters and has no unique index.
- A task is created as finished, so its text shows in the history. An action would hide it until somebody finishes it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from inbound_mail.sinks.easyvista.http import Http, MakeBody
from shared.errors import ConfigurationError, NotFound, OutcomeUnknown, Refused
from shared.json_text import Json

_TICKET = re.compile(r"[A-Za-z0-9_-]{1,40}")
_NUMBER = re.compile(r"[A-Z]*(\d{6})_(\d+)")
# A reference that no mail has: the 40 hexadecimal digits of a hash are never all zeros.
_UNUSED_REFERENCE = "mail-" + "0" * 40
_MOST_ROWS = "10"
_MOST_ACTIONS = "200"


@dataclass(frozen=True)
class Ticket:
    """What a reply has to know of a ticket."""

    rfc: str
    is_closed: bool


class Client:
    """Calls one instance of EasyVista."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def probe(self) -> None:
        """Search for a reference that no ticket has. Raises ConfigurationError if sign-in, right or url is wrong."""
        self.find(_UNUSED_REFERENCE)

    def find(self, reference: str) -> list[str]:
        """Return the tickets with a reference, oldest first. Raises ConfigurationError if EasyVista ignores filters."""
        rows = self._list("/requests", "EXTERNAL_REFERENCE", reference, "RFC_NUMBER,EXTERNAL_REFERENCE,END_DATE_UT")
        for row in rows:
            _require_row(row.get("external_reference") == reference)
        return sorted((str(row["rfc_number"]) for row in rows if row.get("rfc_number")), key=_age)

    def create(self, fields: Mapping[str, Any]) -> str | None:
        """Create a ticket; return its number, or None if the answer does not contain it."""
        answer = self._http.write("POST", "/requests", _json_body({"requests": [fields]}))
        last = str(answer.get("href") or "").rstrip("/").rpartition("/")[2]
        return last if _TICKET.fullmatch(last) else None

    def change(self, rfc: str, fields: Mapping[str, Any]) -> None:
        """Set fields of a ticket."""
        self._http.write("PUT", _path(rfc), _json_body(fields))

    def ticket(self, rfc: str) -> Ticket | None:
        """Return a ticket, or None if it does not exist or the account may not read it.

        The number may come from a stranger's subject, so a refusal (also 403) concerns this ticket only. The search
        before has shown that the account may read tickets in general.
        """
        try:
            record = self._http.read(_path(rfc))
        except Refused:
            return None
        except ConfigurationError as error:
            if error.code != "TicketRightMissing":
                raise
            return None
        if str(record.get("rfc_number") or "").upper() != rfc.upper():
            raise OutcomeUnknown(
                "EasyVista answered with another ticket. Look at the ticket there.", code="UpstreamBadAnswer"
            )
        return Ticket(rfc, bool(record.get("end_date_ut")))

    def people(self, rfc: str) -> set[str]:
        """Return the addresses (lower case) of a ticket's requestor and recipient."""
        found = set()
        for row in self._list("/requests", "RFC_NUMBER", rfc, "RFC_NUMBER,REQUESTOR.E_MAIL,RECIPIENT.E_MAIL"):
            _require_row(str(row.get("rfc_number")).upper() == rfc.upper())
            for role in ("requestor", "recipient"):
                found.add(_nested(row, role, "e_mail").strip().lower())
        return found - {""}

    def comment(self, rfc: str, fields: Mapping[str, Any]) -> None:
        """Add a task, which shows as a comment."""
        self._http.write("POST", f"{_path(rfc)}/tasks", _json_body(fields))

    def comments(self, rfc: str, action_type: int) -> Iterator[str]:
        """Yield the texts of a ticket's actions of a type, newest first."""
        rows = self._list(
            "/actions",
            "REQUEST.RFC_NUMBER",
            rfc,
            "ACTION_ID,ACTION_TYPE_ID,REQUEST.RFC_NUMBER",
            most=_MOST_ACTIONS,
            sort="ACTION_ID desc",
        )
        for row in rows:
            _require_row(_nested(row, "request", "rfc_number").upper() == rfc.upper())
        wanted = [
            str(row.get("action_id") or "")
            for row in rows
            if str(row.get("action_type_id") or action_type) == str(action_type)
        ]
        if not all(number.isdecimal() for number in wanted):
            raise OutcomeUnknown(
                "EasyVista's list of actions has no ids. Check the rights of the account's profile.",
                code="UpstreamBadAnswer",
            )
        for number in sorted(wanted, key=int, reverse=True):
            memo = self._http.read(f"/actions/{number}/description")
            yield " ".join(str(value) for name, value in memo.items() if name != "href")

    def documents(self, rfc: str) -> list[str]:
        """Return the names of a ticket's files."""
        answer = self._http.read(f"{_path(rfc)}/documents")
        return [str(each.get("document") or "") for each in _records(answer, "documents")]

    def attach(self, rfc: str, make_body: MakeBody, content_type: str) -> None:
        """Attach one file."""
        self._http.write("POST", f"{_path(rfc)}/documents", make_body, content_type)

    def _list(
        self, path: str, column: str, value: str, fields: str, *, most: str = _MOST_ROWS, sort: str | None = None
    ) -> list[Json]:
        query = {"search": f'{column}:"{value}"', "fields": fields, "max_rows": most}
        try:
            answer = self._http.read(path, query | ({"sort": sort} if sort else {}))
        except NotFound as error:
            raise ConfigurationError(
                "There is no EasyVista at this address. Correct url and account of the sink.", detail=error.detail
            ) from error
        return _records(answer, "records")


def _json_body(fields: Mapping[str, Any]) -> MakeBody:
    raw = json.dumps(fields).encode()
    return lambda: raw


def _path(rfc: str) -> str:
    return f"/requests/{quote(rfc, safe='')}"


def _records(answer: Json, name: str) -> list[Json]:
    records = answer.get(name)
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise OutcomeUnknown(
            "EasyVista did not answer with a list. Check the url of the sink.", code="UpstreamBadAnswer"
        )
    return records


def _nested(row: Json, name: str, member: str) -> str:
    """Return a member of a field such as REQUESTOR.E_MAIL, which answers contain nested or under its dotted name."""
    inner = row.get(name)
    return str((inner.get(member) if isinstance(inner, dict) else row.get(f"{name}.{member}")) or "")


def _require_row(matches: object) -> None:
    if not matches:
        raise ConfigurationError(
            "EasyVista ignored the filter of a search, so the gateway cannot recognise tickets. Nothing was written. "
            "Allow the account's profile to search by this column.",
            code="TicketFilterIgnored",
        )


def _age(rfc: str) -> tuple[str, int, str]:
    found = _NUMBER.fullmatch(rfc.upper())
    return (found[1], int(found[2]), rfc) if found else ("", 0, rfc)
