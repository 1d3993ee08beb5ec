"""Control routes of Entra: rotate credentials, revoke tokens, force failures."""

from datetime import datetime
from typing import Any

from twin.core.control import read_object
from twin.core.routes import Routes
from twin.core.wire import Call, Reply
from twin.entra.errors import KINDS
from twin.entra.state import App, Entra, Forcible, Tenant, User

control = Routes[Entra]("/entra")


@control.get("/apps")
def list_apps(call: Call, entra: Entra) -> Reply:
    """List app registrations, with ids of credentials but no values."""
    _ = call
    return Reply(200, {"apps": [_describe_app(app) for app in tuple(entra.apps.values())]})


@control.post("/apps/{appId}/secrets")
def add_secret(call: Call, entra: Entra) -> Reply:
    """Add a client secret: {"value"?, "expires"?: ISO instant, "name"?}; the value is shown once, here."""
    wish = read_object(call, "value", "expires", "name")
    expires = datetime.fromisoformat(wish["expires"]) if wish.get("expires") else None
    if expires is not None and expires.tzinfo is None:
        raise ValueError("expires needs an offset or Z")
    made = entra.app(call["appId"]).add_secret(wish.get("value"), expires=expires, name=wish.get("name", ""))
    return Reply(201, {"keyId": made.key_id, "value": made.value})


@control.delete("/apps/{appId}/secrets/{keyId}")
def remove_secret(call: Call, entra: Entra) -> Reply:
    """Remove a client secret; tokens already issued stay valid."""
    entra.app(call["appId"]).remove_secret(call["keyId"])
    return Reply(204)


@control.patch("/apps/{appId}")
def change_app(call: Call, entra: Entra) -> Reply:
    """Change token life or kind: {"expiresIn"?: seconds, "refreshIn"?: seconds or null, "isPublicClient"?}."""
    wish, app = read_object(call, "expiresIn", "refreshIn", "isPublicClient"), entra.app(call["appId"])
    app.expires_in = int(wish.get("expiresIn", app.expires_in))
    app.refresh_in = wish.get("refreshIn", app.refresh_in)
    app.is_public_client = bool(wish.get("isPublicClient", app.is_public_client))
    return Reply(200, _describe_app(app))


@control.post("/force")
def force(call: Call, entra: Entra) -> Reply:
    """Fail token requests: {"code": 53003, "app" | "tenant" | "user": name, "times"?: n, "retryAfter"?: seconds}."""
    wish = read_object(call, "code", "app", "tenant", "user", "times", "retryAfter")
    code = int(wish["code"])
    if code not in KINDS:
        raise ValueError(f"AADSTS{code} is not among {sorted(KINDS)}")
    _find_owner(entra, wish).force(code, times=wish.get("times"), retry_after=wish.get("retryAfter"))
    return Reply(204)


@control.delete("/force")
def relent(call: Call, entra: Entra) -> Reply:
    """Remove every forced failure."""
    _ = call
    owners: list[Forcible] = [*entra.apps.values(), *entra.tenants.values()]
    owners += [user for tenant in entra.tenants.values() for user in tenant.users.values()]
    for owner in owners:
        owner.relent()
    return Reply(204)


@control.post("/revoke")
def revoke(call: Call, entra: Entra) -> Reply:
    """Revoke tokens: {"tenant", "app" | "user"} for all issued so far, or {"token": uti} for one."""
    wish = read_object(call, "tenant", "app", "user", "token")
    if "token" in wish:
        entra.revoke_token(str(wish["token"]))
        return Reply(204)
    tenant = entra.tenant(str(wish["tenant"]))
    holder = tenant.users[wish["user"].lower()] if "user" in wish else tenant.principals[wish["app"]]
    entra.revoke_principal(holder.object_id)
    return Reply(204)


@control.patch("/tenants/{tenant}/principals/{appId}")
def change_principal(call: Call, entra: Entra) -> Reply:
    """Change an app: {"grant"?: [roles], "withdraw"?: [roles], "exchangeRoles"?: [of mailboxes], "enabled"?}."""
    wish = read_object(call, "grant", "withdraw", "exchangeRoles", "enabled")
    principal = entra.tenant(call["tenant"]).principals[call["appId"]]
    principal.grant_roles(*wish.get("grant", []))
    principal.revoke_roles(*wish.get("withdraw", []))
    principal.exchange_roles = frozenset(wish.get("exchangeRoles", principal.exchange_roles))
    principal.enabled = bool(wish.get("enabled", principal.enabled))
    shown = {"roles": sorted(principal.roles), "exchangeRoles": sorted(principal.exchange_roles)}
    return Reply(200, shown | {"enabled": principal.enabled})


def _find_owner(entra: Entra, wish: dict[str, Any]) -> App | Tenant | User:
    if "app" in wish:
        return entra.app(wish["app"])
    if "user" in wish:
        return _find_user(entra, str(wish["user"]))
    return entra.tenant(str(wish["tenant"]))


def _find_user(entra: Entra, name: str) -> User:
    for tenant in entra.tenants.values():
        if name.lower() in tenant.users:
            return tenant.users[name.lower()]
    raise KeyError(name)


def _describe_app(app: App) -> dict[str, Any]:
    return {
        "appId": app.app_id,
        "name": app.name,
        "homeTenant": app.home_tenant,
        "secrets": [
            {"keyId": secret.key_id, "name": secret.name, "expires": secret.expires and secret.expires.isoformat()}
            for secret in tuple(app.secrets.values())
        ],
        "certificates": list(app.certificates),
        "federated": [credential.name for credential in tuple(app.federated.values())],
        "expiresIn": app.expires_in,
        "refreshIn": app.refresh_in,
        "isPublicClient": app.is_public_client,
    }
