"""The mail api: two tables of handlers behind Graph's admission."""

from twin.core.api import Api
from twin.core.clouds import GRAPH_HOSTS
from twin.core.routes import Routes
from twin.core.wire import Call
from twin.graph.admission import admit
from twin.graph.api import stamp
from twin.mail.control import control
from twin.mail.errors import describe_mail_outage
from twin.mail.folders import folders
from twin.mail.messages import messages
from twin.mail.state import Mail

_routes = Routes[Mail]()
_routes.table = [*folders.table, *messages.table]


def _admit(call: Call, mail: Mail) -> None:
    admit(call, mail.world)


API = Api(
    name="mail",
    hosts=GRAPH_HOSTS,
    state=Mail,
    routes=_routes,
    control=control,
    admit=_admit,
    stamp=stamp,
    outage=describe_mail_outage,
)
