"""Rehearse crashes: the app is killed again and again while mails become tickets, or while flows poll it.

Without --flows mails are delivered to a service desk that loses answers; with it an engine runs triggers of flows while
simulated people book, move and cancel appointments and write mails. The result is printed at the end.
"""

import argparse
from collections.abc import Sequence

from devkit.progress import Progress
from devkit.rehearsals.plans import FlowsPlan, MailsPlan

PASSES_ON = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    usual, flows_usual = MailsPlan(), FlowsPlan()
    parser.add_argument("--mails", type=int, default=usual.mails, help="how many (%(default)s)")
    parser.add_argument("--per-second", type=float, default=usual.per_second, help="how fast they come (%(default)s)")
    parser.add_argument(
        "--share",
        type=float,
        default=usual.share,
        help="of answers to lose (%(default)s)",
    )
    parser.add_argument("--seed", type=int, default=usual.seed, help="of the random choices (%(default)s)")
    parser.add_argument(
        "--push", action="store_true", help="Graph announces the mails; of that, 30 %% is dropped, doubled, reordered"
    )
    parser.add_argument("--flows", action="store_true", help="rehearse flows instead of mails")
    parser.add_argument("--minutes", type=float, default=flows_usual.minutes, help="for flows: how long (%(default)s)")
    parser.add_argument("--kills", type=int, default=flows_usual.kills, help="for flows: how many (%(default)s)")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Run a rehearsal and print its result; return 0 if everything was done exactly once."""
    from devkit.rehearsals import flows, mails

    progress = Progress()
    findings: flows.Findings | mails.Findings
    if options.flows:
        findings = flows.rehearse(FlowsPlan(minutes=options.minutes, kills=options.kills, seed=options.seed), progress)
    else:
        findings = mails.rehearse(
            MailsPlan(
                mails=options.mails,
                per_second=options.per_second,
                share=options.share,
                seed=options.seed,
                push=options.push,
            ),
            progress,
        )
    print(findings.describe())
    return 0 if findings.is_good else 1
