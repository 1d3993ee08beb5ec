"""Measure what the gateway costs: start-up, and one proxied call against the same call made directly."""

import argparse
import subprocess
import sys
from collections.abc import Sequence

from devkit.bootstrap import ROOT

PASSES_ON = True


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Declare no options: names of benchmarks are passed on."""


def run(_options: argparse.Namespace, more: Sequence[str]) -> int:
    """Run the benchmarks of bench/, or those that are named."""
    return subprocess.call([sys.executable, "-m", "bench", *more], cwd=ROOT)
