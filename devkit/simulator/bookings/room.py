"""The Bookings room: three tables of handlers behind Graph's admission."""

from devkit.simulator.bookings.appointments import appointments
from devkit.simulator.bookings.businesses import businesses
from devkit.simulator.bookings.catalogue import catalogue
from devkit.simulator.bookings.control import control
from devkit.simulator.bookings.state import Bookings
from devkit.simulator.core.clouds import GRAPH_HOSTS
from devkit.simulator.core.room import Room
from devkit.simulator.core.routes import Routes
from devkit.simulator.core.wire import Call
from devkit.simulator.graph.admission import admit
from devkit.simulator.graph.errors import describe_outage
from devkit.simulator.graph.room import stamp

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
