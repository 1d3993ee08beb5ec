"""What a Graph subscription watches: a folder of a support mailbox, or the calendar of a booking page."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.settings.mail_settings import Mailbox

_ID_CHARACTERS = 32


class ResourceKind(StrEnum):
    """The kinds of watched resources."""

    MAIL = "mail"
    CALENDAR = "calendar"


@dataclass(frozen=True)
class WatchedResource:
    """One watched resource. `owner`: the mailbox's name, or the id of the business.

    `folder`: a folder's id or well-known name; "calendar" for that of a booking page.
    """

    kind: ResourceKind
    connection: str
    owner: str
    address: str
    folder: str

    @property
    def id(self) -> str:
        """What identifies it in addresses, rows and logs; it says nothing about it to others."""
        parts = f"{self.kind}\n{self.connection}\n{self.owner}\n{self.address.lower()}\n{self.folder}"
        return hashlib.sha256(parts.encode()).hexdigest()[:_ID_CHARACTERS]

    @property
    def path(self) -> str:
        """The resource as Graph's subscriptions name it."""
        if self.kind is ResourceKind.CALENDAR:
            return f"users/{self.address}/events"
        return f"users/{self.address}/mailFolders('{self.folder}')/messages"

    @property
    def change_types(self) -> str:
        """What Graph is to announce."""
        return "created,updated,deleted" if self.kind is ResourceKind.CALENDAR else "created"


def list_mail_resources(mailboxes: Iterable["Mailbox"]) -> list[WatchedResource]:
    """Return what is watched of these mailboxes: each folder that is read."""
    return [
        WatchedResource(ResourceKind.MAIL, mailbox.connection, mailbox.name, mailbox.address, folder)
        for mailbox in mailboxes
        for folder in mailbox.folders
    ]


def list_calendar_resources(connection: str, businesses: Iterable[str]) -> list[WatchedResource]:
    """Return what is watched of these booking pages: the calendar of each page's own mailbox."""
    kind = ResourceKind.CALENDAR
    return [WatchedResource(kind, connection, each, each, kind.value) for each in sorted(businesses)]


def by_id(resources: Iterable[WatchedResource]) -> Mapping[str, WatchedResource]:
    """Return the resources by their ids."""
    return {one.id: one for one in resources}
