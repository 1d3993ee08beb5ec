"""The page about the sample flows agrees with the flows."""

import json
import re

from devkit.flows.connectors import load_connectors
from devkit.flows.sources import FLOWS, Setting, load_flows
from devkit.flows.topics import TOPICS
from tests.house.source import ROOT

README = (FLOWS / "README.md").read_text()
COLUMNS_OF_SHAREPOINT = {"ID", "Title"}


def settings() -> dict[str, Setting]:
    return {setting.schema_name: setting for flow in load_flows() for setting in flow.settings.values()}


def test_every_flow_has_its_line_and_every_line_its_flow() -> None:
    rows = re.findall(r"^\| ([^|]+) \| `([a-z-]+)` \| [^|]+ \| [^|]+ \|$", README, flags=re.MULTILINE)
    assert sorted(rows) == sorted((flow.title, flow.name) for flow in load_flows())


def test_every_trigger_of_the_connector_is_named_as_the_connector_names_it() -> None:
    operations = load_connectors()["shared_gateway"].operations
    for flow in load_flows():
        host = flow.trigger[1].get("inputs", {}).get("host", {})
        if host.get("operationId") in operations:
            assert f"`{flow.name}` | {operations[host['operationId']].summary} |" in README


def test_every_solution_is_in_the_table() -> None:
    assert re.findall(r"^\| `([a-z-]+)\.zip` \| .+ \|$", README, flags=re.MULTILINE) == list(TOPICS)


def test_every_column_of_the_lists_is_documented() -> None:
    item = load_connectors()["shared_sharepointonline"].document["definitions"]["Item"]["properties"]
    section = README.partition("| List | Columns |")[2].partition("##")[0]
    assert set(re.findall(r"`(\w+)`", section)) == set(item) - COLUMNS_OF_SHAREPOINT


def test_the_page_says_how_many_flows_there_are() -> None:
    assert len(load_flows()) == 12
    assert README.startswith("# Sample flows\n\nTwelve flows ")


def test_flow_files_have_one_format() -> None:
    for path in FLOWS.glob("*.json"):
        text = path.read_text()
        assert text == json.dumps(json.loads(text), indent=2) + "\n", path.name


def test_other_pages_link_to_it() -> None:
    for page in ("README.md", "docs/development.md", "power-automate/readme.md"):
        assert "flows/README.md" in (ROOT / page).read_text(), page


def test_the_options_of_the_command_are_documented() -> None:
    development = (ROOT / "docs/development.md").read_text()
    command = (ROOT / "devkit/commands/connector.py").read_text()
    for option in re.findall(r'"(--[a-z-]+)"', command):
        assert option in development, option
