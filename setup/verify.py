"""The proof at the end: a token, a question to Bookings, a mailbox that opens and one that must not.

Tokens are not looked into: they are opaque, and Exchange's grants do not show in them.
"""

import os
from http import HTTPStatus

from setup.errors import Stopped
from setup.patience import wait_out
from setup.probe import probe
from setup.tenant import Tenant
from shared.errors import ConfigurationError, Forbidden, GatewayError, Rejected, Unavailable
from shared.settings.config import Credential
from shared.transport import Transport

_FIVE_MINUTES = 60
_SLOW = "Entra ID does not accept the new credential or grant everywhere yet."


def verify(tenant: Tenant) -> bool:
    """Try the registration as the gateway will use it; return whether nothing was found wrong."""
    say = tenant.screen.say
    say()
    say("Proof")
    try:
        value = _find_value(tenant)
    except Stopped as stopped:
        say(f"  -  {stopped.message}")
        return True
    transport = Transport()

    def ask() -> str:
        token = probe(tenant, value)
        _ask_bookings(tenant, transport, token)
        return token

    try:
        token = wait_out(
            ask, on=(ConfigurationError, Unavailable, Forbidden), screen=tenant.screen, sentence=_SLOW,
            tries=_FIVE_MINUTES,
        )  # fmt: skip
    except GatewayError as error:
        say(f"  NO {error.message}")
        return False
    say("  ok the app signs in with its credential, and Bookings answers")
    wish = tenant.wish
    results = [_check_open(tenant, transport, token, mailbox) for mailbox in wish.mailboxes]
    if wish.refused_mailbox:
        results.append(_check_closed(tenant, transport, token, wish.refused_mailbox))
    return all(results)


def _find_value(tenant: Tenant) -> str | None:
    """Return the stored credential, None for a federated one. Raises Stopped when it cannot be tried from here."""
    wish = tenant.wish
    if wish.credential is Credential.FEDERATED:
        if "IDENTITY_ENDPOINT" in os.environ and wish.identity_client_id:
            return None
        known = wish.azd or {}
        group, app = known.get("AZURE_RESOURCE_GROUP", "<group>"), known.get("GATEWAY_NAME", "<app>")
        url = known.get("GATEWAY_URL", "https://<app>.azurewebsites.net")
        closed = f" --refused-mailbox {wish.refused_mailbox}" if wish.refused_mailbox else ""
        raise Stopped(
            "Only the gateway itself can try a federated credential. Once it has the settings above, it does so by\n"
            f"     export GATEWAY_MASTER_KEY=$(az functionapp keys list -g {group} -n {app} --query masterKey -o tsv)\n"
            f"     python3 -m devkit doctor --url {url}{closed}"
        )
    value = tenant.vault.value(wish.credential_name) if tenant.vault else None
    if value is None:
        raise Stopped("The vault holds no credential yet, so nothing can be tried.")
    return value


def _ask(tenant: Tenant, transport: Transport, token: str, path: str) -> int:
    url = f"https://{tenant.wish.cloud.graph}/v1.0{path}"
    return transport.send("GET", url, authorization=f"Bearer {token}").status


def _ask_bookings(tenant: Tenant, transport: Transport, token: str) -> None:
    status = _ask(tenant, transport, token, "/solutions/bookingBusinesses?$top=1")
    if status == HTTPStatus.OK:
        return
    if status in (HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED):
        raise Forbidden("The app signs in, but Bookings refuses it: the consent is missing.", code="ConsentMissing")
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unavailable("Bookings does not answer. Try again later.")
    raise Rejected(f"Bookings answered {status}.")


def _check_open(tenant: Tenant, transport: Transport, token: str, mailbox: str) -> bool:
    status = _ask(tenant, transport, token, f"/users/{mailbox}/mailFolders/inbox?$select=id")
    say = tenant.screen.say
    if status == HTTPStatus.OK:
        say(f"  ok {mailbox} opens")
        return True
    if status == HTTPStatus.FORBIDDEN:
        say(f"  -  {mailbox} does not open yet: Exchange's commands have to be run, and take up to two hours")
        return True
    say(f"  NO {mailbox} answered {status}: is there such a mailbox?")
    return False


def _check_closed(tenant: Tenant, transport: Transport, token: str, mailbox: str) -> bool:
    status = _ask(tenant, transport, token, f"/users/{mailbox}/mailFolders/inbox?$select=id")
    say = tenant.screen.say
    if status == HTTPStatus.FORBIDDEN:
        say(f"  ok {mailbox} is closed to the app, as it must be")
        return True
    if status == HTTPStatus.OK:
        say(
            f"  NO {mailbox} opens, and must not: withdraw Mail permissions in Entra ID (--close-mail), check the scope"
        )
    else:
        say(f"  NO {mailbox} answered {status}, which proves nothing: name a mailbox that exists")
    return False
