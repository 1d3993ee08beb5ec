"""Compare the slots of random booking pages with an oracle written from the documents.

Each world is a page with staff, hours, policies, appointments and a question, made from its number. The result is
printed; of worlds about which product and oracle disagree the first ones are made as small as possible and described.
"""

import argparse
from collections.abc import Sequence

from devkit.random_worlds.plan import Plan

PASSES_ON = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    usual = Plan()
    parser.add_argument("--worlds", type=int, default=usual.worlds, metavar="N", help="how many (%(default)s)")
    parser.add_argument("--first", type=int, default=usual.first, metavar="N", help="number of the first (%(default)s)")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Compare and print the result; return 0 if product and oracle agree."""
    from devkit.random_worlds.comparing import compare

    found = compare(Plan(worlds=options.worlds, first=options.first), lambda text: print(text, flush=True))
    print(found.describe())
    return 0 if found.is_good else 1
