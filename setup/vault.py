"""The vault, as the registration needs it: versions with their tags, and a new version. Values are written, not shown.

Source: learn.microsoft.com/rest/api/keyvault/secrets. Tags can be read by everybody who may list; they hold ids only.
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
        """Id of the credential in Entra that the value belongs to; "" for a version stored by hand."""
        return self.tags.get("keyId", "")


class Vault:
    """One vault with the person's token."""

    def __init__(self, person: Person, transport: Transport, url: str) -> None:
        self.url = url
        self._person = person
        self._transport = transport
        self._resource = f"https://{person.cloud.vault_suffix}"

    def versions(self, name: str) -> list[Version]:
        """Return the versions of a secret, oldest first; none where it does not exist."""
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
        """Return the current value, None where there is none."""
        try:
            return str(self._send("GET", f"/secrets/{name}")["value"])
        except NotFound:
            return None

    def is_deleted(self, name: str) -> bool:
        """Whether a deleted secret blocks the name."""
        try:
            self._send("GET", f"/deletedsecrets/{name}")
        except NotFound:
            return False
        return True

    def recover(self, name: str) -> None:
        """Bring a deleted secret back."""
        self._send("POST", f"/deletedsecrets/{name}/recover")

    def store(
        self, name: str, value: str, *, content_type: str, expires: datetime | None, tags: Mapping[str, str]
    ) -> None:
        """Store a new version. Storing the same twice does no harm."""
        body = {
            "value": value,
            "contentType": content_type,
            "tags": dict(tags),
            "attributes": {"exp": int(expires.timestamp())} if expires else {},
        }
        self._send("PUT", f"/secrets/{name}", body)

    def disable(self, name: str, version: Version) -> None:
        """Close one version."""
        self._send("PATCH", f"/secrets/{name}/{version.id}", {"attributes": {"enabled": False}})

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        def send() -> Any:
            answer = self._transport.send(
                method,
                self.url + path,
                authorization=self._person.authorization(self._resource),
                query=None if "?" in path else {"api-version": _API},
                json=body,
            )
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
            return NotFound("The vault does not hold it.", code="NotThere", detail=detail)
        case HTTPStatus.FORBIDDEN if inner == "ForbiddenByFirewall":
            return Stopped(f"{url} is closed to this machine's network. Run the same command from inside it.")
        case HTTPStatus.FORBIDDEN if inner != "SecretDisabled":
            return MissingRole(f"Opening {url}", VAULT_ROLE)
        case HTTPStatus.TOO_MANY_REQUESTS:
            wait = answer.headers.get("Retry-After", "")
            return Throttled("The vault asks us to slow down.", retry_after=float(wait) if wait.isdecimal() else None)
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unavailable("The vault is not available.", detail=detail)
    return Rejected(f"The vault refused ({detail}).", detail=detail)
