"""The control path: a person or a test process changes the world over plain HTTP on the loopback address."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from twin.core.api import Api
from twin.core.faults import fault_from_json
from twin.core.proxy import Tunnels
from twin.core.routes import Routes
from twin.core.server import UNRECORDED, Server
from twin.core.wire import LOOPBACK, Call, Json, Reply

if TYPE_CHECKING:
    from twin.world import World

PREFIX = "/_control"
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Controls:
    """The parts of a running twin that the control path changes."""

    server: Server
    tunnels: Tunnels
    reset: Callable[[], None]
    close_connections: Callable[[], int]


type Handler = Callable[[Call, Controls], Reply]


def make_control_api(controls: Callable[[], Controls], apis: Sequence[Api[Any]]) -> Api[Callable[[], Controls]]:
    """Make the control API, with the control handlers of all APIs mounted on it."""
    routes = Routes[Callable[[], Controls]]()
    described: list[Json] = []

    def mount(method: str, pattern: str, handler: Handler) -> None:
        def handle(call: Call, find_controls: Callable[[], Controls]) -> Reply:
            return _explain_mistakes(handler, call, find_controls())

        routes.add(method, PREFIX + pattern)(handle)
        summary = (inspect.getdoc(handler) or "").split("\n", 1)[0]
        described.append({"method": method, "path": PREFIX + pattern, "summary": summary})

    for method, pattern, handler in _OWN_ROUTES:
        mount(method, pattern, handler)
    for api in apis:
        for route in api.control.table if api.control else ():
            mount(route.method, route.pattern, _with_state(api, route.handler))

    def list_routes(call: Call, controls: Controls) -> Reply:
        """List every control route."""
        _ = call, controls
        return Reply(200, {"routes": sorted(described, key=lambda line: (line["path"], line["method"]))})

    mount("GET", "", list_routes)
    return Api(
        name=UNRECORDED,
        hosts=(LOOPBACK,),
        state=lambda world: _keep(world, controls),
        routes=routes,
        admit=_admit_local_names,
    )


def _keep(world: "World", controls: Callable[[], Controls]) -> Callable[[], Controls]:
    _ = world
    return controls


def _with_state(api: Api[Any], handler: Callable[[Call, Any], Reply]) -> Handler:
    def enter(call: Call, controls: Controls) -> Reply:
        return handler(call, controls.server.world.state(api.state))

    enter.__doc__ = handler.__doc__
    return enter


def _explain_mistakes(handler: Handler, call: Call, controls: Controls) -> Reply:
    try:
        return handler(call, controls)
    except KeyError as missing:
        return Reply(404, {"error": f"unknown or missing: {missing.args[0] if missing.args else missing}"})
    except (ValueError, TypeError) as mistake:
        return Reply(400, {"error": str(mistake)})


def _admit_local_names(call: Call, state: Any) -> Reply | None:
    """Refuse requests under a foreign host name, which a browser may send (DNS rebinding)."""
    _ = state
    name = call.headers.get("host", "").rsplit(":", 1)[0]
    return None if name in _LOOPBACK_NAMES else Reply(403, {"error": "loopback names only"})


def read_object(call: Call, *known: str) -> Json:
    """Read the JSON object in a control request; an empty body counts as {}. ValueError for anything else.

    With `known`, other members are a ValueError, too: what is not understood must not look as if it was done.
    """
    body = call.json() if call.body else {}
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - the caller maps ValueError to 400
    unknown = [name for name in body if known and name not in known]
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}; known here: {', '.join(known)}")
    return body


def _add_fault(call: Call, controls: Controls) -> Reply:
    """Add a fault."""
    return Reply(201, controls.server.faults.put(fault_from_json(read_object(call))).to_json())


def _list_faults(call: Call, controls: Controls) -> Reply:
    """List the active faults; ?unfired=true for those that have not fired as often as they should."""
    faults = controls.server.faults.unfired() if call.option("unfired") == "true" else controls.server.faults.all()
    return Reply(200, {"faults": [fault.to_json() for fault in faults]})


def _clear_faults(call: Call, controls: Controls) -> Reply:
    """Remove all faults."""
    _ = call
    controls.server.faults.clear()
    return Reply(204)


def _remove_fault(call: Call, controls: Controls) -> Reply:
    """Remove one fault."""
    return Reply(204 if controls.server.faults.remove(int(call["id"])) else 404)


def _list_exchanges(call: Call, controls: Controls) -> Reply:
    """List recorded exchanges; ?api= and ?since= (a sequence number) narrow the list."""
    seen = controls.server.record.all(api=call.option("api"), since=int(call.option("since") or 0))
    last = seen[-1].seq if seen else int(call.option("since") or 0)
    return Reply(200, {"exchanges": [exchange.to_json() for exchange in seen], "last": last})


def _limit_exchanges(call: Call, controls: Controls) -> Reply:
    """Set how many exchanges are kept: {"keep": 0} keeps only the counters."""
    controls.server.record.keep = int(read_object(call)["keep"])
    return Reply(200, {"keep": controls.server.record.keep})


def _clear_exchanges(call: Call, controls: Controls) -> Reply:
    """Delete the recorded exchanges and reset the counters."""
    _ = call
    controls.server.record.clear()
    return Reply(204)


def _show_counters(call: Call, controls: Controls) -> Reply:
    """Show exchanges and the highest concurrency per API since the last clearing."""
    _ = call
    return Reply(200, {"counts": dict(controls.server.record.counts), "peaks": dict(controls.server.record.peaks)})


def _show_health(call: Call, controls: Controls) -> Reply:
    """Show refused host names and errors of the twin itself."""
    _ = call
    return Reply(200, {"refused": controls.tunnels.refused, "failures": controls.server.failures})


def _reset_world(call: Call, controls: Controls) -> Reply:
    """Empty the world and seed it again; delete faults and records."""
    _ = call
    controls.reset()
    return Reply(204)


def _show_clock(call: Call, controls: Controls) -> Reply:
    """Show the world's time."""
    _ = call
    return Reply(200, {"now": controls.server.world.clock.now().isoformat()})


