"""Packages for the platform's Linux, as wheels whose hashes a compiled list has, unpacked as the platform finds them.

They are downloaded once for each list and Python, into .devkit/wheels, and compared with the hashes at every use.
Source: https://packaging.python.org/specifications/binary-distribution-format/
"""

import hashlib
import shutil
import sys
import zipfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path, PurePosixPath

from packaging.utils import parse_wheel_filename

from devkit.bootstrap import ONLY_LOCKED, ROOT
from devkit.installing import make_once, run_installer
from devkit.locking import Pin, read_compiled

_HOME = ROOT / ".devkit" / "wheels"
_OLDEST_GLIBC, _NEWEST_GLIBC = 5, 28  # the minor versions of glibc 2; the platform's images have 2.31 or later
_PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(_NEWEST_GLIBC, _OLDEST_GLIBC - 1, -1)),
    *(f"manylinux{year}_x86_64" for year in ("2014", "2010", "1")),
)
_SECONDS = 600


class PackagingError(RuntimeError):
    """The package cannot be made; the message says why."""


def download_wheels(packages: Path, python: str, *, home: Path = _HOME) -> list[Path]:
    """Return the wheels of a compiled list for one version of Python (`3.13`) on the platform, sorted by name.

    Raises InstallError when pip cannot bring one, PackagingError when a file is not the one that was locked.
    """
    pins = _find_pins(packages, python)
    lines = [
        f"{pin.requirement.name}=={pin.version} {' '.join(f'--hash={h}' for h in sorted(pin.hashes))}" for pin in pins
    ]
    wanted = "\n".join(lines)
    target = home / hashlib.sha256(f"{python}\n{wanted}".encode()).hexdigest()[:16]
    make_once(target, partial(_download, wanted=wanted, python=python))
    found = sorted(target.glob("*.whl"))
    _check(found, pins)
    return found


def unpack_wheels(wheels: Iterable[Path], site: Path) -> None:
    """Unpack wheels into one folder. Raises PackagingError for a wheel that has files for other folders, too."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    _unpack(archive, entry, site, wheel.name)


def _find_pins(packages: Path, python: str) -> list[Pin]:
    """Leave out what is not for the platform: pip would ask the machine that it runs on."""
    platform = {
        "sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64",
        "implementation_name": "cpython", "platform_python_implementation": "CPython",
        "python_version": python, "python_full_version": f"{python}.0",
    }  # fmt: skip
    pins = read_compiled(packages).values()
    return [pin for pin in pins if pin.requirement.marker is None or pin.requirement.marker.evaluate(platform)]


def _download(target: Path, wanted: str, python: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--dest", str(target), "--implementation", "cp", "--python-version", python]
    command += [word for platform in _PLATFORMS for word in ("--platform", platform)]
    packages = target.with_name("wanted.txt")
    packages.write_text(wanted, encoding="utf-8")
    run_installer([*command, *ONLY_LOCKED, str(packages)], f"download packages for Python {python}", seconds=_SECONDS)


def _check(wheels: Iterable[Path], pins: Iterable[Pin]) -> None:
    left = {(pin.requirement.name.lower().replace("_", "-").replace(".", "-"), pin.version): pin for pin in pins}
    for wheel in wheels:
        name, version, *_ = parse_wheel_filename(wheel.name)
        pin = left.pop((name, str(version)), None)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if pin is None or f"sha256:{digest}" not in pin.hashes:
            raise PackagingError(f"{wheel} is not the file that was locked: delete {wheel.parent} and try again")
    if left:
        raise PackagingError(f"No wheel was found for {', '.join(name for name, _ in left)}")


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, site: Path, wheel: str) -> None:
    path = PurePosixPath(entry.filename)
    if path.parts[0].endswith(".data") or path.is_absolute() or ".." in path.parts:
        raise PackagingError(f"{wheel} has a file that belongs outside of site-packages: {entry.filename}")
    target = site / path
    if target.exists() and target.read_bytes() != archive.read(entry):
        raise PackagingError(f"{wheel} has another {entry.filename} than a wheel before it")
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy)
