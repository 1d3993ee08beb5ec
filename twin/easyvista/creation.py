"""Creates and updates tickets: checks the members, finds the people, fills the columns.

Members and the order within each family (id before identification before mail before name): EasyVista wiki, REST API -
Create, as transcribed by the python client.
"""

from typing import Any

from twin.easyvista.bodies import Members, lower, read_text
from twin.easyvista.errors import refuse, refuse_incomplete, refuse_nothing, refuse_person
from twin.easyvista.instance import Instance, User
from twin.easyvista.records import SUSPENDED, CatalogEntry, Employee, Status, Ticket, find_status

REFERENCE_LIMIT = 50
"""Characters of EXTERNAL_REFERENCE; the 51st is refused (python client, bisected)."""

_NUMBERS = frozenset({"urgency_id", "impact_id", "severity_id", "department_id", "location_id"})
_COLUMNS = _NUMBERS | {
    "department_code", "location_code", "phone", "assetid", "assettag", "asset_name", "ci_id", "ci_asset_tag",
    "ci_name",
}  # fmt: skip
_RECIPIENT = ("recipient_id", "recipient_identification", "recipient_mail", "recipient_name")
_REQUESTOR = ("requestor_identification", "requestor_mail", "requestor_name")
_KNOWN = _COLUMNS | {
    "catalog_guid", "catalog_code", "title", "description", "origin", "external_reference", "parentrequest",
    "submit_date", *_RECIPIENT, *_REQUESTOR,
}  # fmt: skip
_PERSON_FIELDS = {"identification": "identification", "mail": "e_mail", "name": "last_name"}


def create_ticket(instance: Instance, user: User, given: Members) -> Ticket:
    """Create a ticket from the members given, with the rights of the account. EasyvistaRefusal for invalid ones.

    A ticket without a field that its catalog entry requires is refused with 590; a switch writes it nevertheless.
    """
    switches = instance.switches
    entry = _find_entry(instance, given)
    unknown = [name for name in given if name not in _KNOWN and name.upper() not in instance.custom_columns]
    if unknown and switches.unknown_members == "refuse":
        raise refuse(f"Unknown field {unknown[0]}")
    recipient = _find_person(instance, user, given, _RECIPIENT)
    requestor = _find_person(instance, user, given, _REQUESTOR, strict=switches.unknown_requestor == "refuse")
    is_complete = not [name for name in entry.mandatory if not _has(given, name)]
    kept = {name: value for name, value in given.items() if not switches.drops(name)}
    values = _read_values(instance, kept)
    description = read_text(kept.get("description", ""))
    visible = "" if switches.create_loses_description else description
    parent = _find_parent(instance, kept)
    if not is_complete and not switches.incomplete_create_stores:
        raise refuse_incomplete()
    made = instance.open_ticket(
        entry,
        workflow=is_complete,
        **values,
        description=description,
        memos={"description": visible, "comment": ""},
        recipient=recipient,
        requestor=requestor,
        submitted_by=user.login,
        domain=next((person.domain for person in (recipient, requestor) if person), ""),
        parent=parent,
        is_complete=is_complete,
    )
    if not is_complete:
        raise refuse_incomplete()
    return made


def update_ticket(instance: Instance, ticket: Ticket, given: Members) -> None:
    """Change a ticket: a change of status in a wrapper, or fields. EasyvistaRefusal 400 when nothing is left to do."""
    switches = instance.switches
    if ticket.is_closed and switches.closed_refuses:
        raise refuse("The request is closed")
    for wrapper, change in (("closed", _close), ("suspended", _suspend), ("restarted", _restart)):
        if isinstance(given.get(wrapper), dict):
            change(instance, ticket, lower(given[wrapper]))
            return
    kept = {name: value for name, value in given.items() if not switches.drops(name)}
    values = _read_values(instance, kept)
    memos = {name: read_text(kept[name]) for name in ("description", "comment") if name in kept}
    if not (values["fields"] or memos or {"title", "external_reference"} & set(given)):
        raise refuse_nothing()
    if "title" in kept:
        ticket.title = values["title"]
    if "external_reference" in kept:
        instance.set_reference(ticket, values["reference"])
    if "description" in memos:
        memos[switches.update_description_to] = memos.pop("description")
    ticket.memos = ticket.memos | memos
    ticket.fields = ticket.fields | values["fields"]
    instance.touch(ticket)


