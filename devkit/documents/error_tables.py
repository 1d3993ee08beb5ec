"""Sorts the tables of docs/errors.md by status and code, and writes the one of Entra's numbers.

People write the rows of the others, in any order.
"""

import re

from devkit.documents.blocks import Texts, make_table
from shared.entra_errors import MEANINGS, Meaning

_PATH = "docs/errors.md"
_ROWS = re.compile(r"(?:^\| (?:\d{3}|none) \| .*\|\n)+", re.MULTILINE)


def write(texts: Texts) -> None:
    """Sort the rows of each table, and write that of Entra's numbers."""
    texts.put(_PATH, _ROWS.sub(lambda found: _sort(found[0]), texts.read(_PATH)))
    rows = [(", ".join(map(str, each.numbers)), each.what, each.remedy) for each in sorted(MEANINGS, key=_first)]
    texts.put_block(_PATH, "numbers of Entra ID", make_table(("AADSTS", "What it means", "Who mends it"), rows))


def _first(meaning: Meaning) -> int:
    return meaning.numbers[0]


def _sort(rows: str) -> str:
    cells = [[cell.strip() for cell in row.strip().strip("|").split(" | ")] for row in rows.splitlines()]
    cells = sorted([status, ", ".join(sorted(codes.split(", "))), *others] for status, codes, *others in cells)
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)
