"""EasyVista's requests, tasks and documents: what is sent, and what an answer is worth.

Sources: EasyVista wiki, "WebService REST" (REST API - Create, View, See a list, Create a task, Add documents); what was
measured only is told by the public Python client baraline/easyvista_python_client. The traps:

- A condition that a list cannot parse is ignored in silence and the whole table comes back: so every row is compared.
- The answer to a create names the ticket in the last part of its HREF and nowhere else.
- `external_reference` holds 50 characters and has no unique index.
- A task is born ended, so that its text shows in the history; an action would hide it until somebody ends it.
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
# A reference that no mail has: "mail-" and 40 hex digits of a hash are never all noughts.
_NOBODY = "mail-" + "0" * 40
_MOST_ROWS = "10"
_MOST_ACTIONS = "200"


@dataclass(frozen=True)
class Ticket:
    """A ticket as far as a reply cares."""

    rfc: str
    is_closed: bool


class Client:
    """Calls of one instance."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def probe(self) -> None:
        """Ask for the ticket of nobody. Raises ConfigurationError when sign-in, right, address or filter is wrong."""
        self.find(_NOBODY)

    def find(self, reference: str) -> list[str]:
        """Return the tickets that bear a reference, oldest first. Raises ConfigurationError if filters are ignored."""
        rows = self._list("/requests", "EXTERNAL_REFERENCE", reference, "RFC_NUMBER,EXTERNAL_REFERENCE,END_DATE_UT")
        for row in rows:
            _require_row(row.get("external_reference") == reference)
        return sorted((str(row["rfc_number"]) for row in rows if row.get("rfc_number")), key=_age)

    def create(self, fields: Mapping[str, Any]) -> str | None:
        """Make a ticket; its number, or None where the answer does not name it."""
        answer = self._http.write("POST", "/requests", _json_body({"requests": [fields]}))
        last = str(answer.get("href") or "").rstrip("/").rpartition("/")[2]
        return last if _TICKET.fullmatch(last) else None

    def change(self, rfc: str, fields: Mapping[str, Any]) -> None:
        """Set fields of a ticket."""
        self._http.write("PUT", _path(rfc), _json_body(fields))

    def ticket(self, rfc: str) -> Ticket | None:
        """Return a ticket, or None for one that is not there for us.

        The number may come from a stranger's subject: whatever EasyVista says of it, 403 included, is said of that
        ticket. That the account may read tickets at all is known from the search before.
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
            raise OutcomeUnknown("EasyVista answered with another ticket.", code="UpstreamBadAnswer")
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
        """Add a task, which is how a comment shows."""
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
            raise OutcomeUnknown("EasyVista's list names no actions.", code="UpstreamBadAnswer")
        for number in sorted(wanted, key=int, reverse=True):
            memo = self._http.read(f"/actions/{number}/description")
            yield " ".join(str(value) for name, value in memo.items() if name != "href")

    def documents(self, rfc: str) -> list[str]:
        """Return the names of a ticket's files."""
        answer = self._http.read(f"{_path(rfc)}/documents")
        return [str(each.get("document") or "") for each in _records(answer, "documents")]

    def attach(self, rfc: str, make_body: MakeBody, content_type: str) -> None:
        """Add one file."""
        self._http.write("POST", f"{_path(rfc)}/documents", make_body, content_type)

    def _list(
        self, path: str, column: str, value: str, fields: str, *, most: str = _MOST_ROWS, sort: str | None = None
    ) -> list[Json]:
        query = {"search": f'{column}:"{value}"', "fields": fields, "max_rows": most}
        try:
            answer = self._http.read(path, query | ({"sort": sort} if sort else {}))
        except NotFound as error:
            raise ConfigurationError(
                "There is no EasyVista at this address: correct url and account of the sink.", detail=error.detail
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
        raise OutcomeUnknown("EasyVista did not answer with a list.", code="UpstreamBadAnswer")
    return records


def _nested(row: Json, name: str, member: str) -> str:
    """Return a member of a dotted field, which may come nested or under its dotted name."""
    inner = row.get(name)
    return str((inner.get(member) if isinstance(inner, dict) else row.get(f"{name}.{member}")) or "")


def _require_row(matches: object) -> None:
    if not matches:
        raise ConfigurationError(
            "EasyVista ignored the filter of a search, so tickets cannot be told apart: the account's profile may not "
            "search by the column. Nothing was written.",
            code="TicketFilterIgnored",
        )


def _age(rfc: str) -> tuple[str, int, str]:
    found = _NUMBER.fullmatch(rfc.upper())
    return (found[1], int(found[2]), rfc) if found else ("", 0, rfc)
