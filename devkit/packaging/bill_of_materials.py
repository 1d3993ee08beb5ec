"""What is in the package, as a CycloneDX file: names, versions, licences, and which needs which.

cyclonedx-py reads the unpacked wheels themselves, in an environment that holds nothing else.
Source: https://cyclonedx-bom-tool.readthedocs.io
"""

import json
import subprocess
import tempfile
import venv
from pathlib import Path

from devkit.bootstrap import ROOT
from devkit.foreign import LOCKED, find_python
from devkit.installing import OUTSIDE
from devkit.packaging.wheels import PackagingError, download_wheels, unpack_wheels

_SECONDS = 120


def write_bill(target: Path, packages: Path, python: str) -> int:
    """Write the file for the packages of a compiled list; return how many they are.

    Raises PackagingError, and InstallError when the tool cannot be installed.
    """
    tool = find_python(LOCKED / "sbom.txt")
    with tempfile.TemporaryDirectory() as scratch:
        site, empty = Path(scratch) / "site", Path(scratch) / "empty"
        unpack_wheels(download_wheels(packages, python), site)
        venv.create(empty, with_pip=False)
        [found] = empty.rglob("site-packages")
        (found / "wheels.pth").write_text(f"{site}\n", encoding="utf-8")
        command = [str(tool), "-m", "cyclonedx_py", "environment", str(empty)]
        command += ["--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"]
        command += ["--output-reproducible", "--output-format", "JSON", "--output-file", str(target)]
        done = subprocess.run(command, env=OUTSIDE, capture_output=True, text=True, check=False, timeout=_SECONDS)
    if done.returncode != 0:
        raise PackagingError(f"cyclonedx-py could not list the packages:\n{done.stderr[-2000:]}")
    return len(json.loads(target.read_text(encoding="utf-8"))["components"])
