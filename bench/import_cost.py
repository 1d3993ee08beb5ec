"""CPU time of importing the app, compared with a bare app that has as many functions and imports nothing else.

Registering functions is the platform's library's cost, and grows with their number; what is above it is ours. Libraries
that the app imports at its first call are no part of this (`first_answer` counts them), so the bare app has none. The
other one, which imports msal and requests, shows what it costs to import clients at the start.

15 new processes of each, in turns, with compiled byte code. CPU, because wall time counts what else the machine does.
Goal: at most 1.2 times the bare app (median).
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 15
GOAL = 1.2

_BARE = """
import azure.functions as func
{clients}
app = func.FunctionApp()
"""
_ROUTE = """
@app.route(route="route{number}", methods=["GET"])
def call_{number}(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("")
"""
_TIMED = """
import sys, time
began = time.process_time()
import {}
print(time.process_time() - began, len(sys.modules))
"""
_COUNT = "import function_app; print(len(function_app.app.get_functions()))"


def run(rounds: int = ROUNDS) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as scratch:
        routes = "".join(_ROUTE.format(number=number) for number in range(_count_functions()))
        for name, clients in (("bare_app", ""), ("bare_app_with_clients", "import msal, requests")):
            (Path(scratch) / f"{name}.py").write_text(_BARE.format(clients=clients) + routes)
        cases = {"bare_app": Path(scratch), "bare_app_with_clients": Path(scratch), "function_app": ROOT}
        times: dict[str, list[float]] = {name: [] for name in cases}
        modules: dict[str, int] = {}
        for number in range(rounds + 1):
            for name, folder in cases.items():
                seconds, count = _import_once(name, folder, Path(scratch) / "pycache")
                modules[name] = count
                if number:  # the first of each only warms the byte code
                    times[name].append(seconds)
    print(f"import cost, CPU, {rounds} fresh processes each")
    for name, found in times.items():
        print(
            f"  {name:22} median {median(found) * 1e3:6.1f} ms  min {min(found) * 1e3:6.1f} ms  {modules[name]} modules"
        )
    ratios = [median(times["function_app"]) / median(times[name]) for name in cases if name != "function_app"]
    print(f"  ratio {ratios[0]:.2f} (goal: at most {GOAL}), to the one with clients {ratios[1]:.2f}\n")


def _count_functions() -> int:
    done = subprocess.run([sys.executable, "-c", _COUNT], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout)


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
