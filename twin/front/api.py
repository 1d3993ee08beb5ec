"""The API: whoever asks a public name that `World.sites` knows is answered by the server behind it."""

from http import HTTPStatus

from twin.core.api import Api
from twin.core.outbound import post
from twin.core.routes import Miss, Routes
from twin.core.wire import Call, Reply
from twin.world import World

_SECONDS = 30.0
_PASSED_ON = ("content-type", "x-functions-key")
_HTML = {"content-type": "text/html"}


class Sites:
    """The public names of `World.sites`."""

    def __init__(self, world: World) -> None:
        self.world = world

    def find(self, host: str) -> str | None:
        """Return the address on this machine behind a host name."""
        return self.world.sites.get(host)


def _pass_on(call: Call, miss: Miss, state: Sites) -> Reply:
    """Send a POST on, and answer what comes back; the front of an app without a server says 503."""
    _ = miss
    site = state.find(call.host)
    query = f"?{call.query_string}" if call.query_string else ""

    async def complete() -> Reply:
        headers = {name: call.headers[name] for name in _PASSED_ON if name in call.headers}
        try:
            found = await post(f"{site}{call.raw_path}{query}", call.body, headers, seconds=_SECONDS)
        except (OSError, TimeoutError):
            return Reply(503, "<h1>Service Unavailable</h1>", _HTML)
        kept = {name: value for name, value in found.headers.items() if name not in ("connection", "content-length")}
        return Reply(found.status, found.body, kept)

    if call.method != "POST":
        return Reply(HTTPStatus.METHOD_NOT_ALLOWED)
    return Reply(later=complete)


API: Api[Sites] = Api(
    name="front",
    hosts=("*.azurewebsites.net",),
    state=Sites,
    routes=Routes(),
    miss=_pass_on,
    serves=lambda host, state: state.find(host) is not None,
)
