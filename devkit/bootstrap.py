"""Finds Python 3.13 or 3.14, makes `.venv`, installs the requirements, and goes on inside it.

Standard library only, and no syntax newer than Python 3.9: whatever Python a newcomer has must be able to start here.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from devkit.processes import end_process, guarded, start_process
from devkit.progress import Done, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STATE = ROOT / ".devkit"
LOGS = STATE / "logs"
UNREACHABLE = re.compile(
    r"NewConnectionError|ConnectTimeout|ReadTimeoutError|ProxyError|name resolution|Connection refused"
    r"|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT"
)
"""What pip and npm write when their registry does not answer."""
REQUIREMENTS = "requirements-dev.txt"  # the deployed packages are in it, too
# pip's words for: files whose hash the list has, and no code that would build a package
ONLY_LOCKED = ("--require-hashes", "--only-binary", ":all:", "--requirement")
SUPPORTED = ("3.13", "3.14")  # the first is preferred; DEVKIT_PYTHON=3.14 asks for another

HOW_TO_GET_IT = """\
The gateway runs on Python 3.13 (or 3.14) in Azure, and so does its tool kit. Get it with one of:
  uv python install 3.13            https://docs.astral.sh/uv/
  pyenv install 3.13                https://github.com/pyenv/pyenv
  winget install Python.Python.3.13 (Windows)   brew install python@3.13 (macOS)
  apt install python3.13-venv       (Debian 14, Ubuntu 25.04 and later)
or name it: PYTHON313=/path/to/python3.13 python3 -m devkit ...  (PYTHON314 in the same way)
"""


def is_inside() -> bool:
    """Say whether this process is the project's own environment, complete and up to date."""
    return Path(sys.prefix).resolve() == VENV.resolve() and _is_complete()


def run_inside(arguments: list[str], module: str = "devkit") -> int:
    """Make the environment if need be and run `python -m devkit`, or another module, with the arguments inside it."""
    try:
        problem = _make_once()
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. The same command goes on from here.\n")
        return 130
    if problem:
        sys.stderr.write(problem)
        return 2
    command = [str(_inside_python()), "-m", module, *arguments]
    if os.name != "nt":  # on Windows execv would detach from the console
        os.chdir(str(ROOT))
        os.execv(command[0], command)  # noqa: S606 - the same program, in its own environment
    try:
        return subprocess.call(command, cwd=str(ROOT))
    except KeyboardInterrupt:  # it reaches the command, too, which says so itself
        return 130


def find_python(version: str = SUPPORTED[0]) -> str | None:
    """Return a command that runs this version of Python (`3.13`), or None."""
    return next((candidate for candidate in _candidates(version) if _is_wanted(candidate, version)), None)


def _choose_versions() -> Sequence[str]:
    asked = os.environ.get("DEVKIT_PYTHON")
    return [asked] if asked else SUPPORTED


def _candidates(version: str) -> Iterator[str]:
    named = "PYTHON" + version.replace(".", "")
    if named in os.environ:
        yield os.environ[named]
    yield sys.executable
    yield "python" + version
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for found in sorted(pyenv.glob("versions/" + version + "*/bin/python"), reverse=True):
        yield str(found)
    for asked in (["uv", "python", "find", version], ["py", "-" + version, "-c", "import sys; print(sys.executable)"]):
        if shutil.which(asked[0]):
            answer = subprocess.run(asked, capture_output=True, text=True, check=False)
            if answer.returncode == 0 and answer.stdout.strip():
                yield answer.stdout.strip()
    for folder in ("/opt/homebrew/bin", "/usr/local/bin", "/usr/bin"):
        yield folder + "/python" + version


