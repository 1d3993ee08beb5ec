"""Admission to Graph: token, audience, revocation, throttling.

Public sources: the Entra pages on claims challenges and continuous access evaluation (401 with insufficient_claims),
and public reports for the texts of InvalidAuthenticationToken.
"""

import base64
import json
import time
from dataclasses import dataclass

from twin.core.clouds import Cloud, cloud_of_graph
from twin.core.wire import Call, Json
from twin.entra.state import Entra, Tenant, User
from twin.entra.tokens import GRAPH_APP_ID, is_revoked, read_token
from twin.graph.errors import GraphRefusal
from twin.graph.limits import GraphLimits
from twin.world import World


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller by its valid token. `user` is None for an app without a user."""

    tenant: Tenant
    cloud: Cloud
    app_id: str
    permissions: frozenset[str]
    user: User | None = None


def caller_of(call: Call) -> Caller:
    """Return the caller that admission found."""
    caller: Caller = call.caller
    return caller


def admit(call: Call, world: World) -> None:
    """Set `call.caller`, or refuse with 401 (token) or 429 (too many requests)."""
    entra = world.state(Entra)
    cloud = cloud_of_graph(call.host)
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _refuse_token(cloud, "Access token is empty.")
    try:
        claims = read_token(entra, token)
    except ValueError as error:
        raise _refuse_token(cloud, str(error)) from error
    if claims.get("aud") not in (cloud.graph_resource, GRAPH_APP_ID):
        raise _refuse_token(cloud, "Access token validation failure. Invalid audience.")
    if is_revoked(entra, claims):
        raise _challenge(cloud)
    tenant = entra.tenants.get(str(claims.get("tid")))
    if tenant is None or tenant.cloud is not cloud:
        raise _refuse_token(cloud, "Access token validation failure. Invalid tenant.")
    call.caller = _read_caller(tenant, cloud, claims)
    world.state(GraphLimits).enter(call, key_of(call.caller))


def key_of(caller: Caller) -> str:
    """Return the key under which the limits count an app."""
    return f"{caller.tenant.id}/{caller.app_id}"


def _read_caller(tenant: Tenant, cloud: Cloud, claims: Json) -> Caller:
    app_id = str(claims.get("appid"))
    if claims.get("idtyp") == "app":
        principal = tenant.principals.get(app_id)
        by_exchange = principal.exchange_roles if principal else frozenset[str]()
        return Caller(tenant, cloud, app_id, frozenset(claims.get("roles", [])) | by_exchange)
    user = tenant.users.get(str(claims.get("upn")).lower())
    if user is None:
        raise _refuse_token(cloud, "The user of the access token is unknown.")
    return Caller(tenant, cloud, app_id, frozenset(str(claims.get("scp", "")).split()), user)


def _refuse_token(cloud: Cloud, message: str) -> GraphRefusal:
    return GraphRefusal(401, "InvalidAuthenticationToken", message, {"www-authenticate": _describe_scheme(cloud)})


def _challenge(cloud: Cloud) -> GraphRefusal:
    claims = {"access_token": {"nbf": {"essential": True, "value": str(int(time.time()))}}}
    encoded = base64.b64encode(json.dumps(claims, separators=(",", ":")).encode()).decode()
    header = f'{_describe_scheme(cloud)}, error="insufficient_claims", claims="{encoded}"'
    message = (
        "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: "
        "TokenIssuedBeforeRevocationTimestamp"
    )
    return GraphRefusal(401, "InvalidAuthenticationToken", message, {"www-authenticate": header})


def _describe_scheme(cloud: Cloud) -> str:
    authorize = f"https://{cloud.login_host}/common/oauth2/authorize"
    return f'Bearer realm="", authorization_uri="{authorize}", client_id="{GRAPH_APP_ID}"'
