"""The table of the sample flows' settings in power-automate/flows/README.md."""

from devkit.documents.blocks import Texts, make_table
from devkit.flows.sources import Setting, load_flows

_PATH, _BLOCK = "power-automate/flows/README.md", "settings of the flows"


def write(texts: Texts) -> None:
    """Write one row for each setting, by name, as the file for unattended imports has them."""
    settings = {setting.schema_name: setting for flow in load_flows() for setting in flow.settings.values()}
    rows = [
        (each.title, f"`{each.schema_name}`", _describe_default(each), each.description)
        for _, each in sorted(settings.items())
    ]
    texts.put_block(_PATH, _BLOCK, make_table(("Setting", "Name", "In a solution", ""), rows))


def _describe_default(setting: Setting) -> str:
    if setting.data_source is not None:
        return "picked"
    if setting.is_optional:
        return "optional"
    return "asked" if setting.is_asked else f"`{setting.default}`"
