"""`test.http`: one request for each operation, for REST Client (VS Code) and for Visual Studio.

Values come from the sample world that `up` runs: names of pages and mailboxes as variables, ids from the answers of
earlier requests in the file. The key is read from the environment: the file holds none.
Source: https://marketplace.visualstudio.com/items?itemName=humao.rest-client (request variables, `$processEnv`)
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from devkit.connector.document import build_definition
from devkit.connector.operations import list_operations
from devkit.connector.pages import recorded_operations
from devkit.documents.blocks import Texts

PATH = "test.http"
_HEAD = """\
# Every operation that makers see, against the sample world of `python3 -m devkit up`. Written by `python3 -m devkit
# docs`. REST Client (VS Code) or Visual Studio sends a request when you click above it. Requests use answers of earlier
# ones, above all of ListServices, ListStaffMembers, ListAppointments, FindFreeSlots and ListMails: send those first.
#
# The key is not in here. Set it before you start the editor (Visual Studio writes dates as yyyy-MM-dd):
#   export GATEWAY_KEY=$(python3 -c "import json; print(json.load(open('.devkit/up.json'))['host_key'])")

@api = http://127.0.0.1:7071/api
@key = {{$processEnv GATEWAY_KEY}}
@business = ithelpdesk@contoso.com
@mailbox = support
@start = {{$datetime 'YYYY-MM-DD' 1 d}}
@end = {{$datetime 'YYYY-MM-DD' 8 d}}
"""
_VALUES = {
    "business": "{{business}}",
    "mailbox": "{{mailbox}}",
    "start": "{{start}}",
    "end": "{{end}}",
    "date": "{{start}}",
    "service": "{{ListServices.response.body.$.value[0].id}}",
    "id": "{{ListAppointments.response.body.$.value[0].id}}",
    "hold": "{{HoldSlot.response.body.$.id}}",
    "key": "{{ListMails.response.body.$.value[0].key}}",
    "number": "{{GetMail.response.body.$.attachments[0].number}}",
}
"""What parameters get, by name."""
_SLOT = "{{FindFreeSlots.response.body.$.value[0].startUtc}}"
_NEEDED = {
    "service": _VALUES["service"],
    "start": _SLOT,
    "end": "{{end}}",
    "staff": ["{{ListStaffMembers.response.body.$.value[0].id}}"],
    "reason": "A duplicate of another mail.",
}
"""What needed fields of bodies get, by name."""
_BODIES = {
    "GetStaffAvailability": {"start": "{{start}}", "end": "{{end}}"},
    "CancelAppointment": {"message": "We are closed that day."},
    "RedeliverMail": {"reason": "The service desk is back."},
    "UpdateAppointment": {"serviceNotes": "Bring the charger."},
    "SaveCustomer": {"name": "Robin Counts", "emailAddress": "robin.counts@example.com"},
    "DeliverMail": {"sink": "desk", "reason": "It is urgent."},
}
"""Bodies in which other fields than the needed ones make sense."""


def write(texts: Texts) -> None:
    """Write it."""
    definition = build_definition()
    texts.put(PATH, _HEAD + "".join(_write_requests(definition)))


def _write_requests(definition: Mapping[str, Any]) -> Iterator[str]:
    places = {
        operation["operationId"]: (method.upper(), path)
        for path, item in definition["paths"].items()
        for method, operation in list_operations(item).items()
    }

    def find_place(operation: Mapping[str, Any]) -> tuple[bool, bool]:
        """Return where it stands: first what only reads, then what changes anything, then triggers."""
        method, path = places[operation["operationId"]]
        return "x-ms-trigger" in operation, method != "GET" or "{hold}" in path

    for operation in sorted(recorded_operations(definition), key=find_place):
        name = operation["operationId"]
        method, path = places[name]
        yield f"\n### {operation['summary']}\n# @name {name}\n{_write_request(definition, operation, method, path)}\n"


def _write_request(definition: Mapping[str, Any], operation: Mapping[str, Any], method: str, path: str) -> str:
    query: list[str] = []
    content: Mapping[str, Any] | None = None
    for each in operation["parameters"]:
        one = definition["parameters"][each["$ref"].rpartition("/")[2]] if "$ref" in each else each
        if one["in"] == "body":
            needed = one["schema"].get("required", [])
            content = _BODIES.get(operation["operationId"]) or {field: _NEEDED[field] for field in needed}
        elif one["in"] == "query" and one.get("required"):
            query.append(f"{one['name']}={_VALUES[one['name']]}")
    filled = re.sub(r"\{(\w+)\}", lambda found: _VALUES[found[1]], path)
    address = f"{{{{api}}}}{filled}{'?' if query else ''}{'&'.join(query)}"
    lines = [f"{method} {address}", "x-functions-key: {{key}}"]
    if content is not None:
        lines += ["Content-Type: application/json", "", json.dumps(content)]
    return "\n".join(lines)
