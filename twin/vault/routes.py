"""The secrets interface of Key Vault.

Public sources: the Key Vault REST reference (secrets operations), the page on authentication (challenge) and the RBAC
guide (roles). The first request of a client comes without a token and is answered with the challenge.
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from twin.core.api import Api
from twin.core.clouds import VAULT_SUFFIXES
from twin.core.routes import Miss, Routes
from twin.core.wire import Call, Json, Reply
from twin.entra.state import Entra
from twin.entra.tokens import read_token
from twin.vault.control import control
from twin.vault.errors import VaultRefusal, describe_error, describe_outage, refuse_bad_parameter
from twin.vault.state import DeletedSecret, SecretVersion, Vault, Vaults

routes = Routes[Vaults]()

_VERSIONS = frozenset({"7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01", "2026-04-01"})
_OPTIONS = frozenset({"api-version", "maxresults", "$skiptoken"})
_PAGE_SIZE = 25
_RETENTION_DAYS = 90
_VALUE_LIMIT = 25 * 1024


@routes.get("/secrets/{name}")
def get_secret(call: Call, vaults: Vaults) -> Reply:
    """Return the latest version with its value. Expired and not yet valid ones are returned, too."""
    vault = _vault_of(call, vaults)
    return Reply(200, _describe_readable(vault, vault.find_secret(call["name"])))


@routes.get("/secrets/{name}/versions")
def list_versions(call: Call, vaults: Vaults) -> Reply:
    """List all versions without their values, in pages."""
    vault = _vault_of(call, vaults)
    return _list_in_pages(call, vault, vault.versions_of(call["name"]), with_version=True)


@routes.get("/secrets/{name}/{version}")
def get_secret_version(call: Call, vaults: Vaults) -> Reply:
    """Return one version with its value."""
    vault = _vault_of(call, vaults)
    return Reply(200, _describe_readable(vault, vault.find_secret(call["name"], call["version"])))


@routes.get("/secrets")
def list_secrets(call: Call, vaults: Vaults) -> Reply:
    """List the latest version of each secret without its value, in pages."""
    vault = _vault_of(call, vaults)
    latest = tuple(versions[-1] for _, versions in sorted(vault.secrets.items()))
    return _list_in_pages(call, vault, latest, with_version=False)


@routes.put("/secrets/{name}")
def set_secret(call: Call, vaults: Vaults) -> Reply:
    """Store a new version."""
    vault, body = _vault_of(call, vaults), _read_body(call)
    value = body.get("value")
    if not isinstance(value, str):
        raise refuse_bad_parameter("Property value is required and must be a string.")
    if len(value.encode()) > _VALUE_LIMIT:
        raise refuse_bad_parameter(f"The secret value exceeds {_VALUE_LIMIT} bytes.")
    made = vault.set_secret(
        call["name"],
        value,
        content_type=body.get("contentType"),
        tags=body.get("tags"),
        **_read_attributes(body),
    )
    return Reply(200, _describe(vault, made, value=True))


@routes.patch("/secrets/{name}/{version}")
def update_secret(call: Call, vaults: Vaults) -> Reply:
    """Change attributes of a version; the value cannot be changed."""
    vault, body = _vault_of(call, vaults), _read_body(call)
    changes: dict[str, Any] = _read_attributes(body)
    changes |= {key: body[name] for name, key in (("contentType", "content_type"), ("tags", "tags")) if name in body}
    return Reply(200, _describe(vault, vault.change_secret(call["name"], call["version"], **changes)))


@routes.delete("/secrets/{name}")
def delete_secret(call: Call, vaults: Vaults) -> Reply:
    """Soft-delete a secret."""
    vault = _vault_of(call, vaults)
    return Reply(200, _describe_deleted(vault, vault.delete_secret(call["name"])))


@routes.get("/deletedsecrets/{name}")
def get_deleted_secret(call: Call, vaults: Vaults) -> Reply:
    """Return a soft-deleted secret, without its value."""
    vault = _vault_of(call, vaults)
    return Reply(200, _describe_deleted(vault, vault.find_deleted(call["name"])))


@routes.post("/deletedsecrets/{name}/recover")
def recover_secret(call: Call, vaults: Vaults) -> Reply:
    """Undo a soft delete."""
    vault = _vault_of(call, vaults)
    return Reply(200, _describe(vault, vault.recover_secret(call["name"])))


@routes.delete("/deletedsecrets/{name}")
def purge_secret(call: Call, vaults: Vaults) -> Reply:
    """Delete a soft-deleted secret for good."""
    _vault_of(call, vaults).purge_secret(call["name"])
    return Reply(204)


def _vault_of(call: Call, vaults: Vaults) -> Vault:
    return vaults.by_host[call.host]


def _read_body(call: Call) -> Json:
    try:
        body = call.json()
    except ValueError as error:
        raise refuse_bad_parameter("The request body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise refuse_bad_parameter("The request body is required.")
    return body


def _read_attributes(body: Json) -> dict[str, Any]:
    attributes = body.get("attributes") or {}
    changes: dict[str, Any] = {}
    if "enabled" in attributes:
        changes["enabled"] = bool(attributes["enabled"])
    for name, key in (("exp", "expires"), ("nbf", "not_before")):
        if name in attributes:
            epoch = attributes[name]
            changes[key] = None if epoch is None else datetime.fromtimestamp(epoch, UTC)
    return changes


def _describe_readable(vault: Vault, secret: SecretVersion) -> Json:
    if not secret.enabled:
        message = "Operation get is not allowed on a disabled secret."
        raise VaultRefusal(403, "Forbidden", message, inner="SecretDisabled")
    return _describe(vault, secret, value=True)


def _describe(vault: Vault, secret: SecretVersion, *, value: bool = False, with_version: bool = True) -> Json:
    attributes: Json = {
        "enabled": secret.enabled,
        "created": int(secret.created.timestamp()),
        "updated": int(secret.updated.timestamp()),
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": _RETENTION_DAYS,
    }
    for name, instant in (("exp", secret.expires), ("nbf", secret.not_before)):
        if instant is not None:
            attributes[name] = int(instant.timestamp())
    address = f"{vault.url}/secrets/{secret.name}"
    answer: Json = {"id": f"{address}/{secret.version}" if with_version else address, "attributes": attributes}
    answer["tags"] = secret.tags
    if secret.content_type is not None:
        answer["contentType"] = secret.content_type
    if value:
        answer["value"] = secret.value
    return answer


def _describe_deleted(vault: Vault, deleted: DeletedSecret) -> Json:
    latest = deleted.versions[-1]
    purge = deleted.deleted + timedelta(days=_RETENTION_DAYS)
    return _describe(vault, latest) | {
        "recoveryId": f"{vault.url}/deletedsecrets/{latest.name}",
        "deletedDate": int(deleted.deleted.timestamp()),
        "scheduledPurgeDate": int(purge.timestamp()),
    }


def _list_in_pages(call: Call, vault: Vault, secrets: tuple[SecretVersion, ...], *, with_version: bool) -> Reply:
    try:
        size = int(call.option("maxresults") or _PAGE_SIZE)
        token = call.option("$skiptoken")
        skip = json.loads(base64.urlsafe_b64decode(token))["skip"] if token else 0
    except (ValueError, KeyError, TypeError) as error:
        raise refuse_bad_parameter("maxresults or $skiptoken is invalid.") from error
    if not 1 <= size <= _PAGE_SIZE:
        raise refuse_bad_parameter(f"maxresults must be between 1 and {_PAGE_SIZE}.")
    page = secrets[skip : skip + size]
    link = None
    if skip + size < len(secrets):
        mark = base64.urlsafe_b64encode(json.dumps({"skip": skip + size}).encode()).decode()
        version = call.option("api-version")
        link = f"{vault.url}{call.path}?api-version={version}&$skiptoken={mark}&maxresults={size}"
    return Reply(
        200,
        {"value": [_describe(vault, secret, with_version=with_version) for secret in page], "nextLink": link},
    )


def _admit(call: Call, vaults: Vaults) -> None:
    """Check token, role, network and version, in that order; the challenge comes with every 401."""
    vault = _vault_of(call, vaults)
    entra = vaults.world.state(Entra)
    cloud = entra.tenants[vault.tenant_id].cloud
    challenge = {
        "www-authenticate": f'Bearer authorization="https://{cloud.login_host}/{vault.tenant_id}", '
        f'resource="{cloud.vault_resource}"',
    }

    def refuse(message: str) -> VaultRefusal:
        return VaultRefusal(401, "Unauthorized", message, headers=challenge)

    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise refuse("AKV10000: Request is missing a Bearer or PoP token.")
    try:
        claims = read_token(entra, token)
    except ValueError as error:
        raise refuse(f"AKV10046: Unable to validate the token. {error}") from error
    if claims.get("aud") != cloud.vault_resource:
        found = claims.get("aud")
        raise refuse(f"AKV10022: Invalid audience. Expected {cloud.vault_resource}, found: {found}.")
    if claims.get("tid") != vault.tenant_id:
        raise refuse(f"AKV10032: Invalid issuer. Expected one of the issuers of tenant {vault.tenant_id}.")
    _check_rights(call, vault, claims)
    _check_query(call)


def _check_rights(call: Call, vault: Vault, claims: Json) -> None:
    if not vault.network_open:
        message = (
            "Client address is not authorized and caller is not a trusted service.\r\n"
            f"Client address: 127.0.0.1\r\nCaller: appid={claims.get('appid')};oid={claims.get('oid')}\r\n"
            f"Vault: {vault.name};location=westeurope"
        )
        raise VaultRefusal(403, "Forbidden", message, inner="ForbiddenByFirewall")
    if not vault.allows(str(claims.get("oid")), writing=call.method != "GET"):
        message = (
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role "
            "definitions were changed recently, please observe propagation time.\r\n"
            f"Caller: appid={claims.get('appid')};oid={claims.get('oid')}\r\n"
            f"Action: '{call.method.lower()} {call.path}'\r\nAssignment: (not found)\r\n"
            f"Vault: {vault.name};location=westeurope\r\n"
        )
        raise VaultRefusal(403, "Forbidden", message, inner="ForbiddenByRbac")


def _check_query(call: Call) -> None:
    version = call.option("api-version")
    if version is None:
        raise refuse_bad_parameter("api-version must be specified")
    if version not in _VERSIONS:
        raise refuse_bad_parameter(f"The specified version ({version}) is not recognized.")
    unknown = [name for name, _ in call.query if name not in _OPTIONS]
    if unknown:
        raise refuse_bad_parameter(f"Query parameter {unknown[0]} is not supported.")


def _miss(call: Call, miss: Miss, state: Vaults) -> Reply:
    _ = miss, state
    return Reply(404, describe_error("NotFound", f"Method {call.method} does not allow operation {call.path}"))


def _stamp(call: Call, reply: Reply) -> Reply:
    return reply.with_headers(x_ms_request_id=call.request_id, x_ms_keyvault_region="westeurope")


def _serves(host: str, vaults: Vaults) -> bool:
    """Return whether a vault has this host name: without a vault, the name does not exist."""
    return host in vaults.by_host


API = Api(
    name="vault",
    hosts=tuple(f"*.{suffix}" for suffix in VAULT_SUFFIXES),
    state=Vaults,
    routes=routes,
    control=control,
    admit=_admit,
    miss=_miss,
    stamp=_stamp,
    outage=describe_outage,
    serves=_serves,
    secret_fields=frozenset({"value"}),
)
