"""Rehearse crashes: mails flow to the desk while the app is killed at random moments and the desk loses answers."""

import argparse
from collections.abc import Sequence

from devkit.rehearsal import Plan, rehearse

PASSES_ON = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    usual = Plan()
    parser.add_argument("--mails", type=int, default=usual.mails, help="how many (%(default)s)")
    parser.add_argument("--per-second", type=float, default=usual.per_second, help="how fast they come (%(default)s)")
    parser.add_argument("--share", type=float, default=usual.share, help="of the desk's answers lost (%(default)s)")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of the dice (%(default)s)")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Run the rehearsal and print what came of it; return 0 if nothing was lost or doubled."""
    plan = Plan(mails=options.mails, per_second=options.per_second, share=options.share, seed=options.seed)
    findings = rehearse(plan)
    print(findings.describe())
    return 0 if findings.is_good else 1
