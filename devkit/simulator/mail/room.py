"""The mail room: two tables of handlers behind Graph's admission."""

from devkit.simulator.core.clouds import GRAPH_HOSTS
from devkit.simulator.core.room import Room
from devkit.simulator.core.routes import Routes
from devkit.simulator.core.wire import Call
from devkit.simulator.graph.admission import admit
from devkit.simulator.graph.room import stamp
from devkit.simulator.mail.control import control
from devkit.simulator.mail.errors import describe_mail_outage
from devkit.simulator.mail.folders import folders
from devkit.simulator.mail.messages import messages
from devkit.simulator.mail.state import Mail

_routes = Routes[Mail]()
_routes.table = [*folders.table, *messages.table]


def _admit(call: Call, mail: Mail) -> None:
    admit(call, mail.world)


ROOM = Room(
    name="mail",
    hosts=GRAPH_HOSTS,
    state=Mail,
    routes=_routes,
    control=control,
    admit=_admit,
    stamp=stamp,
    outage=describe_mail_outage,
)
