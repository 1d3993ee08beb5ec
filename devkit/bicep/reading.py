"""Bicep files as data, and the properties that Azure's resources have, read in an environment of the tools' own.

tree-sitter-bicep reads Bicep; the azure-mgmt packages know every property's name and kind.
Sources: https://pypi.org/project/tree-sitter-bicep/, https://pypi.org/project/azure-mgmt-web/
"""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devkit.bicep.resources import RESOURCES
from devkit.foreign import LOCKED, find_python

TOOLS = LOCKED / "bicep.txt"
_READER = Path(__file__).with_name("reader.py")
_SECONDS = 120

type Models = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Source:
    """One file: its path below infra/, its text, and what `reader.py` says of it."""

    name: str
    text: str
    read: Mapping[str, Any] = field(default_factory=dict)

    def list_declared(self, *kinds: str) -> Iterator[Mapping[str, Any]]:
        """Yield the declarations of these kinds, in order: parameter, variable, resource, module, output, type."""
        return (each for each in self.read.get("declared", ()) if each["kind"] in kinds)


def find_tools() -> Path:
    """Return the interpreter of the environment with checkov, the grammar and the models; made when needed."""
    return find_python(TOOLS)


def read_sources(texts: Sequence[tuple[str, str]]) -> tuple[list[Source], Models]:
    """Read (name, text) pairs in one go; return them with the models of all resources we use."""
    classes = sorted({known.model for known in RESOURCES.values() if known.model})
    asked = {"texts": [text for _, text in texts], "classes": classes}
    done = subprocess.run(
        [str(find_tools()), "-I", str(_READER)],
        input=json.dumps(asked), capture_output=True, text=True, timeout=_SECONDS, check=True,
    )  # fmt: skip
    answer = json.loads(done.stdout)
    return [Source(*pair, found) for pair, found in zip(texts, answer["files"], strict=True)], answer["models"]
