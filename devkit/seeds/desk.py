"""The service desk of the sample tenant: an EasyVista with people, catalog, groups, a program's account, one ticket.

Its secrets lie in the sample vault under the names below; people are those who write to the support mailboxes.
"""

import base64

from devkit.seeds.credentials import make_secret
from devkit.simulator.easyvista.instance import Instance
from devkit.simulator.easyvista.records import ActionType, Group
from devkit.simulator.easyvista.state import EasyVista
from devkit.simulator.vault.state import Vault
from devkit.simulator.world import World

HOST = "contoso.easyvista.com"
PRODUCTION, SANDBOX = "50004", "50005"
ROOT = f"https://{HOST}/api/v1/{PRODUCTION}"

TOKEN_NAME = "easyvista-token"  # noqa: S105 - the name of a secret
BASIC_NAME = "easyvista-basic"
LOGIN = "mail-connector"

PLAIN_CODE, HARDWARE_CODE = "MAIL_INCIDENT", "HARDWARE"
PLAIN_GUID, HARDWARE_GUID = "0F5E7C1A-6B1D-4B57-9E55-1D0B6A2F4C01", "0F5E7C1A-6B1D-4B57-9E55-1D0B6A2F4C02"
PUBLIC_COMMENT, INTERNAL_COMMENT = 94, 95
GROUP = "servicedesk@contoso.com"
CATCH_ALL = "unknown.sender@contoso.com"

OPEN_TICKET = "I261120_00012"
OPEN_TICKET_TITLE = "Notebook does not charge"
OPEN_TICKET_REQUESTOR = "alex.wilber@contoso.com"

PEOPLE = (
    "Adele Vance", "Alex Wilber", "Diego Siciliani", "Grady Archie", "Henrietta Mueller", "Isaiah Langer",
    "Johanna Lorenz", "Joni Sherman", "Lee Gu", "Lidia Holloway", "Lynne Robbins", "Megan Bowen", "Miriam Graham",
    "Nestor Wilke", "Patti Fernandez", "Pradeep Gupta",
)  # fmt: skip
"""Everybody whom the desk knows; the address is made of the name."""


def address_of(name: str) -> str:
    """Return the address of a person: "Lee Gu" is lee.gu@contoso.com."""
    return f"{name.lower().replace(' ', '.')}@contoso.com"


def add_desk(world: World, vault: Vault) -> Instance:
    """Furnish both instances and put their secrets into the vault; returns the one for production."""
    production = furnish_instance(world, PRODUCTION)
    furnish_instance(world, SANDBOX)
    production.open_ticket(
        production.entry(PLAIN_CODE),
        rfc=OPEN_TICKET,
        title=OPEN_TICKET_TITLE,
        description="It stays at 4 % on every power supply.",
        memos={"description": "It stays at 4 % on every power supply.", "comment": ""},
        requestor=production.employee(OPEN_TICKET_REQUESTOR),
        recipient=production.employee(OPEN_TICKET_REQUESTOR),
        submitted_by="lee.gu",
        domain="Contoso",
    )
    vault.set_secret(TOKEN_NAME, token(), content_type="easyvista-token")
    vault.set_secret(BASIC_NAME, f"{LOGIN}:{password()}", content_type="easyvista-basic")
    return production


def furnish_instance(world: World, account: str, people: tuple[str, ...] = PEOPLE) -> Instance:
    """Make an instance with people, catalog, groups, action types and the program's account, without tickets."""
    made = world.room(EasyVista).add_instance(HOST, account)
    made.add_user(LOGIN, password(), token=token())
    for name in people:
        made.add_employee(name.split()[-1], address_of(name), login=address_of(name).partition("@")[0])
    made.add_employee("Unknown sender", CATCH_ALL)
    made.add_entry(PLAIN_CODE, "Incident by mail", guid=PLAIN_GUID)
    made.add_entry(HARDWARE_CODE, "Hardware", guid=HARDWARE_GUID, mandatory=("department",))
    made.groups = (Group(31, "Service desk", GROUP), Group(32, "Field service", "field@contoso.com"))
    made.action_types = (
        ActionType(PUBLIC_COMMENT, "Comment [Public]"),
        ActionType(INTERNAL_COMMENT, "Internal note [Private]"),
        ActionType(7, "Call"),
    )
    made.custom_columns = frozenset({"E_MESSAGE_ID"})
    return made


def token() -> str:
    """Return the access token of the program's account."""
    return make_secret("easyvista token")


def password() -> str:
    """Return the password of the program's account."""
    return make_secret("easyvista password")


def basic() -> str:
    """Return the value of an Authorization header with login and password."""
    return "Basic " + base64.b64encode(f"{LOGIN}:{password()}".encode()).decode()
