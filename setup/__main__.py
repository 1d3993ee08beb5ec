"""`python3 -m setup register ...`: creates the project's virtual environment if needed, then runs in it."""

import sys

from devkit import bootstrap

if __name__ == "__main__":
    if bootstrap.is_inside():
        from devkit.commands import main

        sys.exit(main(sys.argv[1:]))
    sys.exit(bootstrap.run_inside(sys.argv[1:]))
