"""Control routes of EasyVista: read and change tickets as an agent does, lose answers, stop the service."""

from dataclasses import asdict
from hashlib import sha256
from typing import Any

from twin.core.control import read_object
from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.easyvista.instance import Instance
from twin.easyvista.lists import show
from twin.easyvista.records import Ticket
from twin.easyvista.state import EasyVista

control = Routes[EasyVista]("/easyvista")


@control.get("")
def show_instances(call: Call, api: EasyVista) -> Reply:
    """Show the instances, how unreliable they are, and whether they are stopped."""
    _ = call
    instances = [
        {
            "host": one.host,
            "account": one.account,
            "root": one.root,
            "tickets": len(one.tickets),
            "employees": len(one.employees),
            "catalog": [entry.code for entry in one.catalog],
            "users": [user.login for user in one.users.values()],
        }
        for one in api.instances
    ]
    hazards = [hazard.to_json() for hazard in api.hazards]
    return Reply(200, {"instances": instances, "hazards": hazards, "stopped": api.stopped})


@control.get("/tickets")
def list_tickets(call: Call, api: EasyVista) -> Reply:
    """List tickets, newest last; ?account=50005, ?reference=, ?title= (a part), ?since= (a number) narrow it."""
    tickets = _find_instance(call, api).tickets
    reference, title, since = call.option("reference"), call.option("title"), call.option("since")
    if reference is not None:
        tickets = [one for one in tickets if one.reference.lower() == reference.lower()]
    if title is not None:
        tickets = [one for one in tickets if title.lower() in one.title.lower()]
    if since is not None:
        rfcs = [one.rfc for one in tickets]
        tickets = tickets[rfcs.index(since.upper()) + 1 :] if since.upper() in rfcs else tickets
    return Reply(200, {"count": len(tickets), "tickets": [describe_ticket(one) for one in tickets]})


@control.post("/tickets")
def add_ticket(call: Call, api: EasyVista) -> Reply:
    """Open a ticket as an agent does: {"title", "description"?, "requestor"?: address, "code"?, "reference"?}."""
    instance, wish = _find_instance(call, api), read_object(call)
    entry = instance.entry(wish["code"]) if "code" in wish else instance.catalog[0]
    person = instance.employee(wish["requestor"]) if "requestor" in wish else None
    made = instance.open_ticket(
        entry,
        title=str(wish["title"]),
        reference=str(wish.get("reference", "")),
        description=str(wish.get("description", "")),
        memos={"description": str(wish.get("description", "")), "comment": ""},
        requestor=person,
        recipient=person,
        domain=person.domain if person else "",
    )
    return Reply(201, describe_ticket(made))


@control.delete("/tickets")
def clear_tickets(call: Call, api: EasyVista) -> Reply:
    """Delete all tickets; numbers go on."""
    _find_instance(call, api).clear_tickets()
    return Reply(204)


@control.get("/tickets/{rfc}")
def show_ticket(call: Call, api: EasyVista) -> Reply:
    """Show one ticket."""
    return Reply(200, describe_ticket(_find_instance(call, api).ticket(call["rfc"])))


@control.get("/tickets/{rfc}/documents/{id}")
def download_document(call: Call, api: EasyVista) -> Reply:
    """Download a file of a ticket."""
    for one in _find_instance(call, api).ticket(call["rfc"]).documents:
        if one.id == call["id"]:
            return Reply(200, one.data)
    raise KeyError(call["id"])


@control.post("/tickets/{rfc}/close")
def close_ticket(call: Call, api: EasyVista) -> Reply:
    """Close a ticket as an agent does: {"comment"?}."""
    comment = str(read_object(call).get("comment", ""))
    return Reply(200, describe_ticket(_find_instance(call, api).close(call["rfc"], comment=comment)))


@control.post("/tickets/{rfc}/suspend")
def suspend_ticket(call: Call, api: EasyVista) -> Reply:
    """Put a ticket on hold."""
    return Reply(200, describe_ticket(_find_instance(call, api).suspend(call["rfc"])))


