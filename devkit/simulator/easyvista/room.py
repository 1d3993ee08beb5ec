"""The EasyVista room: one table of handlers behind its own admission, for every host that has an instance."""

from devkit.simulator.core.room import Room
from devkit.simulator.core.routes import Miss
from devkit.simulator.core.wire import Call, Reply
from devkit.simulator.easyvista.access import admit
from devkit.simulator.easyvista.control import control
from devkit.simulator.easyvista.errors import describe_outage, refuse_right
from devkit.simulator.easyvista.routes import routes
from devkit.simulator.easyvista.state import EasyVista


def _miss(call: Call, miss: Miss, room: EasyVista) -> Reply:
    _ = miss, room
    return refuse_right().render(call)


def _serves(host: str, room: EasyVista) -> bool:
    return host in room.hosts


ROOM = Room(
    name="easyvista",
    hosts=("*.easyvista.com",),
    state=EasyVista,
    routes=routes,
    control=control,
    admit=admit,
    miss=_miss,
    outage=describe_outage,
    serves=_serves,
)
