"""Register the gateway's app in Entra ID: prints a plan, and carries it out with --apply.

Uses the rights of the person who is signed in with the Azure CLI. docs/register.md explains the lines of the plan. With
--simulated it runs in the simulated tenant of the `up` that runs here.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from devkit.running import NothingRunsError
from setup.console import Console
from setup.errors import Stopped
from setup.options import add_arguments as add_options
from setup.options import read_options

PASSES_ON = False
ADMIN_USER = "admin@contoso.com"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_options(parser)
    add = parser.add_argument
    add("--simulated", action="store_true", help="run in the simulated tenant of the `up` that runs here")
    add("--person", default=ADMIN_USER, metavar="USER", help="with --simulated: who is signed in (%(default)s)")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Plan, and carry out the plan with --apply; return 0 on success, 1 if it stopped, 2 for wrong options."""
    from setup.register import register

    try:
        with _enter(options) as console:
            return register(read_options(options), console)
    except NothingRunsError as error:
        sys.stderr.write(f"{error}\n")
    except Stopped as stopped:
        sys.stderr.write(f"{stopped.message}\n")
    return 2


def _enter(options: argparse.Namespace) -> AbstractContextManager[Console]:
    if not options.simulated:
        return nullcontext(Console())
    from devkit.commands.simulated import simulated

    return simulated(options)
