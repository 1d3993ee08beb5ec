"""What commands write is text and never an order to the terminal.

Subjects of mails, answers of services and names in settings come from others. An escape character in them may clear
the screen, change what was written before, or fill the clipboard. So everything that a command writes passes through
here, and no place that prints has to think of it. Children that write to the terminal themselves (pytest) do not.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_LEFT = "\n\t"


def escape(text: str) -> str:
    r"""Return a text whose characters are all shown: others become \u001b and the like, which JSON reads as before."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in _LEFT else json.dumps(one)[1:-1] for one in text)


class _Escaping:
    """A stream that escapes what is written, and else does what the stream behind it does."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def unescaped(self) -> TextIO:
        """The stream behind it, for what is no text of others: a line that moves (`devkit/progress.py`)."""
        return self._stream

    def write(self, text: str) -> int:
        self._stream.write(escape(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def escaped_output() -> Iterator[None]:
    """Let everything that is written to standard output and standard error within the block be escaped."""
    before = sys.stdout, sys.stderr
    streams: Any = tuple(map(_Escaping, before))
    sys.stdout, sys.stderr = streams
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
