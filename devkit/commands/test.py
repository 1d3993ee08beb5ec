"""Check everything: lint, format, types and all tests. More arguments go to pytest.

Everything takes about ten minutes on two cores; --quick takes two. With --today all tests run as if it were that day;
where the variable CI is set, each run takes one of the days on which dates go wrong, and prints it first.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path

from devkit.bootstrap import ROOT
from devkit.clock import pick_moment, read_moment, shift_environment

PASSES_ON = True
QUICK = "not slow"
"""What pytest chooses with --quick; tests that have tokens at hand then ask for it by this name."""
# one more than there are processors, as many tests wait; tests/scheduling.py makes the groups
_SIDE_BY_SIDE = ("-n", str((os.cpu_count() or 1) + 1), "--dist", "loadgroup", "--no-loadscope-reorder")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; all others go to pytest."""
    parser.add_argument(
        "--quick",
        action="store_true",
        help="leave out the tests marked slow: crashes at every step, whole processes, foreign tools (two minutes)",
    )
    parser.add_argument(
        "--today",
        type=_read_day,
        metavar="DATE",
        help="run as if it were noon UTC of that day, or that moment, such as 2028-02-29 or 2027-03-28T00:55",
    )


def run(options: argparse.Namespace, more: Sequence[str]) -> int:
    """Run every check, even after one has failed; return 0 only if all passed."""
    environ = _choose_day(options.today, os.environ)
    # each worker, and each process that a test starts, would compile the whole repository
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    python = [sys.executable, "-m"]
    chosen = ["-m", QUICK] if options.quick else []
    steps = {
        "lint": [*python, "ruff", "check", "."],
        "format": [*python, "ruff", "format", "--check", "."],
        "types": [*python, "mypy"],
        # tests run side by side unless arguments ask for something special
        "tests": [*python, "pytest", *chosen, *(more or _SIDE_BY_SIDE)],
    }
    results = {}
    with nullcontext() if more else _preparing(is_quick=options.quick):
        for name, command in steps.items():
            print(f"== {name}", flush=True)
            began = time.monotonic()
            with _compile_tests(environ) if name == "types" and not more and _are_tests_new(ROOT) else nullcontext():
                code = subprocess.call(command, cwd=ROOT, env=environ if name == "tests" else None)
            results[name] = (code, time.monotonic() - began)
    print("== result")
    for name, (code, seconds) in results.items():
        print(f"   {name:8} {'ok' if code == 0 else f'failed ({code})':12} {seconds:6.1f} s")
    return 0 if all(code == 0 for code, _ in results.values()) else 1


@contextmanager
def _preparing(*, is_quick: bool) -> Iterator[None]:
    """Install meanwhile what tests need, if it is not there yet; do not wait for what nobody needs any more."""
    command = [sys.executable, "-m", "devkit.preparing", *(["1"] if is_quick else [])]  # the storage emulator alone
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def _compile_tests(environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Import all tests on the processor that mypy leaves free: in a fresh clone each worker would compile them."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet"]
    return subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _are_tests_new(root: Path) -> bool:
    """Say whether more than a tenth of the files of tests were never compiled by pytest, or changed since."""
    files = list((root / "tests").rglob("test_*.py"))
    return sum(map(_is_new, files)) > len(files) / 10


def _is_new(file: Path) -> bool:
    """Say whether a file of tests has no newer compiled file of pytest, which has a name of its own for them."""
    compiled = (file.parent / "__pycache__").glob(f"{file.stem}.{sys.implementation.cache_tag}-pytest-*.pyc")
    return not any(each.stat().st_mtime >= file.stat().st_mtime for each in compiled)


def _read_day(text: str) -> datetime:
    try:
        return read_moment(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2028-02-29") from None


def _choose_day(today: datetime | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the tests, and print the day they run on unless it is the real one."""
    if today is not None:
        print(f"== today: {today:%Y-%m-%dT%H:%M}", flush=True)
    elif environ.get("CI", "").lower() not in ("", "0", "false"):
        today, reason = pick_moment(random.Random())  # noqa: S311 - a choice of test data, not a secret
        print(f"== today: {today:%Y-%m-%dT%H:%M}, {reason}. Repeat it with --today {today:%Y-%m-%dT%H:%M}", flush=True)
    else:
        return dict(environ)
    return shift_environment(environ, today)
