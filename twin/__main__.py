"""Run the twin as a process of its own: `python -m twin --state-dir DIR --seed sample`.

Outside of the project's environment it is made first, if need be, and entered.
"""

import argparse
import sys
from importlib.util import find_spec

from devkit import bootstrap
from twin.options import add_arguments

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m twin", description=__doc__)
    add_arguments(parser)
    options = parser.parse_args()
    if find_spec("uvicorn") is None:
        sys.exit(bootstrap.run_inside(sys.argv[1:], "twin"))
    from twin.process import run_process

    sys.exit(run_process(options))
