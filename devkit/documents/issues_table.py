"""The codes of issues with their levels and sentences, in docs/operations.md."""

import re

from devkit.documents.blocks import Texts, make_table
from shared.issues import KINDS, Kind


def write(texts: Texts) -> None:
    """Write the table."""
    rows = [(f"`{code}`", _describe_level(kind), re.sub(r"\{\w+\}", "…", kind.one)) for code, kind in KINDS.items()]
    texts.put_block("docs/operations.md", "codes of issues", make_table(("Code", "Level", "Sentence"), rows))


def _describe_level(kind: Kind) -> str:
    return f"{kind.level}, or critical" if kind.critical_if else kind.level.value
