"""The table of docs/api.md that says for every property of an appointment whether it is read, written or refused.

The properties come from Graph's metadata, what can be written from the bodies of the operations; a property that is
neither computed by Graph nor written needs its reason here, or the command fails.
"""

from collections.abc import Mapping
from typing import Any

from devkit.connector.write_operations import OPERATIONS
from devkit.documents.blocks import Texts, make_table
from twin.bookings.schema import TYPES

_OPERATIONS = {
    "CreateAppointment": "create",
    "UpdateAppointment": "update",
    "RescheduleAppointment": "reschedule",
    "AssignStaff": "assign",
}
_OWN_NAMES = {
    "serviceId": "service",
    "startDateTime": "start",
    "endDateTime": "end",
    "staffMemberIds": "staff",
    "serviceLocation": "location",
}
_REASONS: Mapping[str, str] = {
    "anonymousJoinWebUrl": "Bookings makes the meeting and its links",
    "customerEmailAddress": "that of the first of `customers`",
    "customerName": "that of the first of `customers`",
    "customerNotes": "`notes` of the first of `customers`; Graph lets nobody change it afterwards",
    "customerPhone": "that of the first of `customers`",
    "joinWebUrl": "Bookings makes the meeting and its links",
    "maximumAttendeesCount": "the seats of the service, which the rules are checked with",
    "serviceName": "the name of the service",
}


class MissingReasonError(Exception):
    """A property of the metadata is not written, and nothing says why."""


def write(texts: Texts) -> None:
    """Write the table. Raises MissingReasonError."""
    bodies = {
        _OPERATIONS[operation["operationId"]]: _fields(operation)
        for methods in OPERATIONS.values()
        for operation in methods.values()
        if operation["operationId"] in _OPERATIONS
    }
    rows = []
    for name, one in sorted(TYPES["bookingAppointment"].properties.items()):
        field = _OWN_NAMES.get(name, name)
        verbs = [verb for verb, fields in bodies.items() if field in fields]
        read = "with details" if "single" in one.flags or name == "customers" else "yes"
        rows.append((f"`{name}`", read, _describe(name, field, verbs, one.flags)))
    heads = ("Property of Graph", "Read", "Written")
    texts.put_block("docs/api.md", "fields of appointments", make_table(heads, rows))


def _describe(name: str, field: str, verbs: list[str], flags: frozenset[str]) -> str:
    if verbs:
        return ", ".join(verbs) + (f" (`{field}`)" if field != name else "")
    if "computed" in flags or name == "id":
        return "no: Graph computes it"
    if name not in _REASONS:
        raise MissingReasonError(f"{name} of bookingAppointment is not written: say why in {__name__}.")
    return f"no: {_REASONS[name]}"


def _fields(operation: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(
        name
        for parameter in operation["parameters"]
        if parameter.get("in") == "body"
        for name in parameter["schema"]["properties"]
    )
