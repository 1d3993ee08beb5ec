"""The routes: tickets with their memos, documents and tasks; actions; employees; the self-description.

Every write ends with `settle`, where a hazard may lose the answer: the row is written, the client does not know it.
"""

import base64

from twin.core.routes import Routes
from twin.core.wire import Call, Json, Reply
from twin.easyvista.access import enter, find_action, find_ticket, sees
from twin.easyvista.bodies import Members, lower, read_documents, read_members, read_text
from twin.easyvista.creation import create_ticket, update_ticket
from twin.easyvista.errors import refuse, refuse_right
from twin.easyvista.instance import Instance
from twin.easyvista.lists import Table, list_rows, project
from twin.easyvista.records import Action, ActionType, Employee, Group, Ticket
from twin.easyvista.render import (
    ACTION_EXTRACT,
    EMPLOYEE_EXTRACT,
    TICKET_EXTRACT,
    action_columns,
    employee_columns,
    locate_action,
    locate_ticket,
    render_action,
    render_document,
    render_employee,
    render_ticket,
    ticket_columns,
)
from twin.easyvista.state import EasyVista
from twin.easyvista.unreliable import Kind, settle

routes = Routes[EasyVista]("/api/v1/{account}")

_MEMOS = ("description", "comment")
_SPARE = ("available_field_1", "available_field_6")


@routes.post("/requests")
def create(call: Call, api: EasyVista) -> Reply:
    """Create a ticket: {"requests": [{...}]} with one element. The answer holds its address only."""
    instance, user = enter(call)
    wishes = read_members(call).get("requests")
    if not isinstance(wishes, list) or not wishes or not all(isinstance(one, dict) for one in wishes):
        raise refuse("requests: one element is needed")
    if len(wishes) > 1 and api.switches.several_elements == "refuse":
        raise refuse("requests: one element only")
    made = create_ticket(instance, user, lower(wishes[0]))
    return _answer_write(call, api, "create", locate_ticket(instance, made))


@routes.get("/requests")
def list_tickets(call: Call, api: EasyVista) -> Reply:
    """List tickets."""
    instance, user = enter(call)

    def visible(found: list[Ticket]) -> list[Ticket]:
        return [one for one in found if sees(user, one, api.switches)]

    table = Table[Ticket](
        address=f"{instance.root}/requests",
        rows=lambda: visible(instance.tickets),
        columns=ticket_columns(instance),
        render=lambda one: render_ticket(instance, one),
        extract=TICKET_EXTRACT,
        indexes={
            "RFC_NUMBER": lambda rfc: visible([one for one in (instance.by_rfc.get(rfc.upper()),) if one]),
            "EXTERNAL_REFERENCE": lambda reference: visible(instance.by_reference(reference)),
        },
    )
    return list_rows(call, table, api.switches)


@routes.get("/requests/{rfc}")
def show_ticket(call: Call, api: EasyVista) -> Reply:
    """Show one ticket, or those of its `fields` that are asked for."""
    _ = api
    record = render_ticket(enter(call)[0], find_ticket(call))
    fields = call.option("fields")
    return Reply(200, project(record, fields, TICKET_EXTRACT) if fields else record)


def update(call: Call, api: EasyVista) -> Reply:
    """Change fields or status of a ticket; PATCH does the same as PUT (vendor's routes)."""
    instance, _ = enter(call)
    ticket = find_ticket(call)
    update_ticket(instance, ticket, read_members(call))
    return _answer_write(call, api, "update", locate_ticket(instance, ticket))


routes.put("/requests/{rfc}")(update)
routes.patch("/requests/{rfc}")(update)


@routes.get("/requests/{rfc}/{memo}")
def show_memo(call: Call, api: EasyVista) -> Reply:
    """Show the description or the comment of a ticket, byte for byte."""
    _ = api
    name, ticket = _read_memo_name(call), find_ticket(call)
    return Reply(200, {"HREF": locate_ticket(enter(call)[0], ticket), name.upper(): ticket.memos[name]})


@routes.get("/requests/{rfc}/documents")
def list_documents(call: Call, api: EasyVista) -> Reply:
    """List the files of a ticket."""
    _ = api
    instance, ticket = enter(call)[0], find_ticket(call)
    return Reply(200, {"Documents": [render_document(instance, ticket, one) for one in ticket.documents]})


@routes.post("/requests/{rfc}/documents")
def add_documents(call: Call, api: EasyVista) -> Reply:
    """Attach files, all of them or none."""
    instance, ticket = enter(call)[0], _find_open(call, api)
    files = [_read_file(one, api.switches.document_limit) for one in read_documents(call)]
    for name, data in files:
        instance.add_document(ticket, name, data)
    return _answer_write(call, api, "document", f"{locate_ticket(instance, ticket)}/documents")


@routes.post("/requests/{rfc}/tasks")
def add_task(call: Call, api: EasyVista) -> Reply:
    """Add a task: a row that is ended when created, so that the history shows its text."""
    return _add_row(call, api, "task")


@routes.post("/requests/{rfc}/actions")
def add_action(call: Call, api: EasyVista) -> Reply:
    """Add an action: a row that is open when created."""
    return _add_row(call, api, "action")


