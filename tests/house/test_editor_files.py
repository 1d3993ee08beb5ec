"""Files for editors: they parse, name commands that exist and the versions that are supported, and hold no key."""

import importlib.util
import json
import re
from typing import Any

import pytest

from devkit.bootstrap import SUPPORTED
from devkit.connector.document import build_definition
from devkit.connector.pages import recorded_operations
from tests.house.command_lines import find_fault
from tests.house.source import ROOT
from tests.http_file import list_used, read_requests, read_variables

FILES = (".vscode/tasks.json", ".vscode/launch.json", ".vscode/extensions.json", ".devcontainer/devcontainer.json")
REQUESTS = (ROOT / "test.http").read_text()


def read(name: str) -> Any:
    return json.loads((ROOT / name).read_text())


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_plain_json(name: str) -> None:
    assert isinstance(read(name), dict)
    assert name.partition("/")[0] in (ROOT / ".funcignore").read_text().splitlines()


def test_tasks_run_commands_that_exist() -> None:
    tasks = read(".vscode/tasks.json")["tasks"]
    commands = {task["label"]: task["args"] for task in tasks if task["command"] == "python3"}
    assert len(commands) == len(tasks) >= 5
    for label, (option, module, *arguments) in commands.items():
        assert option == "-m"
        assert find_fault(module, " ".join(arguments)) is None, label
    assert find_fault("devkit", "up --nothing")
    ready = next(task for task in tasks if task.get("isBackground"))["problemMatcher"]["background"]
    source = (ROOT / "devkit/local_run/start.py").read_text()
    for pattern in (ready["beginsPattern"], ready["endsPattern"]):
        assert pattern in source


def test_configurations_start_modules_that_exist() -> None:
    found = read(".vscode/launch.json")["configurations"]
    assert {one["module"] for one in found} == {"devkit", "pytest"}
    for one in found:
        assert importlib.util.find_spec(one["module"])
        assert one["module"] != "devkit" or find_fault("devkit", " ".join(one["args"])) is None


def test_the_container_has_the_python_of_the_platform_and_a_node_that_the_emulator_takes() -> None:
    container = read(".devcontainer/devcontainer.json")
    assert container["image"].endswith(f":{SUPPORTED[0]}")
    lock = read("devkit/azurite_npm/package-lock.json")["packages"]["node_modules/azurite"]
    (wanted,) = re.findall(r"^>=(\d+)", lock["engines"]["node"])
    [node] = [value["version"] for name, value in container["features"].items() if "/node:" in name]
    assert int(node) >= int(wanted)
    _, module, *arguments = container["postCreateCommand"].split(" ", 3)[1:]
    assert find_fault(module, " ".join(arguments)) is None


def test_there_is_a_request_for_each_operation_and_no_key() -> None:
    requests = list(read_requests(REQUESTS))
    assert {one.name for one in requests} == {one["operationId"] for one in recorded_operations(build_definition())}
    variables = read_variables(REQUESTS)
    assert variables["key"] == "{{$processEnv GATEWAY_KEY}}"
    earlier: set[str] = set()
    for one in requests:
        assert one.headers["x-functions-key"] == "{{key}}"
        for used in list_used(one):
            assert used in variables or used.partition(".response.body.$")[0] in earlier, f"{one.name}: {used}"
        earlier.add(one.name)
        assert one.body != "{}"
        assert not one.body or json.loads(one.body)