def _find_entry(instance: Instance, given: Members) -> CatalogEntry:
    """Find the catalog entry. If a guid is given, the code is not tried."""
    for member, attribute in (("catalog_guid", "guid"), ("catalog_code", "code")):
        if member in given:
            wanted = read_text(given[member]).strip("{}").lower()
            for entry in instance.catalog:
                if wanted == getattr(entry, attribute).lower():
                    return entry
            raise refuse(f"Unknown {member}")
    raise refuse_incomplete()


def _find_person(
    instance: Instance, user: User, given: Members, family: tuple[str, ...], *, strict: bool = True
) -> Employee | None:
    named = [member for member in family if member in given]
    for member in named:
        wanted = read_text(given[member]).strip().lower()
        for person in instance.employees:
            if wanted == _identify(person, member) and user.profile.reaches(person.domain):
                return person
    if named and strict:
        raise refuse_person(named[0])
    return None


def _identify(person: Employee, member: str) -> str:
    kind = member.partition("_")[2]
    return str(person.id) if kind == "id" else str(getattr(person, _PERSON_FIELDS[kind])).lower()


def _has(given: Members, name: str) -> bool:
    """Whether a mandatory field is given: "department" by any of its spellings, `department_code` for one."""
    return any(member == name or member.startswith(f"{name}_") for member in given)


def _read_values(instance: Instance, given: Members) -> dict[str, Any]:
    reference = read_text(given.get("external_reference", ""))
    if len(reference) > REFERENCE_LIMIT:
        raise refuse("String or binary data would be truncated")
    title = read_text(given.get("title", ""))
    limit = instance.switches.title_limit
    if limit is not None and len(title) > limit:
        raise refuse("String or binary data would be truncated")
    fields: dict[str, Any] = {}
    for member, value in given.items():
        text = read_text(value) if not isinstance(value, dict | list) else ""
        if member in _NUMBERS and not text.isdigit():
            raise refuse(f"Conversion failed when converting the value of {member.upper()}")
        if member in _COLUMNS or member.upper() in instance.custom_columns:
            fields[member.upper()] = text
    if "origin" in given:
        fields["REQUEST_ORIGIN_ID"] = _find_origin(instance, read_text(given["origin"]))
    return {"title": title, "reference": reference, "fields": fields}


def _find_origin(instance: Instance, given: str) -> str:
    """Find an origin by name or by id; an unknown one gives a blank column."""
    for number, name in instance.origins.items():
        if given.lower() in (str(number), name.lower()):
            return str(number)
    return ""


def _find_parent(instance: Instance, given: Members) -> Ticket | None:
    if "parentrequest" not in given:
        return None
    found = instance.by_rfc.get(read_text(given["parentrequest"]).upper())
    if found is None:
        raise refuse("Unknown parentrequest")
    return found


def _close(instance: Instance, ticket: Ticket, given: Members) -> None:
    status = _find_wanted(given)
    if not status.is_final:
        ticket.status = status
        instance.touch(ticket)
        return
    instance.close(
        ticket.rfc,
        status=status,
        comment=read_text(given.get("comment", "")),
        delete_actions=read_text(given.get("delete_actions", "")).lower() in ("true", "1"),
    )


def _find_wanted(given: Members) -> Status:
    found = find_status(read_text(given.get("status_guid", "")))
    if found is None:
        raise refuse("Unknown status_GUID")
    return found


def _suspend(instance: Instance, ticket: Ticket, given: Members) -> None:
    _ = given
    if ticket.status is SUSPENDED:
        raise refuse("The request is already suspended")
    instance.suspend(ticket.rfc)


def _restart(instance: Instance, ticket: Ticket, given: Members) -> None:
    _ = given
    if ticket.status is not SUSPENDED:
        raise refuse("The request is not suspended")
    instance.restart(ticket.rfc)
