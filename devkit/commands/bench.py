"""Measure what the gateway costs: counts and ratios within one run on one machine."""

import argparse
from collections.abc import Sequence

from bench import __main__ as benchmarks

PASSES_ON = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    benchmarks.add_arguments(parser)


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Run the benchmarks of bench/, or those that are named."""
    return benchmarks.run_chosen(options)
