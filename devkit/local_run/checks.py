"""What `up` looks at before it starts anything: each fault is one sentence."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from filelock import FileLock, Timeout

from devkit.bootstrap import LOGS, STATE, explain_unwritable
from devkit.installing import InstallError
from devkit.npm_packages import find_program
from devkit.running import NothingRunsError, find_running
from inbound_mail.sinks import check_sink
from shared.settings.config import load_settings
from shared.settings.faults import SettingsError

LAST_PORT = 65535
_PORTS_TRIED = 50
_HOLDER = STATE / "up.pid"


class UpError(Exception):
    """Something cannot be started; the message says what to do."""


def check_folder() -> None:
    """Raise UpError where nothing can be written."""
    try:
        LOGS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=STATE):
            pass
    except OSError as error:
        raise UpError(explain_unwritable(error).strip()) from None


def check_programs(*, needs_storage: bool, needs_core_tools: bool) -> None:
    """Raise UpError where a program is missing that will be needed."""
    if needs_core_tools:
        find_core_tools()
    if needs_storage:
        try:
            for name in ("node", "npm"):
                find_program(name, "the storage emulator Azurite")
        except InstallError as error:
            raise UpError(str(error)) from None


def find_core_tools() -> str:
    """Return the program of Azure Functions Core Tools. Raises UpError."""
    func = shutil.which("func")
    if func is None:
        raise UpError("Azure Functions Core Tools are not installed: npm install -g azure-functions-core-tools@4")
    return func


@contextmanager
def hold_alone() -> Iterator[None]:
    """Be the only `up` of this checkout while the block runs. Raises UpError."""
    lock = FileLock(STATE / "up.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise UpError(_explain_another()) from None
    try:
        _HOLDER.write_text(str(os.getpid()))
        yield
    finally:
        _HOLDER.unlink(missing_ok=True)
        lock.release()


def _explain_another() -> str:
    try:
        running = find_running()
    except NothingRunsError:
        number = _HOLDER.read_text() if _HOLDER.exists() else "unknown"
        return f"Another `up` is starting in this checkout at this moment (process {number}). Wait for it, or stop it."
    return (
        f"An `up` runs already in this checkout: {running.base_url} (process {running.pid}). "
        "Stop it first, or read its addresses with: python3 -m devkit up --lines"
    )


def check_settings(environ: Mapping[str, str]) -> list[str]:
    """Return the names of the mailboxes; none if a blob holds them. Raises UpError with every fault."""
    try:
        return list(load_settings(environ, check_sink=check_sink).mailboxes)
    except SettingsError as error:
        faults = "\n".join(f"  {fault.setting}: {fault.message}" for fault in error.faults)
        raise UpError(f"The settings are wrong:\n{faults}") from None


def find_port(wanted: int) -> int:
    """Return the wanted port, or the next free one after it. Raises UpError."""
    for port in range(wanted, min(wanted + _PORTS_TRIED, LAST_PORT + 1)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise UpError(f"No free port from {wanted} on. Choose another with --port.")
