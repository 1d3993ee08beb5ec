"""Tenants, app registrations, service principals and users."""

import hashlib
import secrets
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from twin.core.clouds import CLOUDS, GLOBAL, Cloud
from twin.core.jws import PublicKey, SigningKey, encode_bytes, signing_key

if TYPE_CHECKING:
    from twin.world import World

DEFAULT_LIFETIME = 3599
_LOCKOUT_AFTER = 10


@dataclass(slots=True)
class Secret:
    """A client secret. `expires` is an aware instant; None for never. `unknown_for` token requests refuse it first."""

    key_id: str
    value: str
    expires: datetime | None = None
    name: str = ""
    unknown_for: int = 0


@dataclass(slots=True)
class Certificate:
    """A certificate registered on an app; only the public part is kept."""

    key_id: str
    certificate: x509.Certificate
    name: str = ""

    @property
    def thumbprints(self) -> dict[str, str]:
        """Both thumbprints under the header names that assertions use."""
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        return {
            "x5t#S256": encode_bytes(hashlib.sha256(der).digest()),
            "x5t": encode_bytes(hashlib.sha1(der, usedforsecurity=False).digest()),
        }


@dataclass(frozen=True, slots=True)
class FederatedCredential:
    """Trust in tokens of another issuer. Values are compared with letter case."""

    name: str
    issuer: str
    subject: str
    audience: str = GLOBAL.exchange_audience


@dataclass(slots=True)
class Forced:
    """A switch: the next `times` token requests (None: all) fail with this AADSTS number."""

    code: int
    times: int | None = None
    retry_after: int | None = None


class Forcible:
    """An object whose token requests can be made to fail."""

    def __init__(self) -> None:
        self.forced: list[Forced] = []

    def force(self, code: int, *, times: int | None = None, retry_after: int | None = None) -> None:
        """Make token requests fail with an AADSTS number until `relent` (or for `times` requests)."""
        self.forced.append(Forced(code, times, retry_after))

    def relent(self) -> None:
        """Remove every forced failure."""
        self.forced = []

    def take_forced(self) -> Forced | None:
        """Return the failure for this request, counted down."""
        for forced in tuple(self.forced):
            if forced.times is None:
                return forced
            if forced.times > 0:
                forced.times -= 1
                return forced
        return None


class App(Forcible):
    """An app registration.

    expires_in, refresh_in are seconds in token answers; a refresh_in of None leaves the field out, as for short tokens.
    """

    def __init__(self, app_id: str, home_tenant: str, name: str, *, multi_tenant: bool = False) -> None:
        super().__init__()
        self.app_id = app_id
        self.home_tenant = home_tenant
        self.name = name
        self.multi_tenant = multi_tenant
        self.is_public_client = False
        self.secrets: dict[str, Secret] = {}
        self.certificates: dict[str, Certificate] = {}
        self.federated: dict[str, FederatedCredential] = {}
        self.expires_in = DEFAULT_LIFETIME
        self.refresh_in: int | None = None

    def add_secret(
        self,
        value: str | None = None,
        *,
        expires: datetime | None = None,
        key_id: str | None = None,
        name: str = "",
    ) -> Secret:
        """Add a secret; several are valid at once. Without a value a new one is made up."""
        made = Secret(key_id or str(uuid.uuid4()), value or secrets.token_urlsafe(30), expires, name)
        self.secrets[made.key_id] = made
        return made

    def remove_secret(self, key_id: str) -> None:
        """Remove one secret; tokens already issued stay valid. KeyError for an unknown id."""
        del self.secrets[key_id]

    def add_certificate(self, certificate: x509.Certificate | bytes, *, key_id: str | None = None) -> Certificate:
        """Register the public part of a certificate (an object or PEM)."""
        loaded = x509.load_pem_x509_certificate(certificate) if isinstance(certificate, bytes) else certificate
        made = Certificate(key_id or str(uuid.uuid4()), loaded)
        self.certificates[made.key_id] = made
        return made

    def add_federated_credential(self, credential: FederatedCredential) -> None:
        """Trust a foreign token; a credential of the same name is replaced."""
        self.federated[credential.name] = credential


class ServicePrincipal:
    """An app in one tenant: what it may do there.

    roles           application permissions on Graph, by name
    exchange_roles  the same for mailboxes, given by Exchange ("RBAC for Applications"): tokens do not show them
    """

    def __init__(self, app_id: str, object_id: str, roles: Iterable[str] = ()) -> None:
        self.app_id = app_id
        self.object_id = object_id
        self.roles = frozenset(roles)
        self.exchange_roles = frozenset[str]()
        self.enabled = True
        self.consents: dict[str | None, frozenset[str]] = {}

    def grant_roles(self, *roles: str) -> None:
        """Grant application permissions; tokens already issued do not have them."""
        self.roles |= frozenset(roles)

    def revoke_roles(self, *roles: str) -> None:
        """Remove application permissions; tokens already issued keep them."""
        self.roles -= frozenset(roles)

    def consent(self, *scopes: str, user: str | None = None) -> None:
        """Consent to delegated permissions on Graph, for one user's sign-in name or (None) for everybody."""
        key = user.lower() if user else None
        self.consents = {**self.consents, key: self.consents.get(key, frozenset()) | frozenset(scopes)}

    def scopes_for(self, user: str) -> frozenset[str]:
        """Return delegated permissions in force for a user."""
        return self.consents.get(None, frozenset()) | self.consents.get(user.lower(), frozenset())


