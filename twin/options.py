"""The options of the twin's process. Nothing heavy is imported here, so that help comes at once."""

import argparse
from pathlib import Path

SEEDS = ("busy-business", "many-businesses", "sample")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--state-dir", type=Path, required=True, help="folder for the CA file")
    parser.add_argument("--seed", choices=SEEDS, default="sample", help="the world to begin with")
    parser.add_argument("--credential", choices=("federated", "certificate", "secret", "password"), default="secret")
    parser.add_argument(
        "--port-file", type=Path, help="JSON file for the addresses; simulator.json in the state folder"
    )
    parser.add_argument("--proxy-port", type=int, default=0, help="port of the proxy; 0: any free one")
    parser.add_argument("--port", type=int, default=0, help="port of the identity endpoint and the control path")
    parser.add_argument("--latency", type=float, default=0.001, help="least seconds of every exchange")
