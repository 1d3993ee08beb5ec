"""Rules for the Bicep files, for machines that do not have the compiler: it is in no package registry.

`reading` runs tree-sitter's grammar of Bicep and describes Azure's resource models, both in an environment of their
own; `rules` compare the files with them and with what this repository wants. docs/development.md has the table of what
they see. What the grammar cannot read is no fault: only the compiler can say, which CI runs.
"""

from devkit.bicep.reading import TOOLS, Source, find_tools, read_sources
from devkit.bicep.rules import Finding, check

__all__ = ["TOOLS", "Finding", "Source", "check", "find_tools", "read_sources"]
