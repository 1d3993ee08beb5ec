"""Fuzz the API: thousands of requests made from its own definition; every answer must be as described."""

import argparse
import sys
from collections.abc import Sequence

from devkit.fuzzing.plan import Plan

PASSES_ON = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    usual = Plan()
    parser.add_argument(
        "--requests", type=_read_number, default=usual.requests, metavar="N", help="how many (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=usual.seed, help="of the requests (%(default)s)")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Start a new world, send the requests, print the result; return 0 if every answer was as described."""
    from devkit.fuzzing.fuzz import fuzz

    try:
        findings = fuzz(Plan(requests=options.requests, seed=options.seed), lambda text: print(text, flush=True))
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print(findings.describe())
    return 0 if findings.is_good else 1


def _read_number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of requests")
    return int(text)
