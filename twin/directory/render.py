"""Objects of the directory as JSON, and the query options that the twin knows."""

import base64
import re
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import serialization

from twin.core.wire import Call, Json
from twin.directory.permissions import describe_roles, describe_scopes
from twin.directory.state import Registration, make_id
from twin.entra.state import App, Certificate, FederatedCredential, Secret, ServicePrincipal, Tenant
from twin.entra.tokens import GRAPH_APP_ID
from twin.graph.errors import refuse_option
from twin.identity.state import ManagedIdentity

_OPTIONS = frozenset({"$select", "$filter", "$top", "$skiptoken", "$count"})
_FILTER = re.compile(r"(\w+) eq '((?:[^']|'')*)'")
_HINT = 3


def select(call: Call, entity: Json) -> Json:
    """Keep the properties of $select, or all but keys without it. `id` is always kept, as on the real service."""
    text = call.option("$select")
    if text is None:
        return entity
    wanted = {name.strip() for name in text.split(",")}
    if unknown := wanted - set(entity):
        raise refuse_option(f"Could not find a property named '{min(unknown)}'.")
    return {name: value for name, value in entity.items() if name in wanted or name == "id"}


def matches(call: Call, entity: Json, allowed: tuple[str, ...]) -> bool:
    """Return whether an object matches $filter, which may be one comparison with eq."""
    check_options(call)
    text = call.option("$filter")
    if text is None:
        return True
    found = _FILTER.fullmatch(text.strip())
    if found is None or found[1] not in allowed:
        raise refuse_option(f"Unsupported or invalid query filter clause: {text}.")
    return bool(entity.get(found[1]) == found[2].replace("''", "'"))


def check_options(call: Call) -> None:
    """Refuse query options that the twin does not know."""
    for name, _ in call.query:
        if name not in _OPTIONS:
            raise refuse_option(f"Invalid query option '{name}'.")


def describe_application(registration: Registration, *, with_keys: bool = False) -> Json:
    """Describe an application object."""
    app = registration.app
    return {
        "id": registration.object_id,
        "appId": app.app_id,
        "displayName": app.name,
        "uniqueName": registration.unique_name,
        "signInAudience": "AzureADMultipleOrgs" if app.multi_tenant else "AzureADMyOrg",
        "isFallbackPublicClient": app.is_public_client or None,
        "tags": [],
        "notes": None,
        "publicClient": {"redirectUris": []},
        "requiredResourceAccess": [],
        "servicePrincipalLockConfiguration": None,
        "passwordCredentials": [describe_secret(one) for one in tuple(app.secrets.values())],
        "keyCredentials": [describe_certificate(one, with_key=with_keys) for one in tuple(app.certificates.values())],
        **registration.details,
    }


def describe_secret(secret: Secret) -> Json:
    """Describe a client secret, without its value."""
    return {
        "keyId": secret.key_id,
        "displayName": secret.name or None,
        "hint": secret.value[:_HINT],
        "secretText": None,
        "startDateTime": None,
        "endDateTime": _write(secret.expires),
    }


def describe_certificate(certificate: Certificate, *, with_key: bool) -> Json:
    """Describe a certificate; its public part only where it was selected by name."""
    der = certificate.certificate.public_bytes(serialization.Encoding.DER)
    return {
        "keyId": certificate.key_id,
        "displayName": certificate.name or None,
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "customKeyIdentifier": certificate.thumbprints["x5t"],
        "startDateTime": _write(certificate.certificate.not_valid_before_utc),
        "endDateTime": _write(certificate.certificate.not_valid_after_utc),
        "key": base64.b64encode(der).decode() if with_key else None,
    }


def describe_federated(app: App, credential: FederatedCredential) -> Json:
    """Describe a federated credential."""
    return {
        "id": make_id(app.app_id, "federated", credential.name),
        "name": credential.name,
        "issuer": credential.issuer,
        "subject": credential.subject,
        "audiences": [credential.audience],
        "description": None,
    }


def describe_principal(principal: ServicePrincipal, name: str) -> Json:
    """Describe the principal of an app."""
    return {
        "id": principal.object_id,
        "appId": principal.app_id,
        "displayName": name,
        "accountEnabled": principal.enabled,
        "servicePrincipalType": "Application",
        "alternativeNames": [],
        "appRoles": [],
        "oauth2PermissionScopes": [],
    }


def describe_identity(identity: ManagedIdentity) -> Json:
    """Describe the principal of a managed identity; its names say who assigned it."""
    return {
        "id": identity.principal_id,
        "appId": identity.client_id,
        "displayName": identity.name,
        "accountEnabled": True,
        "servicePrincipalType": "ManagedIdentity",
        "alternativeNames": [f"isExplicit={not identity.is_system_assigned}", identity.resource_id],
        "appRoles": [],
        "oauth2PermissionScopes": [],
    }


def describe_graph(tenant: Tenant) -> Json:
    """Describe Microsoft Graph's own principal in a tenant."""
    return {
        "id": graph_id(tenant),
        "appId": GRAPH_APP_ID,
        "displayName": "Microsoft Graph",
        "accountEnabled": True,
        "servicePrincipalType": "Application",
        "alternativeNames": [],
        "appRoles": describe_roles(),
        "oauth2PermissionScopes": describe_scopes(),
    }


def graph_id(tenant: Tenant) -> str:
    """Return the object id of Microsoft Graph's principal in a tenant."""
    return make_id(tenant.id, GRAPH_APP_ID)


def read_instant(value: Any) -> datetime | None:
    """Read an instant with zone. GraphRefusal 400 for anything else."""
    if value is None:
        return None
    try:
        read = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise refuse_option(
            f"Cannot convert the literal '{value}' to the expected type 'Edm.DateTimeOffset'."
        ) from error
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _write(instant: datetime | None) -> str | None:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if instant else None
