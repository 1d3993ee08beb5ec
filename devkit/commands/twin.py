"""Run the simulated Microsoft cloud alone, as a process with a proxy and a control path."""

import argparse
from collections.abc import Sequence

from twin import __main__ as twin_process

PASSES_ON = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    twin_process.add_arguments(parser)


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Serve until SIGTERM or Ctrl-C; return 1 if a handler of the twin failed with an error of its own."""
    return twin_process.run(options)
