"""Log lines as the app's owner will see them on Azure: invocation ids, levels of host.json, no system loggers.

Nothing of the app is silenced here. What its libraries log during a call is shown as the platform would forward it, so
that a chatty library is seen before it is paid for.
"""

import logging
from collections.abc import Callable, Mapping

from devkit.host import worker

_SYSTEM = ("azure.functions", "azure_functions_runtime", "azure_functions_worker", "proxy_worker")
_OF_THIS_HOST = ("devkit", "uvicorn", "watchfiles", "asyncio")
FUNCTION = "function"
"""The attribute of a record with which this host names the function that begins or ends."""
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

    The worker's own loggers, such as ``azure.functions``, are system logs: on Azure they never reach the app's own
    workspace, so a line logged there by mistake must be missing here as well. Lines of a running function obey
    ``logging.logLevel`` of host.json, category ``Function.<name>.User``
    (https://learn.microsoft.com/azure/azure-functions/configure-monitoring), and the host's own lines about a function
    category ``Function.<name>``. What is logged outside a running function, at import or on a thread of the app's own,
    Azure drops; here only this host logs there.
    """

    def __init__(
        self, levels: Mapping[str, str], find_function: Callable[[str | None], str | None], *, system: bool = False
    ) -> None:
        super().__init__()
        self._levels = levels
        self._known: dict[str, int] = {}
        self._find_function = find_function
        self._system = system

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to show the record."""
        invocation = worker.current_invocation()
        record.invocation = invocation or "-"
        if record.name.startswith(_SYSTEM):
            return self._system
        function = self._find_function(invocation)
        if function is not None:
            return record.levelno >= self._find_level(f"Function.{function}.User")
        if (function := record.__dict__.get(FUNCTION)) is not None:
            return record.levelno >= self._find_level(f"Function.{function}")
        is_own = record.name.partition(".")[0] in _OF_THIS_HOST
        return is_own and (record.name.startswith("devkit") or record.levelno >= logging.WARNING)

    def _find_level(self, category: str) -> int:
        """Return the level of the longest matching prefix; ``default`` matches everything."""
        if category not in self._known:
            names = [name for name in self._levels if category == name or category.startswith(f"{name}.")]
            chosen = self._levels.get(max(names, key=len) if names else "default", "information")
            self._known[category] = _LEVELS.get(chosen, logging.INFO)
        return self._known[category]


def configure_logging(log_filter: logging.Filter) -> None:
    """Send everything from INFO up to stderr, one line each, through the filter."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.addFilter(log_filter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
