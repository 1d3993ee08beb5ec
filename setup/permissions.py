"""The permissions that features need, with the ids that a tenant's Microsoft Graph offers them under.

What each permission is for, and its published id, is said in `shared.graph.permissions`. `mail` and `calendars` need
none here on purpose, because such a permission in Entra ID opens every mailbox.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from setup.errors import Stopped
from shared.graph.permissions import (
    APPOINTMENTS_WRITE,
    BOOKINGS_WRITE,
    USER_READ,
    Feature,
    Permission,
    list_permissions,
    opens_mailboxes,
)

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"


@dataclass(frozen=True)
class OfferedPermission:
    """A permission as a tenant's Microsoft Graph offers it: `kind` is Role (application) or Scope (delegated)."""

    name: str
    id: str
    kind: str
    why: str


def find_needed(features: Sequence[str], *, delegated: bool) -> list[Permission]:
    """Return the permissions that the features need in Entra ID.

    A user may cancel with the permission to write appointments; an app may not (reference page of cancel).
    """
    needed = [permission for feature in features for permission in list_permissions(Feature(feature))]
    if not delegated:
        return needed
    return list(
        dict.fromkeys([APPOINTMENTS_WRITE if each is BOOKINGS_WRITE else each for each in needed] + [USER_READ])
    )


def resolve(graph: dict[str, Any], needed: Sequence[Permission], *, delegated: bool) -> list[OfferedPermission]:
    """Return the permissions with their ids. Raises Stopped if the tenant's Graph has another id, or none."""
    listed = graph["oauth2PermissionScopes" if delegated else "appRoles"]
    live = {str(one["value"]): str(one["id"]) for one in listed if one.get("isEnabled", True)}
    found = []
    for permission in needed:
        expected = permission.delegated_id if delegated else permission.application_id
        if live.get(permission.name) != expected:
            raise Stopped(
                f"This tenant's Microsoft Graph has no {permission.name} with the published id. Check --cloud."
            )
        kind = "Scope" if delegated else "Role"
        found.append(OfferedPermission(permission.name, expected, kind, permission.purpose))
    return found


def find_mailbox_roles(graph: dict[str, Any]) -> dict[str, str]:
    """Return the application permissions that open mailboxes, as id -> name."""
    return {str(one["id"]): str(one["value"]) for one in graph["appRoles"] if opens_mailboxes(str(one["value"]))}
