"""An EasyVista sink with its simulated instance; test files import the fixtures `running` and `easyvista`."""

from collections.abc import Iterator
from typing import Any

import pytest

from inbound_mail.sinks import check_sink
from inbound_mail.sinks.easyvista.options import OPTIONS
from inbound_mail.sinks.protocol import Receipt, Sink
from shared import retry
from shared.settings.mail_settings import SinkSettings
from tests.functional.prepared_mails import MemoryProgress, Vault, make_prepared_mail, make_sink
from twin import Simulator
from twin.client import redirected_to
from twin.easyvista.instance import Instance
from twin.easyvista.records import Ticket
from twin.seeds import service_desks, tiny

EARLIER = "earlier@mail.example.com"
OTHER_REFERENCE = "mail-" + "1" * 40


class EasyVista:
    """A simulated EasyVista, and a sink that delivers to it."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.vault = Vault(token=service_desks.token(), login=f"{service_desks.LOGIN}:{service_desks.password()}")
        self.base_url = ""
        self.options: dict[str, Any] = {
            "url": f"https://{service_desks.HOST}",
            "account": service_desks.PRODUCTION,
            "token": "token",
            "catalog_code": service_desks.PLAIN_CODE,
            "comment_action_type_id": service_desks.PUBLIC_COMMENT,
            "comment_group_mail": service_desks.GROUP,
        }

    def sink(self, **options: Any) -> Sink:
        """Build it; an option that is None is left out."""
        merged = self.options | options
        kept = {name: value for name, value in merged.items() if value is not None}
        assert list(check_sink(SinkSettings("desk", "easyvista", kept))) == []
        return make_sink("easyvista", kept, self.vault, base_url=self.base_url)

    def deliver(self, *files: Any, progress: MemoryProgress | None = None, **more: Any) -> Receipt:
        """Deliver a mail; names of options are taken out of `more`."""
        options = {name: more.pop(name) for name in list(more) if name in OPTIONS}
        return self.sink(**options).deliver(make_prepared_mail(*files, **more), progress or MemoryProgress())

    def ticket(self, receipt: Receipt) -> Ticket:
        assert receipt.ticket
        return self.sim.easyvista.ticket(receipt.ticket)

    @property
    def instance(self) -> Instance:
        return self.sim.easyvista.instance()

    @property
    def made(self) -> list[Ticket]:
        """Tickets that came by mail."""
        return [one for one in self.sim.easyvista.tickets if one.reference]

    def asked(self, method: str, ending: str) -> int:
        """How often a path was asked for."""
        return sum(
            seen.method == method and seen.path.endswith(ending)
            for seen in self.sim.exchanges.all()
            if seen.api == "easyvista"
        )


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator(tiny.build(), latency=0).running() as started, redirected_to(started):
        yield started


@pytest.fixture
def easyvista(running: Simulator, monkeypatch: pytest.MonkeyPatch) -> EasyVista:
    running.reset()
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    return EasyVista(running)
