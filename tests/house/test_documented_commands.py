"""Every command that a document shows is understood as it is written."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from itertools import takewhile

import pytest

from devkit.commands import NAMES, build_parser
from tests.house.source import ROOT, TREES, tracked_files

pytestmark = pytest.mark.xdist_group(TREES)

_COMMAND = re.compile(r"(?:\$ )?(?:\w+=\S+ )*(?:python3?|\.venv/bin/python) -m ([\w.]+)(.*)")
_FOREIGN = {"pytest", "http.server", "pip", "venv"}


def list_commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield module and arguments of each command in a console block."""
    for block in re.findall(r"```(?:console|shell|sh|bash)\n(.*?)```", text, flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if found := _COMMAND.match(line.strip()):
                yield found[1], found[2]


def documented() -> list[tuple[str, str, str]]:
    pages = [path for path in tracked_files() if path.suffix == ".md"]
    return sorted(
        {
            (path.relative_to(ROOT).as_posix(), module, arguments.strip())
            for path in pages
            for module, arguments in list_commands(path.read_text())
        }
    )


def find_fault(module: str, arguments: str) -> str | None:
    """Return what is wrong with a command, or None; placeholders such as `<tenant id>` stand for one word."""
    reader = shlex.shlex(re.sub(r"<[^>]*>", "X", arguments), posix=True, punctuation_chars="|&;<>")
    reader.whitespace_split = True
    words = list(takewhile(lambda word: not set(word) <= set("|&;<>"), reader))
    if module not in {"devkit", "setup"}:
        return None if importlib.util.find_spec(module) else f"there is no module {module}"
    if not words or words[0] not in NAMES:
        return f"there is no command {words[:1]}"
    try:
        known, more = build_parser(words[0]).parse_known_args(words)
    except SystemExit:
        return "its options are not understood"
    return None if known.passes_on or not more else f"unknown arguments {more}"


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
