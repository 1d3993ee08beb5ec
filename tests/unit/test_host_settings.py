"""host.json, local.settings.json and environment variables."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devkit.host.errors import FunctionError, SettingsError
from devkit.host.settings import Environment, HostSettings, parse_time_span


def load(
    folder: Path, host: dict[str, Any] | None = None, local: Any = None, environ: dict[str, str] | None = None
) -> HostSettings:
    (folder / "host.json").write_text(json.dumps({"version": "2.0"} | (host or {})))
    settings_file = None
    if local is not None:
        settings_file = folder / "local.settings.json"
        settings_file.write_text(local if isinstance(local, str) else json.dumps(local))
    return HostSettings.load(folder, settings_file, {} if environ is None else environ)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:00:30", timedelta(seconds=30)),
        ("01:02", timedelta(hours=1, minutes=2)),
        ("1.02:03:04", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("00:00:00.25", timedelta(milliseconds=250)),
        ("00:00:00.1234567", timedelta(microseconds=123456)),
        ("3", timedelta(days=3)),
        ("24:00:00", timedelta(days=24)),
        ("25:10:30", timedelta(days=25, hours=10, minutes=30)),
    ],
)
def test_time_spans_are_read_as_dotnet_reads_them(text: str, expected: timedelta) -> None:
    assert parse_time_span(text) == expected


@pytest.mark.parametrize("text", ["", "5m", "00:60:00", "00:00:60", "24:00", "1.24:00:00", "1:2:3:4", "-00:00:01"])
def test_what_is_no_time_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time span"):
        parse_time_span(text)


def test_the_defaults_are_the_platforms(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.function_timeout == 30 * 60
    assert settings.queues.batch_size == 16
    assert settings.queues.new_batch_threshold >= 8
    assert settings.queues.max_dequeue_count == 5
    assert settings.queues.retry_delay == 0
    assert settings.queues.max_polling_interval == 2
    assert settings.queues.base64
    assert settings.http.route_prefix == "api"
    assert settings.http.max_outstanding is None
    assert settings.http.body_limit == 104857600
    assert settings.script_file == "function_app.py"


def test_host_json_is_read_without_regard_to_case(tmp_path: Path) -> None:
    host = {
        "functionTimeout": "00:05:00",
        "Extensions": {
            "HTTP": {"routeprefix": "/v1/", "maxOutstandingRequests": 20, "maxConcurrentRequests": -1},
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
        ("queues.maxPollingInterval", "00:00:00.05", "100 milliseconds"),
        ("http.maxOutstandingRequests", "many", "maxOutstandingRequests"),
        ("http.customHeaders", "X: 1", "must be an object"),
    ],
)
def test_a_wrong_value_in_host_json_is_named(tmp_path: Path, path: str, value: object, sentence: str) -> None:
    part, name = path.split(".")
    with pytest.raises(SettingsError, match=sentence):
        load(tmp_path, {"extensions": {part: {name: value}}})


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
        ({"ConnectionStrings": {"A": 7}}, r"ConnectionStrings\.A must be a string"),
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
        ({"ConnectionStrings:Other": "listed", "Other": "plain"}, "Other", "listed"),
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
