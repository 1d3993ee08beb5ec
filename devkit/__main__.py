"""`python3 -m devkit COMMAND`: makes the project's own environment when needed, then runs the command inside it.

This file may be started by any Python from 3.9 on, so it uses the standard library only and no newer syntax. Without a
command it prints how it is used and makes nothing.
"""

import sys

from devkit import bootstrap
from devkit.commands import main, needs_environment

if __name__ == "__main__":
    if bootstrap.is_inside() or not needs_environment(sys.argv[1:]):
        sys.exit(main(sys.argv[1:]))
    sys.exit(bootstrap.run_inside(sys.argv[1:]))
