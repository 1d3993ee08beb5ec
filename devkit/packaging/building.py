"""Builds the zip: sources, wheels, byte code; sorted, with one time and one mode for every file.

Byte code is in it because the platform mounts the package read-only: without it every start of an instance would
compile every module that it imports (docs/deploy.md, "What is deployed"). It is not compared with its source when it
is read (PEP 552, unchecked), so that it holds neither time nor place, and is the same from every build.
Source: https://learn.microsoft.com/azure/azure-functions/python-build-options
"""

import hashlib
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devkit import bootstrap
from devkit.bootstrap import ROOT
from devkit.packaging.contents import list_files
from devkit.packaging.wheels import PackagingError, download_wheels, unpack_wheels

SITE_PACKAGES = ".python_packages/lib/site-packages"
"""Where the platform's worker looks for packages."""
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold; every file gets it
_READABLE = 0o100644 << 16
_UNIX = 3


@dataclass(frozen=True)
class Built:
    """A finished package."""

    files: int
    size: int
    sha256: str


def build(target: Path, *, python: str, packages: Path, root: Path = ROOT) -> Built:
    """Write the package for one version of Python (`3.13`) with the packages of a compiled list.

    Raises InstallError when a wheel is not to be had, PackagingError when the Python that compiles is not, OSError when
    it cannot be written.
    """
    interpreter = bootstrap.find_python(python)
    if interpreter is None:
        raise PackagingError(f"Python {python} was not found; it compiles the modules.\n{bootstrap.HOW_TO_GET_IT}")
    wheels = download_wheels(packages, python)
    with tempfile.TemporaryDirectory() as scratch:
        app = Path(scratch) / "app"
        for name in list_files(root):
            (app / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, app / name)
        shutil.copyfile(packages, app / "requirements.txt")
        unpack_wheels(wheels, app / SITE_PACKAGES)
        _compile(app, interpreter)
        files = {path.relative_to(app).as_posix(): path for path in app.rglob("*") if path.is_file()}
        write_zip(target, files)
    return Built(len(files), target.stat().st_size, hashlib.sha256(target.read_bytes()).hexdigest())


def write_zip(target: Path, files: Mapping[str, Path]) -> None:
    """Write files as a zip, by their names in it; what stood there is replaced only by a whole one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.part")
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _UNIX  # the same on every machine
            entry.external_attr = _READABLE
            archive.writestr(entry, files[name].read_bytes())
    draft.replace(target)


def _compile(app: Path, interpreter: str) -> None:
    command = [interpreter, "-I", "-S", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    done = subprocess.run([*command, "-s", str(app), str(app)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PackagingError(f"A module cannot be compiled:\n{done.stdout}{done.stderr}")
