"""The sample world: a tenant with three booking pages and three mailboxes, a partner's tenant, all credentials.

`build()` makes it, the same every time for the same day; `settings()` are the app settings for it.
"""

import json
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, Literal

from twin.bookings.permissions import APPOINTMENT, MANAGE, READ, WRITE
from twin.bookings.state import Bookings
from twin.directory.access import CLOUD_APPLICATION_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR
from twin.entra.state import App, Entra, FederatedCredential
from twin.identity.state import Identities, issuer_of
from twin.mail.permissions import WRITE as MAIL_WRITE
from twin.seeds import mails, service_desks
from twin.seeds.booking_pages import CONTOSO_PAGES, SYDNEY
from twin.seeds.businesses import seed_business
from twin.seeds.credentials import make_certificate, make_password_secret, make_secret, make_state_key
from twin.simulator import Simulator
from twin.vault.state import SECRETS_OFFICER, Vaults
from twin.webhook.apis import HOOKS_HOST
from twin.world import World

type Credential = Literal["federated", "certificate", "secret", "password"]

TENANT_ID = "c0a70500-1111-4aaa-8bbb-000000000001"
PARTNER_TENANT_ID = "fab21ca0-2222-4aaa-8bbb-000000000002"
CLIENT_ID = "a9900000-3333-4aaa-8bbb-000000000003"
PARTNER_CLIENT_ID = "a9900000-4444-4aaa-8bbb-000000000004"
IDENTITY_CLIENT_ID = "1de00000-5555-4aaa-8bbb-000000000005"
IDENTITY_PRINCIPAL_ID = "1de00000-6666-4aaa-8bbb-000000000006"
VAULT = "contoso-gateway"
GATEWAY_HOST = "contoso-gateway.azurewebsites.net"
"""The public name of the gateway itself: change notifications go there."""
GATEWAY_URL = f"https://{GATEWAY_HOST}"

SERVICE_USER = "bookings-service@contoso.com"
ADMIN_USER = "admin@contoso.com"
ADMIN_OBJECT_ID = "ad310000-7777-4aaa-8bbb-000000000007"
PARTNER_SERVICE_USER = "bookings-service@fabrikam.com"

CLIENT_SECRET_NAME = "graph-client-secret"  # noqa: S105 - the name of a secret
CERTIFICATE_NAME = "graph-certificate"
PASSWORD_NAME = "graph-service-user"  # noqa: S105 - the name of a secret
PARTNER_SECRET_NAME = "partner-client-secret"  # noqa: S105 - the name of a secret
STATE_KEY_NAME = "state-key"

_NAMES: dict[str, str] = {
    "certificate": CERTIFICATE_NAME,
    "secret": CLIENT_SECRET_NAME,
    "password": PASSWORD_NAME,
}
_SECRET_LIFE = timedelta(days=180)

_MAILBOXES: list[dict[str, Any]] = [
    {
        "name": "support",
        "address": mails.SUPPORT,
        "sinks": ["desk"],
        "write_back": {"read": True, "category": "Ticket {ticket}"},
        "brakes": {"exempt": ["@contoso.com"]},  # people try the gateway with many mails of one author
        "quiet_minutes": 0,  # and want to see what happens
        "rules": [
            {
                "name": "newsletters",
                "all": [{"from": "@news.contoso.com"}, {"header": "List-Unsubscribe"}],
                "set_aside": "A newsletter.",
            },
            {"name": "printers", "any": [{"plus_tag": "printer"}, {"subject": "printer"}], "urgency": 2},
        ],
    },
    {
        "name": "facilities",
        "address": mails.FACILITIES,
        "sinks": ["hook", "flow"],
        "write_back": {"read": True},
        "quiet_minutes": 0,
    },
    {"name": "security", "address": mails.SECURITY, "sinks": ["handover"], "quiet_minutes": 0},
]
_SINKS: dict[str, dict[str, Any]] = {
    "desk": {
        "kind": "easyvista",
        "url": f"https://{service_desks.HOST}",
        "account": service_desks.PRODUCTION,
        "token": service_desks.TOKEN_NAME,
        "catalog_code": service_desks.PLAIN_CODE,
        "comment_action_type_id": service_desks.PUBLIC_COMMENT,
        "comment_group_mail": service_desks.GROUP,
        "unknown_sender": "default_recipient",
        "default_recipient": service_desks.CATCH_ALL,
    },
    "hook": {"kind": "webhook", "url": service_desks.HOOK_URL, "signing_keys": [service_desks.WEBHOOK_KEY_NAME]},
    "flow": {"kind": "webhook", "preset": "power-automate", "url_secret": service_desks.FLOW_URL_NAME},
    "handover": {"kind": "storage-queue", "queue": "mail-events"},
}


