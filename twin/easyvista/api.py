"""The EasyVista api: one table of handlers behind its own admission, for every host that has an instance."""

from twin.core.api import Api
from twin.core.routes import Miss
from twin.core.wire import Call, Reply
from twin.easyvista.access import admit
from twin.easyvista.control import control
from twin.easyvista.errors import describe_outage, refuse_right
from twin.easyvista.routes import routes
from twin.easyvista.state import EasyVista


def _miss(call: Call, miss: Miss, api: EasyVista) -> Reply:
    _ = miss, api
    return refuse_right().render(call)


def _serves(host: str, api: EasyVista) -> bool:
    return host in api.hosts


API = Api(
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
