"""Text in log lines: one line each, without control characters, and not longer than it is of use.

What callers, Microsoft Graph, receivers, senders of mails and administrators write gets into log lines: names of
parameters, codes of errors, names in settings. Left as it is, a line break in it begins a line that looks like the
gateway's own. `shared.telemetry` writes every argument of every line of the gateway by `as_line`, so that no place that
logs has to think of it.
"""

import re
from collections.abc import Iterable
from typing import Any

LONGEST = 1000  # characters of one text
_PLAIN = re.compile(r"[\w.:@/$-]{1,200}")


def as_line(text: str) -> str:
    """Return a text as a part of one line: what is not printable is escaped, what is long is cut."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text)} characters)"
    return text if text.isprintable() else "".join(one if one.isprintable() else _escape(one) for one in text)


def quoted(text: str) -> str:
    """Return a foreign text, in quotation marks unless it is one plain word, so that its end can be seen."""
    return text if _PLAIN.fullmatch(text) else repr(as_line(text))


def as_argument(value: Any) -> Any:
    """Return an argument of a log line: numbers and `Lines` as they are, anything else as a part of one line."""
    return value if value is None or isinstance(value, int | float | Lines) else as_line(str(value))


class Lines:
    """Several lines on purpose, each of them one line."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = tuple(lines)

    def __str__(self) -> str:
        """Return them, indented."""
        return "\n".join(f"  {as_line(one)}" for one in self._lines)


def _escape(one: str) -> str:
    return one.encode("unicode_escape").decode()
