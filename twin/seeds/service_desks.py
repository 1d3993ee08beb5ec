"""Where the sample's mails go: an EasyVista with people, catalog and one ticket; a webhook receiver; a workflow.

Their secrets are in the sample vault under the names below; its people write to the support mailboxes.
"""

import base64
from hashlib import sha256

from twin.easyvista.instance import Instance
from twin.easyvista.records import ActionType, Group
from twin.easyvista.state import EasyVista
from twin.seeds.credentials import make_secret
from twin.vault.state import Vault
from twin.webhook.apis import HOOKS_HOST
from twin.webhook.flow import FLOW_HOST
from twin.webhook.signature import PREFIX
from twin.webhook.state import Webhooks
from twin.world import World

HOST = "contoso.easyvista.com"
PRODUCTION, SANDBOX = "50004", "50005"
ROOT = f"https://{HOST}/api/v1/{PRODUCTION}"

TOKEN_NAME = "easyvista-token"  # noqa: S105 - the name of a secret
BASIC_NAME = "easyvista-basic"
WEBHOOK_KEY_NAME = "webhook-key"
FLOW_URL_NAME = "flow-url"
LOGIN = "mail-connector"

PLAIN_CODE, HARDWARE_CODE = "MAIL_INCIDENT", "HARDWARE"
PLAIN_GUID, HARDWARE_GUID = "0F5E7C1A-6B1D-4B57-9E55-1D0B6A2F4C01", "0F5E7C1A-6B1D-4B57-9E55-1D0B6A2F4C02"
PUBLIC_COMMENT, INTERNAL_COMMENT = 94, 95
GROUP = "servicedesk@contoso.com"
CATCH_ALL = "unknown.sender@contoso.com"

OPEN_TICKET = "I261120_00012"
OPEN_TICKET_TITLE = "Notebook does not charge"
OPEN_TICKET_REQUESTOR = "alex.wilber@contoso.com"

HOOK_URL = f"https://{HOOKS_HOST}/mail"
EVENTS_URL = f"https://{HOOKS_HOST}/events"
WORKFLOW = "c0ffee00f1004aaa8bbb000000000001"
FLOW_PATH = f"/workflows/{WORKFLOW}/triggers/manual/paths/invoke"

PEOPLE = (
    "Adele Vance", "Alex Wilber", "Diego Siciliani", "Grady Archie", "Henrietta Mueller", "Isaiah Langer",
    "Johanna Lorenz", "Joni Sherman", "Lee Gu", "Lidia Holloway", "Lynne Robbins", "Megan Bowen", "Miriam Graham",
    "Nestor Wilke", "Patti Fernandez", "Pradeep Gupta",
)  # fmt: skip
"""Everybody whom the desk knows; the address is made of the name."""


def address_of(name: str) -> str:
    """Return the address of a person: "Lee Gu" is lee.gu@contoso.com."""
    return f"{name.lower().replace(' ', '.')}@contoso.com"


def add_service_desk(world: World, vault: Vault) -> Instance:
    """Seed both instances and put their secrets into the vault; returns the one for production."""
    production = seed_instance(world, PRODUCTION)
    seed_instance(world, SANDBOX)
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


def add_receivers(world: World, vault: Vault) -> None:
    """Let the receiver check signatures (it refuses nothing), add the workflow, put both keys into the vault."""
    receivers = world.state(Webhooks)
    receivers.check_signatures([webhook_key()])
    receivers.add_workflow(WORKFLOW, make_secret("flow sig"))
    vault.set_secret(WEBHOOK_KEY_NAME, webhook_key(), content_type="webhook-key")
    vault.set_secret(FLOW_URL_NAME, flow_url(), content_type="flow-url")


def seed_instance(world: World, account: str, people: tuple[str, ...] = PEOPLE) -> Instance:
    """Make an instance with people, catalog, groups, action types and the program's account, without tickets."""
    made = world.state(EasyVista).add_instance(HOST, account)
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


def webhook_key() -> str:
    """Return the key that deliveries are signed with: 32 bytes."""
    return PREFIX + base64.b64encode(sha256(make_secret("webhook key").encode()).digest()).decode()


def flow_url() -> str:
    """Return the whole address of the workflow's trigger, which is its credential."""
    return (
        f"https://{FLOW_HOST}:443{FLOW_PATH}?api-version=2016-10-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0"
        f"&sig={make_secret('flow sig')}"
    )


def basic() -> str:
    """Return the value of an Authorization header with login and password."""
    return "Basic " + base64.b64encode(f"{LOGIN}:{password()}".encode()).decode()
