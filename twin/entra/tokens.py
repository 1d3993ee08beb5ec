"""Access tokens: made here, read here. Clients must treat them as opaque."""

import time
import uuid
from dataclasses import dataclass

from twin.core.jws import is_signed_by, read_parts, sign
from twin.core.wire import Json
from twin.entra.state import App, Entra, ServicePrincipal, Tenant, User

CAPABLE = "cp1"
GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"


@dataclass(frozen=True, slots=True)
class Order:
    """A request for a token: the resource, its delegated scopes if any, and the client's capabilities."""

    tenant: Tenant
    app: App
    principal: ServicePrincipal
    resource: str
    capabilities: tuple[str, ...] = ()
    user: User | None = None
    scopes: tuple[str, ...] = ()


def issue_token(entra: Entra, order: Order) -> str:
    """Issue an access token for an order."""
    now = int(time.time())
    claims: Json = {
        "aud": order.resource,
        "iss": f"https://sts.windows.net/{order.tenant.id}/",
        "iat": now,
        "nbf": now,
        "exp": now + order.app.expires_in,
        "appid": order.app.app_id,
        "tid": order.tenant.id,
        "uti": uuid.uuid4().hex,
        "serial": entra.next_serial(),
        "ver": "1.0",
    }
    if order.user is None:
        claims |= {"idtyp": "app", "oid": order.principal.object_id, "sub": order.principal.object_id}
        claims["roles"] = sorted(order.principal.roles)
    else:
        claims |= {"idtyp": "user", "oid": order.user.object_id, "upn": order.user.name, "scp": " ".join(order.scopes)}
    if order.capabilities:
        claims["xms_cc"] = list(order.capabilities)
    return sign(claims, entra.key)


def read_token(entra: Entra, token: str) -> Json:
    """Read the claims of a token that Entra or a trusted issuer signed. ValueError says why it is not valid."""
    header, claims = read_parts(token)
    kid = str(header.get("kid"))
    key = entra.key.public if kid == entra.key.kid else entra.trusted_issuers.get(kid)
    if key is None or not is_signed_by(token, key):
        raise ValueError("Signature is invalid.")
    if claims.get("exp", 0) <= time.time():
        raise ValueError("Lifetime validation failed, the token is expired.")
    return claims


def is_revoked(entra: Entra, claims: Json) -> bool:
    """Return whether continuous access evaluation refuses the token; other clients keep theirs until it expires."""
    capabilities = [str(value).lower() for value in claims.get("xms_cc", [])]
    if CAPABLE not in capabilities:
        return False
    if claims.get("uti") in entra.revoked.tokens:
        return True
    limit = entra.revoked.principals.get(str(claims.get("oid")))
    return limit is not None and int(claims.get("serial", 0)) < limit
