"""The control path: what a person or a test process does to the world over plain http on the loopback address."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from twin.core.faults import fault_from_json
from twin.core.front import UNRECORDED, Front
from twin.core.proxy import TunnelDesk
from twin.core.room import Room
from twin.core.routes import Routes
from twin.core.wire import LOOPBACK, Call, Json, Reply

if TYPE_CHECKING:
    from twin.world import World

PREFIX = "/_control"
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class ControlDesk:
    """The parts of a running simulator that the control path steers."""

    front: Front
    tunnels: TunnelDesk
    reset: Callable[[], None]
    close_connections: Callable[[], int]


type Handler = Callable[[Call, ControlDesk], Reply]


def make_control_room(desk: Callable[[], ControlDesk], rooms: Sequence[Room[Any]]) -> Room[Callable[[], ControlDesk]]:
    """Make the control room, with the control handlers of all rooms mounted on it."""
    routes = Routes[Callable[[], ControlDesk]]()
    described: list[Json] = []

    def mount(method: str, pattern: str, handler: Handler) -> None:
        def handle(call: Call, find_desk: Callable[[], ControlDesk]) -> Reply:
            return _explain_mistakes(handler, call, find_desk())

        routes.add(method, PREFIX + pattern)(handle)
        summary = (inspect.getdoc(handler) or "").split("\n", 1)[0]
        described.append({"method": method, "path": PREFIX + pattern, "summary": summary})

    for method, pattern, handler in _OWN_ROUTES:
        mount(method, pattern, handler)
    for room in rooms:
        for route in room.control.table if room.control else ():
            mount(route.method, route.pattern, _enter_room(room, route.handler))

    def list_routes(call: Call, desk: ControlDesk) -> Reply:
        """List every control route."""
        _ = call, desk
        return Reply(200, {"routes": sorted(described, key=lambda line: (line["path"], line["method"]))})

    mount("GET", "", list_routes)
    return Room(
        name=UNRECORDED,
        hosts=(LOOPBACK,),
        state=lambda world: _keep(world, desk),
        routes=routes,
        admit=_admit_local_names,
    )


def _keep(world: "World", desk: Callable[[], ControlDesk]) -> Callable[[], ControlDesk]:
    _ = world
    return desk


def _enter_room(room: Room[Any], handler: Callable[[Call, Any], Reply]) -> Handler:
    def enter(call: Call, desk: ControlDesk) -> Reply:
        return handler(call, desk.front.world.room(room.state))

    enter.__doc__ = handler.__doc__
    return enter


def _explain_mistakes(handler: Handler, call: Call, desk: ControlDesk) -> Reply:
    try:
        return handler(call, desk)
    except KeyError as missing:
        return Reply(404, {"error": f"unknown or missing: {missing.args[0] if missing.args else missing}"})
    except (ValueError, TypeError) as mistake:
        return Reply(400, {"error": str(mistake)})


def _admit_local_names(call: Call, state: Any) -> Reply | None:
    """Turn away a browser that was led here under a foreign name (DNS rebinding)."""
    _ = state
    name = call.headers.get("host", "").rsplit(":", 1)[0]
    return None if name in _LOOPBACK_NAMES else Reply(403, {"error": "loopback names only"})


def read_object(call: Call) -> Json:
    """Read the JSON object in a control request; an empty body counts as {}. ValueError for anything else."""
    body = call.json() if call.body else {}
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - the caller maps ValueError to 400
    return body


def _add_fault(call: Call, desk: ControlDesk) -> Reply:
    """Put a fault in force."""
    return Reply(201, desk.front.faults.enlist(fault_from_json(read_object(call))).to_json())


def _list_faults(call: Call, desk: ControlDesk) -> Reply:
    """List the faults in force; ?unfired=true for those that still wait."""
    faults = desk.front.faults.unfired() if call.option("unfired") == "true" else desk.front.faults.all()
    return Reply(200, {"faults": [fault.to_json() for fault in faults]})


def _clear_faults(call: Call, desk: ControlDesk) -> Reply:
    """Withdraw all faults."""
    _ = call
    desk.front.faults.clear()
    return Reply(204)


def _remove_fault(call: Call, desk: ControlDesk) -> Reply:
    """Withdraw one fault."""
    return Reply(204 if desk.front.faults.remove(int(call["id"])) else 404)


def _list_exchanges(call: Call, desk: ControlDesk) -> Reply:
    """List recorded exchanges; ?room= and ?since= (a sequence number) narrow the list."""
    seen = desk.front.record.all(room=call.option("room"), since=int(call.option("since") or 0))
    last = seen[-1].seq if seen else int(call.option("since") or 0)
    return Reply(200, {"exchanges": [exchange.to_json() for exchange in seen], "last": last})


def _limit_exchanges(call: Call, desk: ControlDesk) -> Reply:
    """Set how many exchanges are kept: {"keep": 0} for none but the counters."""
    desk.front.record.keep = int(read_object(call)["keep"])
    return Reply(200, {"keep": desk.front.record.keep})


def _clear_exchanges(call: Call, desk: ControlDesk) -> Reply:
    """Forget the recorded exchanges and counters."""
    _ = call
    desk.front.record.clear()
    return Reply(204)


def _show_counters(call: Call, desk: ControlDesk) -> Reply:
    """Show exchanges and the highest concurrency per room since the last clearing."""
    _ = call
    return Reply(200, {"counts": dict(desk.front.record.counts), "peaks": dict(desk.front.record.peaks)})


def _show_health(call: Call, desk: ControlDesk) -> Reply:
    """Show refused host names and failures of the simulator itself."""
    _ = call
    return Reply(200, {"refused": desk.tunnels.refused, "failures": desk.front.failures})


def _reset_world(call: Call, desk: ControlDesk) -> Reply:
    """Seed the world anew; faults and the record are emptied too."""
    _ = call
    desk.reset()
    return Reply(204)


def _show_clock(call: Call, desk: ControlDesk) -> Reply:
    """Show the world's time."""
    _ = call
    return Reply(200, {"now": desk.front.world.clock.now().isoformat()})


def _move_clock(call: Call, desk: ControlDesk) -> Reply:
    """Move the world's time: {"advanceSeconds": 3600}, {"now": "2026-05-05T09:00:00Z"} or {"follow": true}."""
    wish = read_object(call)
    clock = desk.front.world.clock
    if wish.get("follow"):
        clock.follow_machine()
    if "now" in wish:
        instant = datetime.fromisoformat(str(wish["now"]))
        if instant.tzinfo is None:
            raise ValueError("now needs an offset or Z")
        clock.set(instant)
    if "advanceSeconds" in wish:
        clock.advance(timedelta(seconds=float(wish["advanceSeconds"])))
    return _show_clock(call, desk)


def _set_latency(call: Call, desk: ControlDesk) -> Reply:
    """Set the least duration of every exchange: {"seconds": 0.05}."""
    desk.front.latency = float(read_object(call)["seconds"])
    return Reply(200, {"seconds": desk.front.latency})


def _close_connections(call: Call, desk: ControlDesk) -> Reply:
    """Close every open connection of clients, as a server does with idle ones."""
    _ = call
    return Reply(200, {"closed": desk.close_connections()})


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
