"""The API of subscriptions: a table of handlers behind Graph's admission, and the deliveries in the background."""

from twin.core.api import Api
from twin.core.clouds import GRAPH_HOSTS
from twin.core.wire import Call
from twin.graph.admission import admit
from twin.graph.api import stamp
from twin.graph.errors import describe_outage
from twin.subscriptions.control import control
from twin.subscriptions.delivery import deliver
from twin.subscriptions.routes import routes
from twin.subscriptions.state import Subscriptions


def _admit(call: Call, state: Subscriptions) -> None:
    admit(call, state.world)


API = Api(
    name="subscriptions",
    hosts=GRAPH_HOSTS,
    state=Subscriptions,
    routes=routes,
    control=control,
    admit=_admit,
    stamp=stamp,
    outage=describe_outage,
    secret_fields=frozenset({"clientstate"}),
    background=deliver,
)
