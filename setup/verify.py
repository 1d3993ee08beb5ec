"""The proof at the end: get a token, ask Bookings, open the mailboxes, and try the one that must be refused.

The token's contents are not read: tokens for Graph are opaque, and Exchange's grants are not in them.
"""

import os
from http import HTTPStatus

from setup.consent import find_missing
from setup.errors import Stopped
from setup.options import Part
from setup.permissions import OfferedPermission
from setup.probe import probe
from setup.tenant import Tenant
from setup.waiting import retry_until_success
from shared.errors import ConfigurationError, Forbidden, GatewayError, Rejected, Unavailable
from shared.settings.choices import Credential
from shared.transport import Transport

_TRIES = 60  # five minutes: see waiting.PAUSE
_SLOW = "Some servers of Entra ID do not accept the new credential or grant yet."


def verify(tenant: Tenant, permissions: list[OfferedPermission]) -> bool:
    """Try the registration as the gateway will use it; return True if every check succeeded."""
    say = tenant.console.say
    say()
    say("Proof")
    if missing := find_missing(tenant, permissions):
        say(f"  NO consent to {' and '.join(missing)} was never given, so Bookings refuses the app.")
        say("     Somebody who may give it runs")
        say(f"     {tenant.options.command(Part.CONSENT)}")
        return False
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
        token = retry_until_success(
            ask, on=(ConfigurationError, Unavailable, Forbidden), console=tenant.console, sentence=_SLOW,
            tries=_TRIES,
        )  # fmt: skip
    except GatewayError as error:
        say(f"  NO {error.message}")
        return False
    say("  ok the app signs in with its credential, and Bookings answers")
    options = tenant.options
    results = [_check_open(tenant, transport, token, mailbox) for mailbox in options.mailboxes]
    for page in options.pages:
        say(f"  -  {page}: the gateway's doctor (graph-subscriptions) shows whether Graph announces its changes")
    if options.refused_mailbox:
        results.append(_check_closed(tenant, transport, token, options.refused_mailbox))
    if all(results):
        say("  The registration works.")
    return all(results)


def _find_value(tenant: Tenant) -> str | None:
    """Return the stored credential, None for a federated one. Raises Stopped if it cannot be tried on this machine."""
    options = tenant.options
    if options.credential is Credential.FEDERATED:
        if "IDENTITY_ENDPOINT" in os.environ and options.identity_client_id:
            return None
        known = options.azd or {}
        group, app = known.get("AZURE_RESOURCE_GROUP", "<group>"), known.get("GATEWAY_NAME", "<app>")
        url = known.get("GATEWAY_URL", "https://<app>.azurewebsites.net")
        closed = f" --refused-mailbox {options.refused_mailbox}" if options.refused_mailbox else ""
        raise Stopped(
            "Only the gateway itself can try a federated credential. When it has the settings above, run\n"
            f"     export GATEWAY_MASTER_KEY=$(az functionapp keys list -g {group} -n {app} --query masterKey -o tsv)\n"
            f"     python3 -m devkit doctor --url {url}{closed}"
        )
    value = tenant.vault.value(options.credential_name) if tenant.vault else None
    if value is None:
        raise Stopped("The vault holds no credential yet, so there is nothing to try. Run the part `prepare` first.")
    return value


def _ask(tenant: Tenant, transport: Transport, token: str, path: str) -> int:
    url = f"https://{tenant.options.cloud.graph}/v1.0{path}"
    return transport.send("GET", url, authorization=f"Bearer {token}").status


def _ask_bookings(tenant: Tenant, transport: Transport, token: str) -> None:
    status = _ask(tenant, transport, token, "/solutions/bookingBusinesses?$top=1")
    if status == HTTPStatus.OK:
        return
    if status in (HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED):
        raise Forbidden(
            "The app signs in, but Bookings refuses it because consent is missing. Run the part `consent`.",
            code="ConsentMissing",
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unavailable("Bookings does not answer. Try again later.")
    raise Rejected(f"Bookings answered with the unexpected status {status}.")


def _check_open(tenant: Tenant, transport: Transport, token: str, mailbox: str) -> bool:
    status = _ask(tenant, transport, token, f"/users/{mailbox}/mailFolders/inbox?$select=id")
    say = tenant.console.say
    if status == HTTPStatus.OK:
        say(f"  ok {mailbox} opens")
        return True
    if status == HTTPStatus.FORBIDDEN:
        say(f"  -  {mailbox} does not open yet. Run Exchange's commands; they take up to two hours to work")
        return True
    say(f"  NO {mailbox} answered {status}. Check that the mailbox exists")
    return False


def _check_closed(tenant: Tenant, transport: Transport, token: str, mailbox: str) -> bool:
    status = _ask(tenant, transport, token, f"/users/{mailbox}/mailFolders/inbox?$select=id")
    say = tenant.console.say
    if status == HTTPStatus.FORBIDDEN:
        say(f"  ok {mailbox} is closed to the app, as it must be")
        return True
    if status == HTTPStatus.OK:
        say(
            f"  NO {mailbox} opens, and must not. Withdraw Mail permissions in Entra ID (--close-mail), and check the "
            "scope in Exchange"
        )
    else:
        say(f"  NO {mailbox} answered {status}, which proves nothing. Name a mailbox that exists")
    return False
