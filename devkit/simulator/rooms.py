"""The rooms of the house. A new one is a folder with a ROOM, and a line here.

Order matters on a shared host only: the first room of a host says what happens where no route matches.
"""

from typing import Any

from devkit.simulator.bookings.room import ROOM as BOOKINGS
from devkit.simulator.core.room import Room
from devkit.simulator.directory.room import ROOM as DIRECTORY
from devkit.simulator.easyvista.room import ROOM as EASYVISTA
from devkit.simulator.entra.routes import ROOM as ENTRA
from devkit.simulator.graph.room import ROOM as GRAPH
from devkit.simulator.identity.routes import ROOM as IDENTITY
from devkit.simulator.mail.room import ROOM as MAIL
from devkit.simulator.vault.routes import ROOM as VAULT
from devkit.simulator.webhook.rooms import FLOWS, HOOKS

ROOMS: tuple[Room[Any], ...] = (ENTRA, IDENTITY, VAULT, GRAPH, BOOKINGS, MAIL, DIRECTORY, EASYVISTA, HOOKS, FLOWS)
