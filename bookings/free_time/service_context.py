"""A business and one of its services: all that decides when the service can be taken, and by whom."""

from dataclasses import dataclass

from bookings.free_time.policy import Policy, read_policy
from bookings.free_time.staff_time import find_team
from bookings.names import Names, Table
from shared.graph.bookings import GraphBookings
from shared.json_text import Json
from shared.time_zones.zones import Zone
from shared.workers import Workers


@dataclass(frozen=True)
class ServiceContext:
    """One service of a business. `staff` is everybody of the business, `team` those who may take the service."""

    business: str
    service: Json
    staff: Table
    team: Table
    policy: Policy
    zone: Zone


def read_service_context(
    graph: GraphBookings, names: Names, workers: Workers, business: str, service: str
) -> ServiceContext:
    """Read business, service and staff at the same time. Raises NotFound for an unknown business or service."""
    waiting_business = workers.start(lambda: graph.get_business(business))
    waiting_service = workers.start(lambda: graph.get_service(business, service))
    staff = names.learn_staff(business, graph.list_staff(business))
    whole_business, whole_service = waiting_business.result(), waiting_service.result()
    return ServiceContext(
        business=business,
        service=whole_service,
        staff=staff,
        team=find_team(whole_service, staff),
        policy=read_policy(whole_business, whole_service),
        zone=names.learn_zone(business, whole_business),
    )
