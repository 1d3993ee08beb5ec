"""The running twin: one thread, one event loop, one port for the proxy and one for identity and control path."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from uvicorn.server import ServerState

from twin.apis import APIS
from twin.bookings.state import Bookings
from twin.core.api import Api
from twin.core.certificates import make_server_context
from twin.core.control import PREFIX, Controls, make_control_api
from twin.core.faults import Faults
from twin.core.protocol import OpenProtocol, make_config
from twin.core.proxy import Tunnels
from twin.core.record import Record
from twin.core.server import Server
from twin.core.wire import LOOPBACK
from twin.directory.state import Directory
from twin.easyvista.state import EasyVista
from twin.entra.state import Entra
from twin.graph.limits import GraphLimits
from twin.identity.state import ENDPOINT_PATH, Identities
from twin.mail.state import Mail
from twin.messaging.state import Messaging
from twin.subscriptions.state import Subscriptions
from twin.vault.state import Vaults
from twin.webhook.state import Webhooks
from twin.world import World

_ADDRESS = "127.0.0.1"
# Long enough for any slow machine: they only end what hangs.
_START_SECONDS = 120.0
_STOP_SECONDS = 10.0
_WORK_SECONDS = 120.0


class SimulatorBrokenError(Exception):
    """A handler of the twin failed: an error of the twin, not of the code under test."""


class Simulator:
    """A world served over HTTP and HTTPS on the loopback address.

    `with Simulator(world).running() as sim:` starts it on a thread of its own; then client libraries need only
    the variables of `sim.environment()`. `latency` is the minimum duration of an exchange in seconds; ports of 0 are
    chosen by the system. `state_dir` receives the CA file; without it a temporary folder is used and removed.
    """

    def __init__(
        self,
        world: World,
        *,
        state_dir: Path | None = None,
        apis: Sequence[Api[Any]] = APIS,
        proxy_port: int = 0,
        loopback_port: int = 0,
        latency: float = 0.001,
    ) -> None:
        self.world = world
        self.server = Server(
            [make_control_api(self._find_controls, apis), *apis],
            world,
            latency=latency,
        )
        self._apis = apis
        self._ports = (proxy_port, loopback_port)
        self._given_dir = state_dir
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping: asyncio.Event | None = None
        self._controls: Controls | None = None
        self._ready: Future[tuple[int, int]] = Future()
        self._server_state = ServerState()
        self.state_dir = Path()
        self.proxy_url = ""
        self.loopback_url = ""

    @property
    def ca_file(self) -> str:
        """Path of the PEM file with the authority to trust."""
        return str(self.state_dir / "ca.pem")

    @property
    def control_url(self) -> str:
        """Base of the control path; GET it for the list of routes."""
        return self.loopback_url + PREFIX

    @property
    def identity_endpoint(self) -> str:
        """Value of IDENTITY_ENDPOINT."""
        return self.loopback_url + ENDPOINT_PATH

    @property
    def identity_header(self) -> str:
        """Value of IDENTITY_HEADER."""
        return self.identities.header

    @property
    def faults(self) -> Faults:
        """The active faults."""
        return self.server.faults

    @property
    def exchanges(self) -> Record:
        """The record of all exchanges."""
        return self.server.record

    @property
    def refused(self) -> list[str]:
        """Host names that a client asked for and the proxy refused, with ports."""
        return self._controls.tunnels.refused if self._controls else []

    @property
    def entra(self) -> Entra:
        """Tenants, app registrations, users, tokens."""
        return self.world.state(Entra)

    @property
    def vaults(self) -> Vaults:
        """Key vaults and their secrets."""
        return self.world.state(Vaults)

    @property
    def identities(self) -> Identities:
        """Managed identities of the simulated function app."""
        return self.world.state(Identities)

    @property
    def bookings(self) -> Bookings:
        """Booking businesses with all their data."""
        return self.world.state(Bookings)

    @property
    def easyvista(self) -> EasyVista:
        """The service desk: its tickets, people and switches."""
        return self.world.state(EasyVista)

    @property
    def webhooks(self) -> Webhooks:
        """What was delivered to receivers of webhooks and to workflows, and what they answer."""
        return self.world.state(Webhooks)

    @property
    def messaging(self) -> Messaging:
        """Queues and topics of Service Bus and Event Grid, with what was sent to them."""
        return self.world.state(Messaging)

    @property
    def mail(self) -> Mail:
        """Mailboxes with all their data."""
        return self.world.state(Mail)

    @property
    def subscriptions(self) -> Subscriptions:
        """Change notifications of Graph: subscriptions, deliveries, and what goes wrong on the way."""
        return self.world.state(Subscriptions)

    @property
    def directory(self) -> Directory:
        """App registrations beyond sign-in, the recycle bin, and the switches of both."""
        return self.world.state(Directory)

    @property
    def graph_limits(self) -> GraphLimits:
        """Throttling of Graph."""
        return self.world.state(GraphLimits)

    def environment(self) -> dict[str, str]:
        """Return the variables that make client libraries use the twin, with all their checks on.

        requests and azure-core read HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE. httpx and plain ssl contexts read
        SSL_CERT_FILE; requests ignores it. The lower-case proxy names win over upper-case ones where both are set, so
        both are given.
        """
        direct = f"localhost,{_ADDRESS}"
        return {
            "HTTPS_PROXY": self.proxy_url,
            "https_proxy": self.proxy_url,
            "NO_PROXY": direct,
            "no_proxy": direct,
            "REQUESTS_CA_BUNDLE": self.ca_file,
            "SSL_CERT_FILE": self.ca_file,
            "IDENTITY_ENDPOINT": self.identity_endpoint,
            "IDENTITY_HEADER": self.identity_header,
        }

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Start the twin, and stop it at the end of the block. SimulatorBrokenError then if a handler failed."""
        self.start()
        try:
            yield self
        finally:
            self.stop()
        if self.server.failures:
            raise SimulatorBrokenError("\n".join(self.server.failures))

    def start(self) -> None:
        """Bind the ports and serve; return when the addresses are known. OSError when a port is taken."""
        self._ready, self._server_state = Future(), ServerState()
        self.state_dir = self._given_dir or Path(tempfile.mkdtemp(prefix="graph-simulator-"))
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Thread(target=self._run_loop, name="simulator", daemon=True)
        self._thread.start()
        try:
            proxy_port, loopback_port = self._ready.result(timeout=_START_SECONDS)
        except BaseException:
            self.stop()
            raise
        self.proxy_url = f"http://{_ADDRESS}:{proxy_port}"
        self.loopback_url = f"http://{_ADDRESS}:{loopback_port}"

    def stop(self) -> None:
        """Abort every connection and end the thread."""
        if self._loop is not None and self._stopping is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread is not None:
            self._thread.join(timeout=_STOP_SECONDS)
        if self._given_dir is None:
            shutil.rmtree(self.state_dir, ignore_errors=True)

    def reset(self, seed: Callable[[World], None] | None = None) -> None:
        """Empty the world and seed it again, with another seed if one is given; delete faults and records."""
        self.run(lambda: self._reset(seed))

    def run[T](self, work: Callable[[], T]) -> T:
        """Run something on the twin's own thread, between two requests: for changes of several steps."""
        if self._loop is None or self._thread is threading.current_thread():
            return work()
        result: Future[T] = Future()

        def do() -> None:
            try:
                result.set_result(work())
            except BaseException as error:  # noqa: BLE001 - handed to the thread that asked
                result.set_exception(error)

        self._loop.call_soon_threadsafe(do)
        return result.result(timeout=_WORK_SECONDS)

    def close_connections(self) -> int:
        """Close every idle connection of clients, as servers do; returns how many."""
        return self.run(self._close_idle)

    def _reset(self, seed: Callable[[World], None] | None = None) -> None:
        if seed is None:
            self.world.reset()
        else:
            self.world.reseed(seed)
        self.faults.clear()
        self.exchanges.clear()

    def _close_idle(self) -> int:
        idle = [
            protocol
            for protocol in self._list_connections()
            if protocol.is_idle and protocol.host != LOOPBACK and not protocol.transport.is_closing()
        ]
        for protocol in idle:
            protocol.transport.close()
        return len(idle)

    def _list_connections(self) -> list[OpenProtocol]:
        return [each for each in self._server_state.connections if isinstance(each, OpenProtocol)]

    def _find_controls(self) -> Controls:
        if self._controls is None:
            raise RuntimeError("the simulator is not running")
        return self._controls

    def _run_loop(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that started us
            if not self._ready.done():
                self._ready.set_exception(error)

    async def _serve(self) -> None:
        loop = self._loop = asyncio.get_running_loop()
        stopping = self._stopping = asyncio.Event()
        names = [host for api in self._apis for host in api.hosts if host != LOOPBACK]
        tls = make_server_context(dict.fromkeys(names), Path(self.ca_file))
        config = make_config(self.server)
        tunnels = Tunnels(
            config=config,
            server_state=self._server_state,
            tls=tls,
            knows=self.server.knows,
            faults=self.faults,
        )
        self._controls = Controls(self.server, tunnels, self._reset, self._close_idle)
        proxy = await loop.create_server(tunnels.make_tunnel, _ADDRESS, self._ports[0])
        loopback = await loop.create_server(
            lambda: OpenProtocol(config, self._server_state, LOOPBACK),
            _ADDRESS,
            self._ports[1],
        )
        background = [loop.create_task(self.server.work_in_background(api)) for api in self._apis if api.background]
        self._ready.set_result((proxy.sockets[0].getsockname()[1], loopback.sockets[0].getsockname()[1]))
        await stopping.wait()
        for server in (proxy, loopback):
            server.close()
        await self._end_connections(tunnels, background)

    async def _end_connections(self, tunnels: Tunnels, background: Sequence[asyncio.Task[None]]) -> None:
        for transport in list(tunnels.waiting):
            transport.abort()
        for protocol in self._list_connections():
            protocol.abort()
        tasks = [*background, *tunnels.tasks, *self._server_state.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
