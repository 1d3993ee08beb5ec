"""The twin as a process of its own.

When it is ready, it writes a JSON file with its addresses; SIGTERM or Ctrl-C ends it. Every value in that file is text.
"environment" and "settings" are JSON objects in text form: the variables to run the app with.
"""

import argparse
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from twin.seeds import bulk, sample
from twin.simulator import Simulator
from twin.world import World

_SEEDS: dict[str, Callable[[], World]] = {
    "sample": sample.build,
    "many-businesses": bulk.build_many_businesses,
    "busy-business": bulk.build_busy_business,
}


def run_process(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; return 0, or 1 if a handler of the twin failed with an error of its own."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        _ = number, frame
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    simulator = Simulator(
        _SEEDS[options.seed](),
        state_dir=options.state_dir,
        proxy_port=options.proxy_port,
        loopback_port=options.port,
        latency=options.latency,
    )
    simulator.start()
    port_file: Path = options.port_file or options.state_dir / "simulator.json"
    try:
        _write_whole(port_file, json.dumps(describe(simulator, credential=options.credential), indent=2))
        print(f"simulator ready: {simulator.control_url}", flush=True)
        stopping.wait()
    finally:
        port_file.unlink(missing_ok=True)
        simulator.stop()
    return 1 if simulator.server.failures else 0


def describe(simulator: Simulator, *, credential: sample.Credential = "secret") -> dict[str, str]:
    """Describe a running simulator: addresses, the variables for a client, the settings for the app."""
    settings = sample.settings(simulator, credential=credential) | sample.write_settings() | sample.mail_settings()
    return {
        "pid": str(os.getpid()),
        "proxy_url": simulator.proxy_url,
        "ca_file": simulator.ca_file,
        "control_url": simulator.control_url,
        "identity_endpoint": simulator.identity_endpoint,
        "identity_header": simulator.identity_header,
        "environment": json.dumps(simulator.environment()),
        "settings": json.dumps(settings),
    }


def _write_whole(path: Path, text: str) -> None:
    """Write a file that appears with all of its text at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
