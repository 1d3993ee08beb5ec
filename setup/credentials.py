"""Plans credentials whose values are kept in the vault: create, replace, and remove what a crashed run left behind.

The tags of a vault version name the credential on the app that the value belongs to. A credential of ours on the app
that no version names is an orphan: the run that made it ended before it stored the value, which is lost.
"""

import json
from datetime import UTC, datetime, timedelta

from setup.directory import quote
from setup.errors import VAULT_ROLE, MissingRole, Stopped
from setup.keys import Key, Made, add_certificate, add_secret, list_keys, remove_key
from setup.plan import Plan
from setup.probe import probe
from setup.tenant import Tenant
from setup.vault import Vault, Version
from setup.waiting import TRIES, retry_until_success
from shared.errors import ConfigurationError, GatewayError, NotFound, Unavailable
from shared.settings.choices import Credential

_SOON = timedelta(days=30)
_GOOD_ANSWERS = 3
_CONTENT_TYPES = {
    Credential.SECRET: "entra-client-secret",
    Credential.CERTIFICATE: "application/x-pkcs12",
    Credential.PASSWORD: "application/json",
}
_SLOW = "Some servers of Entra ID do not accept the new credential yet."


def plan_stored(tenant: Tenant, plan: Plan, *, rotate: bool = False) -> None:
    """Plan the credential in the vault: make the first or a new one, remove replaced ones and orphans."""
    vault, options = _vault_of(tenant), tenant.options
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
            "no version in the vault belongs to it: a run ended before it stored the value, which is lost",
            lambda orphan=orphan: remove_key(tenant, orphan),  # type: ignore[misc]
        )
    replaced = [one for one in others if one.id in named]
    due = current is not None and datetime.now(UTC) >= current.created + timedelta(hours=options.grace_hours)
    if key is not None and due:
        for old in replaced:
            plan.add(
                f"Remove the {old.describe()}",
                f"it was replaced on {current.created:%Y-%m-%d %H:%M} UTC" if current else "it was replaced",
                lambda old=old: remove_key(tenant, old),  # type: ignore[misc]
            )
    elif key is not None and replaced and current is not None:
        end = current.created + timedelta(hours=options.grace_hours)
        plan.note(
            f"The replaced {replaced[0].describe()} can be removed after {end:%Y-%m-%d %H:%M} UTC. Run this command "
            "again then."
        )
    _plan_new(tenant, plan, key, current, rotate=rotate and not replaced)


def describe_stored(tenant: Tenant) -> list[str]:
    """Say until when the credential in the vault is valid, and until when the one that it replaced."""
    vault, options = _vault_of(tenant), tenant.options
    versions = [version for version in vault.versions(options.credential_name) if version.enabled]
    keys = {key.id: key for key in list_keys(tenant) if key.is_ours}
    current = versions[-1] if versions else None
    if current is None or current.key_id not in keys:
        return ["The vault's value belongs to no credential of this app."]
    ends = current.created + timedelta(hours=options.grace_hours)
    replaced = [keys[one.key_id] for one in versions[:-1] if one.key_id in keys and one.key_id != current.key_id]
    return [
        f"The {keys[current.key_id].describe()} is in the vault; Entra ID accepted it before it was stored.",
        *(
            f"The {old.describe()} still works; the next run after {ends:%Y-%m-%d %H:%M} UTC removes it. The gateway "
            "changes over by itself."
            for old in replaced
        ),
    ]


def _check_owner(tenant: Tenant, current: Version | None) -> None:
    """Raise Stopped if the vault's secret belongs to another app or was not stored by this command."""
    options = tenant.options
    owner = current.tags.get("appId", "") if current else ""
    if current is None or (tenant.app is not None and owner == tenant.app_id):
        return
    if not owner:
        raise Stopped(
            f"The vault's secret {options.credential_name} was not stored by this command. Choose another name with "
            "--credential-name."
        )
    if tenant.directory.find(f"/applications(appId='{quote(owner)}')", select="id") is not None:
        raise Stopped(
            f"The vault's secret {options.credential_name} belongs to the app {owner}. Choose another name with "
            "--credential-name."
        )


def _plan_new(tenant: Tenant, plan: Plan, key: Key | None, current: Version | None, *, rotate: bool) -> None:
    options = tenant.options
    kind = "certificate" if options.credential is Credential.CERTIFICATE else "client secret"
    what = f"Make a {kind} for {options.days} days and store it in {options.vault_url} as {options.credential_name}"
    if key is not None and current is not None and options.new_password:
        plan.add(
            f"Store a new password of {options.service_user} in {options.vault_url} as {options.credential_name}",
            "--new-password asks for it; it is tried before it is stored",
            lambda: _store_password(tenant, current),
        )
    if key is None:
        why = "there is none" if current is None else "the vault's value belongs to no credential of this app"
        plan.add(f"{what}; its value is not shown", why, lambda: _make(tenant, is_first=True))
    elif rotate:
        plan.add(f"{what}, beside the old one", "rotation was asked for", lambda: _make(tenant, is_first=False))
    elif key.expires - datetime.now(UTC) < _SOON:
        plan.add(
            f"{what}, beside the old one",
            f"the {key.describe()} ends in less than {_SOON.days} days",
            lambda: _make(tenant, is_first=False),
        )


