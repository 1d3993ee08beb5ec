"""The APIs of the twin. A new one is a folder with an object `API`, and a line here.

Order matters on a shared host only: the first API of a host answers where no route matches.
"""

from typing import Any

from twin.bookings.api import API as BOOKINGS
from twin.core.api import Api
from twin.directory.api import API as DIRECTORY
from twin.easyvista.api import API as EASYVISTA
from twin.entra.routes import API as ENTRA
from twin.front.api import API as FRONT
from twin.graph.api import API as GRAPH
from twin.identity.routes import API as IDENTITY
from twin.mail.api import API as MAIL
from twin.messaging.apis import EVENT_GRID, SERVICE_BUS
from twin.subscriptions.api import API as SUBSCRIPTIONS
from twin.vault.routes import API as VAULT
from twin.webhook.apis import FLOWS, HOOKS

APIS: tuple[Api[Any], ...] = (
    ENTRA,
    IDENTITY,
    VAULT,
    GRAPH,
    BOOKINGS,
    MAIL,
    DIRECTORY,
    SUBSCRIPTIONS,
    EASYVISTA,
    HOOKS,
    FLOWS,
    SERVICE_BUS,
    EVENT_GRID,
    FRONT,
)
