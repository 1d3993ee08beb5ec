"""The EasyVista API as tests see it: its instances, its switches, and how unreliable it is.

Methods without the name of an instance use the first one.
"""

from typing import TYPE_CHECKING, Any, Literal, get_args

from twin.easyvista.instance import Instance
from twin.easyvista.records import CatalogEntry, Employee, Ticket
from twin.easyvista.switches import Switches
from twin.easyvista.unreliable import Hazard, How, Kind

if TYPE_CHECKING:
    from twin.world import World


type Stop = Literal["drop", "refuse"]


class EasyVista:
    """All instances under all hosts. `stopped` says how a stopped service treats its callers."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.switches = Switches()
        self.hazards: tuple[Hazard, ...] = ()
        self.stopped: Stop | None = None
        self._instances: dict[tuple[str, str], Instance] = {}

    def add_instance(self, host: str, account: str, *, zone: str = "Europe/Paris") -> Instance:
        """Make an empty instance: `account` is the number in its address, `zone` that of its time stamps."""
        made = Instance(host.lower(), account, zone, clock=self.world.clock, switches=self.switches)
        self._instances = {**self._instances, (made.host, account): made}
        return made

    def find_instance(self, host: str, account: str) -> Instance | None:
        """Find the instance that an address names."""
        return self._instances.get((host, account))

    def instance(self, account: str | None = None) -> Instance:
        """Return an instance by its account number, or the first. KeyError when there is none."""
        for made in self.instances:
            if account in (None, made.account):
                return made
        raise KeyError(f"instance {account}" if account else "no instance")

    @property
    def instances(self) -> list[Instance]:
        """All instances, the first one first."""
        return list(self._instances.values())

    @property
    def hosts(self) -> set[str]:
        """Host names that exist."""
        return {host for host, _ in self._instances}

    @property
    def tickets(self) -> list[Ticket]:
        """Tickets, oldest first."""
        return self.instance().tickets

    @property
    def employees(self) -> list[Employee]:
        """The known people."""
        return list(self.instance().employees)

    @property
    def catalog(self) -> list[CatalogEntry]:
        """Subjects that a ticket may have."""
        return list(self.instance().catalog)

    def titles(self) -> list[str]:
        """Return the titles of the tickets, oldest first."""
        return self.instance().titles()

    def ticket(self, rfc: str) -> Ticket:
        """Find a ticket by its number. KeyError when unknown."""
        return self.instance().ticket(rfc)

    def by_reference(self, reference: str) -> list[Ticket]:
        """Return the tickets with this external reference; more than one must not happen."""
        return self.instance().by_reference(reference)

    def duplicates(self) -> dict[str, list[str]]:
        """Return the references that more than one ticket has: {reference: [number, ...]}; normally {}."""
        return self.instance().duplicates()

    def close(self, rfc: str, **more: Any) -> Ticket:
        """Close a ticket, as an agent does. KeyError when unknown."""
        return self.instance().close(rfc, **more)

    def unreliable(
        self,
        *,
        share: float,
        how: How = "commit-then-drop",
        seed: int = 0,
        on: tuple[Kind, ...] = ("create", "task", "document"),
    ) -> Hazard:
        """Lose the answers of a share (0 to 1) of the writes; the same seed hits the same calls.

        "commit-then-drop" aborts the connection, "commit-then-590" answers 590. There may be several hazards; the
        first that hits decides. ValueError for a share, a way or a kind that does not exist.
        """
        made = Hazard(share=share, how=how, seed=seed, on=on)
        self.hazards = (*self.hazards, made)
        return made

    def stop(self, how: Stop = "drop") -> None:
        """Stop the service: every call is dropped, or refused with 503, until `start`. ValueError for another way."""
        if how not in get_args(Stop.__value__):
            raise ValueError(f"how is one of {', '.join(get_args(Stop.__value__))}, not {how!r}")
        self.stopped = how

    def start(self) -> None:
        """Start the service again."""
        self.stopped = None

    def suspend(self, rfc: str) -> Ticket:
        """Put a ticket on hold. KeyError when unknown."""
        return self.instance().suspend(rfc)

    def reliable(self) -> None:
        """Remove every hazard."""
        self.hazards = ()
