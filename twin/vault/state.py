"""Vaults, their secrets with versions, and who may read them."""

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from twin.core.clouds import GLOBAL
from twin.vault.errors import VaultRefusal

if TYPE_CHECKING:
    from twin.world import World

SECRETS_USER = "Key Vault Secrets User"
SECRETS_OFFICER = "Key Vault Secrets Officer"
_MAY_READ = frozenset({SECRETS_USER, SECRETS_OFFICER})
_MAY_WRITE = frozenset({SECRETS_OFFICER})


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One version of a secret. Times are aware instants; `expires` and `not_before` are informative only."""

    name: str
    version: str
    value: str
    created: datetime
    updated: datetime
    content_type: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    expires: datetime | None = None
    not_before: datetime | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class DeletedSecret:
    """A soft-deleted secret: its name is blocked until it is recovered or purged."""

    versions: tuple[SecretVersion, ...]
    deleted: datetime


class Vault:
    """One vault in one tenant. With `network_open` False a firewall refuses every request."""

    def __init__(self, world: "World", name: str, tenant_id: str, suffix: str) -> None:
        self.world = world
        self.name = name
        self.tenant_id = tenant_id
        self.suffix = suffix
        self.network_open = True
        self.roles: dict[str, str] = {}
        self.secrets: dict[str, tuple[SecretVersion, ...]] = {}
        self.deleted: dict[str, DeletedSecret] = {}

    @property
    def host(self) -> str:
        """Its host name."""
        return f"{self.name}.{self.suffix}"

    @property
    def url(self) -> str:
        """Its address, as settings name it."""
        return f"https://{self.host}"

    def assign_role(self, principal_id: str, role: str = SECRETS_USER) -> None:
        """Assign a data role to a principal (object id)."""
        self.roles = {**self.roles, principal_id: role}

    def remove_role(self, principal_id: str) -> None:
        """Remove a principal's role."""
        self.roles = {principal: role for principal, role in self.roles.items() if principal != principal_id}

    def allows(self, principal_id: str, *, writing: bool) -> bool:
        """Return whether the principal's role allows the operation."""
        return self.roles.get(principal_id) in (_MAY_WRITE if writing else _MAY_READ)

    def set_secret(
        self,
        name: str,
        value: str,
        *,
        content_type: str | None = None,
        tags: dict[str, str] | None = None,
        expires: datetime | None = None,
        not_before: datetime | None = None,
        enabled: bool = True,
    ) -> SecretVersion:
        """Store a new version, the latest from now on. VaultRefusal 409 while the name is soft-deleted."""
        if name.lower() in self.deleted:
            raise VaultRefusal(
                409,
                "Conflict",
                f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in "
                "this state, the secret can only be recovered or purged.",
                inner="ObjectIsDeletedButRecoverable",
            )
        now = self.world.clock.now()
        made = SecretVersion(
            name=name,
            version=uuid.uuid4().hex,
            value=value,
            created=now,
            updated=now,
            content_type=content_type,
            tags=dict(tags or {}),
            expires=expires,
            not_before=not_before,
            enabled=enabled,
        )
        self.secrets[name.lower()] = (*self.secrets.get(name.lower(), ()), made)
        return made

    def find_secret(self, name: str, version: str | None = None) -> SecretVersion:
        """Return the latest version, or the named one. VaultRefusal 404 when there is none."""
        versions = self.versions_of(name)
        if version is None:
            return versions[-1]
        for candidate in versions:
            if candidate.version == version:
                return candidate
        raise _refuse_unknown(name, version)

    def versions_of(self, name: str) -> tuple[SecretVersion, ...]:
        """Return all versions, oldest first. VaultRefusal 404 when there is none."""
        versions = self.secrets.get(name.lower(), ())
        if not versions:
            raise _refuse_unknown(name)
        return versions

    def change_secret(self, name: str, version: str | None = None, **changes: Any) -> SecretVersion:
        """Change attributes of one version (enabled, expires, not_before, content_type, tags)."""
        old = self.find_secret(name, version)
        new = replace(old, updated=self.world.clock.now(), **changes)
        self.secrets[name.lower()] = tuple(new if one.version == old.version else one for one in self.versions_of(name))
        return new

    def delete_secret(self, name: str) -> DeletedSecret:
        """Soft-delete all versions."""
        made = DeletedSecret(self.versions_of(name), self.world.clock.now())
        self.deleted[name.lower()] = made
        del self.secrets[name.lower()]
        return made

    def find_deleted(self, name: str) -> DeletedSecret:
        """Find a soft-deleted secret. VaultRefusal 404 when there is none."""
        if name.lower() not in self.deleted:
            raise VaultRefusal(404, "SecretNotFound", f"Deleted Secret not found: {name}")
        return self.deleted[name.lower()]

    def recover_secret(self, name: str) -> SecretVersion:
        """Undo a soft delete."""
        found = self.find_deleted(name)
        self.secrets[name.lower()] = found.versions
        del self.deleted[name.lower()]
        return found.versions[-1]

    def purge_secret(self, name: str) -> None:
        """Delete a soft-deleted secret for good; its name is free again."""
        self.find_deleted(name)
        del self.deleted[name.lower()]


class Vaults:
    """All vaults, by host name."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.by_host: dict[str, Vault] = {}

    def add(self, name: str, tenant_id: str, *, suffix: str = GLOBAL.vault_suffix) -> Vault:
        """Create an empty vault."""
        made = Vault(self.world, name, tenant_id, suffix)
        self.by_host[made.host] = made
        return made

    def vault(self, name: str) -> Vault:
        """Return a vault by its short name or host name. KeyError when unknown."""
        for vault in tuple(self.by_host.values()):
            if name in (vault.name, vault.host):
                return vault
        raise KeyError(name)


def _refuse_unknown(name: str, version: str | None = None) -> VaultRefusal:
    shown = f"{name}/{version}" if version else name
    message = (
        f"A secret with (name/id) {shown} was not found in this key vault. If you recently deleted this secret you may "
        "be able to recover it using the correct recovery command."
    )
    return VaultRefusal(404, "SecretNotFound", message)