def build(today: date | None = None) -> World:
    """Make the sample world around a day; without one, around the present."""
    return World(partial(seed, today=today))


def seed(world: World, today: date | None = None) -> None:
    """Seed an empty world; with `today`, its clock is set to that day unless it is there already."""
    if today is not None and world.clock.now().date() != today:
        world.clock.set(datetime.combine(today, time(9), UTC))
    day = world.clock.now().date()
    add_access(world)
    bookings = world.state(Bookings)
    for page in CONTOSO_PAGES:
        seed_business(bookings, page, TENANT_ID, day, SERVICE_USER)
    seed_business(bookings, SYDNEY, PARTNER_TENANT_ID, day, PARTNER_SERVICE_USER)
    mails.seed(world)


def add_access(world: World) -> None:
    """Add tenants, apps, users, the managed identity, the vault and the service desk: all but booking pages."""
    app, partner_app = _add_tenants(world)
    _add_identity(world)
    _add_vault(world, app, partner_app)
    vault = world.state(Vaults).vault(VAULT)
    service_desks.add_service_desk(world, vault)
    service_desks.add_receivers(world, vault)


def settings(world: World | Simulator, *, credential: Credential = "secret") -> dict[str, str]:
    """Return the app settings for this world, with one of the four ways to sign in."""
    vaults = (world.world if isinstance(world, Simulator) else world).state(Vaults)
    chosen = {
        "KEY_VAULT_URL": vaults.vault(VAULT).url,
        "GRAPH_CLOUD": "global",
        "GRAPH_TENANT_ID": TENANT_ID,
        "GRAPH_CLIENT_ID": CLIENT_ID,
        "GRAPH_CREDENTIAL": credential,
        "IDENTITY_CLIENT_ID": IDENTITY_CLIENT_ID,
        "BOOKINGS_BUSINESSES": ",".join(page.id for page in CONTOSO_PAGES),
        "GRAPH_CONNECTIONS": json.dumps(
            {
                "partner": {
                    "tenant_id": PARTNER_TENANT_ID,
                    "client_id": PARTNER_CLIENT_ID,
                    "credential": "secret",
                    "credential_name": PARTNER_SECRET_NAME,
                    "bookings_businesses": SYDNEY.id,
                },
            },
        ),
        "STATE_KEY_NAME": STATE_KEY_NAME,
    }
    if credential in _NAMES:
        chosen["GRAPH_CREDENTIAL_NAME"] = _NAMES[credential]
    return chosen


def mail_settings() -> dict[str, str]:
    """Return the app settings that let it read the support mailboxes. They need a storage account."""
    return {
        "MAILBOXES": json.dumps(_MAILBOXES),
        "SINKS": json.dumps(_SINKS),
        "MAILBOX_POLL_SCHEDULE": "*/15 * * * * *",
        "CHANGES_SCHEDULE": "15 */5 * * * *",
    }


