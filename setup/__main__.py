"""`python3 -m setup register …`: the command `register` of the tool kit, and nothing else of it.

Makes the project's virtual environment if needed, then runs in it. Without anything it prints how it is used.
"""

import sys

from devkit import bootstrap
from devkit.commands import main, needs_environment

if __name__ == "__main__":
    given = sys.argv[1:]
    arguments = given if given[:1] == ["register"] else ["register", *(given or ["--help"])]
    if bootstrap.is_inside() or not needs_environment(arguments):
        sys.exit(main(arguments, prog="python3 -m setup"))
    sys.exit(bootstrap.run_inside(arguments, "setup"))
