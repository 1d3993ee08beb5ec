"""Calls of Key Vault: list the versions of a secret with their tags, read, store, disable. Values are never printed.

Source: learn.microsoft.com/rest/api/keyvault/secrets. Everybody who may list secrets can read tags, so they hold ids
only.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from setup.errors import VAULT_ROLE, MissingRole, Stopped
from setup.person import Person
from shared.errors import GatewayError, NotFound, OutcomeUnknown, Rejected, Throttled, Unavailable
from shared.retry import RetryPolicy, call_with_retry
from shared.transport import Answer, Transport

_API = "7.5"
_PATIENT = RetryPolicy(attempts=8, within=120, on=(Unavailable, OutcomeUnknown), attempts_unknown=8)


@dataclass(frozen=True)
class Version:
    """One version of a secret, without its value."""

    id: str
    created: datetime
    expires: datetime | None
    enabled: bool
    tags: Mapping[str, str]

    @property
    def key_id(self) -> str:
        """The id of the credential in Entra ID that the value belongs to; "" for a version stored by hand."""
        return self.tags.get("keyId", "")


class Vault:
    """Calls one vault with the person's token."""

    def __init__(self, person: Person, transport: Transport, url: str) -> None:
        self.url = url
        self._person = person
        self._transport = transport
        self._resource = f"https://{person.cloud.vault_suffix}"

    def versions(self, name: str) -> list[Version]:
        """Return the versions of a secret, oldest first; an empty list if the secret does not exist."""
        found: list[Version] = []
        path = f"/secrets/{name}/versions"
        while path:
            try:
                page = self._send("GET", path)
            except NotFound:
                return []
            found += [_read_version(entry) for entry in page["value"]]
            path = str(page.get("nextLink") or "").removeprefix(self.url)
        return sorted(found, key=lambda version: version.created)

    def value(self, name: str) -> str | None:
        """Return the current value, or None if there is none."""
        try:
            return str(self._send("GET", f"/secrets/{name}")["value"])
        except NotFound:
            return None

    def is_deleted(self, name: str) -> bool:
        """Return True if a deleted secret of this name can be recovered; the name cannot be used until then."""
        try:
            self._send("GET", f"/deletedsecrets/{name}")
        except NotFound:
            return False
        return True

    def recover(self, name: str) -> None:
        """Start the recovery of a deleted secret."""
        self._send("POST", f"/deletedsecrets/{name}/recover")

    def store(
        self, name: str, value: str, *, content_type: str, expires: datetime | None, tags: Mapping[str, str]
    ) -> None:
        """Store a new version. It may be repeated: a second version of the same value does no harm."""
        body = {
            "value": value,
            "contentType": content_type,
            "tags": dict(tags),
            "attributes": {"exp": int(expires.timestamp())} if expires else {},
        }
        self._send("PUT", f"/secrets/{name}", body)

    def disable(self, name: str, version: Version) -> None:
        """Disable one version, so that its value cannot be read."""
        self._send("PATCH", f"/secrets/{name}/{version.id}", {"attributes": {"enabled": False}})

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        def ask() -> Answer:
            return self._transport.send(
                method,
                self.url + path,
                authorization=self._person.authorization(self._resource),
                query=None if "?" in path else {"api-version": _API},
                json=body,
            )

        def send() -> Any:
            answer = ask()
            if answer.status == HTTPStatus.UNAUTHORIZED:  # nothing was done; the token may have ended meanwhile
                self._person.forget(self._resource)
                answer = ask()
            if answer.status < HTTPStatus.MULTIPLE_CHOICES:
                return json.loads(answer.body) if answer.body else None
            raise _translate(answer, self.url)

        return call_with_retry(_PATIENT, send)


def _read_version(entry: Any) -> Version:
    attributes = entry["attributes"]
    expires = attributes.get("exp")
    return Version(
        id=str(entry["id"]).rpartition("/")[2],
        created=datetime.fromtimestamp(attributes["created"], UTC),
        expires=datetime.fromtimestamp(expires, UTC) if expires else None,
        enabled=bool(attributes.get("enabled", True)),
        tags=entry.get("tags") or {},
    )


def _translate(answer: Answer, url: str) -> GatewayError:
    try:
        error = json.loads(answer.body)["error"]
        inner = str((error.get("innererror") or {}).get("code", ""))
    except (ValueError, KeyError, TypeError):
        inner = ""
    detail = f"status={answer.status} {inner}".strip()
    match answer.status:
        case HTTPStatus.NOT_FOUND:
            return NotFound("The vault has no such secret.", code="NotThere", detail=detail)
        case HTTPStatus.FORBIDDEN if inner == "ForbiddenByFirewall":
            return Stopped(
                f"The firewall of {url} does not let this machine in. Run the command from a network that it allows."
            )
        case HTTPStatus.FORBIDDEN if inner != "SecretDisabled":
            return MissingRole(f"Opening {url}", VAULT_ROLE)
        case HTTPStatus.TOO_MANY_REQUESTS:
            wait = answer.headers.get("Retry-After", "")
            return Throttled("The vault asks us to slow down.", retry_after=float(wait) if wait.isdecimal() else None)
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unavailable("The vault is not available. Try again later.", detail=detail)
    return Rejected(f"The vault refused the request ({detail}).", detail=detail)
