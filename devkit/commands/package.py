"""Write the zip that is deployed, byte for byte the same from the same sources: the app, its packages, byte code.

Nothing is installed when it is deployed ("no remote build"). With --sbom, a list of the packages in it (CycloneDX) is
written beside it. azd runs this before each deployment, with its environment's GATEWAY_PYTHON and OPEN_TELEMETRY.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from devkit.bootstrap import ROOT, SUPPORTED

PASSES_ON = False
LISTS = {"off": ROOT / "requirements.txt", "on": ROOT / "requirements-telemetry.txt"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    python = os.environ.get("GATEWAY_PYTHON") or SUPPORTED[0]
    telemetry = os.environ.get("OPEN_TELEMETRY") or "off"
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "app.zip", metavar="FILE.zip")
    parser.add_argument("--python", choices=SUPPORTED, default=python, help="of the function app (GATEWAY_PYTHON)")
    parser.add_argument("--open-telemetry", choices=LISTS, default=telemetry, help="packages for it (OPEN_TELEMETRY)")
    parser.add_argument("--sbom", action="store_true", help="list the packages in FILE.cdx.json")


def run(options: argparse.Namespace, _more: Sequence[str]) -> int:
    """Write the zip and print its size; return 0 once it is complete."""
    from devkit.installing import InstallError
    from devkit.packaging.bill_of_materials import write_bill
    from devkit.packaging.building import build
    from devkit.packaging.wheels import PackagingError

    target: Path = options.output
    if options.python not in SUPPORTED or options.open_telemetry not in LISTS:  # defaults are not checked by argparse
        sys.stderr.write(f"GATEWAY_PYTHON is one of {', '.join(SUPPORTED)}, OPEN_TELEMETRY is on or off.\n")
        return 2
    packages = LISTS[options.open_telemetry]
    try:
        built = build(target, python=options.python, packages=packages)
        print(
            f"{target}: {built.files} files, {built.size / 1024 / 1024:.1f} MiB, Python {options.python}, "
            f"sha256 {built.sha256}"
        )
        if options.sbom:
            bill = target.with_suffix(".cdx.json")
            print(f"{bill}: {write_bill(bill, packages, options.python)} packages")
    except OSError as error:
        sys.stderr.write(f"{target} cannot be written: {error.strerror}\n")
        return 1
    except (PackagingError, InstallError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
