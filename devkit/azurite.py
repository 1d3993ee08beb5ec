"""Azurite, Microsoft's storage emulator, installed once per checkout and started on free loopback ports.

It is an npm package; ``azurite_npm/`` pins it with a lock file. See https://github.com/Azure/Azurite.
"""

import os
import re
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from devkit.clock import NODE_SCRIPT, SHIFT
from devkit.installing import InstallError
from devkit.npm_packages import INSTALL_SECONDS, count_packages, find_program, install_locked, is_installed
from devkit.processes import end_process, start_process
from devkit.progress import Done

_ROOT = Path(__file__).resolve().parent.parent
_MANIFEST = Path(__file__).resolve().parent / "azurite_npm"
_CACHE = _ROOT / ".devkit" / "azurite"
_SCRIPT = "node_modules/azurite/dist/src/azurite.js"
_SERVICES = ("Blob", "Queue", "Table")
_READY = re.compile(r"Azurite (\w+) service is successfully listening at (https?://\S+)")
_START_SECONDS = 120.0  # a busy machine, too
_STOP_SECONDS = 10.0
_INSTALL_SECONDS = INSTALL_SECONDS
_NAME = "the storage emulator Azurite"

ACCOUNT = "devstoreaccount1"
# The emulator's published account key, the same on every machine:
# https://learn.microsoft.com/azure/storage/common/storage-use-azurite#well-known-storage-account-and-key
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class AzuriteError(RuntimeError):
    """Azurite cannot be installed or started; the message says what to do."""


@dataclass(frozen=True)
class Azurite:
    """A running emulator. Use it as a context manager, or call ``stop``."""

    connection_string: str
    endpoints: dict[str, str]
    """``Blob``, ``Queue``, ``Table`` to ``http://127.0.0.1:<port>/devstoreaccount1``."""
    process: subprocess.Popen[str]

    def stop(self) -> None:
        """End the emulator and wait for it. With in-memory persistence its data is gone."""
        end_process(self.process, _STOP_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_azurite(
    location: Path | None = None,
    cache: Path = _CACHE,
    *,
    on_line: Callable[[str], None] | None = None,
    certificate: tuple[Path, Path] | None = None,
) -> Azurite:
    """Install Azurite if need be, start it and return once all three services listen.

    ``location`` keeps the data in a folder; None keeps it in memory. ``on_line`` gets each line of the access log, on
    a thread of its own. With ``certificate``, files of a certificate and its key, it is reached over https, and takes
    tokens of Entra ID without looking who signed them. Raises AzuriteError.
    """
    script = install_azurite(cache)
    command = [_find_node(), *(("--require", str(NODE_SCRIPT)) if SHIFT in os.environ else ())]
    command += [str(script), "--disableTelemetry", "--skipApiVersionCheck"]
    command += [] if on_line else ["--silent"]
    if certificate:
        command += ["--cert", str(certificate[0]), "--key", str(certificate[1]), "--oauth", "basic"]
    for service in _SERVICES:
        command += [f"--{service.lower()}Host", "127.0.0.1", f"--{service.lower()}Port", "0"]
    if location is None:
        command.append("--inMemoryPersistence")
    else:
        location.mkdir(parents=True, exist_ok=True)
        command += ["--location", str(location)]
    process = start_process(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        endpoints = {service: f"{url}/{ACCOUNT}" for service, url in _wait_for_services(process, on_line).items()}
    except BaseException:
        end_process(process, 2.0)
        raise
    protocol = "https" if certificate else "http"
    parts = {"DefaultEndpointsProtocol": protocol, "AccountName": ACCOUNT, "AccountKey": ACCOUNT_KEY}
    parts |= {f"{service}Endpoint": url for service, url in endpoints.items()}
    return Azurite("".join(f"{name}={value};" for name, value in parts.items()), endpoints, process)


def install_azurite(cache: Path = _CACHE) -> Path:
    """Install the locked version into ``cache`` unless it is there; return its script for node. Raises AzuriteError."""
    try:
        return install_locked(_MANIFEST, cache, proof=_SCRIPT, what=_NAME, seconds=_INSTALL_SECONDS)
    except InstallError as error:
        raise AzuriteError(str(error)) from error


def is_azurite_installed(cache: Path = _CACHE) -> bool:
    """Say whether the locked version is in ``cache``."""
    return is_installed(_MANIFEST, cache, proof=_SCRIPT)


def count_installed() -> Done:
    """Say how many of its packages are unpacked."""
    return count_packages(_MANIFEST, _CACHE)


def _find_node() -> str:
    try:
        return find_program("node", _NAME)
    except InstallError as error:
        raise AzuriteError(str(error)) from error


def _wait_for_services(process: subprocess.Popen[str], on_line: Callable[[str], None] | None) -> dict[str, str]:
    """Return each service's address as soon as all are up; go on reading the output, so the pipe never fills."""
    endpoints: dict[str, str] = {}
    lines: list[str] = []
    decided = threading.Event()

    def read(stream: IO[str]) -> None:
        with stream:
            for line in stream:
                if decided.is_set():
                    if on_line:
                        on_line(line)
                    continue
                lines.append(line)
                if match := _READY.search(line):
                    endpoints[match[1]] = match[2]
                if len(endpoints) == len(_SERVICES):
                    decided.set()
        decided.set()

    if process.stdout is None:
        raise AzuriteError("Azurite has no output to read.")
    threading.Thread(target=read, args=[process.stdout], name="azurite-output", daemon=True).start()
    decided.wait(_START_SECONDS)
    if len(endpoints) < len(_SERVICES):
        raise AzuriteError(f"Azurite did not start:\n{''.join(lines).strip() or 'it printed nothing.'}")
    return endpoints
