"""A business and one or several of its services: all that decides when a service can be taken, and by whom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bookings.free_time.hours import WeeklyHours
from bookings.free_time.policy import Policy, read_policy
from bookings.free_time.staff_time import find_team
from bookings.names import Names, Table
from shared.errors import Invalid
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


@dataclass(frozen=True)
class PageContext:
    """A business and several of its services, in the order in which they were asked for; `missing` it does not have.

    `hours` are the opening hours of the business.
    """

    business: str
    name: str | None
    staff: Table
    hours: WeeklyHours
    zone: Zone
    services: tuple[ServiceContext, ...]
    missing: tuple[str, ...]


def read_service_context(
    graph: GraphBookings, names: Names, workers: Workers, business: str, service: str
) -> ServiceContext:
    """Read business, service and staff at the same time. Raises NotFound for an unknown business or service."""
    return start_page_context(graph, names, workers, business, [service], is_listed=False)().services[0]


def read_page_context(
    graph: GraphBookings, names: Names, workers: Workers, business: str, services: Sequence[str]
) -> PageContext:
    """Read a business with all these services: three calls to Graph, as for one service.

    Raises NotFound for an unknown business, or for the service if it is one, Invalid for one of several.
    """
    page = start_page_context(graph, names, workers, business, services, is_listed=len(services) > 1)()
    if page.missing:
        raise refuse_service(page.missing[0])
    return page


def start_page_context(
    graph: GraphBookings,
    names: Names,
    workers: Workers,
    business: str,
    services: Sequence[str] | None,
    *,
    is_listed: bool = True,
) -> Callable[[], PageContext]:
    """Begin to read a business with services, None: all that it has; what is returned waits for the end.

    `is_listed`: the services are looked up in the list, one call for all of them; or else the only one is read.
    """
    waiting_business = workers.start(lambda: graph.get_business(business))
    one = services[0] if services and not is_listed else None
    waiting_services = workers.start(
        lambda: [graph.get_service(business, one)] if one is not None else graph.list_services(business)
    )
    waiting_staff = workers.start(lambda: graph.list_staff(business))

    def finish() -> PageContext:
        staff = names.learn_staff(business, waiting_staff.result())
        whole, found = waiting_business.result(), waiting_services.result()
        if is_listed:
            names.learn_services(business, found)
        zone, known = names.learn_zone(business, whole), {str(each["id"]): each for each in found}

        def describe(service: Json) -> ServiceContext:
            policy, team = read_policy(whole, service), find_team(service, staff)
            return ServiceContext(business, service, staff=staff, team=team, policy=policy, zone=zone)

        wanted = list(known) if services is None or not is_listed else list(dict.fromkeys(services))
        return PageContext(
            business=business,
            name=whole.get("displayName"),
            staff=staff,
            hours=whole.get("businessHours") or (),
            zone=zone,
            services=tuple(describe(known[each]) for each in wanted if each in known),
            missing=tuple(each for each in wanted if each not in known),
        )

    return finish


def refuse_service(service: str) -> Invalid:
    """Return the error for a service that a page does not have."""
    return Invalid(
        f"There is no service {service} on this page. List the services to see their ids.",
        code="ServiceNotFound",
        target="service",
    )
