"""Bicep files as trees, and the properties that Azure's resources have, read in an environment of the tools' own.

pycep-parser (checkov's own parser) reads Bicep; the azure-mgmt packages know every property's name and kind.
Sources: https://pypi.org/project/pycep-parser/, https://pypi.org/project/azure-mgmt-web/
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devkit.bicep.resources import RESOURCES
from devkit.foreign import find_python

CHECKOV = (
    "checkov==3.3.30",
    "pycep-parser==0.5.1",
    "azure-mgmt-applicationinsights==4.1.0",
    "azure-mgmt-authorization==4.0.0",
    "azure-mgmt-keyvault==14.1.0",
    "azure-mgmt-loganalytics==14.0.0",
    "azure-mgmt-monitor==7.0.0",
    "azure-mgmt-msi==7.1.0",
    "azure-mgmt-network==33.1.0",
    "azure-mgmt-privatedns==2.0.0",
    "azure-mgmt-storage==25.3.0",
    "azure-mgmt-web==11.0.1",
)
_READER = Path(__file__).with_name("reader.py")
_SECONDS = 120

type Tree = Mapping[str, Any]
type Models = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Source:
    """One file: its path below infra/, its text, and its tree; no tree where the parser refused it."""

    name: str
    text: str
    tree: Tree = field(default_factory=dict)
    error: str | None = None

    def part(self, kind: str) -> Mapping[str, Any]:
        """Return the declarations of one kind: parameters, variables, resources, modules or outputs."""
        found: Mapping[str, Any] = self.tree.get(kind) or {}
        return found


def find_tools() -> Path:
    """Return the interpreter of the environment with checkov, the parser and the models; made when needed."""
    return find_python(CHECKOV)


def read_sources(texts: Sequence[tuple[str, str]]) -> tuple[list[Source], Models]:
    """Parse (name, text) pairs in one go; return them with the models of all resources we use."""
    classes = sorted({known.model for known in RESOURCES.values() if known.model})
    asked = {"texts": [text for _, text in texts], "classes": classes}
    done = subprocess.run(
        [str(find_tools()), "-I", str(_READER)],
        input=json.dumps(asked), capture_output=True, text=True, timeout=_SECONDS, check=True,
    )  # fmt: skip
    answer = json.loads(done.stdout)
    sources = [
        Source(name, text, found.get("tree") or {}, found.get("error"))
        for (name, text), found in zip(texts, answer["trees"], strict=True)
    ]
    return sources, answer["models"]
