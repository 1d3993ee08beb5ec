"""All mailboxes, cursors, scopes of apps, and the switches."""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twin.mail.mailbox import Event, Mailbox
from twin.mail.switches import Switches

if TYPE_CHECKING:
    from twin.mail.delta import Cursor
    from twin.world import World

_TOKEN_BYTES = 180


@dataclass(frozen=True, slots=True)
class Expiry:
    """How an expired cursor is answered: 410 SyncStateNotFound in reports, "40X" with other codes in the documentation.

    inner_code  names the code in the inner error, too
    location    whether a Location header says where to begin again
    """

    status: int = 410
    code: str = "SyncStateNotFound"
    inner_code: str | None = None
    location: bool = False


@dataclass
class Mail:
    """The state of the mail API. `listeners` hear of every change of a message, on the thread that makes it."""

    world: "World"
    switches: Switches = field(default_factory=Switches)
    mailboxes: dict[tuple[str, str], Mailbox] = field(default_factory=dict)
    scopes: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    listeners: list[Callable[[Mailbox, Event], None]] = field(default_factory=list)
    _cursors: "OrderedDict[str, Cursor | Expiry]" = field(default_factory=OrderedDict)

    def add_mailbox(
        self, address: str, tenant_id: str, *, name: str = "", object_id: str | None = None, shared: bool = True
    ) -> Mailbox:
        """Add a mailbox to a tenant."""
        made = Mailbox(
            address,
            tenant_id,
            name=name or address,
            object_id=object_id,
            shared=shared,
            clock=self.world.clock,
            switches=self.switches,
            announce=self._announce,
        )
        self.mailboxes[tenant_id, address.lower()] = made
        return made

    def _announce(self, mailbox: Mailbox, event: Event) -> None:
        for listener in self.listeners:
            listener(mailbox, event)

    def remove_mailbox(self, address: str) -> None:
        """Remove a mailbox; its user stays. KeyError when unknown."""
        found = self.mailbox(address)
        del self.mailboxes[found.tenant_id, found.address.lower()]

    def mailbox(self, name: str, tenant_id: str | None = None) -> Mailbox:
        """Return a mailbox by address or object id, of one tenant or of any. KeyError when unknown."""
        for one in tuple(self.mailboxes.values()):
            if tenant_id in (None, one.tenant_id) and name.lower() in (one.address.lower(), one.object_id.lower()):
                return one
        raise KeyError(name)

    def restrict(self, app_id: str, tenant_id: str, addresses: list[str] | None) -> None:
        """Restrict an app to these mailboxes; None allows all, as an unscoped grant does."""
        if addresses is None:
            self.scopes.pop((tenant_id, app_id), None)
        else:
            self.scopes[tenant_id, app_id] = frozenset(address.lower() for address in addresses)

    def is_in_scope(self, app_id: str, mailbox: Mailbox) -> bool:
        """Return whether an app may use a mailbox."""
        scope = self.scopes.get((mailbox.tenant_id, app_id))
        return scope is None or mailbox.address.lower() in scope

    def hand_out(self, cursor: "Cursor") -> str:
        """Keep a cursor and return its token; the oldest ones are deleted when there are too many."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._cursors[token] = cursor
        while len(self._cursors) > self.switches.cursors_kept:
            self._cursors.popitem(last=False)
        return token

    def find_cursor(self, token: str) -> "Cursor | Expiry | None":
        """Return the cursor of a token, how it expired, or None for a token of another service."""
        if token in self._cursors:
            return self._cursors[token]
        return Expiry() if len(token) == len(secrets.token_urlsafe(_TOKEN_BYTES)) else None

    def expire_cursors(
        self,
        mailbox: Mailbox | None = None,
        *,
        status: int = 410,
        code: str = "SyncStateNotFound",
        inner_code: str | None = None,
        location: bool = False,
    ) -> int:
        """Expire every cursor so far, also those inside a round; return how many."""
        lost = [
            token
            for token, cursor in self._cursors.items()
            if not isinstance(cursor, Expiry) and mailbox in (None, cursor.query.mailbox)
        ]
        for token in lost:
            self._cursors[token] = Expiry(status, code, inner_code, location)
        return len(lost)
