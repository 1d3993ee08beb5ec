"""The source tree as syntax, for the house tests."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPLOYED = ("function_app", "blueprints", "composition", "doctor", "bookings", "inbound_mail", "shared")


@dataclass(frozen=True)
class Module:
    """One module of the repository: dotted name, path, syntax tree."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    def imports(self, *, types_too: bool = True) -> Iterator[str]:
        """Yield every dotted name that it imports, at any depth; `from a import b` gives a and a.b.

        With `types_too=False` imports under `if TYPE_CHECKING:` are left out: they do not happen when the code runs.
        """
        aside = set() if types_too else {id(node) for node in self._nodes_for_type_checkers()}
        for node in ast.walk(self.tree):
            if id(node) in aside:
                continue
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.path}: imports are absolute here"
                yield node.module or ""
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def _nodes_for_type_checkers(self) -> Iterator[ast.AST]:
        for node in ast.walk(self.tree):
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
def modules(*packages: str) -> tuple[Module, ...]:
    """Return the modules of the given top-level packages, or all."""
    found = []
    for path in tracked_files():
        if path.suffix != ".py":
            continue
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if not packages or name.partition(".")[0] in packages:
            found.append(Module(name, path, ast.parse(path.read_text(), str(path))))
    return tuple(found)


def deployed() -> tuple[Module, ...]:
    return modules(*DEPLOYED)
