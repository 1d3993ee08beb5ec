"""Rules for every file of the repository."""

import ast
import re
from functools import cache

import pytest

from tests.house.source import BEFORE_THE_ENVIRONMENT, ROOT, TREES, modules, tracked_files

pytestmark = pytest.mark.xdist_group(TREES)

TEXT = {".py", ".md", ".toml", ".txt", ".json", ".yaml", ".yml", ".cfg", ".bicep", ""}


@cache
def texts() -> list[tuple[str, str]]:
    return [(str(path.relative_to(ROOT)), path.read_text()) for path in tracked_files() if path.suffix in TEXT]


def test_no_module_is_longer_than_400_lines() -> None:
    long = {module.name: len(module.text.splitlines()) for module in modules() if module.package != "tests"}
    assert not {name: lines for name, lines in long.items() if lines > 400}


def test_no_file_has_a_mark_of_unfinished_work() -> None:
    left = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error")))
    assert not [name for name, text in texts() if left.search(text) and not name.endswith("package-lock.json")]


def test_every_ignored_rule_has_a_reason() -> None:
    bare = re.compile(r"#\s*(noqa(:\s*[A-Z0-9, ]+)?|type:\s*ignore(\[[a-z-, ]+\])?)\s*$", re.MULTILINE)
    without_reason = []
    for name, text in texts():
        if name.endswith(".py"):
            without_reason += [f"{name}: {found[0]}" for found in bare.finditer(text) if "noqa" in found[0]]
    assert not without_reason


def test_no_file_contains_a_path_of_a_machine() -> None:
    machine = re.compile(r"(?<![\w./-])/(work|farm|root|home/\w+|Users/\w+)/")
    assert not [f"{name}: {found[0]}" for name, text in texts() if (found := machine.search(text))]


def test_lock_files_contain_no_address_of_a_registry() -> None:
    for path in tracked_files():
        if path.name == "package-lock.json":
            assert "resolved" not in path.read_text()


def test_the_bootstrap_is_valid_for_python_3_9_and_imports_the_standard_library_only() -> None:
    import sys  # noqa: PLC0415 - beside its only use

    for name in BEFORE_THE_ENVIRONMENT:
        tree = ast.parse((ROOT / name).read_text(), feature_version=(3, 9))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert all(alias.name.partition(".")[0] in sys.stdlib_module_names for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                package = str(node.module).partition(".")[0]
                assert package in sys.stdlib_module_names or package == "devkit"


@pytest.mark.parametrize(
    "package",
    [
        "shared",
        "bookings",
        "event_subscriptions",
        "inbound_mail",
        "composition",
        "doctor",
        "blueprints",
        "setup",
        "trigger_polls",
    ],
)
def test_every_public_function_and_class_has_a_docstring(package: str) -> None:
    undocumented = []
    for module in modules(package):
        for node in module.nodes:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            if not ast.get_docstring(node) and node in module.tree.body:
                undocumented.append(f"{module.name}.{node.name}")
    assert not undocumented
