"""HTTP rules of the platform, against a real app on the real worker library."""

import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from devkit.host import HostError, serve_in_thread
from devkit.host.server import open_port
from tests.functional.host.apps.support import HOST_KEY, MASTER, Running, run_app


@pytest.fixture(scope="module")
def web() -> Iterator[Running]:
    with run_app("web", {"AzureWebJobs.switched_off.Disabled": "true"}) as running:
        yield running


def send_raw(web: Running, request: bytes) -> bytes:
    """Send bytes that no well-behaved client would."""
    address = urlsplit(web.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=60) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


OTHER_APP = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
@app.route()
def echo(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("the other echo")
"""


def echo(web: Running, path: str = "", method: str = "GET", **options: Any) -> dict[str, Any]:
    answer = web.call(method, f"/api/echo{path}", **options)
    assert answer.status_code == 200
    seen: dict[str, Any] = answer.json()
    return seen


# Routing


def test_the_first_function_in_the_alphabet_gets_the_request(web: Running) -> None:
    assert web.get("/api/items/recent").text == "get_item recent"
    assert web.host.find_hidden_routes() == [("recent_items", "get_item")]


def test_literals_ignore_case_and_a_slash_at_the_end_does_not_count(web: Running) -> None:
    assert web.get("/API/numbers/3/").text == "3"


def test_a_wrong_method_is_not_found_rather_than_not_allowed(web: Running) -> None:
    answer = web.call("DELETE", "/api/numbers/3")
    assert answer.status_code == 404
    assert answer.content == b""


def test_head_is_not_implied_by_get(web: Running) -> None:
    assert web.call("HEAD", "/api/numbers/3").status_code == 404


def test_a_function_without_methods_answers_every_method(web: Running) -> None:
    assert echo(web, method="PROPFIND")["method"] == "PROPFIND"
    assert web.call("OPTIONS", "/api/echo").status_code == 200
    head = web.call("HEAD", "/api/echo")
    assert head.status_code == 200
    assert head.content == b""


def test_route_values_are_decoded_except_the_slash(web: Running) -> None:
    assert web.get("/api/views/a%20b%C3%A4%2Fx").json()["route"] == {"view": "a bä%2Fx"}


def test_the_root_says_that_the_host_runs(web: Running) -> None:
    assert web.get("/").status_code == 200
    assert web.get("/nothing/here").status_code == 404


# What a function sees


def test_header_names_are_lower_case_and_repeats_joined(web: Running) -> None:
    raw = b"GET /api/echo HTTP/1.1\r\nHost: h\r\nX-Many: 1\r\nx-many: 2\r\nConnection: close\r\n\r\n"
    assert b'"x-many": "1,2"' in send_raw(web, raw)


def test_repeated_query_values_are_joined_and_empty_ones_vanish(web: Running) -> None:
    seen = echo(web, "?a=1&A=2&b=&c=x%20y&c=")
    assert seen["params"] == {"A": "1,2", "c": "x y"}
    assert seen["url"].endswith("/api/echo?a=1&A=2&b=&c=x%20y&c=")


def test_the_body_arrives_as_bytes(web: Running) -> None:
    assert echo(web, method="POST", data=b"\x00\xff")["body"] == "\x00\xff"
    assert echo(web, method="POST", json={"a": 1})["body"] == '{"a": 1}'


def test_a_chunked_body_arrives_empty(web: Running) -> None:
    seen = echo(web, method="POST", data=iter([b"chunk ", b"by chunk"]))
    assert (seen["body"], seen["headers"]["transfer-encoding"]) == ("", "chunked")


def test_the_trace_of_the_caller_goes_on_in_the_function(web: Running) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    seen = echo(web, headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})["trace"]
    assert seen.startswith(f"00-{trace}-")
    assert seen.endswith("-01")
    assert "b7ad6b7169203331" not in seen
    assert len(echo(web, headers={"traceparent": "nonsense"})["trace"]) == len(seen)


# What comes back


@pytest.mark.parametrize("kind", ["none", "text", "dict", "error"])
def test_a_function_that_fails_or_returns_no_http_response_answers_500_without_a_body(
    web: Running, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = web.get(f"/api/returns/{kind}")
    assert answer.status_code == 500
    assert answer.content == b""
    assert ("takes a func.HttpResponse only" in caplog.text) == (kind == "text")
    assert ("the secret reason" in caplog.text) == (kind == "error")


def test_cookies_are_refused_because_the_platform_rebuilds_them(web: Running, caplog: pytest.LogCaptureFixture) -> None:
    assert web.get("/api/returns/cookies").status_code == 500
    assert "leaves the header Set-Cookie to the server" in caplog.text


# Keys


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("/api/keyed", {}, 401),
        ("/api/keyed", {"key": "wrong"}, 401),
        ("/api/keyed", {"key": HOST_KEY}, 200),
        ("/api/keyed", {"key": MASTER}, 200),
        (f"/api/keyed?code={HOST_KEY}", {}, 200),
        (f"/api/keyed?CODE={HOST_KEY}", {}, 200),
        (f"/api/keyed?code={HOST_KEY}", {"key": "wrong"}, 401),
        ("/api/keyed?code=wrong", {"key": HOST_KEY}, 200),
        ("/api/masters_only", {"key": HOST_KEY}, 401),
        ("/api/masters_only", {"key": MASTER}, 200),
    ],
)
def test_keys_open_what_they_should(web: Running, path: str, options: dict[str, str], status: int) -> None:
    answer = web.get(path, **options)
    assert answer.status_code == status
    assert answer.text == ("opened" if status == 200 else "")


def test_a_disabled_function_is_not_found_but_for_the_master(web: Running) -> None:
    assert web.get("/api/switched_off").status_code == 404
    assert web.get("/api/switched_off", key=HOST_KEY).status_code == 404
    assert web.get("/api/switched_off", key=MASTER).text == "ran all the same"


def test_keys_and_queries_are_in_no_log_line(web: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    web.get(f"/api/keyed?code={HOST_KEY}&who=someone")
    web.get("/api/keyed", key=MASTER)
    assert "GET /api/keyed -> keyed 200" in caplog.text
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("devkit"))
    assert not any(secret in ours for secret in (HOST_KEY, MASTER, "someone"))


# The host's own endpoints


def test_ping_needs_no_key(web: Running) -> None:
    assert web.get("/admin/host/ping").status_code == 200
    assert web.call("POST", "/admin/host/ping").status_code == 200


def test_the_functions_are_listed_for_the_master_only(web: Running) -> None:
    assert web.get("/admin/functions").status_code == 401
    assert web.get("/admin/functions", key=HOST_KEY).status_code == 401
    listed = {each["name"]: each for each in web.get("/admin/functions", key=MASTER).json()}
    assert set(listed) == {each.name for each in web.host.functions}
    assert listed["switched_off"]["isDisabled"]
    assert listed["get_item"]["invoke_url_template"] == f"{web.url}/api/items/{{id}}"
    for path in ("/admin/functions/get_item", "/admin/functions/echo/status", "/admin/host/status"):
        assert web.get(path, key=MASTER).status_code == 404  # the local host does not know them


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("echo", '{"input": "x"}', 202),
        ("ECHO", "{}", 202),
        ("echo", "", 400),
        ("echo", "not json", 400),
        ("echo", "[]", 400),
        ("echo", '{"input": {"a": 1}}', 400),
        ("no_one", '{"input": "x"}', 404),
    ],
)
def test_a_run_on_demand_is_accepted_or_refused(web: Running, name: str, body: str, status: int) -> None:
    assert web.call("POST", f"/admin/functions/{name}", data=body, key=MASTER).status_code == status
    assert web.call("POST", f"/admin/functions/{name}", data=body).status_code == 401


def test_an_http_function_fired_by_hand_gets_the_input_as_its_body(web: Running) -> None:
    outcome = web.host.fire("echo", '{"a": 1}').result(60)
    seen = json.loads(outcome.value.body)
    assert (seen["method"], seen["body"]) == ("POST", '{"a": 1}')
    with pytest.raises(HostError, match="no_one"):
        web.host.fire("no_one")


# The server


def test_only_the_loopback_address_is_served(web: Running) -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 only"):
        serve_in_thread(web.host, address="0.0.0.0")
    assert urlsplit(web.url).hostname == "127.0.0.1"


def test_a_taken_port_is_named(web: Running) -> None:
    port = urlsplit(web.url).port
    assert port is not None
    with pytest.raises(HostError, match=f"Port {port} cannot be used"):
        open_port(port)


def test_a_second_app_in_the_same_process_does_not_disturb_the_first(web: Running, tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text(OTHER_APP)
    module, folder = web.module, Path.cwd()
    with run_app(tmp_path) as other:
        assert other.get("/api/echo").text == "the other echo"
        assert other.get("/api/items/1").status_code == 404
        assert echo(web)["method"] == "GET"
    assert echo(web)["method"] == "GET"
    assert (web.module, Path.cwd()) == (module, folder)
