"""Credentials that live in the vault: made, replaced, cleared up after a crash.

The vault's tags say which credential on the app a value belongs to. So a credential of ours on the app that no version
names is an orphan: the run that made it died before it had stored the value, which nobody can read any more.
"""

import json
from datetime import UTC, datetime, timedelta

from setup.directory import quote
from setup.errors import VAULT_ROLE, MissingRole, Stopped
from setup.keys import Key, Made, add_certificate, add_secret, list_keys, remove_key
from setup.patience import TRIES, wait_out
from setup.plan import Plan
from setup.probe import probe
from setup.tenant import Tenant
from setup.vault import Vault, Version
from shared.errors import ConfigurationError, GatewayError, NotFound, Unavailable
from shared.settings.config import Credential

_SOON = timedelta(days=30)
_GOOD_ANSWERS = 3
_CONTENT_TYPES = {
    Credential.SECRET: "entra-client-secret",
    Credential.CERTIFICATE: "application/x-pkcs12",
    Credential.PASSWORD: "application/json",
}
_SLOW = "Entra ID does not accept it on every server yet."


def plan_stored(tenant: Tenant, plan: Plan, *, rotate: bool = False) -> None:
    """Plan the credential in the vault: a first one, a new one beside the old, the end of replaced ones and orphans."""
    vault, wish = _vault_of(tenant), tenant.wish
    versions = [version for version in _read_versions(tenant, vault, plan) if version.enabled]
    keys = [key for key in list_keys(tenant) if key.is_ours] if tenant.app else []
    current = versions[-1] if versions else None
    key = next((one for one in keys if current and one.id == current.key_id), None)
    named = {version.key_id for version in versions}
    _check_owner(tenant, current)
    others = [one for one in keys if one is not key]
    for orphan in (one for one in others if one.id not in named):
        plan.add(
            f"Remove the {orphan.describe()}",
            "no version in the vault belongs to it: a run ended before its value was stored, and nobody knows it",
            lambda orphan=orphan: remove_key(tenant, orphan),  # type: ignore[misc]
        )
    replaced = [one for one in others if one.id in named]
    due = current is not None and datetime.now(UTC) >= current.created + timedelta(hours=wish.grace_hours)
    if key is not None and due:
        for old in replaced:
            plan.add(
                f"Remove the {old.describe()}",
                f"it was replaced on {current.created:%Y-%m-%d %H:%M} UTC" if current else "it was replaced",
                lambda old=old: remove_key(tenant, old),  # type: ignore[misc]
            )
    elif key is not None and replaced and current is not None:
        end = current.created + timedelta(hours=wish.grace_hours)
        plan.note(f"The replaced {replaced[0].describe()} may go after {end:%Y-%m-%d %H:%M} UTC: run this again then.")
    _plan_new(tenant, plan, key, current, rotate=rotate and not replaced)


def _check_owner(tenant: Tenant, current: Version | None) -> None:
    """Stop rather than put a new version over somebody else's secret."""
    wish = tenant.wish
    owner = current.tags.get("appId", "") if current else ""
    if current is None or (tenant.app is not None and owner == tenant.app_id):
        return
    if not owner:
        raise Stopped(
            f"The vault's secret {wish.credential_name} was not stored by this command. Choose another name: "
            "--credential-name."
        )
    if tenant.directory.find(f"/applications(appId='{quote(owner)}')", select="id") is not None:
        raise Stopped(
            f"The vault's secret {wish.credential_name} belongs to the app {owner}. Choose another name: "
            "--credential-name."
        )


def _plan_new(tenant: Tenant, plan: Plan, key: Key | None, current: Version | None, *, rotate: bool) -> None:
    wish = tenant.wish
    kind = "certificate" if wish.credential is Credential.CERTIFICATE else "client secret"
    what = f"Make a {kind} for {wish.days} days and store it in {wish.vault_url} as {wish.credential_name}"
    if key is not None and current is not None and wish.new_password:
        plan.add(
            f"Store a new password of {wish.service_user} in {wish.vault_url} as {wish.credential_name}",
            "--new-password asks for it; it is tried before it is stored",
            lambda: _store_password(tenant, current),
        )
    if key is None:
        why = "there is none" if current is None else "what the vault holds belongs to no credential of this app"
        plan.add(f"{what}; its value is not shown", why, lambda: _make(tenant, is_first=True))
    elif rotate:
        plan.add(f"{what}, beside the old one", "rotation was asked for", lambda: _make(tenant, is_first=False))
    elif key.expires - datetime.now(UTC) < _SOON:
        plan.add(
            f"{what}, beside the old one", f"the {key.describe()} ends soon", lambda: _make(tenant, is_first=False)
        )


