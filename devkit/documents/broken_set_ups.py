"""The table of set-ups that people get wrong in docs/operations.md, as a test saw the doctor find and mend them."""

import json
from pathlib import Path

from devkit.documents.blocks import Texts, make_table

FILE = Path(__file__).with_suffix(".json")


def write(texts: Texts) -> None:
    """Write the table."""
    found = json.loads(FILE.read_text())
    shown = ("finding", "remedy")
    rows = [(one["setUp"], f"`{one['step']}`", *(_escape(one[name]) for name in shown)) for one in found.values()]
    heads = ("What is wrong", "Step", "Finding", "Remedy")
    texts.put_block("docs/operations.md", "set-ups that people get wrong", make_table(heads, rows))


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
