"""Runs pip and npm for packages that are not part of the development environment: each once per checkout."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock

from devkit.bootstrap import UNREACHABLE, explain_failure
from devkit.processes import end_process, start_process

# the variables at the start: later ones may lead into a simulator, which refuses the package index
OUTSIDE = dict(os.environ)
_PATIENT_SECONDS = 3.0


class InstallError(RuntimeError):
    """Packages cannot be installed; the message ends with the words of pip or npm, or says what to do."""


def make_once(target: Path, make: Callable[[Path], None]) -> Path:
    """Return a folder, made first by `make` if it is not there; what fails leaves nothing behind.

    Two processes may do this at the same time: the second waits and finds the work done.
    """
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(f"{target.name}.lock")):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=target.parent, prefix="making-", ignore_cleanup_errors=True) as draft:
                made = Path(draft) / "made"
                make(made)
                made.rename(target)
    return target


def run_installer(command: Sequence[str], what: str, *, seconds: float, folder: Path | None = None) -> None:
    """Run pip or npm in a folder; `what` it is to do is in the messages. Raises InstallError."""
    tool = "npm" if Path(command[0]).stem == "npm" else "pip"
    with tempfile.TemporaryFile() as words:
        process = start_process(
            command, cwd=folder, env=OUTSIDE, stdin=subprocess.DEVNULL, stdout=words, stderr=subprocess.STDOUT
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise InstallError(f"{tool} did not {what} within {seconds:g} s.") from error
        finally:
            end_process(process, _PATIENT_SECONDS)
        words.seek(0)
        said = words.read().decode(errors="replace")
    if process.returncode != 0:
        if UNREACHABLE.search(said):
            raise InstallError(explain_failure(tool, said))
        raise InstallError(f"{tool} could not {what}:\n{said.strip()[-2000:]}")