def _read_versions(tenant: Tenant, vault: Vault, plan: Plan) -> list[Version]:
    """Read what the vault holds; a fresh role is waited for when something is to be done."""
    name = tenant.wish.credential_name

    def read() -> list[Version]:
        return vault.versions(name)

    if tenant.wish.apply:
        sentence = f"The vault does not let you in. It needs {VAULT_ROLE.name}; one given just now takes minutes."
        versions = wait_out(read, on=(MissingRole,), screen=tenant.screen, sentence=sentence, tries=5 * TRIES)
    else:
        versions = read()
    if not versions and vault.is_deleted(name):
        plan.add(
            f"Bring the deleted secret {name} back in the vault", "its name is taken until then",
            lambda: _recover(tenant, vault), replan=True,
        )  # fmt: skip
    return versions


def _recover(tenant: Tenant, vault: Vault) -> None:
    """Bring the secret back; the vault takes some seconds to do so."""
    name = tenant.wish.credential_name
    vault.recover(name)

    def read() -> None:
        if not vault.versions(name):
            raise NotFound("The secret is not back yet.", code="NotThere")

    wait_out(read, on=(NotFound,), screen=tenant.screen, sentence="The vault is at it.")


def _make(tenant: Tenant, *, is_first: bool) -> None:
    """Add a credential to the app and store it. What cannot be stored is taken off the app again.

    A first one is stored at once, before anything else can fail. One that replaces another is stored when Entra ID
    accepts it everywhere: no instance of the gateway may read a value that would be refused.
    """
    vault, wish = _vault_of(tenant), tenant.wish
    password = _ask_password(tenant, vault) if wish.credential is Credential.PASSWORD else None
    add = add_certificate if wish.credential is Credential.CERTIFICATE else add_secret
    made = wait_out(lambda: add(tenant), on=(NotFound,), screen=tenant.screen, sentence=_SLOW)
    value = made.value
    if password is not None:
        value = _join_password(tenant, password, made.value)
    try:
        if not is_first:
            _await_acceptance(tenant, value)
        vault.store(
            wish.credential_name,
            value,
            content_type=_CONTENT_TYPES[wish.credential],
            expires=made.key.expires,
            tags={"appId": tenant.app_id, "tenantId": tenant.id, "keyId": made.key.id},
        )
    except GatewayError:
        _take_back(tenant, made)
        raise


def _store_password(tenant: Tenant, current: Version) -> None:
    """Ask for the user's password and store it beside the same client secret. Stored is only what signs in."""
    vault, wish = _vault_of(tenant), tenant.wish
    try:
        client_secret = str(json.loads(vault.value(wish.credential_name) or "")["client_secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise Stopped(f"The vault's secret {wish.credential_name} is not in the form of a password.") from error
    value = _join_password(tenant, _type_password(tenant), client_secret)
    probe(tenant, value)
    vault.store(
        wish.credential_name,
        value,
        content_type=_CONTENT_TYPES[Credential.PASSWORD],
        expires=current.expires,
        tags=current.tags,
    )


def _join_password(tenant: Tenant, password: str, client_secret: str) -> str:
    return json.dumps({"username": tenant.wish.service_user, "password": password, "client_secret": client_secret})


def _take_back(tenant: Tenant, made: Made) -> None:
    tenant.screen.say("    It could not be stored: taking it off the app again.")
    try:
        remove_key(tenant, made.key)
    except GatewayError as error:
        tenant.screen.say(f"    That failed as well ({error.message}). The next run finds and removes it.")


def _await_acceptance(tenant: Tenant, value: str) -> None:
    """Ask for tokens until several in a row were given."""

    def ask() -> None:
        for _ in range(_GOOD_ANSWERS):
            probe(tenant, value)

    wait_out(ask, on=(ConfigurationError, Unavailable), screen=tenant.screen, sentence=_SLOW)


def _ask_password(tenant: Tenant, vault: Vault) -> str:
    """Return the service user's password: the one that is stored, or else typed in."""
    try:
        stored = json.loads(vault.value(tenant.wish.credential_name) or "{}")
    except ValueError:
        stored = {}
    is_known = stored.get("username") == tenant.wish.service_user and stored.get("password")
    if is_known and not tenant.wish.new_password:
        return str(stored["password"])
    return _type_password(tenant)


def _type_password(tenant: Tenant) -> str:
    return tenant.screen.ask_hidden(f"    Password of {tenant.wish.service_user} (not shown): ")


def _vault_of(tenant: Tenant) -> Vault:
    if tenant.vault is None:
        raise Stopped("This credential is kept in Key Vault: give --vault.")
    return tenant.vault
