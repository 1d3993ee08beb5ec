"""The Bookings api: three tables of handlers behind Graph's admission."""

from twin.bookings.appointments import appointments
from twin.bookings.businesses import businesses
from twin.bookings.catalogue import catalogue
from twin.bookings.control import control
from twin.bookings.state import Bookings
from twin.core.api import Api
from twin.core.clouds import GRAPH_HOSTS
from twin.core.routes import Routes
from twin.core.wire import Call
from twin.graph.admission import admit
from twin.graph.api import stamp
from twin.graph.errors import describe_outage

_routes = Routes[Bookings]()
_routes.table = [*businesses.table, *appointments.table, *catalogue.table]


def _admit(call: Call, bookings: Bookings) -> None:
    admit(call, bookings.world)


API = Api(
    name="bookings",
    hosts=GRAPH_HOSTS,
    state=Bookings,
    routes=_routes,
    control=control,
    admit=_admit,
    stamp=stamp,
    outage=describe_outage,
)
