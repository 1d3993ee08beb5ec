"""Data of apps that sign-in does not need. The apps themselves are those of the Entra API."""

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twin.entra.state import App, Entra, ServicePrincipal, Tenant

if TYPE_CHECKING:
    from twin.world import World

_NAMES = uuid.UUID("d12ec708-0000-4000-8000-000000000000")


@dataclass
class Switches:
    """Behaviour of a directory that tests can set.

    unseen_requests     a new app or principal answers so many requests for it with 404
    unseen_seconds      and stays unknown for so many seconds after it was made
    secret_requests     a new secret is refused by so many token requests (AADSTS7000215)
    federated_requests  after a new federated credential so many token requests fail (AADSTS70021)
    users_may_register  users without a directory role may register apps of their own
    secrets_allowed     False: an app management policy forbids client secrets
    secret_days         the longest life that the policy allows to a secret; None for any
    """

    unseen_requests: int = 0
    unseen_seconds: float = 0.0
    secret_requests: int = 0
    federated_requests: int = 0
    users_may_register: bool = True
    secrets_allowed: bool = True
    secret_days: int | None = None

    def set(self, wishes: dict[str, Any]) -> None:
        """Set switches by name. KeyError for an unknown one."""
        for name, value in wishes.items():
            if not hasattr(self, name):
                raise KeyError(name)
            setattr(self, name, value)


@dataclass
class Fresh:
    """How long a new object stays unknown to some servers."""

    requests: int = 0
    until: float = 0.0

    def is_seen(self) -> bool:
        """Return whether this server knows the object; counts this request."""
        if self.requests > 0:
            self.requests -= 1
            return False
        return time.monotonic() >= self.until


@dataclass
class Registration:
    """The application object of an app. `details` are properties that the twin keeps as they were sent."""

    app: App
    object_id: str
    unique_name: str | None = None
    owners: set[str] = field(default_factory=set)
    details: dict[str, Any] = field(default_factory=dict)
    fresh: Fresh = field(default_factory=Fresh)


class Directory:
    """Registrations, the recycle bin, and the switches."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.switches = Switches()
        self.deleted: dict[str, Registration] = {}
        self._registrations: dict[str, Registration] = {}
        self._fresh_principals: dict[str, Fresh] = {}

    @property
    def entra(self) -> Entra:
        """The Entra API."""
        return self.world.state(Entra)

    def registration(self, app: App) -> Registration:
        """Return the application object of an app; an app of the seed gets one with a fixed id."""
        if app.app_id not in self._registrations:
            self._registrations[app.app_id] = Registration(app, str(uuid.uuid5(_NAMES, app.app_id)))
        return self._registrations[app.app_id]

    def registrations(self, tenant: Tenant) -> list[Registration]:
        """List the apps whose home is a tenant."""
        return [self.registration(app) for app in tuple(self.entra.apps.values()) if app.home_tenant == tenant.id]

    def register(self, tenant: Tenant, name: str, unique_name: str | None, owner: str | None) -> Registration:
        """Register an app."""
        app = self.entra.add_app(str(uuid.uuid4()), tenant, name)
        made = Registration(app, str(uuid.uuid4()), unique_name, {owner} if owner else set(), fresh=self._make_fresh())
        self._registrations[app.app_id] = made
        return made

    def install(self, tenant: Tenant, app: App) -> ServicePrincipal:
        """Make the principal of an app in a tenant."""
        made = tenant.install(app)
        self._fresh_principals[made.object_id] = self._make_fresh()
        return made

    def sees(self, principal: ServicePrincipal) -> bool:
        """Whether the server that is asked knows of a principal."""
        return self._fresh_principals.get(principal.object_id, Fresh()).is_seen()

    def delete(self, registration: Registration) -> None:
        """Move an app to the recycle bin; its principal at home goes with it."""
        app = registration.app
        self.deleted[registration.object_id] = registration
        self.entra.apps.pop(app.app_id, None)
        self.entra.tenants[app.home_tenant].principals.pop(app.app_id, None)

    def restore(self, object_id: str) -> Registration:
        """Bring an app back, without its principal. KeyError when it is not in the bin."""
        found = self.deleted.pop(object_id)
        self.entra.apps[found.app.app_id] = found.app
        return found

    def _make_fresh(self) -> Fresh:
        return Fresh(self.switches.unseen_requests, time.monotonic() + self.switches.unseen_seconds)


def make_id(*parts: str) -> str:
    """Return the id of something that has none in the Entra api: the same for the same parts."""
    return str(uuid.uuid5(_NAMES, "/".join(parts)))
