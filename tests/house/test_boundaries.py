"""No circles of imports; row keys, columns, queue names and messages each belong to one module."""

import ast
import re
from collections.abc import Iterator, Mapping

import pytest

from tests.house.source import TREES, Module, deployed, modules

pytestmark = pytest.mark.xdist_group(TREES)

LEDGER = "inbound_mail.ledger."
# Rows of other tables than the ledger's, each spelled in its own module only.
OTHER_TABLES = {"inbound_mail.delivery.threads"}


def texts_in(module: Module) -> Iterator[tuple[int, str]]:
    """Yield the line and value of every text in the module, f-strings piece by piece, without docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in module.nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in module.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def import_graph(found: tuple[Module, ...], *, types_too: bool = False) -> dict[str, set[str]]:
    """Return which of these modules each one imports; without `types_too` only imports that happen at run time."""
    known = {module.name for module in found}
    return {module.name: module.imports_among(known, types_too=types_too) for module in found}


def find_circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Return every group of modules that can reach each other."""
    reached = {name: reachable(graph, name) for name in graph}
    groups = {frozenset({name} | {other for other in reached[name] if name in reached[other]}) for name in graph}
    return sorted((set(group) for group in groups if len(group) > 1), key=sorted)


def reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        for name in graph[ahead.pop()] - found:
            found.add(name)
            ahead.append(name)
    return found


def test_circles_are_found() -> None:
    assert find_circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == [{"a", "b", "c"}]


def test_deployed_modules_import_each_other_in_no_circle() -> None:
    assert find_circles(import_graph(deployed())) == []


@pytest.mark.parametrize("package", ["devkit", "setup", "bench"])
def test_undeployed_packages_have_no_circle_either(package: str) -> None:
    assert find_circles(import_graph(modules(package))) == []


def test_the_twin_has_one_circle_of_types_a_mailbox_and_its_messages() -> None:
    assert find_circles(import_graph(modules("twin"))) == []
    assert find_circles(import_graph(modules("twin"), types_too=True)) == [{"twin.mail.mailbox", "twin.mail.message"}]


def test_only_the_command_line_imports_the_commands() -> None:
    for module in modules("devkit", "bench", "setup", "twin"):
        if not module.name.endswith("__main__") and not module.name.startswith("devkit.commands"):
            found = [name for name in module.imports() if name.startswith("devkit.commands")]
            assert not found, f"{module.name} imports {found}"


def test_blueprints_import_no_other_blueprint() -> None:
    names = {module.name for module in modules("blueprints") if not module.name.startswith("blueprints._")}
    for module in modules("blueprints"):
        found = set(module.imports()) & names - {module.name, "blueprints"}
        assert not found, f"{module.name} imports {found}"


def test_only_the_ledger_spells_its_row_keys() -> None:
    row_key = re.compile(r"^[miodfrqsc][|}]")
    for module in modules("blueprints", "composition", "doctor", "inbound_mail", "bench"):
        if not module.name.startswith(LEDGER) and module.name not in OTHER_TABLES:
            found = [f"{module.name}:{line} {text}" for line, text in texts_in(module) if row_key.match(text)]
            assert not found


def test_only_the_ledger_spells_the_columns_of_open_work() -> None:
    column = re.compile(r"^(state|due)_$")
    for module in modules("blueprints", "composition", "doctor", "inbound_mail", "bench"):
        if not module.name.startswith(LEDGER):
            found = [f"{module.name}:{line} {text}" for line, text in texts_in(module) if column.match(text)]
            assert not found


def test_only_the_module_of_messages_contains_queue_names() -> None:
    queue = re.compile(r"mailbox-polls|mail-deliveries")
    homes = {
        module.name
        for module in modules("function_app", "blueprints", "composition", "doctor", "inbound_mail", "shared", "bench")
        if any(queue.search(text) for _, text in texts_in(module))
    }
    assert homes == {"inbound_mail.messages"}


def test_only_the_module_of_messages_builds_messages() -> None:
    """A dictionary with the members of a delivery's message is a message that bypasses the type."""
    for module in modules("blueprints", "inbound_mail", "composition"):
        if module.name == "inbound_mail.messages":
            continue
        for node in module.nodes:
            if isinstance(node, ast.Dict):
                keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
                assert not keys >= {"mailbox", "key", "sink"}, f"{module.name}:{node.lineno}"
