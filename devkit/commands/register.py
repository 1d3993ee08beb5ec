"""Register the gateway's app in Entra ID without a click: prints a plan, and does it with --apply.

Signs in as whoever is signed in with the Azure CLI. docs/register.md explains the lines of the plan. With --simulated
it is rehearsed in the simulated tenant of the `up` that runs here.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from devkit.running import NothingRunsError
from setup.errors import Stopped
from setup.register import register
from setup.screen import Screen
from setup.wish import add_arguments as add_wishes
from setup.wish import read_wish

PASSES_ON = False
ADMIN_USER = "admin@contoso.com"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_wishes(parser)
    add = parser.add_argument
    add("--simulated", action="store_true", help="rehearse it in the simulated tenant of the `up` that runs here")
    add("--person", default=ADMIN_USER, metavar="USER", help="with --simulated: who is signed in (%(default)s)")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Plan, and act if told to; return 0 once all is as it should be."""
    try:
        with _enter(options) as screen:
            return register(read_wish(options), screen)
    except NothingRunsError as error:
        sys.stderr.write(f"{error}\n")
    except Stopped as stopped:
        sys.stderr.write(f"{stopped.message}\n")
    return 2


def _enter(options: argparse.Namespace) -> AbstractContextManager[Screen]:
    if not options.simulated:
        return nullcontext(Screen())
    from devkit.commands.simulated import simulated  # noqa: PLC0415 - the whole simulator, for this way only

    return simulated(options)
