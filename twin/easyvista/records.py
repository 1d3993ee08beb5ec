"""The rows of an EasyVista instance: people, catalog, tickets, actions, documents. Plain data; nothing knows HTTP."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

CLOSED_GUID = "C3D9DFA7-7A21-46C2-B3A3-8BC50C9FF4F3"
SOLVED_GUID = "DC97DD1D-0F35-4153-B0E1-0F2E0155365D"


@dataclass(frozen=True, slots=True)
class Status:
    """A status of tickets. Ids differ per instance; the two final GUIDs are documented (REST API - Close)."""

    id: int
    guid: str
    label: str
    is_final: bool = False


IN_PROGRESS = Status(12, "6B2F4E5A-9C31-4D0E-8A77-1E5B0C9D2F01", "In progress")
SUSPENDED = Status(13, "2A9E7C44-5D18-4B63-9F0A-77C1D3E8B502", "Suspended")
SOLVED = Status(20, SOLVED_GUID, "Solved", is_final=True)
CLOSED = Status(8, CLOSED_GUID, "Closed", is_final=True)
STATUSES = (IN_PROGRESS, SUSPENDED, SOLVED, CLOSED)


def find_status(guid: str) -> Status | None:
    """Find a status by its GUID, in braces or not; without one, Closed is meant."""
    wanted = guid.strip("{}").upper() or CLOSED_GUID
    return next((status for status in STATUSES if status.guid == wanted), None)


@dataclass(frozen=True, slots=True)
class Employee:
    """A person. `domain` decides which accounts may name the person."""

    id: int
    last_name: str
    e_mail: str
    domain: str
    identification: str = ""
    login: str = ""
    phone: str = ""
    department_id: int | None = None
    location_id: int | None = None


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A subject of the catalog. `kind` is the letter its tickets begin with; `mandatory` are members in lower case."""

    id: int
    code: str
    guid: str
    title: str
    kind: str = "I"
    mandatory: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionType:
    """What an action is: public or internal comment, call, workflow step. Ids differ per instance."""

    id: int
    label: str
    guid: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A group of people that actions are given to."""

    id: int
    label: str
    e_mail: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A file of a ticket."""

    id: str
    name: str
    data: bytes
    added: datetime


@dataclass(slots=True)
class Action:
    """A row of a ticket's history. A task is an action that is ended when it is created (python client, measured)."""

    id: int
    number: int
    ticket: "Ticket"
    type: ActionType
    created: datetime
    group: Group | None = None
    description: str = ""
    comment: str = ""
    ended: datetime | None = None
    done_by_id: int | None = None
    workflow_id: int | None = None
    stage_id: int | None = None
    parent_id: int | None = None
    spare: dict[str, str] = field(default_factory=dict)
    """The columns AVAILABLE_FIELD_1 and _6, by upper-case name."""

    @property
    def text(self) -> str:
        """The text that people see: a description hides a comment (python client, measured)."""
        return self.description or self.comment

    @property
    def is_generated(self) -> bool:
        """Return whether the workflow made it."""
        return self.workflow_id is not None


@dataclass(slots=True)
class Ticket:
    """One request. `ended` is set when it is closed or solved.

    description, comment   what was given, whether or not the interface reads it back
    memos                  what the memo routes show, under "description" and "comment"
    is_complete            False for a row that was written although its creation was refused
    """

    id: int
    rfc: str
    entry: CatalogEntry
    submitted: datetime
    updated: datetime
    title: str = ""
    description: str = ""
    memos: dict[str, str] = field(default_factory=lambda: {"description": "", "comment": ""})
    reference: str = ""
    requestor: Employee | None = None
    recipient: Employee | None = None
    submitted_by: str = ""
    domain: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    """Other columns by upper-case name: URGENCY_ID, IMPACT_ID, DEPARTMENT_CODE, PHONE, E_... and so on."""
    parent: "Ticket | None" = None
    status: Status = IN_PROGRESS
    ended: datetime | None = None
    is_complete: bool = True
    actions: list[Action] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)

    @property
    def is_closed(self) -> bool:
        """Whether its end date is set, as END_DATE_UT shows."""
        return self.ended is not None

    @property
    def requestor_mail(self) -> str | None:
        """Address of the one who asks."""
        return self.requestor.e_mail if self.requestor else None

    @property
    def recipient_mail(self) -> str | None:
        """Address of the one for whom it is asked."""
        return self.recipient.e_mail if self.recipient else None

    @property
    def comment(self) -> str:
        """The memo of that name."""
        return self.memos["comment"]

    @property
    def tasks(self) -> list[Action]:
        """Its comments: the actions that people or programs added ended, oldest first."""
        return [one for one in tuple(self.actions) if not one.is_generated and one.ended is not None]

    @property
    def file_names(self) -> list[str]:
        """Names of its documents, oldest first."""
        return [one.name for one in tuple(self.documents)]
