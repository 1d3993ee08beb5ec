"""HTTP under other settings than the default ones; each test loads the app anew."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path

import pytest
import requests

from devkit.host import LocalHost
from tests.functional.host.apps.support import run_app, wait_until


def test_the_route_prefix_can_be_changed_and_removed() -> None:
    with run_app("web", {"AzureFunctionsJobHost__extensions__http__routePrefix": ""}) as web:
        assert web.get("/items/1").status_code == 200
        assert web.get("/api/items/1").status_code == 404


def test_without_key_checks_everything_is_open() -> None:
    with run_app("web", check_keys=False) as web:
        assert web.get("/api/keyed").text == "opened"
        assert web.get("/api/masters_only").text == "opened"
        assert web.get("/admin/functions").status_code == 200


def test_admin_paths_never_reach_functions() -> None:
    with run_app("web", {"AzureFunctionsJobHost__extensions__http__routePrefix": ""}, check_keys=False) as web:
        for path in ("/admin", "/admin/", "/ADMIN/whatever", "/%61dmin/x"):
            assert web.get(path).status_code == 404


def test_a_body_over_the_limit_fails() -> None:
    with run_app("web", {"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "10"}) as web:
        assert web.call("POST", "/api/echo", data=b"x" * 10).status_code == 200
        assert web.call("POST", "/api/echo", data=b"x" * 11).status_code == 500


def test_more_outstanding_requests_than_allowed_are_refused_and_concurrency_is_bounded() -> None:
    limits = {
        "AzureFunctionsJobHost__extensions__http__maxOutstandingRequests": "3",
        "AzureFunctionsJobHost__extensions__http__maxConcurrentRequests": "1",
    }
    with run_app("web", limits) as web, ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(web.get, "/api/waits_at_the_gate") for _ in range(6)]
        refused = list(islice(as_completed(calls, timeout=60), 3))  # the other three wait until the gate opens
        assert [call.result().status_code for call in refused] == [429, 429, 429]
        web.module.GATE.set()
        assert [call.result(60).status_code for call in calls if call not in refused] == [200, 200, 200]
        assert web.module.RUNNING.most == 1
        assert web.get("/api/slow?seconds=0").status_code == 200


def test_a_function_over_its_time_limit_answers_500_and_the_worker_is_to_end() -> None:
    ends: list[str] = []
    with run_app("web", {"AzureFunctionsJobHost__functionTimeout": "00:00:01"}, end=ends.append) as web:
        assert web.get("/api/slow?seconds=1.5").status_code == 500
        assert web.module.FINISHED.acquire(timeout=60)
    (reason,) = ends
    assert "Timeout value of 1 s exceeded by slow. The platform ends the worker then" in reason


def test_the_settings_file_and_custom_headers_are_used(tmp_path: Path) -> None:
    local = {"Values": {"GREETING": "hello"}}
    extra = {
        "SETTINGS_FOLDER": str(tmp_path),
        "AzureFunctionsJobHost__extensions__http__customHeaders__X-Frame": "deny",
    }
    with run_app("web", extra, local=local) as web:
        answer = web.get("/api/keyed", headers={"Origin": "https://a.test"})
        assert answer.status_code == 401
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["x-frame"] == "deny"
        assert web.get("/api/logs").text == "hello"


def test_a_stopping_server_lets_running_requests_finish() -> None:
    with run_app("web") as web, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(web.get, "/api/slow?seconds=0.5")
        wait_until(lambda: web.host.worker.is_busy, "the call to begin")
        web.server.stop()
        assert answer.result().text == "done"
        with pytest.raises(requests.ConnectionError):
            web.get("/admin/host/ping")


def test_the_app_can_be_loaded_again_after_a_stop() -> None:
    for _ in range(2):
        with run_app("web") as web:
            assert isinstance(web.host, LocalHost)
            assert web.get("/api/items/1").status_code == 200


def test_a_stopped_host_answers_nothing_more() -> None:
    with run_app("web") as web:
        assert web.get("/api/items/1").status_code == 200
        assert web.host.stop()
        with pytest.raises(requests.ConnectionError):
            web.get("/admin/host/ping")
