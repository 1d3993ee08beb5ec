"""A new process: loads an app through the local host and Microsoft's worker library, and asks it once over HTTP.

Arguments: the app's folder and the path to ask for. Prints wall and CPU seconds until the app is loaded and until its
first answer, and how many modules were loaded in all. The host's own modules are loaded before.
"""

import json
import os
import sys
import time
from pathlib import Path

import requests

from devkit.host import Keys, LocalHost, serve_in_thread, worker


def main(folder: str, path: str) -> None:
    """Load, ask, print, and end without waiting for anything."""
    keys = Keys.generate()
    began = _now()
    host = LocalHost.load(Path(folder), settings_file=None, environ=os.environ, keys=keys)
    loaded = _now()
    server = serve_in_thread(host)
    caller = requests.Session()
    caller.trust_env = False
    asked = _now()
    answer = caller.get(f"{server.base_url}{path}", headers={"x-functions-key": keys.host["default"]}, timeout=60)
    answered = _now()
    answer.raise_for_status()
    steps = {"load": (began, loaded), "answer": (asked, answered)}
    times = {name: [after - before for before, after in zip(*step, strict=True)] for name, step in steps.items()}
    print(json.dumps({**times, "modules": len(sys.modules), "worker": worker.__name__}), flush=True)
    os._exit(0)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


if __name__ == "__main__":
    main(*sys.argv[1:])
