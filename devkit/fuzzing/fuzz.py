"""One run: the world is started, schemathesis asks the app, and what came of it is counted."""

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devkit.bootstrap import ROOT
from devkit.foreign import LOCKED, find_python
from devkit.fuzzing.findings import Findings
from devkit.fuzzing.plan import Plan
from devkit.fuzzing.world import Running, running_world

SCHEMATHESIS = LOCKED / "schemathesis.txt"
_BROKEN = re.compile(r"^\S+ \S+ (?:ERROR|CRITICAL) .*$", flags=re.MULTILINE)
_LOG_LINES = 3
_STIR, _PROGRESS = 250, 1_000


def fuzz(plan: Plan, progress: Callable[[str], None] = lambda _text: None) -> Findings:
    """Run it: 10,000 requests take a quarter of an hour. Everything listens on loopback.

    InstallError when schemathesis cannot be installed, RuntimeError when the app does not start.
    """
    python = find_python(SCHEMATHESIS)
    with running_world() as app:
        progress("The world is ready.")
        findings = run_driver(python, app, plan, progress)
        _find_log_lines(findings, app)
    return findings


def run_driver(
    python: Path, app: Running, plan: Plan, progress: Callable[[str], None] = lambda _text: None
) -> Findings:
    """Let the driver ask an app that runs already; return what it found."""
    findings = Findings(plan.seed)
    began = time.monotonic()
    command = [str(python), "-m", "devkit.fuzzing.driver", app.base_url, str(plan.requests), str(plan.seed)]
    command.append(datetime.now(UTC).date().isoformat())  # the clock of a test run may be shifted, the driver's is not
    environ = os.environ | {"FUZZ_KEY": app.key, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    with (
        tempfile.TemporaryDirectory() as scratch,  # no configuration of anybody's is found there
        (Path(scratch) / "driver.log").open("w+") as errors,
        subprocess.Popen(command, cwd=scratch, env=environ, stdout=subprocess.PIPE, stderr=errors, text=True) as driver,
    ):
        try:
            for line in driver.stdout or ():
                findings.read(read := _read_line(line))
                if read["kind"] == "answer" and findings.requests % _STIR == 0:
                    app.send_mails()
                if read["kind"] == "answer" and findings.requests % _PROGRESS == 0:
                    progress(f"{findings.requests:,} requests after {time.monotonic() - began:.0f} s")
        except BaseException:
            driver.kill()
            raise
        if driver.wait() != 0:
            errors.seek(0)
            findings.add_trouble(f"The driver ended with {driver.returncode}:\n{errors.read()[-3000:]}")
    findings.seconds = time.monotonic() - began
    return findings


def _read_line(line: str) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads(line)
    except ValueError:  # not of ours: a warning of some package
        return {"kind": "trouble", "text": f"the driver said: {line.strip()[:500]}"}
    return read


def _find_log_lines(findings: Findings, app: Running) -> None:
    """Add what the app wrote about failures, and what broke where nobody asked."""
    log = app.read_log()
    lines = log.splitlines()
    for failure in findings.failures.values():
        if failure.request_id:
            failure.log = [line for line in lines if failure.request_id in line][:_LOG_LINES]
    for line in _BROKEN.findall(log):
        findings.add_trouble(f"in the app's log: {line[:500]}")
    try:
        app.check()
    except RuntimeError as ended:
        findings.add_trouble(str(ended))
