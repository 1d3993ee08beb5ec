"""Checks of a flow's settings: named, explained, used, and picked from a list where the platform offers one."""

from collections.abc import Iterator

from devkit.flows.complaints import Complaint
from devkit.flows.sources import CONNECTED, DataSource, Flow, find_texts

# Parameters whose values an import can list (data-source variables), each with the one that its list depends on. Of the
# connectors that our flows use SharePoint alone has them: neither Teams, Forms, Outlook nor a custom connector does.
_LISTED = {"shared_sharepointonline": {"dataset": None, "table": "dataset"}}

type Found = tuple[str, str, str]  # rule, place, message


def check_settings(flow: Flow) -> list[Complaint]:
    """Return what is wrong with the settings of a flow."""
    return [Complaint(flow.name, *found) for found in (*_check_parameters(flow), *_check_picked(flow))]


def _check_parameters(flow: Flow) -> Iterator[Found]:
    parameters = flow.definition.get("parameters", {})
    for name, kind in (("$connections", "Object"), ("$authentication", "SecureObject")):
        if parameters.get(name, {}).get("type") != kind:
            yield "setting", name, f"is missing, or its type is not {kind}"
    text = " ".join(text for _, text in find_texts(flow.definition))
    for name in parameters:
        if name.startswith("$"):
            continue
        setting = flow.settings.get(name)
        if setting is None:
            yield "named", name, "settings are named “Title (ggw_Name)”"
        elif parameters[name].get("metadata", {}).get("schemaName") != setting.schema_name:
            yield "named", name, f"metadata.schemaName is not {setting.schema_name}"
        elif not setting.description:
            yield "explained", name, "says nothing of what to choose"
        if f"parameters('{name}')" not in text:
            yield "asked", name, "is asked for and never used"


def _check_picked(flow: Flow) -> Iterator[Found]:
    """Find settings that would be typed although a list could be offered, and those whose list is another's."""
    chosen = {f"@parameters('{setting.name}')": setting for setting in flow.settings.values()}
    for name, thing in [flow.trigger, *((step.name, step.action) for step in flow.steps)]:
        if thing["type"] not in CONNECTED:
            continue
        connector = str(flow.references.get(thing["inputs"]["host"]["connectionName"], {}).get("api", {}).get("name"))
        given = thing["inputs"].get("parameters", {})
        for parameter, above in _LISTED.get(connector, {}).items():
            if (setting := chosen.get(str(given.get(parameter)))) is None:
                continue
            within = chosen.get(str(given.get(above)))
            wanted = DataSource(connector, parameter, within.schema_name if within else None)
            if setting.data_source != wanted:
                yield "picked", name, f"“{setting.title}” is a list's entry: its dataSource must be {wanted}"
