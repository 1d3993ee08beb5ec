"""The Graph hosts themselves: batches, the answer where no route matches, and control of the limits."""

from twin.core.api import Api
from twin.core.clouds import GRAPH_HOSTS
from twin.core.control import read_object
from twin.core.routes import Miss, Routes
from twin.core.wire import Call, Reply
from twin.graph.admission import admit, caller_of, key_of
from twin.graph.batch import answer_batch, count_outlook_parts
from twin.graph.errors import GraphRefusal, describe_outage, refuse_segment
from twin.graph.limits import GraphLimits

control = Routes[GraphLimits]("/graph")
routes = Routes[GraphLimits]("/v1.0")


@routes.post("/$batch")
def batch(call: Call, limits: GraphLimits) -> Reply:
    """Answer up to 20 requests in one."""
    _ = limits
    return answer_batch(call)


@control.get("/limits")
def show_limits(call: Call, limits: GraphLimits) -> Reply:
    """Show the limits and how often they refused a request."""
    _ = call
    return Reply(
        200,
        {
            "concurrency": limits.concurrency,
            "batchWidth": limits.batch_width,
            "retryAfter": limits.retry_after,
            "share": limits.share,
            "shareLimit": limits.share_limit,
            "refuseEarly": limits.refuse_early,
            "crossing": limits.pauses.crossing,
            "refusals": dict(limits.refusals),
            "early": limits.pauses.early,
        },
    )


@control.patch("/limits")
def change_limits(call: Call, limits: GraphLimits) -> Reply:
    """Change limits: what `GET` shows, except for what it has counted; null for no limit, or no Retry-After."""
    wish = read_object(call)
    limits.batch_width = int(wish.get("batchWidth", limits.batch_width))
    limits.share = float(wish.get("share", limits.share))
    limits.share_limit = str(wish.get("shareLimit", limits.share_limit))
    limits.refuse_early = bool(wish.get("refuseEarly", limits.refuse_early))
    limits.pauses.crossing = float(wish.get("crossing", limits.pauses.crossing))
    for name, key in (("concurrency", "concurrency"), ("retryAfter", "retry_after")):
        if name in wish:
            setattr(limits, key, None if wish[name] is None else int(wish[name]))
    return show_limits(call, limits)


@control.post("/throttle")
def throttle(call: Call, limits: GraphLimits) -> Reply:
    """Throttle everything: {"seconds": 10, "retryAfter"?: seconds or null}; 0 seconds ends it."""
    wish = read_object(call)
    seconds, retry_after = float(wish["seconds"]), wish.get("retryAfter", 1)
    limits.throttle_for(seconds, retry_after=retry_after)
    return Reply(200, {"seconds": seconds, "retryAfter": retry_after})


def miss(call: Call, found: Miss, limits: GraphLimits) -> Reply:
    """Answer 400 with the first unknown segment, or 405 where the path has other methods."""
    _ = limits
    if found.allowed:
        message = "Specified HTTP method is not allowed for the request target."
        refusal = GraphRefusal(405, "BadRequest", message, {"allow": ", ".join(found.allowed)})
    else:
        refusal = refuse_segment(found.segment)
    return refusal.render(call)


def stamp(call: Call, reply: Reply) -> Reply:
    """Return the headers of every Graph answer; a client's own request id comes back."""
    return reply.with_headers(
        request_id=call.request_id,
        client_request_id=call.headers.get("client-request-id", call.request_id),
        x_ms_ags_diagnostic='{"ServerInfo":{"DataCenter":"Simulator","Slice":"E","Ring":"5","ScaleUnit":"000"}}',
    )


def _admit(call: Call, limits: GraphLimits) -> None:
    admit(call, limits.world)
    if call.path.endswith("/$batch"):
        limits.widen(call, key_of(caller_of(call)), count_outlook_parts(call))


API = Api(
    name="graph",
    hosts=GRAPH_HOSTS,
    state=GraphLimits,
    routes=routes,
    control=control,
    admit=_admit,
    miss=miss,
    stamp=stamp,
    outage=describe_outage,
)