def push_settings() -> dict[str, str]:
    """Return the app settings with which Graph announces mails, and events may be sent to the receiver of webhooks.

    `World.sites` must say where GATEWAY_HOST is.
    Without `quiet_minutes` of their own, mailboxes are polled seldom, as they are where Graph announces mails.
    """
    mailboxes = [{key: value for key, value in one.items() if key != "quiet_minutes"} for one in _MAILBOXES]
    return {
        "GRAPH_NOTIFICATIONS": "on",
        "GRAPH_NOTIFICATIONS_URL": f"{GATEWAY_URL}/api",
        "MAILBOXES": json.dumps(mailboxes),
        "EVENT_TARGET_HOSTS": HOOKS_HOST,
    }


def write_settings() -> dict[str, str]:
    """Return the app setting that lets it write appointments and customers. That needs a storage account."""
    return {"BOOKINGS_WRITES": "on"}


def _add_tenants(world: World) -> tuple[App, App]:
    entra = world.state(Entra)
    tenant = entra.add_tenant(TENANT_ID, "contoso.com", "contoso.onmicrosoft.com")
    app = entra.add_app(CLIENT_ID, tenant, "Sample gateway")
    app.add_secret(make_secret("contoso"), expires=datetime.now(UTC) + _SECRET_LIFE, name="gateway")
    app.add_certificate(make_certificate("Graph gateway")[0])
    app.add_federated_credential(
        FederatedCredential("function-app", issuer_of(TENANT_ID), IDENTITY_PRINCIPAL_ID),
    )
    principal = tenant.install(app, READ, APPOINTMENT, WRITE)
    principal.exchange_roles = frozenset({MAIL_WRITE})  # in Entra ID it would open every mailbox
    principal.consent(READ, APPOINTMENT, WRITE, user=SERVICE_USER)
    principal.consent(READ, APPOINTMENT, WRITE, MANAGE, user=ADMIN_USER)
    tenant.add_user(SERVICE_USER, make_secret("service user"))
    admin = tenant.add_user(ADMIN_USER, make_secret("admin user"), object_id=ADMIN_OBJECT_ID)
    admin.is_exchange_admin = True
    admin.directory_roles = frozenset({CLOUD_APPLICATION_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR})
    partner = entra.add_tenant(PARTNER_TENANT_ID, "fabrikam.com", "fabrikam.onmicrosoft.com")
    partner_app = entra.add_app(PARTNER_CLIENT_ID, partner, "Graph gateway (partner)")
    partner_app.add_secret(make_secret("partner"), expires=datetime.now(UTC) + _SECRET_LIFE, name="gateway")
    partner.install(partner_app, READ, APPOINTMENT)
    partner.add_user(PARTNER_SERVICE_USER, make_secret("partner service user"))
    return app, partner_app


def _add_identity(world: World) -> None:
    world.state(Identities).assign(
        "gateway-identity",
        client_id=IDENTITY_CLIENT_ID,
        principal_id=IDENTITY_PRINCIPAL_ID,
        tenant_id=TENANT_ID,
    )


def _add_vault(world: World, app: App, partner_app: App) -> None:
    vault = world.state(Vaults).add(VAULT, TENANT_ID)
    vault.assign_role(IDENTITY_PRINCIPAL_ID)
    vault.assign_role(ADMIN_OBJECT_ID, SECRETS_OFFICER)
    for name, owner, tenant_id in (
        (CLIENT_SECRET_NAME, app, TENANT_ID),
        (PARTNER_SECRET_NAME, partner_app, PARTNER_TENANT_ID),
    ):
        secret = next(iter(owner.secrets.values()))
        tags = {"appId": owner.app_id, "tenantId": tenant_id, "keyId": secret.key_id}
        vault.set_secret(name, secret.value, content_type="entra-client-secret", tags=tags, expires=secret.expires)
    certificate, bundle = make_certificate("Graph gateway")
    vault.set_secret(
        CERTIFICATE_NAME,
        bundle,
        content_type="application/x-pkcs12",
        expires=certificate.not_valid_after_utc,
    )
    password = make_password_secret(SERVICE_USER, make_secret("service user"), make_secret("contoso"))
    vault.set_secret(PASSWORD_NAME, password, content_type="application/json")
    vault.set_secret(STATE_KEY_NAME, make_state_key(), content_type="application/octet-stream;base64")
