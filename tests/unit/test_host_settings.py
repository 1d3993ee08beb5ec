"""host.json, local.settings.json and environment variables."""

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devkit.host.errors import FunctionError, SettingsError
from devkit.host.settings import Environment, HostSettings, parse_time_span, read_host_json
from tests.unit.host_vectors import read_vectors


def load(
    folder: Path, host: dict[str, Any] | None = None, local: Any = None, environ: dict[str, str] | None = None
) -> HostSettings:
    (folder / "host.json").write_text(json.dumps({"version": "2.0"} | (host or {})))
    settings_file = None
    if local is not None:
        settings_file = folder / "local.settings.json"
        settings_file.write_text(local if isinstance(local, str) else json.dumps(local))
    return HostSettings.load(folder, settings_file, {} if environ is None else environ)


def test_time_spans_mean_what_they_mean_to_dotnet_or_are_refused() -> None:
    read = {}
    for text, _, ticks, _ in read_vectors("timespan")["spans"]:
        with suppress(ValueError):
            read[text] = (parse_time_span(text) // timedelta(microseconds=1), ticks is not None and ticks // 10)
    assert all(mine == theirs for mine, theirs in read.values())
    assert {"00:05:00", "00:00:00.1", "00:00:30"} <= read.keys()
    assert not {"30", "24:00:00", "00:05", "-1"} & read.keys()


def list_leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield what the platform puts into its configuration: each leaf as text under its path."""
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from list_leaves(inner, f"{path}:{name}" if path else str(name))
    else:
        yield path, "" if value is None else str(value)


def test_host_json_is_read_as_by_newtonsoft_or_refused(tmp_path: Path) -> None:
    taken = 0
    for name, content, error, settings in read_vectors("timespan")["host_json"]:
        (tmp_path / "host.json").write_bytes(base64.b64decode(content))
        try:
            data = read_host_json(tmp_path)
        except SettingsError:
            continue
        taken += 1
        assert error is None, name
        assert dict(list_leaves(data)) == {path: text or "" for path, text in settings.items()}, name
    assert taken > 25


def test_the_settings_of_queues_become_what_they_become_in_the_extension(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)  # as where the vectors were made
    taken = 0
    for environment, given, becomes in read_vectors("queue")["options"]:
        if environment.lower() == "development" and "maxPollingInterval" not in given:
            continue  # it polls like the deployed app, not each two seconds
        try:
            queues = load(tmp_path, {"extensions": {"queues": given}}).queues
        except SettingsError:
            continue
        taken += 1
        wanted = dict(becomes)
        spans = [
            parse_time_span(wanted.pop(name)).total_seconds() for name in ("visibilityTimeout", "maxPollingInterval")
        ]
        assert spans == [queues.retry_delay, queues.max_polling_interval], given
        assert wanted == {
            "batchSize": queues.batch_size,
            "newBatchThreshold": queues.new_batch_threshold,
            "maxDequeueCount": queues.max_dequeue_count,
            "messageEncoding": "Base64" if queues.base64 else "None",
        }, given
    assert taken > 15


def test_the_defaults_are_the_platforms(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.function_timeout == 30 * 60
    assert settings.queues.batch_size == 16
    assert settings.queues.new_batch_threshold >= 8
    assert settings.queues.max_dequeue_count == 5
    assert settings.queues.retry_delay == 0
    assert settings.queues.max_polling_interval == 60
    assert settings.queues.base64
    assert settings.http.route_prefix == "api"
    assert settings.http.max_outstanding is None
    assert settings.http.body_limit == 104857600
    assert settings.script_file == "function_app.py"


def test_host_json_is_read_without_regard_to_case(tmp_path: Path) -> None:
    host = {
        "functionTimeout": "00:05:00",
        "Extensions": {
            "HTTP": {"routeprefix": "v1", "maxOutstandingRequests": 20, "maxConcurrentRequests": -1},
            "queues": {
                "BatchSize": 8,
                "newBatchThreshold": 0,
                "maxDequeueCount": 2,
                "visibilityTimeout": "00:00:30",
                "maxPollingInterval": "00:00:10",
                "messageEncoding": "None",
            },
        },
        "logging": {"logLevel": {"default": "Warning"}},
    }
    settings = load(tmp_path, host)
    assert settings.function_timeout == 300
    assert settings.http.route_prefix == "v1"
    assert (settings.http.max_outstanding, settings.http.max_concurrent) == (20, None)
    assert (settings.queues.batch_size, settings.queues.new_batch_threshold) == (8, 0)
    assert settings.queues.retry_delay == 30
    assert settings.queues.max_polling_interval == 10
    assert not settings.queues.base64
    assert settings.log_levels == {"default": "warning"}


def test_settings_override_host_json(tmp_path: Path) -> None:
    environ = {
        "AzureFunctionsJobHost__extensions__queues__BATCHSIZE": "3",
        "azurefunctionsjobhost:functionTimeout": "-1",
        "AzureFunctionsJobHost__logging__logLevel__Function.poll": "Debug",
    }
    settings = load(tmp_path, {"extensions": {"queues": {"batchSize": 8}}}, environ=environ)
    assert settings.queues.batch_size == 3
    assert settings.function_timeout is None
    assert settings.log_levels == {"Function.poll": "debug"}


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("queues.batchSize", 33, "batchSize must be a whole number from 1 to 32"),
        ("queues.batchSize", True, "batchSize"),
        ("queues.newBatchThreshold", -1, "newBatchThreshold must be a whole number at least 0"),
        ("queues.visibilityTimeout", "30s", "visibilityTimeout: '30s' is no time span"),
        ("queues.messageEncoding", "utf8", "base64 or none"),
        ("queues.maxPollingInterval", "00:00:00.05", "maxPollingInterval must be at least 0.1 s"),
        ("queues.visibilityTimeout", "7.00:00:01", "visibilityTimeout must be at least 0 s and at most"),
        ("http.routePrefix", "v1/api", "prefixes without a slash only"),
        ("http.maxOutstandingRequests", "many", "maxOutstandingRequests"),
        ("http.customHeaders", "X: 1", "must be an object"),
    ],
)
def test_a_wrong_value_in_host_json_is_named(tmp_path: Path, path: str, value: object, sentence: str) -> None:
    part, name = path.split(".")
    with pytest.raises(SettingsError, match=sentence):
        load(tmp_path, {"extensions": {part: {name: value}}})


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ({"functionTimeout": "00:00:00.9"}, "functionTimeout must be at least 1 s"),
        ({"functionTimeout": "-00:00:01"}, "no time span"),
        ({"logging": {"logLevel": {"default": "Warn"}}}, "warn is no level"),
    ],
)
def test_what_stops_the_platforms_host_stops_this_one(tmp_path: Path, host: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        load(tmp_path, host)


def test_host_json_must_exist_and_say_its_version(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"There is no host\.json"):
        HostSettings.load(tmp_path, None, {})
    with pytest.raises(SettingsError, match=r'"version": "2\.0"'):
        load(tmp_path, {"version": "1.0"})


def test_the_settings_file_fills_the_environment_but_does_not_overrule_it(tmp_path: Path) -> None:
    environ = {"A": "outside", "B": ""}
    load(tmp_path, local={"Values": {"A": "file", "B": "file", "C": "file"}}, environ=environ)
    assert (environ["A"], environ["B"], environ["C"]) == ("outside", "file", "file")


def test_the_environment_is_development_as_under_core_tools(tmp_path: Path) -> None:
    environ = {"AZURE_FUNCTIONS_ENVIRONMENT": "Production"}
    load(tmp_path, environ=environ)
    assert environ["AZURE_FUNCTIONS_ENVIRONMENT"] == "Development"


def test_the_host_part_of_the_settings_file_is_read(tmp_path: Path) -> None:
    settings = load(tmp_path, local={"IsEncrypted": False, "Host": {"LocalHttpPort": 7072, "CORS": ""}})
    assert settings.local_port == 7072


@pytest.mark.parametrize(
    ("local", "sentence"),
    [
        ({"Values": {"A": 1}}, r"Values\.A must be a string, not 1"),
        ({"Values": {"A": True}}, r"Values\.A must be a string, not true"),
        ({"Values": {"A": {"B": "c"}}}, r"Values\.A must be a string"),
        ({"IsEncrypted": True, "Values": {}}, "func settings decrypt"),
        ({"Values": []}, "Values must be an object"),
        ({"Host": {"LocalHttpPort": 70000}}, "LocalHttpPort"),
        ({"Host": {"CORS": "https://a.test"}}, r"Host\.CORS: the local host lets no pages of other origins"),
        ({"ConnectionStrings": {"A": 7}}, "knows no ConnectionStrings"),
        ("{", "cannot be read as JSON"),
        ("[]", "must hold a JSON object"),
    ],
)
def test_a_faulty_settings_file_is_refused_with_the_reason(tmp_path: Path, local: object, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        load(tmp_path, local=local)


def test_a_named_settings_file_must_exist(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    with pytest.raises(SettingsError, match=r"There is no mine\.json"):
        HostSettings.load(tmp_path, tmp_path / "mine.json", {})


def test_key_vault_references_are_passed_on_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    environ: dict[str, str] = {}
    load(tmp_path, local={"Values": {"SECRET": "@Microsoft.KeyVault(SecretUri=x)"}}, environ=environ)
    assert environ["SECRET"] == "@Microsoft.KeyVault(SecretUri=x)"
    assert "SECRET is a Key Vault reference" in caplog.text


def test_the_host_id_is_given_or_stays_the_same_for_a_folder(tmp_path: Path) -> None:
    first = load(tmp_path).host_id
    assert first == load(tmp_path).host_id
    assert len(first) <= 32
    assert load(tmp_path, environ={"AzureFunctionsWebHost__hostid": "my-host"}).host_id == "my-host"
    with pytest.raises(SettingsError, match="hostid"):
        load(tmp_path, environ={"AzureFunctionsWebHost__hostid": "My--Host"})


def test_percent_names_are_expanded_without_regard_to_case() -> None:
    environment = Environment({"Queue": "letters", "Stage": "dev"})
    assert environment.expand("%QUEUE%-%Stage%") == "letters-dev"
    assert environment.expand("plain") == "plain"


@pytest.mark.parametrize("text", ["%MISSING%", "%EMPTY%", "100%", "%A", "%%"])
def test_an_unresolved_name_is_refused(text: str) -> None:
    with pytest.raises(FunctionError):
        Environment({"EMPTY": "", "A": "x"}).expand(text)


@pytest.mark.parametrize(
    ("environ", "name", "expected"),
    [
        ({"AzureWebJobsStorage": "own"}, None, "own"),
        ({"AzureWebJobsStorage": "own"}, "", "own"),
        ({"Other": "plain"}, "Other", "plain"),
        ({"AzureWebJobsOther": "prefixed", "Other": "plain"}, "Other", "prefixed"),
        ({"AZUREWEBJOBSSTORAGE": "own"}, "AzureWebJobsStorage", "own"),
    ],
)
def test_a_connection_is_found_under_the_platforms_names(
    environ: dict[str, str], name: str | None, expected: str
) -> None:
    assert Environment(environ).find_connection(name) == expected


def test_a_missing_connection_is_named() -> None:
    with pytest.raises(FunctionError, match="Other is not set"):
        Environment({}).find_connection("Other")


@pytest.mark.parametrize("key", ["AzureWebJobsStorage__accountName", "AzureWebJobsStorage:queueServiceUri"])
def test_the_identity_form_is_explained(key: str) -> None:
    with pytest.raises(FunctionError, match="connection strings only"):
        Environment({key: "x"}).find_connection(None)


@pytest.mark.parametrize(
    ("environ", "disabled"),
    [
        ({"AzureWebJobs.poll.Disabled": "true"}, True),
        ({"AzureWebJobs_poll_Disabled": "1"}, True),
        ({"AZUREWEBJOBS_POLL_DISABLED": "True"}, True),
        ({"AzureWebJobs.poll.Disabled": "false"}, False),
        ({"AzureWebJobs.other.Disabled": "true"}, False),
    ],
)
def test_a_function_is_disabled_by_a_setting(environ: dict[str, str], *, disabled: bool) -> None:
    assert Environment(environ).is_disabled("poll") is disabled
