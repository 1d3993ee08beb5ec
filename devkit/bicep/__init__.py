"""A lint for the Bicep files, because the compiler cannot be had from a package registry and checkov reads values only.

`reading` parses the files and describes Azure's resource models, both in an environment of their own; `rules` compares
them; `syntax` tells names from text. What it cannot see (types of expressions, functions that only a newer compiler
has) is `bicep build`'s part, which the pipeline runs.
"""

from devkit.bicep.reading import CHECKOV, Source, find_tools, read_sources
from devkit.bicep.rules import Finding, check

__all__ = ["CHECKOV", "Finding", "Source", "check", "find_tools", "read_sources"]
