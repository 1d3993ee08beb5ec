"""Blocks between two marks, which a command writes, in files that people write otherwise.

In Markdown: `<!-- begin NAME: … -->` and `<!-- end NAME -->`; in Bicep the same as comments with `//`.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_NOTE = "written by `python3 -m devkit docs`"


class MissingBlockError(Exception):
    """A file lacks the marks of a block that should be written into it."""


class Texts:
    """The texts of files, as they stand and as they should stand."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._before: dict[str, str] = {}
        self._after: dict[str, str] = {}

    def read(self, path: str) -> str:
        """Return the text of a file, with what was put into it so far. A missing file is an empty text."""
        if path not in self._after:
            file = self._root / path
            self._before[path] = self._after[path] = file.read_text(encoding="utf-8") if file.is_file() else ""
        return self._after[path]

    def put(self, path: str, text: str) -> None:
        """Set the whole text of a file."""
        self.read(path)
        self._after[path] = text

    def put_block(self, path: str, name: str, lines: Sequence[str], note: str = _NOTE) -> None:
        """Set the lines between the marks of a block. Raises MissingBlockError."""
        mark = re.compile(
            rf"^(?P<indent> *)(?P<open><!--|//) begin {re.escape(name)}\b[^\n]*\n"
            rf".*?^ *(?:<!--|//) end {re.escape(name)}\b[^\n]*$",
            re.MULTILINE | re.DOTALL,
        )
        text = self.read(path)
        found = mark.search(text)
        if found is None:
            raise MissingBlockError(f"{path} has no block {name}: mark its place with `begin {name}` and `end {name}`.")
        indent, open_mark = found["indent"], found["open"]
        close = " -->" if open_mark == "<!--" else ""
        blank = [""] if open_mark == "<!--" else []
        blank = blank if lines else []
        block = [
            f"{open_mark} begin {name}: {note}{close}",
            *blank,
            *lines,
            *blank,
            f"{open_mark} end {name}{close}",
        ]
        written = "\n".join(f"{indent}{line}" if line else "" for line in block)
        self._after[path] = text[: found.start()] + written + text[found.end() :]

    @property
    def changed(self) -> Mapping[str, str]:
        """The files whose text is no longer what it was, path -> text."""
        return {path: text for path, text in self._after.items() if text != self._before[path]}


def make_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return [
        f"| {' | '.join(heads)} |".replace("|  |", "| |"),
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows),
    ]


def quote_bicep(text: str) -> str:
    """Return a text as Bicep writes it."""
    return "'{}'".format(text.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${"))
