"""The first answer of a new process, through the local host and the worker library, compared with a bare app's.

Each case is a new process, in turns, with compiled byte code: it loads the app, then answers one request. The bare app
has one route and imports nothing. The list signs in first, and reads Key Vault; the twin answers each call after 30 ms,
the bare app calls nobody. CPU says what the process did; wall time counts the twin's answers and other work on the
machine, too. Goal: load and first answer within 0.35 s of CPU.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.harness import ROOT, run_storage, run_twin
from bench.proxied_call import LATENCY, PAGE

GOAL = 0.35

_BARE = """
import azure.functions as func

app = func.FunctionApp()

@app.route(route="health")
def health(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("{}", mimetype="application/json")
"""


@dataclass(frozen=True)
class Plan:
    """How often each case is measured."""

    rounds: int = 9


def run(plan: Plan | None = None) -> None:
    """Measure and print."""
    plan = plan or Plan()
    with tempfile.TemporaryDirectory() as scratch, run_twin(LATENCY) as world, run_storage() as account:
        bare = Path(scratch) / "bare"
        bare.mkdir()
        (bare / "function_app.py").write_text(_BARE)
        (bare / "host.json").write_text((ROOT / "host.json").read_text())
        cases = {
            "bare app": (bare, "/api/health"),
            "health": (ROOT, "/api/health"),
            "proxied list": (ROOT, f"/api/bookings/businesses/{PAGE}/services"),
        }
        settings = world.environment | world.settings | {"AzureWebJobsStorage": account}
        environ = _environ(Path(scratch) / "pycache") | settings
        found: dict[str, list[Mapping[str, list[float]]]] = {name: [] for name in cases}
        for number in range(plan.rounds + 1):
            for name, (folder, path) in cases.items():
                measured = _ask_once(folder, path, environ)
                if number:  # the first of each only warms the byte code
                    found[name].append(measured)
    print(f"first answer of a new process, {plan.rounds} each, Graph answering after {LATENCY * 1e3:.0f} ms")
    for name, rounds in found.items():
        load, load_cpu, answer, answer_cpu = (
            median(one[step][kind] for one in rounds) for step in ("load", "answer") for kind in (0, 1)
        )
        print(
            f"  {name:13} CPU load {load_cpu * 1e3:4.0f} + answer {answer_cpu * 1e3:4.0f} ms"
            f"   wall load {load * 1e3:4.0f} + answer {answer * 1e3:4.0f} ms   {rounds[0]['modules']} modules"
        )
    print(f"  (goal: at most {GOAL * 1e3:.0f} ms)\n")


def _environ(cache: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return kept | {"PYTHONPYCACHEPREFIX": str(cache), "PYTHONPATH": str(ROOT)}


def _ask_once(folder: Path, path: str, environ: Mapping[str, str]) -> dict[str, list[float]]:
    command = [sys.executable, "-m", "bench.first_answer_driver", str(folder), path]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    measured: dict[str, list[float]] = json.loads(done.stdout)
    return measured
