"""The source tree as syntax, for the house tests."""

import ast
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREES = "syntax trees"
"""The group of the tests that read most modules: in one worker, so that each module is parsed once."""
DEPLOYED = (
    "function_app", "blueprints", "composition", "doctor", "bookings", "event_subscriptions", "graph_notifications",
    "inbound_mail", "shared", "trigger_polls",
)  # fmt: skip

BEFORE_THE_ENVIRONMENT = tuple(
    f"devkit/{name}.py" for name in ("__init__", "__main__", "bootstrap", "processes", "guard", "progress")
)
"""What any Python from 3.9 on can start, with the standard library alone."""


@dataclass(frozen=True)
class Module:
    """One module of the repository: dotted name, path, and what is read when first asked for."""

    name: str
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree; walking takes as long as parsing, and most house tests ask for it."""
        return tuple(ast.walk(self.tree))

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    def imports(self) -> Iterator[str]:
        """Yield every dotted name that it imports, at any depth; `from a import b` gives a and a.b."""
        for node in self._import_nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            else:
                yield node.module or ""
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def imports_among(self, known: Collection[str], *, types_too: bool = False) -> set[str]:
        """Return which of the known modules it imports, at any depth; `from a import b` is a.b if that is a module.

        Imports under `if TYPE_CHECKING:` do not happen when the code runs; they count only with `types_too`.
        """
        aside = set() if types_too else {id(node) for node in self._nodes_for_type_checkers()}
        found = set()
        for node in self._import_nodes:
            if id(node) not in aside:
                for alias in node.names:
                    whole = alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
                    found.add(whole if whole in known or isinstance(node, ast.Import) else str(node.module))
        return {name for name in found if name in known} - {self.name}

    @cached_property
    def _import_nodes(self) -> list[ast.Import | ast.ImportFrom]:
        found = [node for node in self.nodes if isinstance(node, ast.Import | ast.ImportFrom)]
        for node in found:
            assert isinstance(node, ast.Import) or node.level == 0, f"{self.path}: imports are absolute here"
        return found

    def _nodes_for_type_checkers(self) -> Iterator[ast.AST]:
        for node in self.nodes:
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
                for statement in node.body:
                    yield from ast.walk(statement)


@cache
def tracked_files() -> tuple[Path, ...]:
    """Return the files that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return tuple(sorted(path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()))


@cache
def all_modules() -> tuple[Module, ...]:
    """Return every module of the repository; each file is read once, by whoever asks for its tree."""
    found = []
    for path in tracked_files():
        if path.suffix == ".py":
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.append(Module(name, path))
    return tuple(found)


def modules(*packages: str) -> tuple[Module, ...]:
    """Return the modules of the given top-level packages, or all."""
    return tuple(module for module in all_modules() if not packages or module.package in packages)


def deployed() -> tuple[Module, ...]:
    """Return the modules that are deployed."""
    return modules(*DEPLOYED)
