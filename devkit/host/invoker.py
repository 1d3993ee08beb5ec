"""One way to run a function for every trigger: time limit and log lines."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass

from devkit.host.logs import FUNCTION
from devkit.host.worker import STOPPED, Call, Outcome, Worker

_LOGGER = logging.getLogger("devkit.host")


@dataclass(frozen=True)
class Invoker:
    """Runs calls on the worker. The HTTP side uses ``run_async``, threads use ``run``."""

    worker: Worker
    time_limit: float | None
    """Seconds; None: unbounded."""
    end_host: Callable[[str], None]
    """Called with the reason when a call exceeds the limit: the platform then kills the worker and all its calls."""

    def run(self, call: Call) -> Outcome:
        """Run a call to its end or to the time limit. Never raises: what goes wrong is in the Outcome."""
        started = self._begin(call)
        future = self.worker.submit(call)
        try:
            outcome: Outcome | None = future.result(self.time_limit)
        except FutureTimeoutError:
            outcome = None
        except CancelledError:
            outcome = STOPPED
        return self._finish(call, outcome, started)

    async def run_async(self, call: Call) -> Outcome:
        """Do the same in an event loop, which stays free meanwhile."""
        started = self._begin(call)
        task = asyncio.ensure_future(self.worker.invoke(call))
        done, _ = await asyncio.wait({task}, timeout=self.time_limit)
        if not done:
            outcome = None
        elif task.cancelled():
            outcome = STOPPED
        else:
            outcome = task.result()
        return self._finish(call, outcome, started)

    def _begin(self, call: Call) -> float:
        name = call.function.name
        about = {FUNCTION: name}
        _LOGGER.info(
            "Executing 'Functions.%s' (Reason='%s', Id=%s)", name, call.reason, call.invocation_id, extra=about
        )
        return time.monotonic()

    def _finish(self, call: Call, outcome: Outcome | None, started: float) -> Outcome:
        name = call.function.name
        if outcome is None:
            reason = f"Timeout value of {self.time_limit:g} s exceeded by {name}."
            self.end_host(f"{reason} The platform ends the worker then, and with it every other call.")
            outcome = Outcome(ok=False, error=reason)
        identity = (name, call.invocation_id, round((time.monotonic() - started) * 1000))
        about = {FUNCTION: name}
        if outcome.ok:
            _LOGGER.info("Executed 'Functions.%s' (Succeeded, Id=%s, Duration=%dms)", *identity, extra=about)
        else:
            _LOGGER.error(
                "Executed 'Functions.%s' (Failed, Id=%s, Duration=%dms)\n%s",
                *identity,
                (outcome.traceback or outcome.error or "").rstrip(),
                extra=about,
            )
        return outcome
