"""Write the parts of documents, sample settings and infrastructure that follow from the code.

With --check, nothing is written; the exit code is 1 when a file is out of date, or an operation of the connector has no
recorded example in docs/flows-reference.md.
"""

import argparse
import sys
from collections.abc import Sequence

from devkit.bootstrap import ROOT

PASSES_ON = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is out of date")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Write or check; 1 for files that are out of date with --check, 2 for a file without the marks of its block."""
    from devkit.connector.document import build_definition
    from devkit.connector.files import REFERENCE
    from devkit.connector.pages import find_gaps
    from devkit.documents import find_outdated
    from devkit.documents.blocks import MissingBlockError

    try:
        outdated = find_outdated(ROOT)
    except MissingBlockError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for path, text in outdated.items():
        if options.check:
            print(f"{path} is out of date: run python3 -m devkit docs")
        else:
            (ROOT / path).write_text(text, encoding="utf-8")
            print(f"{path} is written")
    gaps = find_gaps(REFERENCE.read_text(encoding="utf-8"), build_definition())
    for gap in gaps:
        print(f"{gap}: run .venv/bin/python -m devkit.connector.reference")
    return 1 if options.check and (outdated or gaps) else 0