@routes.get("/actions")
def list_actions(call: Call, api: EasyVista) -> Reply:
    """List actions; `search=REQUEST.RFC_NUMBER:"..."` for those of a ticket."""
    instance, user = enter(call)

    def visible(found: list[Action]) -> list[Action]:
        return [one for one in found if sees(user, one.ticket, api.switches)]

    def of_ticket(rfc: str) -> list[Action]:
        ticket = instance.by_rfc.get(rfc.upper())
        return visible(list(ticket.actions)) if ticket else []

    table = Table[Action](
        address=f"{instance.root}/actions",
        rows=lambda: visible(list(instance.actions.values())),
        columns=action_columns(),
        render=lambda one: render_action(instance, one),
        extract=ACTION_EXTRACT,
        indexes={"REQUEST.RFC_NUMBER": of_ticket},
    )
    return list_rows(call, table, api.switches)


@routes.get("/actions/{id}")
def show_action(call: Call, api: EasyVista) -> Reply:
    """Show one action."""
    _ = api
    return Reply(200, render_action(enter(call)[0], find_action(call)))


@routes.get("/actions/{id}/{memo}")
def show_action_memo(call: Call, api: EasyVista) -> Reply:
    """Show the description or the comment of an action."""
    _ = api
    name, action = _read_memo_name(call), find_action(call)
    return Reply(200, {"HREF": locate_action(enter(call)[0], action), name.upper(): getattr(action, name)})


@routes.get("/employees")
def list_employees(call: Call, api: EasyVista) -> Reply:
    """List the people whom the account may name."""
    instance, user = enter(call)
    table = Table[Employee](
        address=f"{instance.root}/employees",
        rows=lambda: [one for one in instance.employees if user.profile.reaches(one.domain)],
        columns=employee_columns(),
        render=lambda one: render_employee(instance, one),
        extract=EMPLOYEE_EXTRACT,
    )
    return list_rows(call, table, api.switches)


@routes.get("/swagger")
def describe(call: Call, api: EasyVista) -> Reply:
    """Describe the interface. The status is 201, as on the real service (python client, measured)."""
    _ = call, api
    paths: dict[str, Json] = {}
    for route in routes.table:
        path = route.pattern.removeprefix(routes.prefix)
        paths.setdefault(path, {})[route.method.lower()] = {"responses": {"200": {"description": "OK"}}}
    info = {"title": "Service Manager", "version": "1.9.4", "description": "Service Manager REST API - 2025.3"}
    return Reply(201, {"openapi": "3.1.0", "info": info, "paths": paths})


def _read_memo_name(call: Call) -> str:
    name = call["memo"].lower()
    if name not in _MEMOS:
        raise refuse_right()
    return name


def _answer_write(call: Call, api: EasyVista, kind: Kind, address: str) -> Reply:
    settle(call, api.hazards, kind)
    return Reply(api.switches.write_status, {"HREF": address})


def _find_open(call: Call, api: EasyVista) -> Ticket:
    ticket = find_ticket(call)
    if ticket.is_closed and api.switches.closed_refuses:
        raise refuse("The request is closed")
    return ticket


def _read_file(given: Members, limit: int | None) -> tuple[str, bytes]:
    name, data = given.get("filename"), given.get("filedata", "")
    if not isinstance(name, str) or not isinstance(data, str):
        raise refuse("documents: filename and filedata are needed")
    try:
        decoded = base64.b64decode(data, validate=True)
    except ValueError as error:
        raise refuse("documents: filedata is not Base64") from error
    if limit is not None and len(decoded) > limit:
        raise refuse("documents: the file is too large")
    return name, decoded


def _add_row(call: Call, api: EasyVista, kind: Kind) -> Reply:
    instance, user = enter(call)
    ticket, given = _find_open(call, api), read_members(call)
    action_type, group = _find_type(instance, given), _find_group(instance, given)
    kept = {name: read_text(value) for name, value in given.items() if not api.switches.drops(name)}
    is_task = kind == "task"
    instance.add_action(
        ticket,
        action_type,
        ended=is_task,
        group=group,
        description=kept.get("description", ""),
        comment=kept.get("comment", ""),
        done_by_id=user.employee_id if is_task else None,
        spare={name.upper(): kept[name] for name in _SPARE if name in kept},
    )
    return _answer_write(call, api, kind, locate_ticket(instance, ticket))


def _find_type(instance: Instance, given: Members) -> ActionType:
    for member, attribute in (("action_type_id", "id"), ("action_type_name", "label")):
        if member in given:
            return _find_named(instance.action_types, attribute, member, given)
    raise refuse("action_type_id is mandatory")


def _find_group(instance: Instance, given: Members) -> Group:
    for member, attribute in (("group_id", "id"), ("group_mail", "e_mail"), ("group_name", "label")):
        if member in given:
            return _find_named(instance.groups, attribute, member, given)
    raise refuse("group_id, group_mail or group_name is mandatory")


def _find_named[R](rows: tuple[R, ...], attribute: str, member: str, given: Members) -> R:
    wanted = read_text(given[member]).lower()
    for row in rows:
        if wanted == str(getattr(row, attribute)).lower():
            return row
    raise refuse(f"{member}: unknown")
