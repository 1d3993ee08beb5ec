"""What the worker library refuses, what this host does not speak, and functions that are in error alone."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from unittest import mock

import pytest

from devkit.host import HostFunction, IndexingError, Keys, LocalHost, SettingsError, UnsupportedError

HEAD = "import functools, typing\nimport azure.functions as func\napp = func.FunctionApp()\n"
STORAGE = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}


def load(folder: Path, code: str, settings: Mapping[str, str] | None = None) -> dict[str, HostFunction]:
    """Load an app of this code and unload it; return its functions by name."""
    (folder / "host.json").write_text('{"version": "2.0"}')
    (folder / "function_app.py").write_text(code)
    with mock.patch.dict(os.environ, STORAGE if settings is None else settings):
        host = LocalHost.load(folder, settings_file=None, environ=os.environ, keys=Keys.generate())
    host.stop()
    return {function.name: function for function in host.functions}


FAULTS = {
    "two functions of one name": (
        """
        @app.route(route="a")
        def f(req: func.HttpRequest) -> str: ...
        @app.route(route="b")
        def f(req: func.HttpRequest) -> str: ...
        """,
        "f does not have a unique function name",
    ),
    "two app objects": (
        """
        other = func.FunctionApp()
        """,
        "More than one",
    ),
    "no app object": (
        """
        del app
        """,
        "Could not find top level function app",
    ),
    "a missing module": (
        """
        import no_such_module
        """,
        "no_such_module",
    ),
    "an error at import": (
        """
        raise RuntimeError('at import')
        """,
        "RuntimeError: at import",
    ),
    "a syntax error": (
        """
        def f(:
        """,
        "SyntaxError",
    ),
    "a parameter of another name": (
        """
        @app.route()
        def f(request: func.HttpRequest) -> str: ...
        """,
        "parameters are declared in Python but not in the function definition",
    ),
    "an extra parameter": (
        """
        @app.route()
        def f(req: func.HttpRequest, more: str) -> str: ...
        """,
        "parameters are declared in Python but not in the function definition",
    ),
    "a wrapper without functools.wraps": (
        """
        def wrap(f):
            def inner(*args, **kwargs): ...
            return inner
        @app.route()
        @wrap
        def f(req: func.HttpRequest) -> str: ...
        """,
        "cannot load the inner function",
    ),
    "Out of a PEP 585 list": (
        """
        @app.route()
        @app.queue_output(arg_name="out", queue_name="q", connection="")
        def f(req: func.HttpRequest, out: func.Out[list[str]]) -> str: ...
        """,
        "binding out has invalid non-type annotation",
    ),
    "a union as return annotation": (
        """
        @app.route()
        def f(req: func.HttpRequest) -> str | func.HttpResponse: ...
        """,
        "non-type return annotation",
    ),
    "an optional return annotation": (
        """
        @app.route()
        def f(req: func.HttpRequest) -> typing.Optional[func.HttpResponse]: ...
        """,
        "non-type return annotation",
    ),
    "a return annotation of another type": (
        """
        @app.route()
        def f(req: func.HttpRequest) -> dict: ...
        """,
        "does not match binding type",
    ),
    "an input annotated as output": (
        """
        @app.route()
        def f(req: func.Out[str]) -> str: ...
        """,
        "annotation is azure.functions.Out",
    ),
    "a context of another type": (
        """
        @app.route()
        def f(req: func.HttpRequest, context: str) -> str: ...
        """,
        "expected to be of type azure.functions.Context",
    ),
    "a function without a trigger": (
        """
        @app.function_name('f')
        def f(req): ...
        """,
        "does not have a trigger",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_fails_the_whole_app_with_the_reason(tmp_path: Path, fault: str) -> None:
    code, reason = FAULTS[fault]
    fine = (
        '\n@app.route(route="fine")\ndef fine(req: func.HttpRequest) -> str: ...\n'
        if fault != "no app object"
        else "\n"
    )
    with pytest.raises(IndexingError, match=reason):
        load(tmp_path, HEAD + fine + dedent(code))


def test_after_a_failure_the_process_is_as_before(tmp_path: Path) -> None:
    before = (list(sys.path), Path.cwd(), sys.modules.get("function_app"))
    with pytest.raises(IndexingError):
        load(tmp_path, "raise RuntimeError")
    assert (list(sys.path), Path.cwd(), sys.modules.get("function_app")) == before
    assert set(load(tmp_path, HEAD + "@app.route()\ndef f(req: func.HttpRequest) -> str: ...")) == {"f"}
    assert (list(sys.path), Path.cwd(), sys.modules.get("function_app")) == before


def test_a_folder_without_an_app_says_so(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    with pytest.raises(IndexingError, match=r"There is no function_app\.py in"):
        LocalHost.load(tmp_path, settings_file=None, environ={}, keys=Keys.generate())


ODD_BUT_FINE = """
bp = func.Blueprint()
def wrap(f):
    @functools.wraps(f)
    def inner(*args, **kwargs): ...
    return inner

@bp.route()
def bare(req): ...

@bp.route()
@wrap
def wrapped(req: func.HttpRequest) -> func.HttpResponse: ...

@bp.route()
def with_context(req: func.HttpRequest, context: func.Context) -> str: ...

@bp.function_name("Renamed")
@bp.route()
def original(req: func.HttpRequest) -> str: ...

app.register_functions(bp)
"""


def test_what_looks_odd_but_works_is_accepted(tmp_path: Path) -> None:
    functions = load(tmp_path, "from __future__ import annotations\n" + HEAD + ODD_BUT_FINE)
    assert set(functions) == {"bare", "wrapped", "with_context", "Renamed"}
    assert all(function.error is None for function in functions.values())


def test_another_script_name_is_taken_from_the_settings(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "start_here.py").write_text(HEAD + "@app.route()\ndef f(req: func.HttpRequest) -> str: ...")
    with mock.patch.dict(os.environ, {"PYTHON_SCRIPT_FILE_NAME": "start_here.py"}):
        host = LocalHost.load(tmp_path, settings_file=None, environ=os.environ, keys=Keys.generate())
    host.stop()
    assert [function.name for function in host.functions] == ["f"]


UNSUPPORTED = {
    "blobTrigger": '@app.blob_trigger(arg_name="x", path="a/b", connection="")\ndef f(x): ...',
    "eventHubTrigger": '@app.event_hub_message_trigger(arg_name="x", event_hub_name="h", connection="")\ndef f(x): ...',
    "table": """
        @app.queue_trigger(arg_name="m", queue_name="abc", connection="")
        @app.table_output(arg_name="x", table_name="t", connection="")
        def f(m, x): ...
        """,
    "queue": '@app.route()\n@app.queue_output(arg_name="x", queue_name="q", connection="")\ndef f(req, x): ...',
    "http": '@app.route(binding_arg_name="x")\ndef f(req, x: func.Out[func.HttpResponse]): ...',
}
UNKNOWN = {
    "has a retry policy": """
        @app.retry(strategy="fixed_delay", max_retry_count="1", delay_interval="00:00:01")
        @app.route()
        def f(req): ...
        """,
    "is an async function": "@app.route()\nasync def f(req): ...",
    "is none that the local host knows": '@app.route(route="/a")\ndef f(req): ...',
}


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_a_binding_that_this_host_does_not_speak_stops_it(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UnsupportedError, match=f"function f has a {kind} binding"):
        load(tmp_path, HEAD + dedent(UNSUPPORTED[kind]))


@pytest.mark.parametrize("sentence", UNKNOWN)
def test_what_this_host_does_not_do_as_the_platform_does_stops_it(tmp_path: Path, sentence: str) -> None:
    with pytest.raises(UnsupportedError, match=sentence):
        load(tmp_path, HEAD + dedent(UNKNOWN[sentence]))


ERRORS = {
    "a reserved route": (
        """
        @app.function_name("f")
        @app.route(route="administration")
        def some(req): ...
        """,
        "conflicts with one or more built in routes",
    ),
    "a function name with a dot": (
        """
        @app.function_name("f.g")
        @app.route(route="a")
        def some(req): ...
        """,
        "not a valid function name",
    ),
    "the function name host": (
        """
        @app.function_name("host")
        @app.route(route="a")
        def some(req): ...
        """,
        "not a valid function name",
    ),
    "a parameter with two underscores": (
        """
        @app.route(trigger_arg_name="my__req")
        def f(my__req): ...
        """,
        "binding name my__req is invalid",
    ),
    "a schedule that cron would take": (
        """
        @app.timer_trigger(arg_name="t", schedule="0 0 0 * * 7")
        def f(t): ...
        """,
        "7 is outside 0-6",
    ),
    "an unset name in a schedule": (
        """
        @app.timer_trigger(arg_name="t", schedule="%WHEN%")
        def f(t): ...
        """,
        "the setting WHEN is missing",
    ),
    "a missing connection": (
        """
        @app.queue_trigger(arg_name="m", queue_name="abc", connection="Other")
        def f(m): ...
        """,
        "Other is not set",
    ),
    "a queue name that storage refuses": (
        """
        @app.queue_trigger(arg_name="m", queue_name="a_b", connection="")
        def f(m): ...
        """,
        "not a valid queue name",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_a_function_in_error_leaves_the_others_alone(
    tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    code, reason = ERRORS[case]
    functions = load(tmp_path, HEAD + dedent(code) + '@app.route(route="z")\ndef zz_fine(req): ...\n')
    assert functions.pop("zz_fine").error is None
    (broken,) = functions.values()
    assert reason in (broken.error or "")
    assert not broken.listens
    assert f"The '{broken.name}' function is in error" in caplog.text


SAME_ROUTES = """
@app.route(route="a/{id}", methods=["GET"])
def b(req): ...

@app.route(route="A/{id}", methods=["GET"])
def aa(req): ...

@app.route(route="a/{id}", methods=["POST"])
def ccc(req): ...
"""


def test_the_second_function_with_the_same_route_and_method_is_in_error(tmp_path: Path) -> None:
    functions = load(tmp_path, HEAD + SAME_ROUTES)
    assert functions["aa"].error is None
    assert functions["b"].error == "The route specified conflicts with the route defined by function 'aa'."
    assert functions["ccc"].error is None


def test_triggers_other_than_http_need_the_apps_storage(tmp_path: Path) -> None:
    timer = '@app.timer_trigger(arg_name="t", schedule="0 * * * * *")\ndef f(t): ...'
    with pytest.raises(SettingsError, match="AzureWebJobsStorage is not set"):
        load(tmp_path, HEAD + timer, {"AzureWebJobsStorage": ""})
    with pytest.raises(SettingsError, match="malformed"):
        load(tmp_path, HEAD + timer, {"AzureWebJobsStorage": "nonsense"})
    identity = {"AzureWebJobsStorage": "", "AzureWebJobsStorage__accountName": "x"}
    with pytest.raises(SettingsError, match="connection strings only"):
        load(tmp_path, HEAD + timer, identity)


def test_settings_are_there_before_the_app_is_imported(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "mine.json").write_text(json.dumps({"Values": {"ROUTE": "from/settings"}}))
    code = "import os\n" + HEAD + '@app.route(route=os.environ["ROUTE"])\ndef f(req): ...'
    (tmp_path / "function_app.py").write_text(code)
    with mock.patch.dict(os.environ):
        host = LocalHost.load(tmp_path, settings_file=tmp_path / "mine.json", environ=os.environ, keys=Keys.generate())
    host.stop()
    assert host.functions[0].indexed.trigger["route"] == "from/settings"
