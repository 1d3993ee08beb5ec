"""The grants of the token endpoint: client credentials, password and refresh token."""

import json
import time
import uuid
from dataclasses import dataclass

from twin.core.jws import encode_bytes, is_signed_by, read_parts, sign
from twin.core.wire import Json
from twin.entra.errors import EntraRefusal
from twin.entra.state import App, Entra, ServicePrincipal, Tenant, User
from twin.entra.tokens import Order, issue_token

_OPENID_SCOPES = frozenset({"openid", "profile", "offline_access", "email"})
_REFRESH_SECONDS = 90 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Applicant:
    """An authenticated client, and the tenant in which it wants a token."""

    tenant: Tenant
    app: App
    principal: ServicePrincipal


def grant_app_token(entra: Entra, applicant: Applicant, form: dict[str, str]) -> Json:
    """Answer to grant_type=client_credentials."""
    scopes = _read_scopes(form)
    resource, suffix = _split_scope(scopes[0])
    if len(scopes) != 1 or suffix != ".default":
        raise EntraRefusal(1002012, resource=scopes[0])
    _check_resource(applicant.tenant, resource)
    order = Order(applicant.tenant, applicant.app, applicant.principal, resource, _read_capabilities(form))
    return _describe_token(applicant.app, issue_token(entra, order))


def grant_user_token(entra: Entra, applicant: Applicant, form: dict[str, str]) -> Json:
    """Answer to grant_type=password (resource owner password credentials)."""
    name, password = form.get("username"), form.get("password")
    for parameter, value in (("username", name), ("password", password)):
        if not value:
            raise EntraRefusal(900144, parameter=parameter)
    user = applicant.tenant.users.get((name or "").lower())
    if user is None:
        raise EntraRefusal(50034, user=name or "", tenant=applicant.tenant.id)
    _check_password(user, password or "", applicant)
    return _describe_user_token(entra, applicant, user, form)


def grant_refreshed_token(entra: Entra, applicant: Applicant, form: dict[str, str]) -> Json:
    """Answer to grant_type=refresh_token."""
    token = form.get("refresh_token", "")
    try:
        _, claims = read_parts(token)
    except ValueError as error:
        raise EntraRefusal(700082) from error
    user = applicant.tenant.users.get(str(claims.get("upn")))
    valid = is_signed_by(token, entra.key.public) and claims.get("typ") == "refresh"
    if not valid or user is None or claims.get("appid") != applicant.app.app_id or claims["exp"] <= time.time():
        raise EntraRefusal(700082)
    if claims["serial"] < entra.revoked.principals.get(user.object_id, 0):
        raise EntraRefusal(50173)
    return _describe_user_token(entra, applicant, user, form)


def _check_password(user: User, password: str, applicant: Applicant) -> None:
    if (forced := user.take_forced()) is not None:
        raise EntraRefusal(forced.code, retry_after=forced.retry_after, user=user.name, app=applicant.app.app_id)
    if user.is_locked:
        raise EntraRefusal(50053)
    if password != user.password:
        user.failures += 1
        raise EntraRefusal(50053 if user.is_locked else 50126)
    user.failures = 0
    for is_bad, code in ((not user.enabled, 50057), (user.password_expired, 50055), (user.mfa, 50076)):
        if is_bad:
            raise EntraRefusal(code, resource=applicant.tenant.cloud.graph_resource)


def _describe_user_token(entra: Entra, applicant: Applicant, user: User, form: dict[str, str]) -> Json:
    scopes = _read_scopes(form)
    wanted = [scope for scope in scopes if scope not in _OPENID_SCOPES]
    pairs = [_split_scope(scope) for scope in wanted]
    default = applicant.tenant.cloud.graph_resource
    resource = next((resource for resource, _ in pairs if resource), default)
    _check_resource(applicant.tenant, resource)
    consented = applicant.principal.scopes_for(user.name)
    names = [name for _, name in pairs if name != ".default"]
    if not consented or not consented.issuperset(names):
        raise EntraRefusal(65001, app=applicant.app.app_id)
    granted = tuple(sorted(consented))
    capabilities = _read_capabilities(form)
    order = Order(applicant.tenant, applicant.app, applicant.principal, resource, capabilities, user, granted)
    answer = _describe_token(applicant.app, issue_token(entra, order))
    answer["scope"] = " ".join(f"{resource}/{scope}" for scope in granted)
    if "openid" in scopes:
        answer["id_token"] = sign(_describe_identity(applicant, user), entra.key)
    if "offline_access" in scopes:
        answer["refresh_token"] = sign(_describe_refresh(entra, applicant, user), entra.key)
    if form.get("client_info") == "1":
        answer["client_info"] = encode_bytes(json.dumps({"uid": user.object_id, "utid": applicant.tenant.id}).encode())
    return answer


def _describe_token(app: App, token: str) -> Json:
    answer: Json = {
        "token_type": "Bearer",
        "expires_in": app.expires_in,
        "ext_expires_in": app.expires_in,
        "access_token": token,
    }
    if app.refresh_in is not None:
        answer["refresh_in"] = app.refresh_in
    return answer


def _describe_identity(applicant: Applicant, user: User) -> Json:
    now = int(time.time())
    return {
        "aud": applicant.app.app_id,
        "iss": f"https://{applicant.tenant.cloud.login_host}/{applicant.tenant.id}/v2.0",
        "iat": now,
        "nbf": now,
        "exp": now + applicant.app.expires_in,
        "oid": user.object_id,
        "sub": user.object_id,
        "tid": applicant.tenant.id,
        "preferred_username": user.name,
        "ver": "2.0",
    }


def _describe_refresh(entra: Entra, applicant: Applicant, user: User) -> Json:
    return {
        "typ": "refresh",
        "appid": applicant.app.app_id,
        "upn": user.name.lower(),
        "jti": uuid.uuid4().hex,
        "serial": entra.next_serial(),
        "exp": int(time.time()) + _REFRESH_SECONDS,
    }


def _read_scopes(form: dict[str, str]) -> list[str]:
    scopes = form.get("scope", "").split()
    if not scopes:
        raise EntraRefusal(900144, parameter="scope")
    return scopes


def _split_scope(scope: str) -> tuple[str, str]:
    """("https://graph.microsoft.com", ".default"); the resource is empty for a bare permission name."""
    resource, _, name = scope.rpartition("/")
    return resource.rstrip("/"), name


def _check_resource(tenant: Tenant, resource: str) -> None:
    cloud = tenant.cloud
    if resource not in {cloud.graph_resource, cloud.vault_resource, cloud.exchange_audience}:
        raise EntraRefusal(500011, resource=resource, tenant=tenant.id)


def _read_capabilities(form: dict[str, str]) -> tuple[str, ...]:
    """Return the client capabilities in the claims, e.g. {"access_token": {"xms_cc": {"values": ["CP1"]}}}."""
    try:
        claims = json.loads(form.get("claims") or "{}")
        values = claims.get("access_token", {}).get("xms_cc", {}).get("values", [])
    except (ValueError, AttributeError) as error:
        raise EntraRefusal(900144, parameter="claims") from error
    return tuple(str(value) for value in values)
