"""Compile the lists of packages: every version with its hashes, from the names that people wrote.

Versions stay as they are unless a person's line forbids them; --upgrade takes the newest that the lines allow.
"""

import argparse
import sys
from collections.abc import Sequence

from devkit.bootstrap import ROOT

PASSES_ON = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that the written lines allow")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Compile all lists, and name those that changed; 1 when uv cannot."""
    from devkit.installing import InstallError
    from devkit.locking import LockError, compile_list, find_inputs

    for written in find_inputs():
        compiled = written.with_suffix(".txt")
        before = compiled.read_bytes() if compiled.exists() else b""
        try:
            compile_list(written, upgrade=options.upgrade)
        except (LockError, InstallError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
        if compiled.read_bytes() != before:
            print(f"{compiled.relative_to(ROOT)} is written")
    return 0
