"""What an API consists of. A new one is a folder with an object `API` of this class, and one line in `twin.apis`."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twin.core.routes import Miss, Routes
from twin.core.wire import Call, Json, Reply

if TYPE_CHECKING:
    from twin.world import World


def _admit_everyone(call: Call, state: Any) -> None:
    _ = call, state


def _miss_plainly(call: Call, miss: Miss, state: Any) -> Reply:
    _ = state
    allowed = f"; allowed: {', '.join(miss.allowed)}" if miss.allowed else ""
    return Reply(405 if miss.allowed else 404, {"error": f"no route for {call.method} {call.path}{allowed}"})


def _stamp_nothing(call: Call, reply: Reply) -> Reply:
    _ = call
    return reply


def _describe_outage(call: Call, status: int) -> Json:
    _ = call
    return {"error": {"code": str(status), "message": "injected"}}


def _serve_all_hosts(host: str, state: Any) -> bool:
    _ = host, state
    return True


@dataclass(frozen=True, kw_only=True)
class Api[S]:
    """A simulated service.

    name          key in records, faults and counters
    hosts         host names; "*.suffix" stands for one more label; LOOPBACK for the plain HTTP port
    state         class of its state, built with the world
    routes        its handlers
    control       handlers mounted on the control path, for people and tests
    admit         runs before a handler: identifies the caller, and may refuse by returning an answer
    miss          answers where no route matches; taken from the first API of the host
    stamp         adds the headers that every answer of the service carries
    outage        the error body of the service for a status; used by faults without a body
    serves        whether a host under a wildcard exists
    secret_fields names of JSON and form fields that are not recorded, in addition to the usual ones
    background    work that goes on while the twin runs, on its thread, and is cancelled at its end
    """

    name: str
    hosts: tuple[str, ...]
    state: "Callable[[World], S]"
    routes: Routes[S]
    control: Routes[S] | None = None
    admit: Callable[[Call, S], Reply | None] = _admit_everyone
    miss: Callable[[Call, Miss, S], Reply] = _miss_plainly
    stamp: Callable[[Call, Reply], Reply] = _stamp_nothing
    outage: Callable[[Call, int], Json] = _describe_outage
    serves: Callable[[str, S], bool] = _serve_all_hosts
    secret_fields: frozenset[str] = field(default_factory=frozenset)
    background: "Callable[[World], Coroutine[Any, Any, None]] | None" = None

    def answers_for(self, host: str) -> bool:
        """Return whether the API has this host name, directly or by a wildcard."""
        _, _, parent = host.partition(".")
        return host in self.hosts or f"*.{parent}" in self.hosts