def _move_clock(call: Call, controls: Controls) -> Reply:
    """Set the world's time: {"advanceSeconds": 3600}, {"now": "2026-05-05T09:00:00Z"} or {"follow": true}."""
    wish = read_object(call, "advanceSeconds", "now", "follow")
    clock = controls.server.world.clock
    if wish.get("follow"):
        clock.follow_machine()
    if "now" in wish:
        instant = datetime.fromisoformat(str(wish["now"]))
        if instant.tzinfo is None:
            raise ValueError("now needs an offset or Z")
        clock.set(instant)
    if "advanceSeconds" in wish:
        clock.advance(timedelta(seconds=float(wish["advanceSeconds"])))
    return _show_clock(call, controls)


def _set_latency(call: Call, controls: Controls) -> Reply:
    """Set the minimum duration of every exchange: {"seconds": 0.05}."""
    controls.server.latency = float(read_object(call)["seconds"])
    return Reply(200, {"seconds": controls.server.latency})


def _close_connections(call: Call, controls: Controls) -> Reply:
    """Close every idle connection, as servers do."""
    _ = call
    return Reply(200, {"closed": controls.close_connections()})


_OWN_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/faults", _list_faults),
    ("POST", "/faults", _add_fault),
    ("DELETE", "/faults", _clear_faults),
    ("DELETE", "/faults/{id}", _remove_fault),
    ("GET", "/exchanges", _list_exchanges),
    ("PATCH", "/exchanges", _limit_exchanges),
    ("DELETE", "/exchanges", _clear_exchanges),
    ("GET", "/counters", _show_counters),
    ("GET", "/health", _show_health),
    ("POST", "/reset", _reset_world),
    ("GET", "/clock", _show_clock),
    ("POST", "/clock", _move_clock),
    ("POST", "/latency", _set_latency),
    ("POST", "/connections/close", _close_connections),
)
