"""From what the worker indexed to functions that can start: every check the platform makes per function.

A function that fails a check is "in error" on the platform: it is listed with the reason and does not run, while the
others do (FunctionDescriptorProvider.cs, Utility.cs and ScriptHost.cs in azure-functions-host).
"""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from devkit.host.errors import FunctionError
from devkit.host.keys import Level
from devkit.host.ncrontab import Schedule
from devkit.host.router import Route, sort_key
from devkit.host.settings import Environment, HostSettings
from devkit.host.worker import IndexedFunction

_LOGGER = logging.getLogger("devkit.host")
_FUNCTION_NAME = re.compile(r"(?!host$)[a-z][a-z0-9_\-]{0,127}", re.IGNORECASE | re.ASCII)
_BINDING_NAME = re.compile(r"(?!.*__)[a-zA-Z_][a-zA-Z0-9_]{0,127}|\$return", re.ASCII)
_QUEUE_NAME = re.compile("(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, repr=False)
class QueueAddress:
    """A queue and the connection string of its account."""

    connection: str
    name: str


@dataclass(frozen=True, repr=False)
class HostFunction:
    """One function of the app, ready to run, or with the reason why not in ``error``."""

    indexed: IndexedFunction
    disabled: bool
    error: str | None = None
    level: Level = Level.FUNCTION
    route: Route | None = None
    schedule: Schedule | None = None
    queue: QueueAddress | None = None

    @property
    def name(self) -> str:
        """The function's name."""
        return self.indexed.name

    @property
    def bindings(self) -> tuple[Mapping[str, Any], ...]:
        """Its bindings, like those of a function.json, with ``%NAME%`` as written."""
        return self.indexed.bindings

    @property
    def trigger_type(self) -> str:
        """``httpTrigger``, ``timerTrigger`` or ``queueTrigger``."""
        return str(self.indexed.trigger["type"])

    @property
    def listens(self) -> bool:
        """Whether its timer or queue is to be watched."""
        return not self.disabled and self.error is None


def prepare_functions(indexed: Iterable[IndexedFunction], settings: HostSettings) -> tuple[HostFunction, ...]:
    """Check all functions; return them in the platform's order."""
    functions: list[HostFunction] = []
    for function in sorted(indexed, key=lambda each: sort_key(each.name)):
        prepared = _prepare(function, settings)
        try:
            _refuse_same_route(prepared, functions)
        except FunctionError as error:
            prepared = replace(prepared, error=str(error), route=None)
        if prepared.error is not None:
            _LOGGER.error("The '%s' function is in error: %s", prepared.name, prepared.error)
        functions.append(prepared)
    return tuple(functions)


def _prepare(function: IndexedFunction, settings: HostSettings) -> HostFunction:
    environment, trigger = settings.environment, function.trigger
    prepared = HostFunction(function, environment.is_disabled(function.name))
    try:
        _check_names(function)
        if trigger["type"] == "httpTrigger":
            level = Level[str(trigger.get("authLevel", "FUNCTION")).upper()]
            route = Route.parse(function.name, trigger.get("route"), trigger.get("methods"), settings.http.route_prefix)
            prepared = replace(prepared, level=level, route=route)
        elif trigger["type"] == "timerTrigger":
            prepared = replace(prepared, schedule=Schedule.parse(environment.expand(str(trigger["schedule"]))))
        else:
            prepared = replace(prepared, queue=_read_queue(trigger, environment))
    except FunctionError as error:
        return replace(prepared, error=str(error))
    return prepared


def _check_names(function: IndexedFunction) -> None:
    if not _FUNCTION_NAME.fullmatch(function.name):
        raise FunctionError(f"'{function.name}' is not a valid function name.")
    for binding in function.bindings:
        if not _BINDING_NAME.fullmatch(binding["name"]):
            raise FunctionError(
                f"The binding name {binding['name']} is invalid: letters, digits and single underscores only."
            )


def _refuse_same_route(function: HostFunction, earlier: Iterable[HostFunction]) -> None:
    for other in earlier:
        if function.route is not None and other.route is not None and function.route.conflicts_with(other.route):
            raise FunctionError(f"The route specified conflicts with the route defined by function '{other.name}'.")


def _read_queue(binding: Mapping[str, Any], environment: Environment) -> QueueAddress:
    name = environment.expand(str(binding["queueName"])).lower()  # the platform lower-cases queue names too
    if not _QUEUE_NAME.fullmatch(name):
        raise FunctionError(f"'{name}' is not a valid queue name.")
    return QueueAddress(environment.find_connection(binding.get("connection")), name)
