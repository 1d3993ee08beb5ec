"""The permissions that each feature needs, and their ids on Microsoft Graph.

Sources: learn.microsoft.com/graph/permissions-reference for the ids, which are read from the tenant and compared with
these; the Bookings reference pages for the permissions. `cancel` needs the wider Bookings.ReadWrite.All. `mail` has no
permission here on purpose, because a Mail permission in Entra ID opens every mailbox.
"""

from dataclasses import dataclass
from typing import Any

from setup.errors import Stopped

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"

FEATURES: dict[str, tuple[str, ...]] = {
    "read": ("Bookings.Read.All",),
    "writes": ("BookingsAppointment.ReadWrite.All",),
    "cancel": ("Bookings.ReadWrite.All",),
    "mail": (),
}
WHY = {
    "Bookings.Read.All": "to answer questions about Bookings",
    "BookingsAppointment.ReadWrite.All": "to make and change appointments",
    "Bookings.ReadWrite.All": "to cancel appointments with a mail to the customer",
    "User.Read": "to sign the service user in",
}
_IDS = {  # application role, delegated scope
    "Bookings.Read.All": ("6e98f277-b046-4193-a4f2-6bf6a78cd491", "33b1df99-4b29-4548-9339-7a7b83eaeebc"),
    "BookingsAppointment.ReadWrite.All": (
        "9769393e-5a9f-4302-9e3d-7e018ecb64a7",
        "02a5a114-36a6-46ff-a102-954d89d9ab02",
    ),
    "Bookings.ReadWrite.All": ("0c4b2d20-7919-468d-8668-c54b09d4dee8", "948eb538-f19d-4ec5-9ccc-f059e1ea4c72"),
    "User.Read": ("", "e1fe6dd8-ba31-4d61-89e7-88639da4683d"),
}


@dataclass(frozen=True)
class Permission:
    """A permission of Microsoft Graph: `kind` is Role (application) or Scope (delegated)."""

    name: str
    id: str
    kind: str

    @property
    def why(self) -> str:
        """What the gateway needs it for."""
        return WHY[self.name]


def name_permissions(features: tuple[str, ...], *, delegated: bool) -> list[str]:
    """Return the names of the permissions that the features need."""
    names = [name for feature in features for name in FEATURES[feature]]
    return [*names, "User.Read"] if delegated else names


def resolve(graph: dict[str, Any], names: list[str], *, delegated: bool) -> list[Permission]:
    """Return the permissions with their ids. Raises Stopped if the tenant's Graph has another id, or none."""
    listed = graph["oauth2PermissionScopes" if delegated else "appRoles"]
    live = {str(one["value"]): str(one["id"]) for one in listed if one.get("isEnabled", True)}
    found = []
    for name in names:
        expected = _IDS[name][1 if delegated else 0]
        if live.get(name) != expected:
            raise Stopped(f"This tenant's Microsoft Graph has no {name} with the published id. Check --cloud.")
        found.append(Permission(name, expected, "Scope" if delegated else "Role"))
    return found


def find_mail_roles(graph: dict[str, Any]) -> dict[str, str]:
    """Return the application permissions that open mailboxes, as id -> name."""
    return {str(one["id"]): str(one["value"]) for one in graph["appRoles"] if str(one["value"]).startswith("Mail.")}
