"""Log lines as the app's owner will see them on Azure: invocation ids, levels of host.json, no system loggers."""

import logging
from collections.abc import Callable, Mapping

from devkit.host import worker

_SYSTEM = ("azure.functions", "azure_functions_worker")
_LEVELS = {
    "trace": logging.NOTSET,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}
_FORMAT = "%(asctime)s %(levelname)-7s [%(invocation)s] %(name)s: %(message)s"


class InvocationFilter(logging.Filter):
    """Puts the invocation's id on each record and drops what Azure would not show.

    Loggers named ``azure.functions*`` or ``azure_functions_worker*`` are system logs: on Azure they never reach the
    app's own workspace, so a line logged there by mistake must be missing here as well. Lines of a running function
    obey ``logging.logLevel`` of host.json, category ``Function.<name>.User``
    (https://learn.microsoft.com/azure/azure-functions/configure-monitoring).
    """

    def __init__(
        self, levels: Mapping[str, str], find_function: Callable[[str | None], str | None], *, system: bool = False
    ) -> None:
        super().__init__()
        self._levels = levels
        self._find_function = find_function
        self._system = system

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to show the record."""
        invocation = worker.current_invocation()
        record.invocation = invocation or "-"
        if record.name.startswith(_SYSTEM):
            return self._system
        function = self._find_function(invocation)
        return function is None or record.levelno >= self._find_level(f"Function.{function}.User")

    def _find_level(self, category: str) -> int:
        """Return the level of the longest matching prefix; ``default`` matches everything."""
        names = [name for name in self._levels if category == name or category.startswith(f"{name}.")]
        chosen = self._levels.get(max(names, key=len) if names else "default", "information")
        return _LEVELS.get(chosen, logging.INFO)


def configure_logging(log_filter: logging.Filter) -> None:
    """Send everything from INFO up to stderr, one line each, through the filter."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.addFilter(log_filter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("azure.core", "azure.storage", "urllib3", "uvicorn", "watchfiles"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
