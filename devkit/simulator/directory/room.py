"""The directory room: its tables of handlers behind Graph's admission."""

from devkit.simulator.core.clouds import GRAPH_HOSTS
from devkit.simulator.core.room import Room
from devkit.simulator.core.routes import Routes
from devkit.simulator.core.wire import Call
from devkit.simulator.directory.applications import applications
from devkit.simulator.directory.control import control
from devkit.simulator.directory.credentials import credentials
from devkit.simulator.directory.principals import principals
from devkit.simulator.directory.state import Directory
from devkit.simulator.directory.tenants import tenants
from devkit.simulator.graph.admission import admit
from devkit.simulator.graph.errors import describe_outage
from devkit.simulator.graph.room import stamp

_routes = Routes[Directory]()
_routes.table = [*applications.table, *credentials.table, *principals.table, *tenants.table]


def _admit(call: Call, directory: Directory) -> None:
    admit(call, directory.world)


ROOM = Room(
    name="directory",
    hosts=GRAPH_HOSTS,
    state=Directory,
    routes=_routes,
    control=control,
    admit=_admit,
    stamp=stamp,
    outage=describe_outage,
    secret_fields=frozenset({"secrettext"}),
)
