"""The permissions that Microsoft Graph's own service principal offers, as far as the twin knows them.

Source: learn.microsoft.com/graph/permissions-reference (ids), per name: the application role and the delegated scope.
"""

from dataclasses import dataclass

from twin.core.wire import Json

_TABLE = """
Bookings.Read.All                  6e98f277-b046-4193-a4f2-6bf6a78cd491  33b1df99-4b29-4548-9339-7a7b83eaeebc
BookingsAppointment.ReadWrite.All  9769393e-5a9f-4302-9e3d-7e018ecb64a7  02a5a114-36a6-46ff-a102-954d89d9ab02
Bookings.ReadWrite.All             0c4b2d20-7919-468d-8668-c54b09d4dee8  948eb538-f19d-4ec5-9ccc-f059e1ea4c72
Bookings.Manage.All                6b22000a-1228-42ec-88db-b8c00399aecb  7f36b48e-542f-4d3b-9bcb-8406f0ab9fdb
Mail.ReadBasic                     6be147d2-ea4f-4b5a-a3fa-3eab6f3c140a  a4b8392a-d8d1-4954-a029-8e668a39a170
Mail.ReadBasic.All                 693c5e45-0940-467d-9b8a-1022fb9d42ef  -
Mail.Read                          810c84a8-4a9e-49e6-bf7d-12d183f40d01  570282fd-fa5c-430d-a7fd-fc8dc98a9dca
Mail.ReadWrite                     e2a3a72e-5f79-4c64-b1b1-878b674786c9  024d486e-b451-40bb-833d-3e66d98c5c73
Mail.Send                          b633e1c5-b582-4048-a93e-9f11b44c7e96  e383f46e-2787-4529-855e-0e479a3ffac0
Calendars.Read                     798ee544-9d2d-430c-a058-570e29e34338  465a38f9-76ea-45b9-9f34-9e8b0d4b0b42
User.Read                          -                                     e1fe6dd8-ba31-4d61-89e7-88639da4683d
User.Read.All                      df021288-bdef-4463-88db-98f22de89214  -
offline_access                     -                                     7427e0e9-2fba-42fe-b0c0-848c9e6a8182
"""


@dataclass(frozen=True, slots=True)
class Permission:
    """One name with its two ids; an id is "" if there is no permission of that kind."""

    name: str
    role: str
    scope: str


def _read_table() -> tuple[Permission, ...]:
    rows = (line.split() for line in _TABLE.strip().splitlines())
    return tuple(Permission(name, role.strip("-"), scope.strip("-")) for name, role, scope in rows)


PERMISSIONS = _read_table()
ROLES = {one.role: one.name for one in PERMISSIONS if one.role}
SCOPES = {one.scope: one.name for one in PERMISSIONS if one.scope}
ROLE_IDS = {name: role for role, name in ROLES.items()}


def describe_roles() -> list[Json]:
    """Describe the application permissions."""
    return [
        {
            "id": role,
            "value": name,
            "displayName": name,
            "description": name,
            "allowedMemberTypes": ["Application"],
            "isEnabled": True,
            "origin": "Application",
        }
        for role, name in ROLES.items()
    ]


def describe_scopes() -> list[Json]:
    """Describe the delegated permissions."""
    return [
        {"id": scope, "value": name, "type": "User", "adminConsentDisplayName": name, "isEnabled": True}
        for scope, name in SCOPES.items()
    ]
