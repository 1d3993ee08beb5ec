"""One EasyVista database: its people, its catalog, its tickets, and methods with which tests and handlers change them.

These methods bypass the rules of the interface, because a test may need data that the rules forbid.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from twin.core.clock import Clock
from twin.easyvista.records import (
    CLOSED,
    IN_PROGRESS,
    SUSPENDED,
    Action,
    ActionType,
    CatalogEntry,
    Document,
    Employee,
    Group,
    Status,
    Ticket,
)
from twin.easyvista.switches import Switches

WORKFLOW_TYPE = ActionType(20, "Processing")
CLOSING_TYPE = ActionType(28, "")
_WORKFLOW_STEPS = ("Qualification", "Analysis and resolution", "Validation")


@dataclass(frozen=True, slots=True)
class Profile:
    """What an account may do. `denied` names resources: "documents", "tasks", "actions", "requests", "employees".

    rest     the right to use the REST interface at all
    writes   the right to change anything
    domains  the domains it is confined to; None for all of them
    """

    name: str = "full"
    rest: bool = True
    writes: bool = True
    denied: frozenset[str] = frozenset()
    domains: frozenset[str] | None = None

    def reaches(self, domain: str) -> bool:
        """Return whether it can see people and tickets of a domain."""
        return self.domains is None or domain in self.domains


@dataclass(frozen=True, slots=True)
class User:
    """An account that signs in with login and password, or with a static access token."""

    login: str
    password: str
    token: str = ""
    profile: Profile = field(default_factory=Profile)
    enabled: bool = True
    employee_id: int | None = None


class Instance:
    """One account number under one host: a numeric database id such as 50004 (production) or 50005 (sandbox)."""

    def __init__(self, host: str, account: str, zone: str, *, clock: Clock, switches: Switches) -> None:
        self.clock = clock
        self.switches = switches
        self.host = host
        self.account = account
        self.zone = ZoneInfo(zone)
        self.users: dict[str, User] = {}
        self.employees: tuple[Employee, ...] = ()
        self.catalog: tuple[CatalogEntry, ...] = ()
        self.groups: tuple[Group, ...] = ()
        self.action_types: tuple[ActionType, ...] = ()
        self.origins: dict[int, str] = {1: "Phone", 2: "Portal", 3: "Email"}
        self.custom_columns: frozenset[str] = frozenset()
        self.by_rfc: dict[str, Ticket] = {}
        self.actions: dict[int, Action] = {}
        self._by_reference: defaultdict[str, list[Ticket]] = defaultdict(list)
        self._numbers: defaultdict[str, int] = defaultdict(int)

    @property
    def root(self) -> str:
        """Its address, without a slash at the end."""
        return f"https://{self.host}/api/v1/{self.account}"

    @property
    def tickets(self) -> list[Ticket]:
        """All tickets, oldest first."""
        return list(self.by_rfc.values())

    def now(self) -> datetime:
        """Return the world's time in the zone of the instance, to the millisecond that its columns hold."""
        now = self.clock.now().astimezone(self.zone)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def count(self, name: str) -> int:
        """Return the next number of a series, from 1 on."""
        self._numbers[name] += 1
        return self._numbers[name]

    def add_user(self, login: str, password: str, *, token: str = "", profile: Profile | None = None) -> User:
        """Add an account. One with the same login is replaced."""
        made = User(login, password, token, profile or Profile(), employee_id=9000 + self.count("user"))
        self.users = {**self.users, login.lower(): made}
        return made

    def change_user(self, login: str, **changes: Any) -> User:
        """Change password, token, profile or enabled. KeyError when unknown."""
        made = replace(self.users[login.lower()], **changes)
        self.users = {**self.users, login.lower(): made}
        return made

    def add_employee(self, last_name: str, e_mail: str, *, domain: str = "Contoso", **more: Any) -> Employee:
        """Add a person; `more` are further fields of the record."""
        number = self.count("employee")
        more.setdefault("identification", f"E{number:05}")
        made = Employee(1000 + number, last_name, e_mail, domain, **more)
        self.employees = (*self.employees, made)
        return made

    def employee(self, e_mail: str) -> Employee:
        """Find a person by address, in any case. KeyError when unknown."""
        for one in self.employees:
            if one.e_mail.lower() == e_mail.lower():
                return one
        raise KeyError(e_mail)

    def remove_employee(self, e_mail: str) -> None:
        """Remove a person: mails from the address then come from an unknown sender. KeyError when there is none."""
        kept = tuple(one for one in self.employees if one.e_mail.lower() != e_mail.lower())
        if len(kept) == len(self.employees):
            raise KeyError(e_mail)
        self.employees = kept

    def add_entry(self, code: str, title: str, *, guid: str, kind: str = "I", mandatory: tuple[str, ...] = ()) -> None:
        """Add a subject to the catalog, with the members that its tickets must have."""
        made = CatalogEntry(3000 + self.count("entry"), code, guid, title, kind, mandatory)
        self.catalog = (*self.catalog, made)

    def entry(self, code: str) -> CatalogEntry:
        """Find a subject of the catalog by its code. KeyError when unknown."""
        for one in self.catalog:
            if one.code == code:
                return one
        raise KeyError(code)

    def open_ticket(self, entry: CatalogEntry, *, rfc: str = "", workflow: bool = True, **values: Any) -> Ticket:
        """Write a ticket row with the next number of the day, or the one given, and start its workflow.

        `values` are fields of the record; a reference may exist already: there is no unique index
        as far as documented.
        """
        now = self.now()
        rfc = rfc or f"{entry.kind}{now:%y%m%d}_{self.count(f'{now:%y%m%d}'):05}"
        made = Ticket(40_000 + self.count("ticket"), rfc, entry, now, now, **values)
        self.by_rfc[rfc] = made
        self._by_reference[made.reference.lower()].append(made)
        for step in range(self.switches.workflow_actions if workflow else 0):
            label = _WORKFLOW_STEPS[step % len(_WORKFLOW_STEPS)]
            self.add_action(made, ActionType(WORKFLOW_TYPE.id, label), workflow_id=700 + entry.id, stage_id=step + 1)
        return made

    def ticket(self, rfc: str) -> Ticket:
        """Find a ticket by its number, in any case. KeyError when unknown."""
        return self.by_rfc[rfc.upper()]

    def by_reference(self, reference: str) -> list[Ticket]:
        """Return the tickets with this external reference, in any case, oldest first."""
        return list(self._by_reference.get(reference.lower(), ()))

    def duplicates(self) -> dict[str, list[str]]:
        """Return references that more than one ticket has, with the numbers of the tickets."""
        lists = [tuple(found) for reference, found in tuple(self._by_reference.items()) if reference]
        return {found[0].reference: [one.rfc for one in found] for found in lists if len(found) > 1}

    def titles(self) -> list[str]:
        """Return the titles of all tickets, oldest first."""
        return [ticket.title for ticket in self.tickets]

    def set_reference(self, ticket: Ticket, reference: str) -> None:
        """Change the external reference."""
        self._by_reference[ticket.reference.lower()].remove(ticket)
        ticket.reference = reference
        self._by_reference[reference.lower()].append(ticket)

    def touch(self, ticket: Ticket) -> None:
        """Set the time of the last change."""
        ticket.updated = self.now()

    def add_action(self, ticket: Ticket, kind: ActionType, *, ended: bool = False, **values: Any) -> Action:
        """Add a row to the history of a ticket."""
        now = self.now()
        number = len(ticket.actions) + 1
        made = Action(50_000 + self.count("action"), number, ticket, kind, now, ended=now if ended else None, **values)
        self.actions[made.id] = made
        ticket.actions.append(made)
        self.touch(ticket)
        return made

    def add_document(self, ticket: Ticket, name: str, data: bytes) -> Document:
        """Attach a file. The name may exist already."""
        made = Document(f"{60_000 + self.count('document')}_{ticket.id:x}", name, data, self.now())
        ticket.documents.append(made)
        self.touch(ticket)
        return made

    def close(self, rfc: str, *, status: Status = CLOSED, comment: str = "", delete_actions: bool = False) -> Ticket:
        """Close a ticket: its open actions end or are deleted; a closing action is added. KeyError when unknown."""
        ticket = self.ticket(rfc)
        now = self.now()
        for action in [one for one in ticket.actions if one.ended is None]:
            if delete_actions:
                ticket.actions.remove(action)
                del self.actions[action.id]
            else:
                action.ended = now
        self.add_action(ticket, CLOSING_TYPE, ended=True, workflow_id=1, comment=comment)
        ticket.status = status
        ticket.ended = now
        return ticket

    def suspend(self, rfc: str) -> Ticket:
        """Put a ticket on hold. KeyError when unknown."""
        return self._set_status(rfc, SUSPENDED)

    def restart(self, rfc: str) -> Ticket:
        """Resume a ticket that was on hold. KeyError when unknown."""
        return self._set_status(rfc, IN_PROGRESS)

    def clear_tickets(self) -> None:
        """Delete all tickets; numbers go on."""
        self.by_rfc = {}
        self.actions = {}
        self._by_reference = defaultdict(list)

    def _set_status(self, rfc: str, status: Status) -> Ticket:
        ticket = self.ticket(rfc)
        ticket.status = status
        self.touch(ticket)
        return ticket