@control.get("/duplicates")
def list_duplicates(call: Call, api: EasyVista) -> Reply:
    """List references that more than one ticket has, which must not happen."""
    return Reply(200, {"duplicates": _find_instance(call, api).duplicates()})


@control.get("/switches")
def show_switches(call: Call, api: EasyVista) -> Reply:
    """Show the switches for behaviour that differs or is unknown."""
    _ = call
    return Reply(200, asdict(api.switches))


@control.patch("/switches")
def set_switches(call: Call, api: EasyVista) -> Reply:
    """Set switches: {"error_shape": "nested", "write_status": 200}."""
    api.switches.set(read_object(call))
    return show_switches(call, api)


@control.post("/hazards")
def add_hazard(call: Call, api: EasyVista) -> Reply:
    """Lose the answers of a share of the writes: {"share": 0.05, "how"?, "seed"?, "on"?: ["create", ...]}."""
    wish: dict[str, Any] = read_object(call)
    if "on" in wish:
        wish["on"] = tuple(wish["on"])
    return Reply(201, api.unreliable(**wish).to_json())


@control.delete("/hazards")
def clear_hazards(call: Call, api: EasyVista) -> Reply:
    """Remove every hazard."""
    _ = call
    api.reliable()
    return Reply(204)


@control.post("/stop")
def stop(call: Call, api: EasyVista) -> Reply:
    """Stop the service until it is started: {"how": "drop"} aborts every connection, "refuse" answers 503."""
    api.stop(read_object(call).get("how", "drop"))
    return Reply(200, {"stopped": api.stopped})


@control.post("/start")
def start(call: Call, api: EasyVista) -> Reply:
    """Start the service again."""
    _ = call
    api.start()
    return Reply(200, {"stopped": api.stopped})


@control.get("/employees")
def list_employees(call: Call, api: EasyVista) -> Reply:
    """List the known people."""
    return Reply(200, {"employees": [asdict(one) for one in _find_instance(call, api).employees]})


@control.post("/employees")
def add_employee(call: Call, api: EasyVista) -> Reply:
    """Add a person: {"last_name", "e_mail", "domain"?}."""
    wish = read_object(call)
    made = _find_instance(call, api).add_employee(str(wish.pop("last_name")), str(wish.pop("e_mail")), **wish)
    return Reply(201, asdict(made))


@control.delete("/employees")
def remove_employee(call: Call, api: EasyVista) -> Reply:
    """Remove the person with the address ?mail=."""
    _find_instance(call, api).remove_employee(call.option("mail") or "")
    return Reply(204)


@control.patch("/users/{login}")
def change_user(call: Call, api: EasyVista) -> Reply:
    """Change an account: {"token": "new", "password": "...", "enabled": false}."""
    wish = {name: value for name, value in read_object(call).items() if name in ("token", "password", "enabled")}
    made = _find_instance(call, api).change_user(call["login"], **wish)
    return Reply(200, {"login": made.login, "enabled": made.enabled})


def describe_ticket(ticket: Ticket) -> Json:
    """Describe a ticket for people and tests: everything but the bytes of its files."""
    return {
        "rfc": ticket.rfc,
        "title": ticket.title,
        "reference": ticket.reference,
        "status": ticket.status.label,
        "closed": ticket.is_closed,
        "complete": ticket.is_complete,
        "catalog": ticket.entry.code,
        "requestor": ticket.requestor_mail,
        "recipient": ticket.recipient_mail,
        "parent": ticket.parent.rfc if ticket.parent else None,
        "submitted": show(ticket.submitted),
        "description": ticket.description,
        "comment": ticket.comment,
        "fields": ticket.fields,
        "documents": [
            {"id": one.id, "name": one.name, "size": len(one.data), "sha256": sha256(one.data).hexdigest()}
            for one in tuple(ticket.documents)
        ],
        "tasks": [
            {"id": one.id, "type": one.type.label, "text": one.text, "created": show(one.created)}
            for one in ticket.tasks
        ],
        "actions": len(ticket.actions),
    }


def _find_instance(call: Call, api: EasyVista) -> Instance:
    return api.instance(call.option("account"))
