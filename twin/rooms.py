"""The rooms of the house. A new one is a folder with a ROOM, and a line here.

Order matters on a shared host only: the first room of a host says what happens where no route matches.
"""

from typing import Any

from twin.bookings.room import ROOM as BOOKINGS
from twin.core.room import Room
from twin.directory.room import ROOM as DIRECTORY
from twin.easyvista.room import ROOM as EASYVISTA
from twin.entra.routes import ROOM as ENTRA
from twin.graph.room import ROOM as GRAPH
from twin.identity.routes import ROOM as IDENTITY
from twin.mail.room import ROOM as MAIL
from twin.vault.routes import ROOM as VAULT
from twin.webhook.rooms import FLOWS, HOOKS

ROOMS: tuple[Room[Any], ...] = (ENTRA, IDENTITY, VAULT, GRAPH, BOOKINGS, MAIL, DIRECTORY, EASYVISTA, HOOKS, FLOWS)