def _is_wanted(candidate: str, version: str) -> bool:
    asked = [candidate, "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout.strip() == version


def _make_once() -> str:
    """Make the environment unless it is complete, one process at a time; return a sentence if it cannot be made."""
    if _is_complete():
        return ""
    python = next((found for version in _choose_versions() if (found := find_python(version))), None)
    if python is None:
        return "Python " + " or ".join(_choose_versions()) + " was not found. " + HOW_TO_GET_IT
    try:
        LOGS.mkdir(parents=True, exist_ok=True)
        with _locked(STATE / "environment.lock"):
            return "" if _is_complete() else _make_environment(python)
    except OSError as error:
        return explain_unwritable(error)


def explain_unwritable(error: OSError) -> str:
    """Return the sentence about a folder in which the tool kit can keep nothing."""
    place = error.filename or ROOT
    return (
        "This folder cannot be written to ("
        + str(place)
        + ": "
        + str(error.strerror)
        + "), and the tool kit keeps its "
        "packages and data in it. Use a copy of your own.\n"
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock while the block runs; whoever comes later waits. It ends with the process, however that ends."""
    with path.open("a") as file:
        if os.name == "posix":  # Windows has other locks; there two commands at once are left to pip
            import fcntl  # noqa: PLC0415 - not on Windows

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Another command makes .venv at this moment; waiting for it.", flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make_environment(python: str) -> str:
    """Make .venv and install the packages; return a sentence if it did not work."""
    progress = Progress()
    print("The first start installs what is needed into this folder: .venv with " + python + ".", flush=True)
    with guarded():
        if not _inside_python().exists() or _inside_version() not in _choose_versions():
            code, words = _run_shown(progress, "Making .venv", [python, "-m", "venv", "--clear", str(VENV)])
            if code != 0:
                hint = " On Debian and Ubuntu install python3.13-venv." if "ensurepip" in words else ""
                return "Python could not make .venv: " + _pick_reason(words) + hint + "\n"
        installing = [str(_inside_python()), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        installing += ["--no-color", "--progress-bar", "off", "--retries", "2", "--timeout", "15"]
        wanted = _count_wanted()
        code, words = _run_shown(
            progress,
            "Installing " + str(wanted) + " Python packages",
            [*installing, *ONLY_LOCKED, str(ROOT / REQUIREMENTS)],
            wanted,
        )
    (LOGS / "pip.log").write_text(words, encoding="utf-8")
    if code != 0:
        return explain_failure("pip", words) + " All of its words are in .devkit/logs/pip.log.\n"
    _stamp().write_text(_wanted_stamp(), encoding="utf-8")
    return ""


def explain_failure(tool: str, words: str) -> str:
    """Return what kept pip or npm from installing, in one sentence, from its own words."""
    if UNREACHABLE.search(words):
        return (
            tool + " cannot reach its registry, and the first start needs it: connect this machine, or name your "
            "network's proxy in HTTPS_PROXY, then run the same command again."
        )
    return tool + " could not install what is needed: " + _pick_reason(words)


def _pick_reason(words: str) -> str:
    """Return the line of a tool's words that says most: its last error, or else its last line."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\berr(or)?\b", line, flags=re.IGNORECASE)]
    return (errors or lines or ["it said nothing."])[-1]


def _run_shown(progress: Progress, title: str, command: list[str], packages: int = 0) -> tuple[int, str]:
    """Run a command and return its exit code and its words; show how many packages it has fetched and installed."""
    lines: list[str] = []
    fetched: list[str] = []

    def measure() -> Done:
        # the folder has pip itself from the beginning
        installed = sum(1 for _ in VENV.glob("lib/python*/site-packages/*.dist-info")) - 1 if packages else 0
        at = "" if not fetched else fetched[-1] if len(fetched) < packages else "unpacking"
        return Done((len(fetched) + max(0, installed)) // 2, packages, at)

    with progress.phase(title, measure):
        process = start_process(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            for line in process.stdout or ():
                lines.append(line)
                if line.startswith("Collecting "):
                    fetched.append(line.split()[1].partition("==")[0])
        finally:
            end_process(process, 3.0)
    return process.returncode, "".join(lines)


def _count_wanted() -> int:
    """Return how many packages the list has for any machine."""
    text = (ROOT / REQUIREMENTS).read_text(encoding="utf-8")
    return len(re.findall(r"^[A-Za-z][^;\n]*\\$", text, flags=re.MULTILINE))


def _is_complete() -> bool:
    is_stamped = _stamp().exists() and _stamp().read_text(encoding="utf-8") == _wanted_stamp()
    return is_stamped and _inside_version() in _choose_versions()


def _inside_version() -> str:
    """Return the Python of the environment as `3.13`, without starting it; empty if there is none."""
    settings = VENV / "pyvenv.cfg"
    text = settings.read_text(encoding="utf-8") if settings.exists() else ""
    found = re.search(r"^version(?:_info)? = (\d+\.\d+)", text, flags=re.MULTILINE)
    return found.group(1) if found else ""


def _inside_python() -> Path:
    return VENV / "Scripts" / "python.exe" if os.name == "nt" else VENV / "bin" / "python"


def _stamp() -> Path:
    return VENV / "requirements.sha256"


def _wanted_stamp() -> str:
    return hashlib.sha256((ROOT / REQUIREMENTS).read_bytes()).hexdigest()
