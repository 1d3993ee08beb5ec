"""Run the simulated Microsoft cloud alone, as a process with a proxy and a control path."""

import argparse
from collections.abc import Sequence

from twin.options import add_arguments as add_options

PASSES_ON = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_options(parser)


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Serve until SIGTERM or Ctrl-C; return 1 if a handler of the twin failed with an error of its own."""
    from twin.process import run_process

    return run_process(options)
