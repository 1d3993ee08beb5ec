"""Run the twin as a process of its own: `python -m twin --state-dir DIR --seed sample`.

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
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from twin.seeds import bulk, sample
from twin.simulator import Simulator
from twin.world import World

SEEDS: dict[str, Callable[[], World]] = {
    "sample": sample.build,
    "many-businesses": bulk.build_many_businesses,
    "busy-business": bulk.build_busy_business,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the options and serve; see `run`."""
    parser = argparse.ArgumentParser(prog="python -m twin", description=(__doc__ or "").split("\n")[0])
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; return 0, or 1 if a handler of the twin failed with an error of its own."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        _ = number, frame
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    simulator = Simulator(
        SEEDS[options.seed](),
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--state-dir", type=Path, required=True, help="folder for the CA file")
    parser.add_argument("--seed", choices=sorted(SEEDS), default="sample", help="the world to begin with")
    parser.add_argument("--credential", choices=("federated", "certificate", "secret", "password"), default="secret")
    parser.add_argument(
        "--port-file", type=Path, help="JSON file for the addresses; simulator.json in the state folder"
    )
    parser.add_argument("--proxy-port", type=int, default=0, help="port of the proxy; 0: any free one")
    parser.add_argument("--port", type=int, default=0, help="port of the identity endpoint and the control path")
    parser.add_argument("--latency", type=float, default=0.001, help="least seconds of every exchange")


def _write_whole(path: Path, text: str) -> None:
    """Write a file that appears with all of its text at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main())
