"""Check everything: lint, format, types and all tests. More arguments go to pytest."""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence

from devkit.bootstrap import ROOT

PASSES_ON = True


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Declare no options: all go to pytest."""


def run(_options: argparse.Namespace, more: Sequence[str]) -> int:
    """Run every check, also after one has failed; return 0 only if all are well."""
    python = [sys.executable, "-m"]
    steps = {
        "lint": [*python, "ruff", "check", "."],
        "format": [*python, "ruff", "format", "--check", "."],
        "types": [*python, "mypy"],
        # Side by side as long as nobody asks for something special; a file stays whole, for the sake of its fixtures.
        "tests": [*python, "pytest", *(more or ("-n", "auto", "--dist", "loadfile"))],
    }
    results = {}
    for name, command in steps.items():
        print(f"== {name}", flush=True)
        began = time.monotonic()
        code = subprocess.call(command, cwd=ROOT)
        results[name] = (code, time.monotonic() - began)
    print("== result")
    for name, (code, seconds) in results.items():
        print(f"   {name:8} {'ok' if code == 0 else f'failed ({code})':12} {seconds:6.1f} s")
    return 0 if all(code == 0 for code, _ in results.values()) else 1
