"""`python3 -m setup register ...`: creates the project's virtual environment if needed, then runs in it."""

import sys

from devkit import bootstrap
from devkit.commands import main, needs_environment

if __name__ == "__main__":
    if bootstrap.is_inside() or not needs_environment(sys.argv[1:]):
        sys.exit(main(sys.argv[1:]))
    sys.exit(bootstrap.run_inside(sys.argv[1:]))
