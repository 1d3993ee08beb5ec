"""Sorts the tables of docs/errors.md by status and code. People write the rows, in any order."""

import re

from devkit.documents.blocks import Texts

_PATH = "docs/errors.md"
_ROWS = re.compile(r"(?:^\| (?:\d{3}|none) \| .*\|\n)+", re.MULTILINE)


def write(texts: Texts) -> None:
    """Sort the rows of each table."""
    texts.put(_PATH, _ROWS.sub(lambda found: _sort(found[0]), texts.read(_PATH)))


def _sort(rows: str) -> str:
    cells = [[cell.strip() for cell in row.strip().strip("|").split(" | ")] for row in rows.splitlines()]
    cells = sorted([status, ", ".join(sorted(codes.split(", "))), *others] for status, codes, *others in cells)
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)
