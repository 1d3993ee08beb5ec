"""Lists of packages: what a person writes by name, and what uv makes of it, every version with its hashes.

`NAME.in` is written by hand, `NAME.txt` is compiled from it and holds every package that is installed in the end, for
all platforms and for Python 3.13 and later. Source: https://docs.astral.sh/uv/pip/compile/
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from devkit.bootstrap import ROOT
from devkit.foreign import LOCKED, find_python
from devkit.installing import OUTSIDE

DEPLOYED, TOOL_KIT, TELEMETRY = ("requirements.in", "requirements-dev.in", "requirements-telemetry.in")
_OLDEST = "3.13"
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")
_REASON = re.compile(r"^\s+#(?: via)?\s+(\S.*)$")
_SECONDS = 600


class LockError(RuntimeError):
    """uv could not compile a list; the text is uv's own."""


@dataclass(frozen=True)
class Pin:
    """One package of a compiled list: its one version, where it is installed, the hashes of all files of the version.

    `reasons` are the packages that need it, or `-r FILE.in` where a person named it.
    """

    requirement: Requirement
    hashes: frozenset[str]
    reasons: tuple[str, ...]

    @property
    def version(self) -> str:
        """The version; empty if the line names anything but one."""
        found = [each for each in self.requirement.specifier if each.operator == "=="]
        return found[0].version if len(self.requirement.specifier) == len(found) == 1 else ""


def find_inputs(root: Path = ROOT) -> list[Path]:
    """Return the lists that people write; one that others are constrained by comes first."""
    tools = sorted((root / LOCKED.relative_to(ROOT)).glob("*.in"))
    return [root / DEPLOYED, root / TOOL_KIT, root / TELEMETRY, *tools]


def compile_list(written: Path, *, upgrade: bool, environ: Mapping[str, str] = OUTSIDE) -> None:
    """Compile one list. Versions stay as they are unless a person's line forbids them, or with ``upgrade``.

    The package index is the one that pip uses where PIP_INDEX_URL names it. Raises LockError, InstallError.
    """
    uv = find_python(LOCKED / "uv.txt").with_name("uv.exe" if os.name == "nt" else "uv")
    index = {"UV_DEFAULT_INDEX": environ["PIP_INDEX_URL"]} if environ.get("PIP_INDEX_URL") else {}
    command = [str(uv), "pip", "compile", "--quiet", "--universal", "--python-version", _OLDEST, "--generate-hashes"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "python3 -m devkit lock"]
    command += [*(["--upgrade"] if upgrade else []), "--output-file", written.with_suffix(".txt").name, written.name]
    done = subprocess.run(
        command,
        cwd=written.parent,
        env=index | dict(environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    if done.returncode != 0:
        raise LockError(f"{written.name} cannot be compiled:\n{done.stderr.strip()}")


def read_written(written: Path) -> dict[str, Requirement]:
    """Return what a person wrote into one list, by name, less what it takes in from others."""
    lines = (line.partition(" #")[0].strip() for line in written.read_text(encoding="utf-8").splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]
    return {canonicalize_name(each.name): each for each in found}


def read_compiled(compiled: Path) -> dict[str, Pin]:
    """Return the packages of a compiled list, by name."""
    return {canonicalize_name(pin.requirement.name): pin for pin in _read_pins(compiled.read_text(encoding="utf-8"))}


def _read_pins(text: str) -> Iterator[Pin]:
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if line and not line.startswith(("#", " ")):
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line)
    return map(_read_pin, blocks)


def _read_pin(block: Sequence[str]) -> Pin:
    reasons = [found[1] for line in block[1:] if (found := _REASON.match(line))]
    hashes = frozenset(_HASH.findall("\n".join(block)))
    return Pin(Requirement(block[0].rstrip("\\").strip()), hashes, tuple(each for each in reasons if each != "via"))
