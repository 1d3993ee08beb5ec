"""Calls of Microsoft Graph's directory: single requests with retries; failures become errors of shared.errors.

Sources: learn.microsoft.com/graph/errors; the directory's error codes come from public issue reports of
hashicorp/terraform-provider-azuread and microsoftgraph/msgraph-bicep-types.
"""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from setup.errors import MissingRole, Role, Stopped
from setup.person import Person
from shared.errors import Conflict, GatewayError, NotFound, OutcomeUnknown, Rejected, Throttled, Unavailable
from shared.retry import RetryPolicy, call_with_retry
from shared.transport import Answer, Transport

_PATIENT = RetryPolicy(attempts=8, within=180, on=(Unavailable, OutcomeUnknown), attempts_unknown=8)
_ONCE_SENT = RetryPolicy(attempts=8, within=180, on=(Unavailable,))
_UPSERT = {"Prefer": "create-if-missing"}
_POLICIES = {
    "CredentialTypeNotAllowedAsPerAppPolicy": "This tenant's app management policy forbids client secrets. Use "
    "--credential federated (no secret at all) or certificate, or ask for an exception to the policy.",
    "CredentialInvalidLifetimeAsPerAppPolicy": "This tenant's app management policy limits the lifetime of "
    "credentials. Give fewer --days, or use --credential federated, which has no secret at all.",
}
_NOT_YET = ("NoBackingApplicationObject", "does not reference a valid application object")


class Directory:
    """Calls Graph of one cloud with the person's token. For messages, a write names its action and the role it needs.

    `doing` is that action, for example "Registering the app".
    """

    def __init__(self, person: Person, transport: Transport) -> None:
        self._person = person
        self._transport = transport
        self._root = f"https://{person.cloud.graph}"

    def get(self, path: str, **query: str) -> Any:
        """GET a path below /v1.0. Give names of query parameters without their dollar sign. Raises NotFound."""
        return self._send("GET", path, query={f"${name}": value for name, value in query.items()})

    def find(self, path: str, **query: str) -> Any:
        """GET an object, or return None for a 404."""
        try:
            return self.get(path, **query)
        except NotFound:
            return None

    def list(self, path: str, **query: str) -> Iterator[Any]:
        """Yield the items of all pages of a collection."""
        page = self.get(path, **query)
        while True:
            yield from page["value"]
            link = page.get("@odata.nextLink")
            if link is None:
                return
            if not str(link).startswith(f"{self._root}/v1.0/"):
                raise Rejected("Microsoft Graph's list continues at an address of another host, which is not opened.")
            page = self._send("GET", str(link).removeprefix(f"{self._root}/v1.0"))

    def write(self, method: str, path: str, body: Any = None, *, doing: str, role: Role, upsert: bool = False) -> Any:
        """Send a change that may be repeated. Raises MissingRole, Conflict, NotFound, Rejected."""
        headers = _UPSERT if upsert else {}
        return self._send(method, path, body=body, headers=headers, doing=doing, role=role)

    def write_once(self, method: str, path: str, body: Any, *, doing: str, role: Role) -> Any:
        """Send a change that must not be done twice: it is not repeated after an unknown outcome (OutcomeUnknown)."""
        return self._send(method, path, body=body, doing=doing, role=role, policy=_ONCE_SENT)

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        doing: str = "Reading the directory",
        role: Role | None = None,
        policy: RetryPolicy = _PATIENT,
    ) -> Any:
        def send() -> Any:
            answer = self._transport.send(
                method,
                f"{self._root}/v1.0{path}",
                authorization=self._person.authorization(self._root),
                query=query,
                headers=headers,
                json=body,
            )
            return _read(answer, doing, role)

        return call_with_retry(policy, send)


def quote(text: str) -> str:
    """Escape a text for an OData string literal."""
    return text.replace("'", "''")


def _read(answer: Answer, doing: str, role: Role | None) -> Any:
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return json.loads(answer.body) if answer.body else None
    raise _translate(answer, doing, role)


def _translate(answer: Answer, doing: str, role: Role | None) -> GatewayError:
    try:
        error = json.loads(answer.body)["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        code, message = "", ""
    request_id = answer.headers.get("request-id")
    detail = f"status={answer.status} {code}".strip()
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _translate_outage(answer, doing, detail, request_id)
    if answer.status == HTTPStatus.NOT_FOUND or code in _NOT_YET or _NOT_YET[1] in message:
        message = f"{doing} failed: the directory does not find the object."
        return NotFound(message, code="NotThere", detail=detail, upstream_id=request_id)
    if answer.status == HTTPStatus.FORBIDDEN and role is not None:
        return MissingRole(doing, role, upstream_id=request_id)
    if code in _POLICIES:
        return Stopped(f"{doing} was refused. {_POLICIES[code]}", code="ForbiddenByPolicy", upstream_id=request_id)
    if answer.status == HTTPStatus.CONFLICT or "already exist" in message or "already in use" in message:
        message = f"{doing} failed: the object exists already."
        return Conflict(message, code="AlreadyThere", detail=detail, upstream_id=request_id)
    hint = " Sign in again with `az login`." if answer.status == HTTPStatus.UNAUTHORIZED else ""
    return Rejected(f"The directory refused: {doing} ({detail}).{hint}", detail=detail, upstream_id=request_id)


def _translate_outage(answer: Answer, doing: str, detail: str, request_id: str | None) -> GatewayError:
    wait = _wait_of(answer)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled("The directory asks us to slow down.", retry_after=wait, upstream_id=request_id)
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Unavailable("The directory is not available. Try again later.", retry_after=wait, upstream_id=request_id)
    return OutcomeUnknown(
        f"{doing} ended in an error of the directory. Run the command again.", detail=detail, upstream_id=request_id
    )


def _wait_of(answer: Answer) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None
