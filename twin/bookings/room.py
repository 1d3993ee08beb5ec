"""The Bookings room: three tables of handlers behind Graph's admission."""

from twin.bookings.appointments import appointments
from twin.bookings.businesses import businesses
from twin.bookings.catalogue import catalogue
from twin.bookings.control import control
from twin.bookings.state import Bookings
from twin.core.clouds import GRAPH_HOSTS
from twin.core.room import Room
from twin.core.routes import Routes
from twin.core.wire import Call
from twin.graph.admission import admit
from twin.graph.errors import describe_outage
from twin.graph.room import stamp

_routes = Routes[Bookings]()
_routes.table = [*businesses.table, *appointments.table, *catalogue.table]


def _admit(call: Call, bookings: Bookings) -> None:
    admit(call, bookings.world)


ROOM = Room(
    name="bookings",
    hosts=GRAPH_HOSTS,
    state=Bookings,
    routes=_routes,
    control=control,
    admit=_admit,
    stamp=stamp,
    outage=describe_outage,
)
