"""Register the gateway's app in Entra ID without a click: prints a plan, and does it with --apply.

Signs in as whoever is signed in with the Azure CLI. docs/register.md explains the lines of the plan.
"""

import argparse
import sys
from collections.abc import Sequence

from setup.errors import Stopped
from setup.register import register
from setup.screen import Screen
from setup.wish import add_arguments as add_wishes
from setup.wish import read_wish

PASSES_ON = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_wishes(parser)


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Plan, and act if told to; return 0 once all is as it should be."""
    try:
        wish = read_wish(options)
    except Stopped as stopped:
        sys.stderr.write(f"{stopped.message}\n")
        return 2
    return register(wish, Screen())
