"""Write the zip that is deployed: an allow-list of files, byte for byte the same from the same sources.

Requirements are not inside; the platform installs requirements.txt when it takes the zip ("remote build").
"""

import argparse
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from devkit.bootstrap import ROOT

PASSES_ON = False
FILES = (
    "function_app.py",
    "host.json",
    "requirements.txt",
    "power-automate/apiDefinition.swagger.json",
    "viewer/index.html",
    "viewer/initializer.js",
    "viewer/openapi.json",
    "viewer/swagger-ui-bundle.js",
    "viewer/swagger-ui.css",
    "viewer/swagger-ui.LICENSE.txt",
    "viewer/swagger-ui.NOTICE.txt",
    "viewer/swagger-ui-bundle.js.LICENSE.txt",
)
PACKAGES = ("blueprints", "bookings", "composition", "doctor", "inbound_mail", "shared")
_SUFFIX = ".py"
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold; every file gets it
_READABLE = 0o100644 << 16
_UNIX = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "app.zip", metavar="FILE.zip")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Write the zip and print its size; return 0 once it is complete."""
    target: Path = options.output
    names = list_files()
    try:
        write_package(target, names)
    except OSError as error:
        sys.stderr.write(f"{target} cannot be written: {error.strerror}\n")
        return 1
    print(f"{target}: {len(names)} files, {target.stat().st_size / 1024:.0f} KiB")
    return 0


def list_files(root: Path = ROOT) -> list[str]:
    """Name the files that are deployed, relative to the root and sorted."""
    return sorted([*FILES, *_find_modules(root)])


def write_package(target: Path, names: Sequence[str], root: Path = ROOT) -> None:
    """Write these files as a zip; what stood there is replaced only by a whole one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.part")
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _UNIX  # the same on every machine
            entry.external_attr = _READABLE
            archive.writestr(entry, (root / name).read_bytes())
    draft.replace(target)


def _find_modules(root: Path) -> Iterator[str]:
    for package in PACKAGES:
        for path in (root / package).rglob(f"*{_SUFFIX}"):
            yield path.relative_to(root).as_posix()
