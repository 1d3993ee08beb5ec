"""The directory api: its tables of handlers behind Graph's admission."""

from twin.core.api import Api
from twin.core.clouds import GRAPH_HOSTS
from twin.core.routes import Routes
from twin.core.wire import Call
from twin.directory.applications import applications
from twin.directory.control import control
from twin.directory.credentials import credentials
from twin.directory.principals import principals
from twin.directory.state import Directory
from twin.directory.tenants import tenants
from twin.graph.admission import admit
from twin.graph.api import stamp
from twin.graph.errors import describe_outage

_routes = Routes[Directory]()
_routes.table = [*applications.table, *credentials.table, *principals.table, *tenants.table]


def _admit(call: Call, directory: Directory) -> None:
    admit(call, directory.world)


API = Api(
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
