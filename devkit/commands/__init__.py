"""The commands of `python3 -m devkit`."""

import argparse
import sys
from collections.abc import Sequence

from devkit.commands import bench, connector, docs, doctor, fire, fuzz, package, register, rehearse, send, test, up

_COMMANDS = (up, test, fire, send, package, connector, bench, rehearse, fuzz, register, doctor, docs)


def main(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code. Arguments that a command does not know go to the tool it calls."""
    parser = argparse.ArgumentParser(prog="python3 -m devkit", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in _COMMANDS:
        name = module.__name__.rpartition(".")[2]
        summary = (module.__doc__ or "").partition("\n")[0]
        command = commands.add_parser(name, help=summary, description=module.__doc__)
        module.add_arguments(command)
        command.set_defaults(run=module.run, passes_on=module.PASSES_ON)
    known, more = parser.parse_known_args(list(arguments))
    if more and not known.passes_on:
        parser.error(f"unknown arguments: {' '.join(more)}")
    try:
        return int(known.run(known, more))
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return 130
