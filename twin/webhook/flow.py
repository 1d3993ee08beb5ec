"""What starts a Logic Apps workflow or a Power Automate flow over HTTP, behind an address with a key of its own.

Either the trigger "When an HTTP request is received", or the callback of a connector's instant trigger, whose address
names a version of the workflow. Its only credential is the `sig` in its address. Without a Response action it answers
202 before the run. Codes of errors are those of the Logic Apps service as users report them; 400 for a workflow that is
turned off or deleted, with its state in the message, is what many of them quote. What the address of an earlier version
answers is documented nowhere: here 404.
"""

import base64
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from twin.core.wire import Call, Json, Refusal, Reply

FLOW_HOST = "prod-00.westeurope.logic.azure.com"
ENABLED = "Enabled"
_OPTIONS = ("sp", "sv", "sig")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
_MESSAGES = {
    429: ("WorkflowTriggerRequestRateLimited", "The number of requests exceeds the limit."),
    502: ("NoResponse", "The server did not receive a response from an upstream server."),
    504: ("GatewayTimeout", "The server did not receive a response from an upstream server within the time limit."),
}


@dataclass(slots=True)
class Workflow:
    """One workflow.

    schema    JSON schema of the trigger, with schema validation on; None for none
    response  what its Response action answers: {"status", "headers"?, "body"?}; None if there is no such action
    state     any but Enabled refuses: Disabled (turned off), Suspended (by the platform or a policy), Deleted
    too_slow  its Response action comes too late: 504, although the run goes on
    version   of the workflow, in the address of an instant trigger's callback; None for the trigger of HTTP requests
    received  what the trigger of each run brought
    """

    id: str
    sig: str
    schema: Json | None = None
    response: Json | None = None
    state: str = ENABLED
    too_slow: bool = False
    trigger: str = "manual"
    version: str | None = None
    runs: list[str] = field(default_factory=list)
    received: list[Any] = field(default_factory=list)

    @property
    def callback(self) -> str:
        """The address, with its key, of an instant trigger in this version of the workflow."""
        path = f"triggers/{self.trigger}/versions/{self.version}"
        query = {"api-version": "2016-06-01", "sp": f"/{path}/run,/{path}/read", "sv": "1.0", "sig": self.sig}
        return f"https://{FLOW_HOST}/workflows/{self.id}/{path}/run?{urlencode(query)}"

    def run(self, call: Call) -> tuple[Any, Reply]:
        """Start a run: return what the workflow receives and what it answers. Refusal for a call that starts no run."""
        if self.state != ENABLED:
            which = f"workflow '{self.id}' trigger '{self.trigger}' with state '{self.state}'"
            text = f"Could not execute {which}: trigger is not enabled."
            raise refuse(400, "WorkflowTriggerIsNotEnabled", text)
        body = _read_body(call)
        flaw = find_flaw(body, self.schema or {})
        if flaw:
            what = f"The input body for trigger '{self.trigger}' of type 'Request' did not match its schema definition."
            raise refuse(400, "TriggerInputSchemaMismatch", f"{what} Error details: '{flaw}'.")
        run_id = f"0858{uuid.uuid4().int:030}CU00"
        self.runs.append(run_id)
        self.received.append(body)
        headers = {
            "x-ms-workflow-id": self.id,
            "x-ms-workflow-run-id": run_id,
            "x-ms-trigger-history-name": run_id,
            "x-ms-correlation-id": call.request_id,
            "x-ms-client-tracking-id": run_id,
        }
        if self.too_slow:
            return body, Reply(504, describe_outage(call, 504), headers)
        if self.response is None:
            return body, Reply(202, None, headers)
        wanted = self.response
        return body, Reply(int(wanted["status"]), wanted.get("body"), {**headers, **wanted.get("headers", {})})


def check_key(call: Call, workflow: Workflow | None) -> Workflow:
    """Check the key in the address. Refusal 400, 401 or 404."""
    if call.option("api-version") is None:
        raise refuse(400, "MissingApiVersionParameter", "The api-version query parameter is required for all requests.")
    if not all(call.option(name) for name in _OPTIONS):
        text = "The request must be authenticated only by Shared Access scheme."
        raise refuse(401, "DirectApiAuthorizationRequired", text)
    if workflow is None:
        raise refuse(404, "WorkflowNotFound", "The workflow could not be found.")
    if call.option("sig") != workflow.sig:
        raise refuse(401, "AuthorizationFailed", "The authentication credentials are not valid.")
    return workflow


def find_flaw(value: Any, schema: Json, where: str = "$") -> str | None:
    """Return what in a value does not fit a JSON schema; only type, required, properties and items are checked."""
    wanted = schema.get("type")
    kinds = wanted if isinstance(wanted, list) else [wanted] if wanted else []
    if kinds and not any(_is(value, kind) for kind in kinds):
        return f"{where}: expected {' or '.join(kinds)}"
    if isinstance(value, dict):
        missing = [name for name in schema.get("required", []) if name not in value]
        if missing:
            return f"{where}: {missing[0]} is missing"
        inner = [(value[name], part, name) for name, part in schema.get("properties", {}).items() if name in value]
    elif isinstance(value, list):
        inner = [(one, schema.get("items", {}), str(place)) for place, one in enumerate(value)]
    else:
        inner = []
    return next((flaw for one, part, name in inner if (flaw := find_flaw(one, part, f"{where}.{name}"))), None)


def refuse(status: int, code: str, message: str) -> Refusal:
    """Refuse in the error shape of Logic Apps."""
    return Refusal(Reply(status, {"error": {"code": code, "message": message}}))


def describe_outage(call: Call, status: int) -> Json:
    """Describe the document that goes with an injected status."""
    _ = call
    code, message = _MESSAGES.get(status, ("InternalServerError", "Encountered internal server error."))
    return {"error": {"code": code, "message": message}}


def _read_body(call: Call) -> Any:
    """Return the body as a workflow sees it: JSON and plain text unchanged, other types wrapped in Base64."""
    kind = call.headers.get("content-type", "")
    plain = kind.partition(";")[0].strip().lower()
    if plain == "application/json":
        try:
            return call.json()
        except ValueError as error:
            text = "The request content is not valid and could not be deserialized."
            raise refuse(400, "InvalidRequestContent", text) from error
    if plain == "text/plain":
        return call.body.decode(errors="replace")
    return {"$content-type": kind, "$content": base64.b64encode(call.body).decode()} if call.body else None


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool) and kind != "boolean":
        return False
    return isinstance(value, _TYPES.get(kind, object))
