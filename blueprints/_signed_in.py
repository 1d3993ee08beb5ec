"""Who has signed in with Entra ID in front of the app, and what such people may do without a key.

The platform's sign-in (App Service Authentication) removes `X-MS-CLIENT-PRINCIPAL` from what callers send and writes
its own: learn.microsoft.com/azure/app-service/configure-authentication-user-identities. Where it is off, anybody may
send that header, so it counts only while the platform says that its sign-in is on.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import Forbidden
from shared.json_text import Json, parse_json, write_json
from shared.settings.config import has_sign_in_in_front, is_on

READ, OPERATE = "Gateway.Read", "Gateway.Operate"
HEADER = "x-gateway-console"
"""The console sends it. A page of another site cannot, because a browser asks the gateway first, which allows none."""
_PRINCIPAL = "X-MS-CLIENT-PRINCIPAL"
_PROVIDER = "aad"
_ROLES = ("roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")
_NAMES = (
    "preferred_username",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "name",
)
_LONGEST_NAME = 100

READS = (
    "status",
    "health/ready",
    "mail-history",
    "mails",
    "mailboxes",
    "mailboxes/{mailbox}",
    "mailboxes/{mailbox}/mails",
    "mailboxes/{mailbox}/mails/{key}",
    "bookings/businesses",
    "bookings/businesses/{business}/overview",
    "triggers",
    "subscriptions",
)
"""What the role Gateway.Read may ask, as the routes are written in the code."""
ACTIONS = (
    "mailboxes/{mailbox}/poll",
    "mailboxes/{mailbox}/mails/{key}/redeliver",
    "mailboxes/{mailbox}/mails/{key}/deliver",
    "mailboxes/{mailbox}/mails/{key}/set-aside",
    "subscriptions/{subscription}/pause",
    "subscriptions/{subscription}/resume",
)
"""What the role Gateway.Operate may do as well."""
NAMES_A_PERSON = frozenset(ACTIONS[1:4])
"""Actions whose body says who decided: it is the person who has signed in, whatever the body says."""


@dataclass(frozen=True)
class Person:
    """Somebody who has signed in. `name`: the sign-in name."""

    name: str
    roles: frozenset[str]

    @property
    def may_read(self) -> bool:
        """Whether a role allows to ask."""
        return bool(self.roles & {READ, OPERATE})

    @property
    def may_act(self) -> bool:
        """Whether a role allows to decide."""
        return OPERATE in self.roles

    def describe(self) -> Json:
        """Return {"name", "roles"}, of the roles those that the gateway knows."""
        return {"name": self.name, "roles": sorted(self.roles & {READ, OPERATE})}


def is_wanted() -> bool:
    """Return whether the settings allow it, and the platform's sign-in is in front."""
    return is_on("CONSOLE_SIGN_IN") and has_sign_in_in_front()


def read_person(headers: Mapping[str, str]) -> Person | None:
    """Return who has signed in, None if nobody has. Call it only while `is_wanted`."""
    try:
        principal = parse_json(base64.b64decode(headers.get(_PRINCIPAL) or "", validate=True))
        claims = [(str(one["typ"]), str(one["val"])) for one in principal["claims"]]
        is_ours = principal["auth_typ"] == _PROVIDER
    except (binascii.Error, ValueError, KeyError, TypeError):
        return None
    names = dict(reversed(claims))
    name = next((names[kind] for kind in _NAMES if names.get(kind)), None)
    if not is_ours or name is None:
        return None
    return Person(name[:_LONGEST_NAME], frozenset(value for kind, value in claims if kind in _ROLES))


def check_person(headers: Mapping[str, str], *, acts: bool) -> Person:
    """Return who has signed in and may do this. Raises Forbidden."""
    if not is_wanted():
        raise Forbidden(
            "This gateway takes no sign-in instead of a key. Use a function key, or let an administrator switch "
            "CONSOLE_SIGN_IN on, with the sign-in of the function app in front.",
            code="SignInOff",
        )
    if headers.get(HEADER) is None:
        raise Forbidden(
            f"Only the console may ask with a sign-in. Send the header {HEADER}, or use a function key.",
            code="NotTheConsole",
        )
    person = read_person(headers)
    if person is None:
        raise Forbidden(
            "Nobody has signed in with an account of the organization. Use the sign-in at /.auth/login/aad, or a key.",
            code="NotSignedIn",
        )
    if not (person.may_act if acts else person.may_read):
        role = OPERATE if acts else READ
        raise Forbidden(
            f"This needs the app role {role}. An administrator can assign it in Entra ID, in the enterprise "
            "application of the gateway's sign-in.",
            code="RoleMissing",
        )
    return person


def name_person(body: bytes, person: Person) -> bytes:
    """Return a JSON body with the person as `by`. What is no JSON object is left for the route to refuse."""
    try:
        given: Any = parse_json(body) if body.strip() else {}
    except ValueError:
        return body
    return write_json(given | {"by": person.name}) if isinstance(given, dict) else body
