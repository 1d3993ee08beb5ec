"""``python -m devkit.host``: outside of the project's environment that is made first, if need be, and entered."""

import sys
from importlib.util import find_spec

from devkit import bootstrap

if __name__ == "__main__":
    if find_spec("azure_functions_runtime") is None:
        sys.exit(bootstrap.run_inside(sys.argv[1:], "devkit.host"))
    from devkit.host.command import main

    sys.exit(main())
