"""Command lines in documents and editors' files, and what is wrong with them."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from itertools import takewhile

from devkit.commands import NAMES, build_parser

_COMMAND = re.compile(r"(?:\$ )?(?:\w+=\S+ )*(?:python3?|\.venv/bin/python) -m ([\w.]+)(.*)")


def list_commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield module and arguments of each command in a console block."""
    for block in re.findall(r"```(?:console|shell|sh|bash)\n(.*?)```", text, flags=re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if found := _COMMAND.match(line.strip()):
                yield found[1], found[2]


def find_fault(module: str, arguments: str) -> str | None:
    """Return what is wrong with a command, or None; placeholders such as `<tenant id>` stand for one word."""
    reader = shlex.shlex(re.sub(r"<[^>]*>", "X", arguments), posix=True, punctuation_chars="|&;<>")
    reader.whitespace_split = True
    words = list(takewhile(lambda word: not set(word) <= set("|&;<>"), reader))
    if module not in {"devkit", "setup"}:
        return None if importlib.util.find_spec(module) else f"there is no module {module}"
    if not words or words[0] not in NAMES:
        return f"there is no command {words[:1]}"
    try:
        known, more = build_parser(words[0]).parse_known_args(words)
    except SystemExit as ended:
        return "its options are not understood" if ended.code else None
    return None if known.passes_on or not more else f"unknown arguments {more}"
