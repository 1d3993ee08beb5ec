"""Control routes of change notifications: sites, switches, lifecycle events, removals, forgeries."""

from dataclasses import asdict

from twin.core.control import read_object
from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.subscriptions.forgeries import forge
from twin.subscriptions.state import Subscriptions
from twin.subscriptions.subscription import Delivery, render

control = Routes[Subscriptions]("/subscriptions")


@control.get("")
def list_all(call: Call, state: Subscriptions) -> Reply:
    """List the subscriptions of all apps, without their secrets, the sites, and how many notifications were lost."""
    _ = call
    shown = [one.show(with_secret=False) | {"tenantId": one.tenant_id} for one in state.all()]
    return Reply(200, {"subscriptions": shown, "sites": dict(state.sites), "lost": state.lost})


@control.get("/deliveries")
def list_deliveries(call: Call, state: Subscriptions) -> Reply:
    """List what was sent, without secrets; ?since= (a number) narrows the list."""
    since = int(call.option("since") or 0)
    return Reply(200, {"deliveries": [_describe(one) for one in tuple(state.deliveries) if one.number > since]})


@control.get("/switches")
def show_switches(call: Call, state: Subscriptions) -> Reply:
    """Show the switches."""
    _ = call
    return Reply(200, asdict(state.switches))


@control.patch("/switches")
def set_switches(call: Call, state: Subscriptions) -> Reply:
    """Set switches: {"dropped": 0.3, "duplicated": 0.3, "reordered": 0.3, "seed": 7} or {"silent": true}."""
    state.set_switches(read_object(call))
    return show_switches(call, state)


@control.put("/sites/{host}")
def put_site(call: Call, state: Subscriptions) -> Reply:
    """Say where on this machine the server behind a public host name is: {"url": "http://127.0.0.1:7071"}."""
    url = str(read_object(call)["url"])
    if not url.startswith("http://"):
        raise ValueError("url must be an http address: the front end of the host name ends TLS")
    state.sites[call["host"].lower()] = url
    return Reply(204)


@control.delete("/sites/{host}")
def remove_site(call: Call, state: Subscriptions) -> Reply:
    """Forget where a host name leads."""
    del state.sites[call["host"].lower()]
    return Reply(204)


@control.post("/{id}/challenge")
def challenge(call: Call, state: Subscriptions) -> Reply:
    """Send reauthorizationRequired; without an answer, notifications are lost after a while."""
    state.challenge(call["id"])
    return Reply(204)


@control.post("/{id}/missed")
def announce_missed(call: Call, state: Subscriptions) -> Reply:
    """Send missed."""
    state.notify(state.find(call["id"]), "missed")
    return Reply(204)


@control.delete("/{id}")
def remove(call: Call, state: Subscriptions) -> Reply:
    """Remove a subscription, as the service may; ?announced=true sends subscriptionRemoved."""
    state.remove(call["id"], announced=call.option("announced") == "true")
    return Reply(204)


@control.post("/{id}/forgeries")
def make_forgery(call: Call, state: Subscriptions) -> Reply:
    """Make the body of a forged delivery: {"kind": "client-state"}; forgeries.py has all. Whoever asks may send it."""
    return Reply(200, forge(state, str(read_object(call)["kind"]), state.find(call["id"])))


def _describe(one: Delivery) -> Json:
    items = [{name: value for name, value in item.items() if name != "clientState"} for item in one.items]
    return {
        "number": one.number,
        "when": render(one.when),
        "url": one.url,
        "status": one.status,
        "seconds": round(one.seconds, 3),
        "items": items,
    }
