"""Control routes of Key Vault: rotate a value, disable a version, close the network."""

from datetime import datetime

from twin.core.control import read_object
from twin.core.routes import Routes
from twin.core.wire import Call, Reply
from twin.vault.state import SECRETS_USER, Vaults

control = Routes[Vaults]("/vault")


@control.get("")
def list_vaults(call: Call, vaults: Vaults) -> Reply:
    """List vaults with the names and versions of their secrets, without values."""
    _ = call
    return Reply(
        200,
        {
            "vaults": [
                {
                    "name": vault.name,
                    "url": vault.url,
                    "roles": vault.roles,
                    "networkOpen": vault.network_open,
                    "secrets": {
                        versions[-1].name: [version.version for version in versions]
                        for versions in tuple(vault.secrets.values())
                    },
                }
                for vault in tuple(vaults.by_host.values())
            ],
        },
    )


@control.put("/{vault}/secrets/{name}")
def set_secret(call: Call, vaults: Vaults) -> Reply:
    """Store a new version: {"value", "contentType"?, "tags"?, "expires"?: ISO instant, "enabled"?}."""
    wish = read_object(call, "value", "contentType", "tags", "expires", "enabled")
    expires = datetime.fromisoformat(wish["expires"]) if wish.get("expires") else None
    made = vaults.vault(call["vault"]).set_secret(
        call["name"],
        str(wish["value"]),
        content_type=wish.get("contentType"),
        tags=wish.get("tags"),
        expires=expires,
        enabled=bool(wish.get("enabled", True)),
    )
    return Reply(200, {"name": made.name, "version": made.version})


@control.patch("/{vault}/secrets/{name}")
def change_secret(call: Call, vaults: Vaults) -> Reply:
    """Enable or disable the latest version: {"enabled": false}."""
    enabled = bool(read_object(call, "enabled")["enabled"])
    made = vaults.vault(call["vault"]).change_secret(call["name"], enabled=enabled)
    return Reply(200, {"name": made.name, "version": made.version, "enabled": made.enabled})


@control.patch("/{vault}")
def change_vault(call: Call, vaults: Vaults) -> Reply:
    """Change access: {"networkOpen"?, "assign"?: {principalId: role}, "remove"?: [principalId]}."""
    wish, vault = read_object(call, "networkOpen", "assign", "remove"), vaults.vault(call["vault"])
    vault.network_open = bool(wish.get("networkOpen", vault.network_open))
    for principal, role in wish.get("assign", {}).items():
        vault.assign_role(principal, role or SECRETS_USER)
    for principal in wish.get("remove", []):
        vault.remove_role(principal)
    return Reply(200, {"name": vault.name, "networkOpen": vault.network_open, "roles": vault.roles})
