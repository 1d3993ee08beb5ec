"""In which order and in which groups the tests run, and what shows that they do.

Each slow test is a group of its own; the tests of a file stay together otherwise, and so do those that share a fixture
of their module. A file may name a group that it shares with others. The groups that take longest begin first, so that
no long one is left alone at the end: a slow test takes the `seconds` of its mark, roughly, on an idle machine.
"""

import gc
import threading
import time
from collections import defaultdict
from collections.abc import Iterator

import pytest

_SHARED = {"module", "class", "package"}
_QUIET_SECONDS = 20.0
_LONGEST_ID = 80
_SLOW_SECONDS, _QUICK_SECONDS = 2.0, 0.04  # of most tests


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep the garbage collector from the modules and tests that are collected: nearly all of them stay to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    groups: dict[str, str] = {}
    seconds: defaultdict[str, float] = defaultdict(float)
    for number, item in enumerate(items):
        mark = item.get_closest_marker("slow")
        if mark and not mark.kwargs.get("reason"):
            raise pytest.UsageError(f"{item.nodeid}: slow needs a reason")
        is_alone = mark is not None and not _shares_a_fixture(item)
        own = item.get_closest_marker("xdist_group")
        group = f"slow-{number}" if is_alone else str(own.args[0]) if own else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group), append=False)
        groups[item.nodeid] = group
        seconds[group] += mark.kwargs.get("seconds", _SLOW_SECONDS) if mark else _QUICK_SECONDS
    items.sort(key=lambda item: -seconds[groups[item.nodeid]])


def _shares_a_fixture(item: pytest.Item) -> bool:
    """Say whether a test uses a fixture that lives as long as its module, which another group would make again."""
    info = getattr(item, "_fixtureinfo", None)
    definitions = info.name2fixturedefs.values() if info else ()
    return any(definition.scope in _SHARED for several in definitions for definition in several)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long value by its parameter: workers agree on names, and some bytes are drawn anew in each process."""
    return argname if isinstance(val, bytes | str) and len(val) > _LONGEST_ID else None


class Heartbeat:
    """Names the tests that have been running for a while, so that a long one is not taken for one that hangs."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self._reporter = reporter
        self._began: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="heartbeat", daemon=True)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._began[nodeid] = time.monotonic()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._began.pop(nodeid, None)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Iterator[None]:
        self._thread.start()
        try:
            return (yield)
        finally:
            self._over.set()
            self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_QUIET_SECONDS):
            now = time.monotonic()
            for nodeid, began in sorted(self._began.items()):
                if now - began > _QUIET_SECONDS:
                    name = nodeid.partition("@")[0]
                    self._reporter.ensure_newline()
                    self._reporter.write_line(f"still running after {now - began:.0f} s: {name}")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Heartbeat(reporter), "heartbeat")
