"""Where the ids go: azd's environment, a local.settings.json, and lines to paste for an app that runs already."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from setup.errors import Stopped
from setup.plan import Plan
from setup.tenant import Tenant
from setup.wish import Part, tell_azd
from shared.settings.config import Credential

_TO_BE = "<client id>"


def plan_settings(tenant: Tenant, plan: Plan) -> None:
    """Plan the settings file, if one was named, and azd's environment, if it was asked for its outputs."""
    file, azd = tenant.wish.settings_file, tenant.wish.azd
    if file is not None and _differs(tenant, make_settings(tenant), _read(file).get("Values", {})):
        plan.add(f"Write the ids into {file}", "it names other ones, or none", lambda: _write(tenant, file))
    if azd is not None and _differs(tenant, _make_azd_settings(tenant), azd):
        plan.add(
            "Tell azd the ids, for its next `azd provision`",
            "its environment names other ones, or none",
            lambda: tell_azd(_make_azd_settings(tenant)),
        )


def _differs(tenant: Tenant, wanted: Mapping[str, str], known: Mapping[str, str]) -> bool:
    return tenant.app is None or any(known.get(name, "") != value for name, value in wanted.items())


def _make_azd_settings(tenant: Tenant) -> dict[str, str]:
    """Return what the deployment takes as parameters; it knows vault and identity by itself."""
    return {name: value for name, value in make_settings(tenant).items() if name.startswith("GRAPH_")}


def make_settings(tenant: Tenant) -> dict[str, str]:
    """Return the gateway's settings for this registration. None of them is a secret."""
    wish = tenant.wish
    settings = {
        "GRAPH_CLOUD": wish.cloud.name,
        "GRAPH_TENANT_ID": tenant.id,
        "GRAPH_CLIENT_ID": str((tenant.app or {}).get("appId", _TO_BE)),
        "GRAPH_CREDENTIAL": wish.credential.value,
        "GRAPH_CREDENTIAL_NAME": wish.credential_name,
    }
    if wish.vault_url:
        settings["KEY_VAULT_URL"] = wish.vault_url
    if wish.credential is Credential.FEDERATED and wish.identity_client_id:
        settings["IDENTITY_CLIENT_ID"] = wish.identity_client_id
    return settings


def show_settings(tenant: Tenant) -> None:
    """Print where the ids are, or the lines to paste."""
    wish, say, settings = tenant.wish, tenant.screen.say, _make_azd_settings(tenant)
    say()
    if wish.azd is not None and wish.apply:
        say("Settings: azd knows them. To bring them to the app: azd provision")
        return
    say("Settings: for the next `azd up`")
    for name, value in settings.items():
        say(f'  azd env set {name} "{value}"')
    say("or for an app that runs already, without azd")
    pairs = " ".join(f'"{name}={value}"' for name, value in settings.items())
    say("  az functionapp config appsettings set --resource-group <group> --name <app> --output none \\")
    say(f"    --settings {pairs}")


def show_other_tenants(tenant: Tenant) -> None:
    """Print how another tenant adds the app."""
    say = tenant.screen.say
    say()
    say("Other tenants: an administrator there runs")
    say(f"  {tenant.wish.command(Part.CONSENT, tenant='<their tenant id>', app=tenant.app_id)}")


def show_connection(tenant: Tenant) -> None:
    """Print the setting that leads the gateway into another tenant, which has added the app."""
    wish, say = tenant.wish, tenant.screen.say
    entry = {"tenant_id": tenant.id, "client_id": tenant.app_id, "credential": wish.credential.value}
    entry |= {"credential_name": wish.credential_name} if wish.credential_name else {}
    entry |= {"cloud": wish.cloud.name} if wish.cloud.name != "global" else {}
    say()
    say("Settings: one more entry of GRAPH_CONNECTIONS, under a name of your choice; bookings_businesses opens pages")
    say(f'  "<name>": {json.dumps(entry | {"bookings_businesses": ""})}')


def _read(file: Path) -> dict[str, dict[str, str]]:
    try:
        read = json.loads(file.read_text())
        values = read.setdefault("Values", {})
    except FileNotFoundError:
        return {"Values": {}}
    except (OSError, ValueError, AttributeError) as error:
        raise Stopped(f"{file} cannot be read as JSON settings.") from error
    if not isinstance(values, dict):
        raise Stopped(f"{file} cannot be read as JSON settings.")
    result: dict[str, dict[str, str]] = read
    return result


def _write(tenant: Tenant, file: Path) -> None:
    """Write the file whole or not at all; other values stay."""
    settings = _read(file)
    settings["Values"] |= make_settings(tenant)
    draft = file.with_name(f"{file.name}.part")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(settings, out, indent=2)
        out.write("\n")
    draft.replace(file)