def _read_versions(tenant: Tenant, vault: Vault, plan: Plan) -> list[Version]:
    """Return the versions in the vault. With --apply, wait if the role on the vault is missing: it may be new."""
    name = tenant.options.credential_name

    def read() -> list[Version]:
        return vault.versions(name)

    if tenant.options.apply:
        sentence = (
            f"The vault refuses you. You need {VAULT_ROLE.name}. If you were given it just now, it takes some minutes "
            "to work; if not, end this with Ctrl-C, and let somebody who may assign roles give it to you."
        )
        versions = retry_until_success(
            read, on=(MissingRole,), console=tenant.console, sentence=sentence, tries=5 * TRIES
        )
    else:
        versions = read()
    if not versions and vault.is_deleted(name):
        plan.add(
            f"Bring the deleted secret {name} back in the vault", "its name cannot be used until then",
            lambda: _recover(tenant, vault), replan=True,
        )  # fmt: skip
    return versions


def _recover(tenant: Tenant, vault: Vault) -> None:
    """Recover the deleted secret, and wait some seconds until the vault shows it."""
    name = tenant.options.credential_name
    vault.recover(name)

    def read() -> None:
        if not vault.versions(name):
            raise NotFound("The secret is not back yet.", code="NotThere")

    retry_until_success(read, on=(NotFound,), console=tenant.console, sentence="The vault is recovering the secret.")


def _make(tenant: Tenant, *, is_first: bool) -> None:
    """Add a credential to the app and store its value. If it cannot be stored, remove it from the app again.

    A first credential is stored at once, before anything else can fail. One that replaces another is stored only when
    Entra ID accepts it, so that no instance of the gateway reads a value that would be refused.
    """
    vault, options = _vault_of(tenant), tenant.options
    password = _ask_password(tenant, vault) if options.credential is Credential.PASSWORD else None
    add = add_certificate if options.credential is Credential.CERTIFICATE else add_secret
    made = retry_until_success(lambda: add(tenant), on=(NotFound,), console=tenant.console, sentence=_SLOW)
    value = made.value
    if password is not None:
        value = _join_password(tenant, password, made.value)
    try:
        if not is_first:
            _await_acceptance(tenant, value)
        vault.store(
            options.credential_name,
            value,
            content_type=_CONTENT_TYPES[options.credential],
            expires=made.key.expires,
            tags={"appId": tenant.app_id, "tenantId": tenant.id, "keyId": made.key.id},
        )
    except GatewayError:
        _take_back(tenant, made)
        raise


def _store_password(tenant: Tenant, current: Version) -> None:
    """Ask for the user's password, try to sign in with it, and store it beside the same client secret."""
    vault, options = _vault_of(tenant), tenant.options
    try:
        client_secret = str(json.loads(vault.value(options.credential_name) or "")["client_secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise Stopped(
            f"The vault's secret {options.credential_name} is not JSON with username, password and client_secret. "
            "Choose another name with --credential-name."
        ) from error
    value = _join_password(tenant, _type_password(tenant), client_secret)
    probe(tenant, value)
    vault.store(
        options.credential_name,
        value,
        content_type=_CONTENT_TYPES[Credential.PASSWORD],
        expires=current.expires,
        tags=current.tags,
    )


def _join_password(tenant: Tenant, password: str, client_secret: str) -> str:
    return json.dumps({"username": tenant.options.service_user, "password": password, "client_secret": client_secret})


def _take_back(tenant: Tenant, made: Made) -> None:
    tenant.console.say("    The value could not be stored. Removing the credential from the app again.")
    try:
        remove_key(tenant, made.key)
    except GatewayError as error:
        tenant.console.say(f"    That failed as well ({error.message}). The next run finds it and removes it.")


def _await_acceptance(tenant: Tenant, value: str) -> None:
    """Ask for tokens until several in a row are given."""

    def ask() -> None:
        for _ in range(_GOOD_ANSWERS):
            probe(tenant, value)

    retry_until_success(ask, on=(ConfigurationError, Unavailable), console=tenant.console, sentence=_SLOW)


def _ask_password(tenant: Tenant, vault: Vault) -> str:
    """Return the service user's password: the stored one, or else one that the person types in."""
    try:
        stored = json.loads(vault.value(tenant.options.credential_name) or "{}")
    except ValueError:
        stored = {}
    is_known = stored.get("username") == tenant.options.service_user and stored.get("password")
    if is_known and not tenant.options.new_password:
        return str(stored["password"])
    return _type_password(tenant)


def _type_password(tenant: Tenant) -> str:
    return tenant.console.ask_hidden(f"    Password of {tenant.options.service_user} (not shown): ")


def _vault_of(tenant: Tenant) -> Vault:
    if tenant.vault is None:
        raise Stopped("This credential is kept in Key Vault. Name the vault with --vault.")
    return tenant.vault
