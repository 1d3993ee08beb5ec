"""The services that functions use: built once, at the first call, and replaceable in tests.

Their modules are imported then and not before, because the platform imports the app at every start to index its
functions, whichever is called first.
"""

import logging
import threading
from typing import TYPE_CHECKING

from shared.log_text import Lines
from shared.settings.faults import Fault, SettingsError

if TYPE_CHECKING:
    from composition.connections import Services

_log = logging.getLogger("gateway.settings")


class _ServicesHolder:
    """Holds the services, or the faults of the settings. The settings are read once, at the first call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._services: Services | None = None
        self._faults: tuple[Fault, ...] = ()

    def get(self) -> "Services":
        with self._lock:
            if self._services is None and not self._faults:
                self._build()
            if self._services is None:
                # A new error for each call: an error that is raised again keeps the frames of all earlier calls alive.
                raise SettingsError(self._faults)
            return self._services

    def _build(self) -> None:
        try:
            from composition.connections import build_services
            from inbound_mail.sinks import check_sink
            from shared.settings.config import load_settings

            self._services = build_services(load_settings(check_sink=check_sink))
        except SettingsError as error:
            self._faults = error.faults
            faults = Lines(f"{fault.setting}: {fault.message}" for fault in error.faults)
            _log.critical("The settings are wrong; no call can be answered until they are corrected:\n%s", faults)

    def put(self, services: "Services | None") -> None:
        from shared import readiness

        with self._lock:
            self._services, self._faults = services, ()
            readiness.forget()


_holder = _ServicesHolder()


def services() -> "Services":
    """Return the services for one call or one run of a function, which asks for them once.

    Raises SettingsError with all faults while the settings are wrong.
    """
    return _holder.get().for_one_call()


def replace_services(instead: "Services | None") -> None:
    """Use these services from now on; None: build them again at the next call. For tests."""
    _holder.put(instead)
