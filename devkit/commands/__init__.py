"""The commands of `python3 -m devkit`.

This file may be read by any Python from 3.9 on, outside of the project's environment: it uses the standard library only
and no newer syntax, and imports no command but the one that is to run.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = (
    "up", "test", "fire", "send", "explain", "package", "connector", "bench", "rehearse", "fuzz", "register", "doctor",
    "docs", "settings", "rules", "twin", "slots", "lock",
)  # fmt: skip
_DOCUMENTATION = "The commands of `python3 -m devkit`."


def needs_environment(arguments: Sequence[str]) -> bool:
    """Say whether these arguments name a command; usage and errors can be printed without any."""
    return _find_command(arguments) is not None


def main(arguments: Sequence[str], prog: str = "python3 -m devkit") -> int:
    """Run one command; return its exit code. Arguments that a command does not know go to the tool it calls."""
    parser = build_parser(_find_command(arguments), prog)
    known, more = parser.parse_known_args(list(arguments))
    if more and not known.passes_on:
        parser.error("unknown arguments: " + " ".join(more))
    from devkit.terminal import escaped_output

    try:
        with escaped_output():
            return int(known.run(known, more))
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        return 130


def build_parser(wanted: str | None, prog: str = "python3 -m devkit") -> argparse.ArgumentParser:
    """Return the parser of all commands, with the options of the one that is wanted: no other is imported."""
    parser = argparse.ArgumentParser(prog=prog, description=_DOCUMENTATION)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in NAMES:
        text = _read_docstring(name)
        command = commands.add_parser(name, help=text.partition("\n")[0], description=text)
        if name == wanted:
            module = import_module("devkit.commands." + name)
            module.add_arguments(command)
            command.set_defaults(run=module.run, passes_on=module.PASSES_ON)
    return parser


def _find_command(arguments: Sequence[str]) -> str | None:
    return arguments[0] if arguments and arguments[0] in NAMES else None


def _read_docstring(name: str) -> str:
    """Return the text a command's file begins with, without importing what the command needs."""
    source = Path(__file__).with_name(name + ".py").read_text(encoding="utf-8")
    return source.split('"""')[1].strip()
