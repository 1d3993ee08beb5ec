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
from pathlib import Path
from typing import Any, Self

from devkit.host.errors import FunctionError, SettingsError

_LOGGER = logging.getLogger("devkit.host.settings")
_OVERRIDE_PREFIX = "azurefunctionsjobhost__"
_TIME_SPAN = re.compile(r"(?:(?P<days>\d+)\.)?(?P<h>\d{1,2}):(?P<m>\d{1,2})(?::(?P<s>\d{1,2})(?:\.(?P<f>\d{1,7}))?)?")
_DAYS_ONLY = re.compile(r"\d{1,8}")
_MAX_BATCH = 32
_DEFAULT_BODY_LIMIT = 100 * 1024 * 1024
_DEFAULT_TIMEOUT = timedelta(minutes=30)  # Flex Consumption's default
_HOST_ID_LENGTH = 32
_HOURS, _MINUTES = 24, 60


def parse_time_span(text: str) -> timedelta:
    """Read a .NET TimeSpan: ``hh:mm[:ss[.fffffff]]``, ``d.hh:mm:ss`` or whole days.

    When the first two digits are 24 or more the text means ``dd:hh:mm``, so ``24:00:00`` is 24 days
    (https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#timespan). Raises ValueError.
    """
    if _DAYS_ONLY.fullmatch(text):
        return timedelta(days=int(text))
    match = _TIME_SPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is no time span; write hh:mm:ss.")
    days, hours = int(match["days"] or 0), int(match["h"])
    minutes, seconds = int(match["m"]), int(match["s"] or 0)
    if hours >= _HOURS and match["days"] is None and match["s"] is not None:
        days, hours, minutes, seconds = hours, minutes, seconds, 0
    if hours >= _HOURS or minutes >= _MINUTES or seconds >= _MINUTES:
        raise ValueError(f"'{text}' is no time span; write hh:mm:ss.")
    microseconds = int((match["f"] or "0").ljust(7, "0")) // 10
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=microseconds)


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

        The platform looks for ``AzureWebJobs<name>`` first, then ``<name>``, each also under ConnectionStrings.
        Raises FunctionError when there is none, or when only the identity form is set.
        """
        plain = name or "AzureWebJobsStorage"
        prefixed = plain if plain.casefold().startswith("azurewebjobs") else f"AzureWebJobs{plain}"
        candidates = list(dict.fromkeys((prefixed, plain)))
        for candidate in candidates:
            value = self.find(f"ConnectionStrings:{candidate}") or self.find(candidate)
            if value:
                return value
        groups = tuple(f"{candidate}__".casefold() for candidate in candidates)
        if any(key.replace(":", "__").casefold().startswith(groups) for key in self._values):
            raise FunctionError(
                f"The connection {plain} is set in its identity form ({plain}__...). The local host speaks connection "
                f'strings only: set {plain}, for Azurite to "UseDevelopmentStorage=true".'
            )
        raise FunctionError(f"The storage connection {plain} is not set: set {plain} or AzureWebJobs{plain}.")

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
        tree = _Tree("host.json", _override(_read_host_json(app_dir), environ))
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

    def read_seconds(self, path: str, default: float) -> float:
        value = self.find(path)
        if value is None:
            return default
        try:
            return parse_time_span(str(value)).total_seconds()
        except ValueError as error:
            raise SettingsError(f"{self._source}: {path}: {error}") from None


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
        for name, value in _Tree(path.name, data).read_object("ConnectionStrings").items():
            text = value.get("ConnectionString") if isinstance(value, dict) else value
            if not isinstance(text, str):
                raise SettingsError(f"{path.name}: ConnectionStrings.{name} must be a string.")
            values[f"ConnectionStrings:{name}"] = text
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


def _read_host_json(app_dir: Path) -> dict[str, Any]:
    data = _read_json(app_dir / "host.json")
    if data.get("version") != "2.0":
        raise SettingsError('host.json must say "version": "2.0"; the platform refuses to start without it.')
    return data


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
    if str(tree.find("functionTimeout")) in {"-1", "-00:00:01"}:
        return None
    return tree.read_seconds("functionTimeout", _DEFAULT_TIMEOUT.total_seconds())


def _read_log_levels(tree: _Tree) -> dict[str, str]:
    return {str(name): str(level).lower() for name, level in tree.read_object("logging.logLevel").items()}


def _read_queues(tree: _Tree) -> QueueSettings:
    base = "extensions.queues"
    batch = tree.read_int(f"{base}.batchSize", 1, _MAX_BATCH) or 16
    threshold = tree.read_int(f"{base}.newBatchThreshold", 0)
    encoding = str(tree.find(f"{base}.messageEncoding") or "base64").lower()
    if encoding not in {"base64", "none"}:
        raise SettingsError(f"host.json: {base}.messageEncoding must be base64 or none, not '{encoding}'.")
    polling = tree.read_seconds(f"{base}.maxPollingInterval", 2.0)  # 2 s is the default in Development
    if polling < 0.1:  # noqa: PLR2004  the platform's own lower bound, 100 ms
        raise SettingsError(f"host.json: {base}.maxPollingInterval must be at least 100 milliseconds.")
    return QueueSettings(
        batch_size=batch,
        new_batch_threshold=batch // 2 * (os.cpu_count() or 1) if threshold is None else threshold,
        max_dequeue_count=tree.read_int(f"{base}.maxDequeueCount", 1) or 5,
        retry_delay=tree.read_seconds(f"{base}.visibilityTimeout", 0.0),
        max_polling_interval=polling,
        base64=encoding == "base64",
    )


def _read_http(tree: _Tree, environment: Environment) -> HttpSettings:
    base = "extensions.http"
    prefix = tree.find(f"{base}.routePrefix")
    limits = _Tree("settings", {"limit": environment.find("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT")})
    return HttpSettings(
        route_prefix="api" if prefix is None else str(prefix).strip("/"),
        max_outstanding=_read_limit(tree, f"{base}.maxOutstandingRequests"),
        max_concurrent=_read_limit(tree, f"{base}.maxConcurrentRequests"),
        custom_headers={str(key): str(value) for key, value in tree.read_object(f"{base}.customHeaders").items()},
        body_limit=limits.read_int("limit", 0) or _DEFAULT_BODY_LIMIT,
    )


def _read_limit(tree: _Tree, path: str) -> int | None:
    """Return a request limit; host.json writes "no limit" as -1."""
    number = tree.read_int(path, -1)
    return None if number in {None, -1} else number
