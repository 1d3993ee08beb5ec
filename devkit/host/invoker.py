"""One way to run a function for every trigger: time limit, log lines, output bindings."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any

from devkit.host.logs import FUNCTION
from devkit.host.worker import STOPPED, Call, IndexedFunction, Outcome, Worker

_LOGGER = logging.getLogger("devkit.host")

type WriteOutput = Callable[[str, Any], None]
"""Takes an output binding's value and writes it to its queue: (binding name, value)."""


@dataclass(frozen=True)
class Invoker:
    """Runs calls on the worker. The HTTP side uses ``run_async``, threads use ``run``."""

    worker: Worker
    time_limit: float | None
    """Seconds; None: unbounded."""
    outputs: Mapping[str, WriteOutput]
    """Function name to what writes its queue outputs."""

    def run(self, call: Call) -> Outcome:
        """Run a call to its end or to the time limit. Never raises: what goes wrong is in the Outcome."""
        started = time.monotonic()
        future = self._begin(call)
        try:
            outcome: Outcome | None = future.result(self.time_limit)
        except FutureTimeoutError:
            outcome = None
        except CancelledError:
            outcome = STOPPED
        return self._finish(call, outcome, started)

    async def run_async(self, call: Call) -> Outcome:
        """Do the same from an event loop, which stays free meanwhile."""
        started = time.monotonic()
        future = asyncio.wrap_future(self._begin(call))
        done, _ = await asyncio.wait({future}, timeout=self.time_limit)
        if not done:
            outcome = None
        elif future.cancelled():
            outcome = STOPPED
        else:
            outcome = future.result()
        if call.function.name in self.outputs:
            return await asyncio.to_thread(self._finish, call, outcome, started)  # it writes to queues
        return self._finish(call, outcome, started)

    def _begin(self, call: Call) -> Future[Outcome]:
        name = call.function.name
        about = {FUNCTION: name}
        _LOGGER.info(
            "Executing 'Functions.%s' (Reason='%s', Id=%s)", name, call.reason, call.invocation_id, extra=about
        )
        return self.worker.submit(call)

    def _finish(self, call: Call, outcome: Outcome | None, started: float) -> Outcome:
        if outcome is None:
            outcome = Outcome(
                ok=False,
                error=f"Timeout value of {self.time_limit:g} s exceeded. A sync function cannot be stopped: it keeps "
                "its thread until it returns or the host is restarted.",
            )
        elif outcome.ok:
            outcome = self._write_outputs(call.function, outcome)
        duration = round((time.monotonic() - started) * 1000)
        identity = (call.function.name, call.invocation_id, duration)
        about = {FUNCTION: call.function.name}
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

    def _write_outputs(self, function: IndexedFunction, outcome: Outcome) -> Outcome:
        write = self.outputs.get(function.name)
        values = dict(outcome.outputs)
        if any(binding["name"] == "$return" and binding["type"] == "queue" for binding in function.bindings):
            values["$return"] = outcome.value
        if write is None:
            return outcome
        for name, value in values.items():
            if value is None:
                continue
            try:
                write(name, value)
            except Exception as error:  # noqa: BLE001  storage and encoding may fail in any way; the call fails then
                return Outcome(ok=False, error=f"The output binding '{name}' failed: {error}")
        return outcome
