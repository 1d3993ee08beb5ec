"""Installs the foreign tools and packages that tests need, while other checks run: a fresh clone waits for them less.

Nothing depends on it: a test installs what is not there yet, waits where it is being installed, and says what is wrong
where it cannot be. So failures are passed over here.
"""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice

from devkit.azurite import AzuriteError, install_azurite
from devkit.bootstrap import ROOT, SUPPORTED
from devkit.foreign import LOCKED, find_python
from devkit.installing import InstallError
from devkit.npm_packages import TOOLS, install_tool
from devkit.packaging.wheels import PackagingError, download_wheels

_FAILURES = (InstallError, AzuriteError, PackagingError, OSError)


def list_installations() -> Iterator[Callable[[], object]]:
    """Yield what installs each of them: first the storage emulator, which most tests need, then the longest lists."""
    yield install_azurite
    lists = [path for path in LOCKED.glob("*.txt") if path.stem != "uv"]  # no test makes lists
    for path in sorted(lists, key=lambda path: -path.stat().st_size):
        yield partial(find_python, path)
    yield from (partial(install_tool, name) for name in TOOLS)
    yield from (partial(download_wheels, ROOT / "requirements.txt", version) for version in SUPPORTED)


def main(arguments: list[str]) -> None:
    """Install all of them, or as many as the argument says. SIGTERM ends it, and leaves nothing half made."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for installation in islice(list_installations(), int(arguments[0]) if arguments else None):
        with suppress(*_FAILURES):
            installation()


if __name__ == "__main__":
    main(sys.argv[1:])
