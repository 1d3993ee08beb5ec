"""Writes the ids into azd's environment or a local.settings.json, or prints lines to paste for a running app."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from setup.errors import Stopped
from setup.options import Part, set_azd_settings
from setup.plan import Plan
from setup.tenant import Tenant
from shared.settings.choices import Credential

_TO_BE = "<client id>"


def plan_settings(tenant: Tenant, plan: Plan) -> None:
    """Plan the settings file, if --settings names one, and azd's environment, if its outputs were read."""
    file, azd = tenant.options.settings_file, tenant.options.azd
    if file is not None and _differs(tenant, make_settings(tenant), _read(file).get("Values", {})):
        plan.add(f"Write the ids into {file}", "it has other ids, or none", lambda: _write(tenant, file))
    if azd is not None and _differs(tenant, _make_azd_settings(tenant), azd):
        plan.add(
            "Set the ids in azd's environment, for the next `azd provision`",
            "it has other ids, or none",
            lambda: set_azd_settings(_make_azd_settings(tenant)),
        )


def _differs(tenant: Tenant, wanted: Mapping[str, str], known: Mapping[str, str]) -> bool:
    return tenant.app is None or any(known.get(name, "") != value for name, value in wanted.items())


def _make_azd_settings(tenant: Tenant) -> dict[str, str]:
    """Return the settings that the deployment takes as parameters; it knows the vault and the identity already."""
    return {name: value for name, value in make_settings(tenant).items() if name.startswith("GRAPH_")}


def make_settings(tenant: Tenant) -> dict[str, str]:
    """Return the gateway's settings for this registration. None of them is a secret."""
    options = tenant.options
    settings = {
        "GRAPH_CLOUD": options.cloud.name,
        "GRAPH_TENANT_ID": tenant.id,
        "GRAPH_CLIENT_ID": str((tenant.app or {}).get("appId", _TO_BE)),
        "GRAPH_CREDENTIAL": options.credential.value,
        "GRAPH_CREDENTIAL_NAME": options.credential_name,
    }
    if options.vault_url:
        settings["KEY_VAULT_URL"] = options.vault_url
    if options.credential is Credential.FEDERATED and options.identity_client_id:
        settings["IDENTITY_CLIENT_ID"] = options.identity_client_id
    return settings


def show_settings(tenant: Tenant) -> None:
    """Print which command brings the ids to the app, or the lines to paste."""
    options, say, settings = tenant.options, tenant.console.say, _make_azd_settings(tenant)
    say()
    if options.azd is not None and options.apply:
        tenant.console.hand_over(
            "Settings: they are in azd's environment. To bring them to the app, run: azd provision"
        )
        return
    tenant.console.hand_over("Settings: for the next `azd up`")
    for name, value in settings.items():
        say(f'  azd env set {name} "{value}"')
    say("or, without azd, for an app that is already deployed")
    pairs = " ".join(f'"{name}={value}"' for name, value in settings.items())
    say("  az functionapp config appsettings set --resource-group <group> --name <app> --output none \\")
    say(f"    --settings {pairs}")


def show_other_tenants(tenant: Tenant) -> None:
    """Print the command by which another tenant adds the app."""
    say = tenant.console.say
    say()
    tenant.console.hand_over("Other tenants: an administrator there runs")
    say(f"  {tenant.options.command(Part.CONSENT, tenant='<their tenant id>', app=tenant.app_id)}")


def show_connection(tenant: Tenant) -> None:
    """Print the connection setting for another tenant that has added the app."""
    options, say = tenant.options, tenant.console.say
    entry = {"tenant_id": tenant.id, "client_id": tenant.app_id, "credential": options.credential.value}
    entry |= {"credential_name": options.credential_name} if options.credential_name else {}
    entry |= {"cloud": options.cloud.name} if options.cloud.name != "global" else {}
    say()
    tenant.console.hand_over(
        "Settings: add this to GRAPH_CONNECTIONS under a name of your choice; bookings_businesses lists booking pages"
    )
    say(f'  "<name>": {json.dumps(entry | {"bookings_businesses": ""})}')


def _read(file: Path) -> dict[str, dict[str, str]]:
    try:
        read = json.loads(file.read_text())
        values = read.setdefault("Values", {})
    except FileNotFoundError:
        return {"Values": {}}
    except (OSError, ValueError, AttributeError) as error:
        raise Stopped(f"{file} is not a settings file: it must be JSON with an object Values.") from error
    if not isinstance(values, dict):
        raise Stopped(f"{file} is not a settings file: it must be JSON with an object Values.")
    result: dict[str, dict[str, str]] = read
    return result


def _write(tenant: Tenant, file: Path) -> None:
    """Write the settings file atomically; its other values stay."""
    settings = _read(file)
    settings["Values"] |= make_settings(tenant)
    draft = file.with_name(f"{file.name}.part")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(settings, out, indent=2)
        out.write("\n")
    draft.replace(file)
