"""A booking business whose changes are watched: what people do in it, and what a consumer of the feed sees."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bookings.changes.feed import ChangeFeed
from bookings.changes.journal import TABLE, Journal, State
from composition import services
from shared import retry
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.tables import Operation, Table
from shared.time_zones.zones import utc_text
from tests.functional.conftest import Gateway, Seed
from twin.bookings.state import Bookings
from twin.bookings.state import Business as SimulatedBusiness
from twin.seeds import sample, tiny
from twin.world import World

CLEO = {
    "@odata.type": "#microsoft.graph.bookingCustomerInformation",
    "name": "Cleo Customer",
    "emailAddress": "cleo@example.com",
    "customQuestionAnswers": [],
}


def zoned(moment: datetime) -> dict[str, str]:
    return {"dateTime": moment.strftime("%Y-%m-%dT%H:%M:%S.0000000Z"), "timeZone": "UTC"}


class Page:
    """One booking page with a name of its own, so that no feed is shared between tests."""

    def __init__(self, gateway: Gateway, seed: Seed = tiny.seed, **settings: str) -> None:
        self.gateway = gateway
        self._seed_first = seed
        self._made = 0
        self.name = f"desk-{uuid.uuid4().hex[:10]}@contoso.com"
        gateway.begin(self._seed, BOOKINGS_BUSINESSES=f"{self.name},other@contoso.com", **settings)
        gateway.business = self.name

    def _seed(self, world: World) -> None:
        self._seed_first(world)
        bookings = world.state(Bookings)
        business = bookings.businesses.pop(tiny.BUSINESS)
        business.id = self.name
        business.values |= {"id": self.name}
        bookings.businesses[self.name] = business

    # -- what people do ---------------------------------------------------------------------------------------------

    @property
    def simulated(self) -> SimulatedBusiness:
        return self.gateway.sim.bookings.business(self.name)

    def book(
        self, start: datetime, *, self_service: str | None = None, created: datetime | None = None, **values: Any
    ) -> str:
        """Put an appointment of Anne's into the calendar; return its id."""
        appointment = {
            "serviceId": tiny.VISIT,
            "serviceName": "Visit",
            "staffMemberIds": [tiny.ANNE],
            "startDateTime": zoned(start),
            "endDateTime": zoned(start + timedelta(minutes=30)),
            "customers": [CLEO],
        } | values
        # Stamps have whole seconds: no two are made in the same one, and what happens next must show.
        self._made += 1
        made_at = datetime.now(UTC) - timedelta(hours=2) + timedelta(seconds=self._made)
        more: dict[str, Any] = {"created": created or made_at}
        more |= {"self_service_id": self_service} if self_service else {}
        return self.gateway.sim.run(lambda: self.simulated.appointments.add(appointment, **more)).id

    def change(self, appointment: str, *, renew_id: bool = False, **values: Any) -> str:
        return self.gateway.sim.run(
            lambda: self.simulated.appointments.patch(appointment, values, renew_id=renew_id)
        ).id

    def move(self, appointment: str, start: datetime, *, renew_id: bool = False) -> str:
        times = {"startDateTime": zoned(start), "endDateTime": zoned(start + timedelta(minutes=30))}
        return self.change(appointment, renew_id=renew_id, **times)

    def cancel(self, appointment: str) -> None:
        self.gateway.sim.run(lambda: self.simulated.appointments.remove(appointment))

    # -- the app ----------------------------------------------------------------------------------------------------

    @property
    def feed(self) -> ChangeFeed:
        return services.services().connections["default"].changes

    @property
    def table(self) -> Table:
        return services.services().changes

    @property
    def blobs(self) -> Container:
        used = services.services()
        return Container(Storage(used.settings.storage, used.authenticator.identity), TABLE)

    @property
    def journal(self) -> Journal:
        used = services.services()
        storage = Storage(used.settings.storage, used.authenticator.identity)
        return Journal(Table(storage, TABLE), self.blobs, "default", self.name)

    def state(self) -> State:
        return self.journal.state()

    def set_state(self, **values: Any) -> None:
        """Change the feed's state directly in storage."""
        name = {"PartitionKey": self.journal.partition, "RowKey": "s|state"}
        self.table.transact([Operation("merge", name | values)])

    def age(self, seconds: float = 61) -> None:
        """Let time pass since the last scan; pauses and claims run out."""
        past = datetime.now(UTC) - timedelta(seconds=seconds)
        self.set_state(scanned_at=past, paused_until=past, held_until=past)

    def restart(self) -> None:
        """A new process: nothing in memory."""
        self.gateway.configure(**(sample.settings(self.gateway.sim) | {"BOOKINGS_BUSINESSES": self.name}))

    def ask(self, cursor: str | None = None, **query: Any) -> Any:
        """Ask for changes now, even if the last scan is young."""
        if self.state().row:
            self.age()
        return self.gateway.ask("/changes", **({"cursor": cursor} if cursor else {}), **query)

    def calls(self) -> list[str]:
        """What Graph was asked about this business: the last part of each path."""
        return [call.path.rpartition("/")[2] for call in self.gateway.graph_calls() if self.name in call.path]


class Consumer:
    """Somebody who keeps a cursor and follows the feed."""

    def __init__(self, page: Page, **query: Any) -> None:
        self.page = page
        self.query = query
        self.seen: list[dict[str, Any]] = []
        self.cursor: str | None = None
        self.follow()

    def follow(self) -> list[dict[str, Any]]:
        """Read to the end; return what is new."""
        found: list[dict[str, Any]] = []
        while True:
            answer = self.page.ask(self.cursor, **self.query)
            self.cursor = answer["cursor"]
            found += answer["value"]
            if "nextLink" not in answer:
                self.seen += found
                return found


def summary(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["eventKind"], event["appointmentId"]) for event in events]


def at(moment: datetime) -> str:
    return utc_text(moment)


@pytest.fixture
def page(gateway_process: Gateway) -> Page:
    """A page without appointments, not scanned yet."""
    return Page(gateway_process)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between two tries that nobody asked for pass at once."""
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(retry, "_LONGEST_WAIT", 0.02)
