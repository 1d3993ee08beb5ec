"""Import time of the app, compared with a bare app that imports msal and requests.

15 new processes of each, in turns, with compiled byte code. Goal: at most 1.3 times the bare app (median).
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 15
GOAL = 1.3

_BARE = """
import azure.functions as func
import msal
import requests

app = func.FunctionApp()

@app.route(route="hello")
def hello(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"{msal.__version__} {requests.__version__}")
"""
_TIMED = (
    "import sys, time; began = time.perf_counter(); import {}; print(time.perf_counter() - began, len(sys.modules))"
)


def run() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "bare_app.py").write_text(_BARE)
        cases = {"bare_app": Path(scratch), "function_app": ROOT}
        times: dict[str, list[float]] = {name: [] for name in cases}
        modules: dict[str, int] = {}
        for number in range(ROUNDS + 1):
            for name, folder in cases.items():
                seconds, count = _import_once(name, folder, Path(scratch) / "pycache")
                modules[name] = count
                if number:  # the first of each only warms the byte code
                    times[name].append(seconds)
    ratio = median(times["function_app"]) / median(times["bare_app"])
    print(f"import cost, {ROUNDS} fresh processes each")
    for name, found in times.items():
        print(
            f"  {name:14} median {median(found) * 1e3:6.1f} ms  min {min(found) * 1e3:6.1f} ms  {modules[name]} modules"
        )
    print(f"  ratio {ratio:.2f} (goal: at most {GOAL})\n")


def _import_once(name: str, folder: Path, cache: Path) -> tuple[float, int]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", _TIMED.format(name)],
        cwd=folder,
        env=environ | {"PYTHONPYCACHEPREFIX": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, count = done.stdout.split()
    return float(seconds), int(count)
