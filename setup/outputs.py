"""Where the ids go: a local.settings.json, and lines to paste for azd and for an app that runs already."""

import json
import os
from pathlib import Path

from setup.errors import Stopped
from setup.plan import Plan
from setup.tenant import Tenant
from shared.config import Credential

_TO_BE = "<client id>"


def plan_settings(tenant: Tenant, plan: Plan) -> None:
    """Plan the settings file, if one was named."""
    file = tenant.wish.settings_file
    if file is None:
        return
    known = _read(file).get("Values", {})
    if tenant.app is None or any(known.get(name, "") != value for name, value in make_settings(tenant).items()):
        plan.add(f"Write the ids into {file}", "it names other ones, or none", lambda: _write(tenant, file))


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
    """Print the lines to paste."""
    say, settings = tenant.screen.say, make_settings(tenant)
    graph = {name: value for name, value in settings.items() if name.startswith("GRAPH_")}
    say()
    say("Settings: for the next `azd up`")
    for name, value in graph.items():
        say(f'  azd env set {name} "{value}"')
    say("or for an app that runs already, without azd")
    pairs = " ".join(f'"{name}={value}"' for name, value in graph.items())
    say("  az functionapp config appsettings set --resource-group <group> --name <app> --output none \\")
    say(f"    --settings {pairs}")


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