class User(Forcible):
    """A person's account. `mfa` and `password_expired` stop the password flow as they do for real."""

    def __init__(self, name: str, password: str, object_id: str) -> None:
        super().__init__()
        self.name = name
        self.password = password
        self.object_id = object_id
        self.enabled = True
        self.mfa = False
        self.password_expired = False
        self.is_exchange_admin = False
        self.directory_roles = frozenset[str]()
        self.failures = 0
        self.lockout_after = _LOCKOUT_AFTER

    @property
    def is_locked(self) -> bool:
        """Return whether there were too many wrong passwords in a row."""
        return self.failures >= self.lockout_after

    def unlock(self) -> None:
        """Reset the count of wrong passwords."""
        self.failures = 0


class Tenant(Forcible):
    """A directory in one cloud. Its users sign in under its domains; those of `federated_domains` elsewhere."""

    def __init__(self, tenant_id: str, domains: Iterable[str], cloud: Cloud = GLOBAL) -> None:
        super().__init__()
        self.id = tenant_id
        self.domains = tuple(domains)
        self.cloud = cloud
        self.federated_domains: dict[str, str] = {}
        self.principals: dict[str, ServicePrincipal] = {}
        self.users: dict[str, User] = {}

    def install(self, app: App, *roles: str, object_id: str | None = None) -> ServicePrincipal:
        """Add an app's service principal, with application permissions on Graph."""
        made = ServicePrincipal(app.app_id, object_id or str(uuid.uuid4()), roles)
        self.principals[app.app_id] = made
        return made

    def add_user(self, name: str, password: str, *, object_id: str | None = None) -> User:
        """Add a cloud-only user with a password."""
        made = User(name, password, object_id or str(uuid.uuid4()))
        self.users[name.lower()] = made
        return made

    def is_called(self, name: str) -> bool:
        """Return whether the text is the tenant's id or one of its domains."""
        low = name.lower()
        return low == self.id or low in self.domains


@dataclass(slots=True)
class Revocations:
    """Revoked tokens: single ones, and all tokens of a principal up to a serial number."""

    tokens: set[str] = field(default_factory=set)
    principals: dict[str, int] = field(default_factory=dict)


class Entra:
    """All tenants and app registrations, and the key that signs their tokens."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.key: SigningKey = signing_key("entra")
        self.tenants: dict[str, Tenant] = {}
        self.apps: dict[str, App] = {}
        self.revoked = Revocations()
        self.trusted_issuers: dict[str, PublicKey] = {}
        self._serials = count(time.time_ns() // 1000)

    def add_tenant(self, tenant_id: str, *domains: str, cloud: str = GLOBAL.name) -> Tenant:
        """Add a directory under its id and its domains, the first one being the main."""
        made = Tenant(tenant_id, domains, CLOUDS[cloud])
        self.tenants[tenant_id] = made
        return made

    def add_app(self, app_id: str, tenant: Tenant, name: str, *, multi_tenant: bool = False) -> App:
        """Register an app in its home tenant; `Tenant.install` makes it usable somewhere."""
        made = App(app_id, tenant.id, name, multi_tenant=multi_tenant)
        self.apps[app_id] = made
        return made

    def tenant(self, name: str) -> Tenant:
        """Return a tenant by id or domain. KeyError when unknown."""
        for tenant in tuple(self.tenants.values()):
            if tenant.is_called(name):
                return tenant
        raise KeyError(name)

    def app(self, app_id: str) -> App:
        """Return an app registration by its application (client) id. KeyError when unknown."""
        return self.apps[app_id]

    def next_serial(self) -> int:
        """Return a number that grows with every token, across resets."""
        return next(self._serials)

    def revoke_token(self, jti: str) -> None:
        """Let Graph refuse one token, if the client has the capability for continuous access evaluation."""
        self.revoked.tokens.add(jti)

    def revoke_principal(self, object_id: str) -> None:
        """Let Graph refuse every token issued to a principal or user so far; later ones are fine."""
        self.revoked.principals[object_id] = self.next_serial()

    def trust_issuer(self, kid: str, key: PublicKey) -> None:
        """Accept signatures of another token service (the managed identity's) in federated credentials and vaults."""
        self.trusted_issuers[kid] = key
