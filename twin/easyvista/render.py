"""Rows as JSON: all scalars are text, memos are pointers, the status is an object."""

from collections.abc import Callable
from functools import partial
from typing import Any

from twin.core.wire import Json
from twin.easyvista.instance import Instance
from twin.easyvista.lists import show
from twin.easyvista.records import Action, Document, Employee, Ticket

TICKET_EXTRACT = ("RFC_NUMBER", "REQUEST_ID", "SUBMIT_DATE_UT", "STATUS")
ACTION_EXTRACT = ("ACTION_ID", "ACTION_TYPE_ID", "ACTION_LABEL_EN", "END_DATE_UT")
EMPLOYEE_EXTRACT = ("EMPLOYEE_ID", "LAST_NAME", "E_MAIL")

_FIELDS = (
    "URGENCY_ID", "IMPACT_ID", "SEVERITY_ID", "DEPARTMENT_ID", "DEPARTMENT_CODE", "LOCATION_ID", "LOCATION_CODE",
    "PHONE", "REQUEST_ORIGIN_ID", "ASSETID", "ASSETTAG", "ASSET_NAME", "CI_ID", "CI_ASSET_TAG", "CI_NAME",
)  # fmt: skip


def ticket_columns(instance: Instance) -> dict[str, Callable[[Ticket], Any]]:
    """Return the scalar columns of a ticket, which are those that can be searched."""
    columns: dict[str, Callable[[Ticket], Any]] = {
        "RFC_NUMBER": lambda one: one.rfc,
        "REQUEST_ID": lambda one: one.id,
        "TITLE": lambda one: one.title,
        "EXTERNAL_REFERENCE": lambda one: one.reference,
        "STATUS_ID": lambda one: one.status.id,
        "SD_CATALOG_ID": lambda one: one.entry.id,
        "SUBMIT_DATE_UT": lambda one: one.submitted,
        "END_DATE_UT": lambda one: one.ended,
        "LAST_UPDATE": lambda one: one.updated,
        "REQUESTOR_ID": lambda one: one.requestor.id if one.requestor else None,
        "RECIPIENT_ID": lambda one: one.recipient.id if one.recipient else None,
        "PARENT_REQUEST_ID": lambda one: one.parent.id if one.parent else None,
        "SUBMITTED_BY": lambda one: one.submitted_by,
    }
    for name in (*_FIELDS, *sorted(instance.custom_columns)):
        columns[name] = partial(_read_field, name)
    return columns


def _read_field(name: str, ticket: Ticket) -> Any:
    return ticket.fields.get(name)


def locate_ticket(instance: Instance, ticket: Ticket) -> str:
    """Return the address of a ticket."""
    return f"{instance.root}/requests/{ticket.rfc}"


def render_ticket(instance: Instance, ticket: Ticket) -> Json:
    """Show a whole ticket. Its description and comment are pointers to the memo routes."""
    address = locate_ticket(instance, ticket)
    record: Json = {"HREF": address}
    record |= {name: show(read(ticket)) for name, read in ticket_columns(instance).items()}
    status = ticket.status
    record["STATUS"] = {"STATUS_ID": str(status.id), "STATUS_GUID": f"{{{status.guid}}}", "STATUS_EN": status.label}
    record["REQUESTOR"] = render_employee(instance, ticket.requestor) if ticket.requestor else {}
    record["RECIPIENT"] = render_employee(instance, ticket.recipient) if ticket.recipient else {}
    record["CATALOG_REQUEST"] = {
        "SD_CATALOG_ID": str(ticket.entry.id),
        "CODE": ticket.entry.code,
        "TITLE_EN": ticket.entry.title,
    }
    record["DESCRIPTION"] = {"HREF": f"{address}/description"}
    record["COMMENT"] = {"HREF": f"{address}/comment"}
    return record


def action_columns() -> dict[str, Callable[[Action], Any]]:
    """Return the columns of an action that can be searched, the ticket's number among them."""
    return {
        "ACTION_ID": lambda one: one.id,
        "ACTION_TYPE_ID": lambda one: one.type.id,
        "ACTION_NUMBER": lambda one: one.number,
        "ACTION_LABEL_EN": lambda one: one.type.label,
        "REQUEST_ID": lambda one: one.ticket.id,
        "REQUEST.RFC_NUMBER": lambda one: one.ticket.rfc,
        "GROUP_ID": lambda one: one.group.id if one.group else None,
        "DONE_BY_ID": lambda one: one.done_by_id,
        "WORKFLOW_ID": lambda one: one.workflow_id,
        "STAGE_ID": lambda one: one.stage_id,
        "PARENT_ACTION_ID": lambda one: one.parent_id,
        "CREATION_DATE_UT": lambda one: one.created,
        "END_DATE_UT": lambda one: one.ended,
        "AVAILABLE_FIELD_1": lambda one: one.spare.get("AVAILABLE_FIELD_1"),
        "AVAILABLE_FIELD_6": lambda one: one.spare.get("AVAILABLE_FIELD_6"),
    }


def locate_action(instance: Instance, action: Action) -> str:
    """Return the address of an action."""
    return f"{instance.root}/actions/{action.id}"


def render_action(instance: Instance, action: Action) -> Json:
    """Show a whole action; its texts are pointers."""
    address = locate_action(instance, action)
    record: Json = {"HREF": address}
    record |= {name: show(read(action)) for name, read in action_columns().items() if "." not in name}
    record["REQUEST"] = {"HREF": locate_ticket(instance, action.ticket), "RFC_NUMBER": action.ticket.rfc}
    record["DESCRIPTION"] = {"HREF": f"{address}/description"}
    record["COMMENT"] = {"HREF": f"{address}/comment"}
    return record


def employee_columns() -> dict[str, Callable[[Employee], Any]]:
    """Return the columns of a person."""
    return {
        "EMPLOYEE_ID": lambda one: one.id,
        "LAST_NAME": lambda one: one.last_name,
        "E_MAIL": lambda one: one.e_mail,
        "IDENTIFICATION": lambda one: one.identification,
        "LOGIN": lambda one: one.login,
        "PHONE_NUMBER": lambda one: one.phone,
        "DEPARTMENT_ID": lambda one: one.department_id,
        "LOCATION_ID": lambda one: one.location_id,
    }


def render_employee(instance: Instance, person: Employee) -> Json:
    """Show a person."""
    record: Json = {"HREF": f"{instance.root}/employees/{person.id}"}
    return record | {name: show(read(person)) for name, read in employee_columns().items()}


def render_document(instance: Instance, ticket: Ticket, document: Document) -> Json:
    """Show a file without its bytes."""
    address = f"{locate_ticket(instance, ticket)}/documents/{document.id}"
    return {"DOCUMENT": document.name, "DOCUMENT_ID": document.id, "DDL_HREF": address}
