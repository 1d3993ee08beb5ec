"""host.json, local.settings.json and environment variables, read as the platform and Core Tools read them.

Sources: https://learn.microsoft.com/azure/azure-functions/functions-host-json and
https://learn.microsoft.com/azure/azure-functions/functions-develop-local (local settings file).
"""

import hashlib
import json
import logging
import os
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any, Self

from devkit.host.errors import FunctionError, SettingsError

_LOGGER = logging.getLogger("devkit.host.settings")
_OVERRIDE_PREFIX = "azurefunctionsjobhost__"
_TIME_SPAN = re.compile(
    r"(?:(?P<days>[0-9]{1,6})\.)?"
    r"(?P<hours>[01][0-9]|2[0-3]):(?P<minutes>[0-5][0-9]):(?P<seconds>[0-5][0-9])(?:\.(?P<fraction>[0-9]{1,7}))?"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T|/Date\(")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_DEPTH = 64
_MAX_BATCH = 32
_DEFAULT_BODY_LIMIT = 100 * 1024 * 1024
_DEFAULT_TIMEOUT = 30 * 60.0  # Flex Consumption's default
_DEFAULT_POLLING = 60.0
_LONGEST_HIDDEN = 7 * 24 * 3600.0
_HOST_ID_LENGTH = 32
_LEVELS = {"trace", "debug", "information", "warning", "error", "critical", "none"}


def parse_time_span(text: str) -> timedelta:
    """Read a time span of the form ``[d.]hh:mm:ss[.fffffff]``. Raises ValueError.

    .NET knows more forms, and some mislead: ``30`` are days, and so are the first two digits of ``24:00:00``.
    """
    match = _TIME_SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is no time span that the local host knows; write hh:mm:ss.")
    whole = {name: int(match[name] or 0) for name in ("days", "hours", "minutes", "seconds")}
    return timedelta(**whole, microseconds=int((match["fraction"] or "0").ljust(7, "0")) // 10)


class Environment:
    """The app's settings: environment variables, looked up without regard to case as the host's configuration is."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def find(self, name: str) -> str | None:
        """Return the setting ``name``; ``:`` and ``__`` are the same separator. None when absent or empty."""
        for spelling in (name, name.replace(":", "__")):
            if self._values.get(spelling):
                return self._values[spelling]
        wanted = name.replace(":", "__").casefold()
        matches = (text for key, text in self._values.items() if key.replace(":", "__").casefold() == wanted)
        return next((text for text in matches if text), None)

    def expand(self, text: str) -> str:
        """Replace each ``%NAME%`` by its setting. Raises FunctionError for a name that is not set."""

        def resolve(match: re.Match[str]) -> str:
            value = self.find(match[1])
            if value is None:
                raise FunctionError(f"'%{match[1]}%' does not resolve to a value: the setting {match[1]} is missing.")
            return value

        expanded = re.sub("%([^%]*)%", resolve, text)
        if text.count("%") % 2:
            raise FunctionError(f"'{text}' holds a single '%'; a setting is named between two of them.")
        return expanded

    def find_connection(self, name: str | None) -> str:
        """Return the storage connection string that a binding's ``connection`` names ("" and None: the app's own).

        The platform looks for ``AzureWebJobs<name>`` first, then ``<name>``. Raises FunctionError when there is none,
        or when only the identity form is set.
        """
        plain = name or "AzureWebJobsStorage"
        prefixed = plain if plain.casefold().startswith("azurewebjobs") else f"AzureWebJobs{plain}"
        candidates = list(dict.fromkeys((prefixed, plain)))
        for candidate in candidates:
            if value := self.find(candidate):
                return value
        groups = tuple(f"{candidate}__".casefold() for candidate in candidates)
        if any(key.replace(":", "__").casefold().startswith(groups) for key in self._values):
            raise FunctionError(
                f"The connection {plain} is set in its identity form ({plain}__...). The local host speaks connection "
                f'strings only: set {plain}, for Azurite to "UseDevelopmentStorage=true".'
            )
        raise FunctionError(f"The storage connection {plain} is not set: set {plain} or AzureWebJobs{plain}.")

    def is_of_group(self, function: str) -> bool:
        """Say whether a timer or queue function runs in the group of ``FUNCTIONS_TARGET_GROUP`` (unset: all do).

        Flex Consumption starts a process for each group: ``http`` for all HTTP functions, ``function:<name>`` for each
        timer or queue function. Only what listens is told apart: every process answers HTTP.
        """
        group = self.find("FUNCTIONS_TARGET_GROUP")
        return group is None or group.casefold() == f"function:{function}".casefold()

    def is_disabled(self, function: str) -> bool:
        """Say whether ``AzureWebJobs.<function>.Disabled`` (or with ``_`` for the dots) is ``true`` or ``1``."""
        values = (self.find(f"AzureWebJobs{dot}{function}{dot}Disabled") for dot in "._")
        return any((value or "").strip().lower() in {"true", "1"} for value in values)


@dataclass(frozen=True)
class QueueSettings:
    """``extensions.queues`` of host.json. Times in seconds."""

    batch_size: int
    new_batch_threshold: int
    max_dequeue_count: int
    retry_delay: float
    max_polling_interval: float
    base64: bool


@dataclass(frozen=True)
class HttpSettings:
    """``extensions.http`` of host.json. None: without limit."""

    route_prefix: str
    max_outstanding: int | None
    max_concurrent: int | None
    custom_headers: Mapping[str, str]
    body_limit: int


@dataclass(frozen=True)
class HostSettings:
    """Everything the local host reads before it imports the app."""

    app_dir: Path
    environment: Environment
    host_id: str
    script_file: str
    function_timeout: float | None
    """Seconds; None: unbounded."""
    log_levels: Mapping[str, str]
    queues: QueueSettings
    http: HttpSettings
    local_port: int | None

    @classmethod
    def load(cls, app_dir: Path, settings_file: Path | None, environ: MutableMapping[str, str]) -> Self:
        """Read the files and write the settings file's values into ``environ``, where user code looks for them.

        A variable that is already set and not empty wins over the file. Raises SettingsError.
        """
        local = _LocalFile() if settings_file is None else _LocalFile.read(settings_file)
        for name, value in local.values.items():
            if not environ.get(name):
                environ[name] = value
            if environ[name].startswith("@Microsoft.KeyVault("):
                _LOGGER.warning("%s is a Key Vault reference: the local host passes its text on unresolved.", name)
        environ["AZURE_FUNCTIONS_ENVIRONMENT"] = "Development"  # Core Tools forces it too
        environment = Environment(environ)
        tree = _Tree("host.json", _override(read_host_json(app_dir), environ))
        return cls(
            app_dir=app_dir.resolve(),
            environment=environment,
            host_id=_find_host_id(app_dir, environment),
            script_file=environment.find("PYTHON_SCRIPT_FILE_NAME") or "function_app.py",
            function_timeout=_read_timeout(tree),
            log_levels=_read_log_levels(tree),
            queues=_read_queues(tree),
            http=_read_http(tree, environment),
            local_port=local.port,
        )


class _Tree:
    """Nested JSON with case-insensitive names; each getter names the path it complains about."""

    def __init__(self, source: str, values: Mapping[str, Any]) -> None:
        self._source = source
        self._values = values

    def find(self, path: str) -> Any:
        node: Any = self._values
        for name in path.split("."):
            if not isinstance(node, Mapping):
                return None
            node = next((value for key, value in node.items() if key.casefold() == name.casefold()), None)
        return node

    def read_object(self, path: str) -> Mapping[str, Any]:
        value = self.find(path)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise SettingsError(f"{self._source}: {path} must be an object.")
        return value

    def read_int(self, path: str, low: int, high: int | None = None) -> int | None:
        value = self.find(path)
        if value is None:
            return None
        try:
            number = int(str(value)) if not isinstance(value, bool) else None
        except ValueError:
            number = None
        if number is None or number < low or (high is not None and number > high):
            bounds = f"at least {low}" if high is None else f"from {low} to {high}"
            raise SettingsError(f"{self._source}: {path} must be a whole number {bounds}, not {value!r}.")
        return number

    def read_seconds(self, path: str, default: float, low: float, high: float = inf) -> float:
        value = self.find(path)
        if value is None:
            return default
        try:
            seconds = parse_time_span(str(value)).total_seconds()
        except ValueError as error:
            raise SettingsError(f"{self._source}: {path}: {error}") from None
        if not low <= seconds <= high:
            raise SettingsError(f"{self._source}: {path} must be at least {low:g} s and at most {high:g} s.")
        return seconds


@dataclass(frozen=True)
class _LocalFile:
    """What the settings file says."""

    values: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        data = _read_json(path)
        if data.get("IsEncrypted"):
            raise SettingsError(f"{path.name} is encrypted; run `func settings decrypt` first.")
        values: dict[str, str] = {}
        for name, value in _Tree(path.name, data).read_object("Values").items():
            if not isinstance(value, str):
                raise SettingsError(f"{path.name}: Values.{name} must be a string, not {json.dumps(value)}.")
            values[name] = value
        if data.get("ConnectionStrings"):
            raise SettingsError(f"{path.name}: the local host knows no ConnectionStrings; write them under Values.")
        host = _Tree(path.name, data)
        if host.find("Host.CORS"):
            raise SettingsError(
                f"{path.name}: Host.CORS: the local host lets no pages of other origins call the app. Remove the line."
            )
        return cls(values=values, port=host.read_int("Host.LocalHttpPort", 0, 65535))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise SettingsError(f"There is no {path.name} in {path.parent}.") from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(data, dict):
        raise SettingsError(f"{path} must hold a JSON object.")
    return data


def read_host_json(app_dir: Path) -> dict[str, Any]:
    """Read the file. Raises SettingsError also for what the platform would take, comments for example."""
    data = _read_json(app_dir / "host.json")
    _check_plain(data, "host.json")
    if data.get("version") != "2.0":
        raise SettingsError('host.json must say "version": "2.0"; the platform refuses to start without it.')
    return data


def _check_plain(value: Any, path: str, depth: int = 0) -> None:
    """Refuse what the platform's reader of JSON makes something else of than Python's."""
    if isinstance(value, dict | list):
        names = list(value) if isinstance(value, dict) else []
        if depth == _MAX_DEPTH or len({name.casefold() for name in names}) < len(names):
            raise SettingsError(f"{path} is nested too deeply or names something twice.")
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            _check_plain(inner, f"{path}: {name}", depth + 1)
    elif isinstance(value, float) or (isinstance(value, str) and (_DATE.match(value) or _SURROGATE.search(value))):
        raise SettingsError(f"{path} holds {value!r}, which the platform would rewrite.")


def _override(tree: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Apply ``AzureFunctionsJobHost__a__b`` settings to the host.json tree."""
    for name, value in environ.items():
        path = name.replace(":", "__")
        if not path.casefold().startswith(_OVERRIDE_PREFIX):
            continue
        node = tree
        *parents, leaf = path[len(_OVERRIDE_PREFIX) :].split("__")
        for parent in parents:
            key = next((key for key in node if key.casefold() == parent.casefold()), parent)
            if not isinstance(node.get(key), dict):
                node[key] = {}
            node = node[key]
        node[next((key for key in node if key.casefold() == leaf.casefold()), leaf)] = value
    return tree


def _find_host_id(app_dir: Path, environment: Environment) -> str:
    """Return the setting ``AzureFunctionsWebHost__hostid`` or a name that stays the same for this folder."""
    given = environment.find("AzureFunctionsWebHost__hostid")
    if given is None:
        return "local-" + hashlib.sha256(os.fsencode(app_dir.resolve())).hexdigest()[:16]
    if len(given) > _HOST_ID_LENGTH or not re.fullmatch("[a-z0-9](-?[a-z0-9])*", given):
        raise SettingsError(
            "AzureFunctionsWebHost__hostid holds up to 32 lower-case letters, digits and single dashes."
        )
    return given


def _read_timeout(tree: _Tree) -> float | None:
    if str(tree.find("functionTimeout")) == "-1":
        return None
    return tree.read_seconds("functionTimeout", _DEFAULT_TIMEOUT, 1)


def _read_log_levels(tree: _Tree) -> dict[str, str]:
    levels = {str(name): str(level).lower() for name, level in tree.read_object("logging.logLevel").items()}
    if unknown := set(levels.values()) - _LEVELS:
        raise SettingsError(f"host.json: logging.logLevel: {', '.join(sorted(unknown))} is no level.")
    return levels


def _read_queues(tree: _Tree) -> QueueSettings:
    base = "extensions.queues"
    batch = tree.read_int(f"{base}.batchSize", 1, _MAX_BATCH) or 16
    threshold = tree.read_int(f"{base}.newBatchThreshold", 0)
    encoding = tree.find(f"{base}.messageEncoding")
    if encoding is not None and str(encoding).lower() not in {"base64", "none"}:
        raise SettingsError(f"host.json: {base}.messageEncoding must be base64 or none, not '{encoding}'.")
    return QueueSettings(
        batch_size=batch,
        new_batch_threshold=batch // 2 * (os.cpu_count() or 1) if threshold is None else threshold,
        max_dequeue_count=tree.read_int(f"{base}.maxDequeueCount", 1) or 5,
        retry_delay=tree.read_seconds(f"{base}.visibilityTimeout", 0.0, 0, _LONGEST_HIDDEN),
        max_polling_interval=tree.read_seconds(f"{base}.maxPollingInterval", _DEFAULT_POLLING, 0.1),
        base64=str(encoding).lower() != "none" or encoding is None,
    )


def _read_http(tree: _Tree, environment: Environment) -> HttpSettings:
    base = "extensions.http"
    prefix = tree.find(f"{base}.routePrefix")
    if "/" in str(prefix):
        raise SettingsError(f"host.json: {base}.routePrefix: the local host knows prefixes without a slash only.")
    limits = _Tree("settings", {"limit": environment.find("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT")})
    return HttpSettings(
        route_prefix="api" if prefix is None else str(prefix),
        max_outstanding=_read_limit(tree, f"{base}.maxOutstandingRequests"),
        max_concurrent=_read_limit(tree, f"{base}.maxConcurrentRequests"),
        custom_headers={str(key): str(value) for key, value in tree.read_object(f"{base}.customHeaders").items()},
        body_limit=limits.read_int("limit", 0) or _DEFAULT_BODY_LIMIT,
    )


def _read_limit(tree: _Tree, path: str) -> int | None:
    """Return a request limit; host.json writes "no limit" as -1."""
    number = tree.read_int(path, -1)
    return None if number in {None, -1} else number
