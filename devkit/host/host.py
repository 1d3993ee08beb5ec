"""The local host: one app, its HTTP front, its timers and queues."""

import logging
import time
from collections.abc import Callable, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from devkit.host import worker
from devkit.host.admin import AdminApi
from devkit.host.asgi import Access, HttpApp
from devkit.host.errors import FunctionError, HostError, SettingsError
from devkit.host.functions import HostFunction, prepare_functions
from devkit.host.invoker import Invoker
from devkit.host.keys import Keys
from devkit.host.queues import LEASE, QueueListener, QueueTrigger
from devkit.host.router import hidden_routes
from devkit.host.settings import HostSettings
from devkit.host.storage import Account, Queue
from devkit.host.timers import TimerListener, TimerStore, TimerTrigger
from devkit.host.worker import Call, Outcome, Worker

_LOGGER = logging.getLogger("devkit.host")
_STORAGE = "AzureWebJobsStorage"


class LocalHost:
    """Runs one Python v2 function app on this machine. Use it once: ``load``, ``start``, ``stop``.

    HTTP is served by giving ``asgi`` to a server; ``start`` begins timers and queues only.
    """

    def __init__(
        self,
        settings: HostSettings,
        loaded: Worker,
        keys: Keys,
        *,
        check_keys: bool,
        queue_lease: timedelta,
        end: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._worker = loaded
        self._queue_lease = queue_lease
        self._end = end
        self._functions = prepare_functions(loaded.functions, settings)
        self._accounts: dict[str, Account] = {}
        self._store: TimerStore | None = None
        self._listeners: list[QueueListener | TimerListener] = []
        self._background = ThreadPoolExecutor(thread_name_prefix="fired")
        self._connect_storage()
        self._invoker = Invoker(loaded, settings.function_timeout, end)
        self.asgi = HttpApp(
            settings=settings.http,
            functions={each.name: each for each in self._functions},
            access=Access(keys, check_keys),
            invoker=self._invoker,
            admin=AdminApi(self._functions, self._fire),
        )

    @classmethod
    def load(
        cls,
        app_dir: Path,
        *,
        settings_file: Path | None,
        environ: MutableMapping[str, str],
        keys: Keys,
        check_keys: bool = True,
        queue_lease: timedelta = LEASE,
        end: Callable[[str], None] = _LOGGER.critical,
    ) -> Self:
        """Read the settings into ``environ`` (user code sees them when that is ``os.environ``), then index the app.

        ``settings_file`` None: environment variables only. ``queue_lease`` is for tests; the platform's is 10 minutes.
        ``end`` is called with the reason when the platform's host or worker would end its process.
        Raises SettingsError, IndexingError with the worker's reason, or UnsupportedError. A function that alone is at
        fault is reported in ``functions`` instead.
        """
        settings = HostSettings.load(app_dir, settings_file, environ)
        loaded = Worker.load(settings.app_dir, settings.script_file)
        try:
            return cls(settings, loaded, keys, check_keys=check_keys, queue_lease=queue_lease, end=end)
        except BaseException:
            loaded.close()
            raise

    @property
    def functions(self) -> tuple[HostFunction, ...]:
        """All functions in the platform's order: ``name``, ``bindings``, ``disabled``, ``error`` and more."""
        return self._functions

    @property
    def local_port(self) -> int | None:
        """``Host.LocalHttpPort`` of the settings file."""
        return self._settings.local_port

    @property
    def worker(self) -> Worker:
        """The worker that runs the functions."""
        return self._worker

    @property
    def log_levels(self) -> dict[str, str]:
        """``logging.logLevel`` of host.json, values in lower case."""
        return dict(self._settings.log_levels)

    def find_hidden_routes(self) -> list[tuple[str, str]]:
        """Return (hidden function, hiding function) pairs; see ``router.hidden_routes``."""
        return hidden_routes(each.route for each in self._functions if each.route is not None)

    def start(self) -> None:
        """Begin timers and queue polling. Raises HostError when the storage of the timers does not answer."""
        self._check_group()
        for function in self._functions:
            is_of_group = self._settings.environment.is_of_group(function.name)
            if function.listens and is_of_group and (listener := self._make_listener(function)) is not None:
                self._listeners.append(listener)
        try:
            for listener in self._listeners:
                listener.start()
        except BaseException:
            self._stop_listeners(time.monotonic())
            raise

    def fire(self, name: str, text: str = "") -> Future[Outcome]:
        """Run a function now, in the background: the text is a queue message or a POST body; timers ignore it.

        A timer's stored status is not touched. Raises HostError for an unknown function or one in error.
        """
        function = next((each for each in self._functions if each.name.casefold() == name.casefold()), None)
        if function is None or function.error is not None:
            raise HostError(f"There is no runnable function '{name}'.")
        return self._fire(function, text)

    def stop(self, limit: float = 10.0) -> bool:
        """Stop timers and polling, wait up to ``limit`` seconds for running calls, release unfinished messages.

        Return whether every call ended. A sync function that did not keeps its thread, and Python waits for it.
        """
        deadline = time.monotonic() + limit
        self._stop_listeners(deadline)
        while self._worker.is_busy and time.monotonic() < deadline:
            time.sleep(0.01)
        finished = not self._worker.is_busy
        self._background.shutdown(wait=finished, cancel_futures=True)
        self._worker.close()
        for account in self._accounts.values():
            account.close()
        return finished

    def _stop_listeners(self, deadline: float) -> None:
        if self._listeners:
            with ThreadPoolExecutor(len(self._listeners)) as pool:
                list(pool.map(lambda listener: listener.stop(deadline), self._listeners))
        self._listeners.clear()

    def _check_group(self) -> None:
        environment = self._settings.environment
        group = environment.find("FUNCTIONS_TARGET_GROUP")
        alone = [each.name for each in self._functions if each.route is None and environment.is_of_group(each.name)]
        if group and group.lower() != "http" and not alone:
            raise SettingsError(
                f"FUNCTIONS_TARGET_GROUP is {group}; there are http and function:<name> of a timer or queue function."
            )

    def _connect_storage(self) -> None:
        if not any(each.schedule or each.queue for each in self._functions):
            return
        try:
            connection = self._settings.environment.find_connection(_STORAGE)
        except FunctionError as error:
            raise SettingsError(f"{error} Every trigger but HTTP needs it.") from None
        self._store = TimerStore(self._find_account(connection), self._settings.host_id)

    def _find_account(self, connection: str) -> Account:
        if connection not in self._accounts:
            try:
                self._accounts[connection] = Account.parse(connection)
            except ValueError as error:
                raise SettingsError(f"A storage connection string is malformed: {error}") from None
        return self._accounts[connection]

    def _wake(self, queue: str) -> None:
        for listener in self._listeners:
            if isinstance(listener, QueueListener) and listener.queue_name == queue:
                listener.wake()

    def _make_listener(self, function: HostFunction) -> QueueListener | TimerListener | None:
        if function.queue is not None:
            trigger = QueueTrigger(
                function.indexed,
                Queue(self._find_account(function.queue.connection), function.queue.name),
                self._settings.queues,
                self._queue_lease,
            )
            return QueueListener(trigger, self._invoker.run, end_host=self._end, wake=self._wake)
        if function.schedule is not None:
            binding = function.indexed.trigger
            monitored = binding.get("useMonitor") is not False and not function.schedule.is_frequent(datetime.now(UTC))
            timer = TimerTrigger(
                function.indexed,
                function.schedule,
                run_on_startup=bool(binding.get("runOnStartup")),
                store=self._store if monitored else None,
            )
            return TimerListener(timer, self._invoker.run)
        return None

    def _fire(self, function: HostFunction, text: str) -> Future[Outcome]:
        return self._background.submit(lambda: self._invoker.run(self._make_manual_call(function, text)))

    def _make_manual_call(self, function: HostFunction, text: str) -> Call:
        reason = "This function was programmatically called via the host APIs."
        if function.queue is not None:
            value = worker.make_text(text)
            return Call(function.indexed, value, {"QueueTrigger": value}, reason=reason)
        if function.route is not None:
            url = f"http://localhost/{function.route.template.text}"
            value = worker.make_http_value(
                "POST", url, headers={"content-type": "application/json"}, query={}, params={}, body=text.encode()
            )
            return Call(function.indexed, value, reason=reason)
        status = self._store.read(function.name) if self._store else None
        value = worker.make_timer_value(status.to_json() if status else None, past_due=False)
        metadata = {"TimerTrigger": worker.make_text(datetime.now(UTC).isoformat())}
        return Call(function.indexed, value, metadata, reason=reason)
