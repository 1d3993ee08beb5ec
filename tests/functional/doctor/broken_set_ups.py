"""Set-ups that people get wrong: how each comes about, which step of the doctor finds it, and what it must say."""

import json
import os
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devkit.commands import main
from tests.functional.conftest import Gateway
from tests.functional.doctor.administrator import APP, GROUP, STORAGE, Administrator
from tests.functional.doctor.conftest import Installation
from tests.functional.secrecy import secrets_of
from twin.bookings.permissions import APPOINTMENT, READ, WRITE
from twin.core.faults import Answer
from twin.directory.az import install_az
from twin.entra.state import App, ServicePrincipal
from twin.identity.state import Identities
from twin.mail.permissions import WRITE as MAIL_WRITE
from twin.seeds import mails, sample, service_desks
from twin.seeds.booking_pages import LONDON
from twin.seeds.credentials import make_password_secret

ADDRESS = "<address of the vault>"
FILE_WITH_VALUE = "<file with the value>"
IDS = "<ids of booking pages, separated by commas>"
NOBODY = "1de00000-0000-4000-8000-00000000dead"


class World:
    """The broken installation, and the administrator who mends it; `is_well`: the doctor has found nothing wrong."""

    def __init__(self, gateway: Gateway, folder: Path) -> None:
        self.installation = Installation(gateway)
        self.gateway, self.sim = gateway, gateway.sim
        self.folder = folder
        self.is_well = False
        self.administrator = Administrator(self.installation)
        install_az(folder / "bin", self.sim.loopback_url, sample.ADMIN_USER)

    @property
    def app(self) -> App:
        return self.sim.entra.app(sample.CLIENT_ID)

    @property
    def principal(self) -> ServicePrincipal:
        return self.sim.entra.tenants[sample.TENANT_ID].principals[sample.CLIENT_ID]

    def configure(self, **settings: str) -> None:
        self.administrator.settings = dict(settings)
        self.installation.configure(**settings)

    def write(self, text: str) -> str:
        """Return the name of a new file with this text."""
        file = self.folder / uuid.uuid4().hex
        file.write_text(text)
        return str(file)

    def doctor(self, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
        """Return what the doctor of the running app finds wrong."""
        master = self.gateway.host.asgi._access.keys.master
        capsys.readouterr()
        main(["doctor", "--url", self.gateway.base_url, f"--key={master}", "--json"])
        shown = capsys.readouterr().out
        assert not [secret for secret in secrets_of(self.gateway) if secret in shown]
        assert "eyJ" not in shown
        return [one for one in json.loads(shown)["steps"] if one["status"] in ("fail", "warn")]


@dataclass(frozen=True)
class Case:
    """One set-up that is wrong: how it comes about, the only step that finds it, and words that it must say.

    `knows` are the values that the remedy leaves to the person, `callers` the status and words of a call meanwhile.
    """

    set_up: str
    break_it: Callable[[World], object]
    step: str
    words: tuple[str, ...]
    knows: Callable[[World], Mapping[str, str]] = lambda _: {}
    callers: tuple[int, str] | None = None
    status: str = "fail"
    mend_by_hand: Callable[[World], object] | None = None


def expire_secret(world: World) -> None:
    for key, secret in tuple(world.app.secrets.items()):
        world.app.secrets[key] = replace(secret, expires=datetime.now(UTC) - timedelta(days=1))


def store_id_of_secret(world: World) -> None:
    world.installation.vault.set_secret(sample.CLIENT_SECRET_NAME, next(iter(world.app.secrets)))


def sign_in_as_user(world: World) -> None:
    user = world.sim.entra.tenants[sample.TENANT_ID].users[sample.SERVICE_USER]
    stored = make_password_secret(user.name, user.password, world.app.add_secret().value)
    world.installation.vault.set_secret(sample.PASSWORD_NAME, stored)
    world.principal.consents = {sample.SERVICE_USER: frozenset({"User.Read"})}
    usual = sample.settings(world.sim, credential="password")
    world.configure(**usual | {"MAILBOXES": "[]"})


def misspell_address(world: World) -> None:
    wrong = [dict(one) for one in world.installation.mailboxes]
    wrong[2]["address"] = "secruity@contoso.com"
    world.configure(MAILBOXES=json.dumps(wrong))


def stop_storage(_: World) -> None:
    os.environ[STORAGE] = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", os.environ[STORAGE])


def unassign_identity(world: World) -> None:
    world.sim.world.state(Identities).assigned = []


def open_every_mailbox(world: World) -> None:
    world.principal.exchange_roles = frozenset()
    world.principal.grant_roles(MAIL_WRITE)


def sinks(**changes: object) -> str:
    usual = json.loads(sample.mail_settings()["SINKS"])
    return json.dumps(usual | {"desk": usual["desk"] | changes})


CASES = {
    "1": Case(
        "`KEY_VAULT_URL` names a vault that does not exist",
        lambda world: world.configure(KEY_VAULT_URL="https://contoso-gatewya.vault.azure.net"),
        "vault contoso-gatewya.vault.azure.net",
        ("There is no Key Vault at the address in KEY_VAULT_URL", "az keyvault list", "KEY_VAULT_URL=<"),
        lambda world: {ADDRESS: world.installation.vault.url},
        callers=(500, "There is no Key Vault"),
    ),
    "1b": Case(
        "`KEY_VAULT_URL` is not an address",
        lambda world: world.configure(KEY_VAULT_URL="contoso-gateway"),
        "settings KEY_VAULT_URL",
        ("such as https://my-vault.vault.azure.net",),
        lambda world: {"<https address>": world.installation.vault.url},
        callers=(500, "settings are wrong"),
    ),
    "2": Case(
        "the identity has no role on the vault",
        lambda world: world.installation.vault.remove_role(sample.IDENTITY_PRINCIPAL_ID),
        f"vault {sample.VAULT}.vault.azure.net",
        ("lacks the role Key Vault Secrets User", sample.IDENTITY_PRINCIPAL_ID, f"--name {sample.VAULT}"),
        callers=(500, "lacks the role"),
    ),
    "2b": Case(
        "the vault's firewall is closed",
        lambda world: setattr(world.installation.vault, "network_open", False),
        f"vault {sample.VAULT}.vault.azure.net",
        ("closed to this network by the vault's firewall", "network-rule add", "--ip-address 127.0.0.1"),
        callers=(500, "firewall"),
    ),
    "3": Case(
        "the client secret has expired",
        expire_secret,
        "token default",
        ("AADSTS7000222", f"register rotate --app {sample.CLIENT_ID} --tenant {sample.TENANT_ID} --credential secret"),
        callers=(500, "expired"),
    ),
    "3b": Case(
        "the vault holds the secret's id instead of its value",
        store_id_of_secret,
        "token default",
        ("AADSTS7000215", "often the secret's ID", f"az ad app credential reset --id {sample.CLIENT_ID} --append"),
        callers=(500, "Secret rejected"),
    ),
    "4": Case(
        "nobody consented to the application permissions",
        lambda world: world.principal.revoke_roles(READ, WRITE, APPOINTMENT),
        "bookings-list default",
        ("Bookings.Read.All", f"register consent --app {sample.CLIENT_ID}", "--for read writes"),
        callers=(403, "the application permission Bookings.Read.All"),
    ),
    "4b": Case(
        "the gateway signs in as a user, and nobody consented for that user",
        sign_in_as_user,
        "bookings-list default",
        ("the delegated permission Bookings.Read.All", "--for read writes --credential password --service-user"),
        lambda _: {"<address of the user>": sample.SERVICE_USER},
        callers=(403, "the delegated permission Bookings.Read.All"),
    ),
    "5": Case(
        "a mailbox is outside the app's scope in Exchange",
        lambda world: world.sim.mail.restrict(sample.CLIENT_ID, sample.TENANT_ID, [mails.SUPPORT, mails.FACILITIES]),
        "mailbox security",
        (f"The app may not read {mails.SECURITY}", f"--for mail --mailbox {mails.SECURITY}"),
    ),
    "5b": Case(
        "the address of a mailbox is misspelt",
        misspell_address,
        "mailbox security",
        ("There is no mailbox secruity@contoso.com", "Correct address or connection in MAILBOXES, security"),
        mend_by_hand=lambda world: world.configure(),
    ),
    "6": Case(
        "EasyVista refuses its token",
        lambda world: world.installation.vault.set_secret(service_desks.TOKEN_NAME, "expired"),
        "sink desk",
        ("EasyVista refuses the sign-in", f"--vault-name {sample.VAULT} --name {service_desks.TOKEN_NAME}"),
        lambda world: {FILE_WITH_VALUE: world.write(service_desks.token())},
    ),
    "7": Case(
        "the storage emulator does not run",
        stop_storage,
        "storage blobs",
        ("Start Azurite", "npx azurite"),
    ),
    "8": Case(
        "the machine's clock is an hour late",
        lambda world: world.sim.world.clock.advance(timedelta(seconds=3625)),
        "clock",
        ("differ by", f"az functionapp restart -g {GROUP} -n {APP}"),
    ),
    "8, offline": Case(
        "the machine has no network",
        lambda world: world.sim.faults.add(
            Answer(502), api="proxy", host="graph.microsoft.com", method="CONNECT", times=None
        ),
        "network",
        ("No connection to graph.microsoft.com", "Let this machine reach graph.microsoft.com, port 443"),
        mend_by_hand=lambda world: world.sim.faults.clear(),
    ),
    "9": Case(
        "a schedule has five fields",
        lambda world: world.configure(MAILBOX_POLL_SCHEDULE="* * * * *"),
        "schedule MAILBOX_POLL_SCHEDULE",
        ("The platform reads '* * * * *' with the second 0", "'MAILBOX_POLL_SCHEDULE=0 * * * * *'"),
        status="warn",
    ),
    "9, refused": Case(
        "a schedule is no schedule",
        lambda world: world.configure(MAILBOX_POLL_SCHEDULE="every minute"),
        "schedule MAILBOX_POLL_SCHEDULE",
        ("The platform refuses 'every minute'", "'MAILBOX_POLL_SCHEDULE=0 * * * * *'"),
    ),
    "9, unset": Case(
        "a schedule is not set",
        lambda world: world.configure(CHANGES_SCHEDULE=""),
        "schedule CHANGES_SCHEDULE",
        ("It is not set", "'CHANGES_SCHEDULE=15 */5 * * * *'"),
    ),
    "10": Case(
        "`SINKS` is not JSON",
        lambda world: world.configure(SINKS=sinks().replace(', "url"', ' "url"', 1)),
        "settings SINKS",
        ("line 1, column 31: expecting ',' delimiter",),
        lambda _: {"<JSON object>": sinks()},
    ),
    "10b": Case(
        "a sink has a kind that does not exist",
        lambda world: world.configure(SINKS=sinks(kind="easyvist")),
        "settings SINKS.desk.kind",
        ("easyvista", "Correct SINKS.desk.kind"),
        lambda _: {"<JSON object>": sinks()},
    ),
    "11": Case(
        "the allow-list has a misspelt id",
        lambda world: world.configure(BOOKINGS_BUSINESSES="ithelpdsek@contoso.com"),
        "bookings-business default/ithelpdsek@contoso.com",
        ("There is no booking business with this id", "BOOKINGS_BUSINESSES"),
        lambda _: {IDS: LONDON.id},
    ),
    "11b": Case(
        "the allow-list is empty",
        lambda world: world.configure(BOOKINGS_BUSINESSES=""),
        "bookings-list default",
        ("BOOKINGS_BUSINESSES is empty, so callers may ask about no booking page",),
        lambda _: {IDS: LONDON.id},
        status="warn",
    ),
    "12": Case(
        "the client id is another one's",
        lambda world: world.configure(GRAPH_CLIENT_ID=NOBODY),
        "token default",
        ("AADSTS700016", "GRAPH_CLIENT_ID=<"),
        lambda _: {"<client id>": sample.CLIENT_ID},
        callers=(500, "The app id is unknown in this tenant"),
    ),
    "12b": Case(
        "the tenant id is another one's",
        lambda world: world.configure(GRAPH_TENANT_ID=NOBODY),
        "token default",
        ("Tenant not found", "GRAPH_TENANT_ID=<"),
        lambda _: {"<tenant id>": sample.TENANT_ID},
        callers=(500, "Tenant not found"),
    ),
    "13": Case(
        "the identity is not assigned to the app",
        unassign_identity,
        f"identity {sample.IDENTITY_CLIENT_ID}",
        ("the app has no such identity", "az functionapp identity assign"),
        lambda _: {
            "<resource id of the identity>": "/identities/gateway-identity",
            "<client id of the identity>": sample.IDENTITY_CLIENT_ID,
        },
        callers=(500, "the app has no such identity"),
    ),
    "14": Case(
        "the placeholders of the sample file are still there",
        lambda world: world.configure(GRAPH_TENANT_ID="00000000-0000-0000-0000-000000000000"),
        "settings GRAPH_TENANT_ID",
        ("placeholder of the sample file", "`az account show --query tenantId -o tsv`"),
        lambda _: {"<GUID or domain>": sample.TENANT_ID},
    ),
    "15": Case(
        "`Mail.ReadWrite` is granted in Entra ID",
        open_every_mailbox,
        "mail-permission default",
        ("opens every mailbox of the tenant", "--for mail --close-mail --apply"),
        status="warn",
    ),
}
