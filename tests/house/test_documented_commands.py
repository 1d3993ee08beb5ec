"""Every command that a document shows is understood as it is written."""

import pytest

from tests.house.command_lines import find_fault, list_commands
from tests.house.source import ROOT, TREES, tracked_files

pytestmark = pytest.mark.xdist_group(TREES)

_FOREIGN = {"pytest", "http.server", "pip", "venv"}


def documented() -> list[tuple[str, str, str]]:
    pages = [path for path in tracked_files() if path.suffix == ".md"]
    return sorted(
        {
            (path.relative_to(ROOT).as_posix(), module, arguments.strip())
            for path in pages
            for module, arguments in list_commands(path.read_text())
        }
    )


def test_every_documented_command_is_understood() -> None:
    found = documented()
    assert len(found) > 25
    assert {"README.md", "docs/development.md", "docs/register.md"} <= {page for page, _, _ in found}
    faults = [
        f"{page}: {module} {arguments}: {fault}"
        for page, module, arguments in found
        if module not in _FOREIGN and (fault := find_fault(module, arguments))
    ]
    assert faults == []


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("devkit", "fly"),
        ("devkit", "up --prot 7071"),
        ("setup", "register --credential magic"),
        ("devkit.hots", ""),
        ("devkit", ""),
    ],
)
def test_a_command_that_does_not_work_is_found(module: str, arguments: str) -> None:
    assert find_fault(module, arguments)


def test_commands_are_read_from_console_blocks_only() -> None:
    text = "Run `python3 -m devkit up`.\n```console\nA=1 python3 -m devkit up --port 1 \\\n  --func  # all\nls\n```\n"
    assert list(list_commands(text)) == [("devkit", " up --port 1    --func  # all")]
