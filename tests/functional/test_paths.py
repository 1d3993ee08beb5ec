"""Paths and methods that no function takes: answered in the shape of all errors, and in no other function's place."""

import pytest

from blueprints._routes import ROOT
from devkit.host.router import Router
from tests.functional.conftest import Gateway, read_error
from tests.house.triggers import functions

PAGE = "bookings/businesses/desk@contoso.com"
REQUEST_ID = "0b7c2f2e-8d0f-4d57-9a43-2f8a5d1c9e10"


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("bookings/business", "bookings/businesses"),
        ("Booking/Businesses/", "bookings/businesses"),
        (f"{PAGE}/slot", "bookings/businesses/{business}/slots"),
        (f"{PAGE}/appointments/AAMkAGI1", "bookings/businesses/{business}/appointments"),
        (f"{PAGE}/appointment/assign/now", "bookings/businesses/{business}/appointment/assign"),
        ("mailbox", "mailboxes"),
        ("mailboxes/support/mails/a%2Fb/eml/x", "mailboxes/{mailbox}/mails/{key}/eml"),
        ("triggers/appointment/any", "triggers/appointments/{kind}"),
        ("v1.0/me/messages", None),
        (".env", None),
        ("/" + "x/" * 3000, None),
    ],
)
def test_an_unknown_path_is_answered_with_the_nearest_known_one(
    gateway: Gateway, path: str, nearest: str | None
) -> None:
    answer = gateway.get(path.lstrip("/"), surplus="1", headers={"x-ms-client-request-id": REQUEST_ID})
    error = read_error(answer)
    assert (error["status"], error["code"], error["requestId"]) == (404, "UnknownPath", REQUEST_ID)
    assert error["message"] == (
        f"There is no such path. Use {nearest}, or find the paths at GET docs."
        if nearest
        else "There is no such path. Find the paths at GET docs."
    )


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "bookings/businesses", "GET"),
        ("DELETE", f"{PAGE}/appointment", "GET, PATCH"),
        ("PUT", f"{PAGE}/Appointments/", "GET, POST"),
        ("GET", "mailboxes/support/poll", "POST"),
        ("POST", "health", "GET, HEAD"),
        ("POST", "doctor", "GET"),
        ("POST", "", "GET"),
        ("DELETE", "console/app.js", "GET"),
        ("PROPFIND", "docs/swagger-ui.css", "GET"),
    ],
)
def test_another_method_of_a_known_path_is_not_allowed(gateway: Gateway, method: str, path: str, allowed: str) -> None:
    headers = {"x-functions-key": gateway.key}
    answer = gateway.http.request(method, f"{gateway.base_url}/api/{path}", headers=headers, timeout=60)
    error = read_error(answer)
    assert (error["status"], error["code"], answer.headers["Allow"]) == (405, "WrongMethod", allowed)
    assert error["message"] == f"This path does not take this method. Use {allowed.replace(', ', ' or ')}."


def test_head_and_options_are_answered_without_a_body(gateway: Gateway) -> None:
    def call(method: str, path: str) -> tuple[int, str | None, bytes]:
        headers = {"x-functions-key": gateway.key}
        answer = gateway.http.request(method, f"{gateway.base_url}/api/{path}", headers=headers, timeout=60)
        assert answer.headers["x-request-id"]
        return answer.status_code, answer.headers.get("Allow"), answer.content

    assert call("HEAD", "health") == (200, None, b"")
    assert call("HEAD", "status") == (405, "GET", b"")
    assert call("HEAD", "nothing") == (404, None, b"")
    assert call("OPTIONS", f"{PAGE}/appointment") == (204, "GET, PATCH, OPTIONS", b"")
    assert call("OPTIONS", "nothing")[0] == 404


@pytest.mark.parametrize("key", ["", "wrong"])
@pytest.mark.parametrize("path", ["bookings/businesses", "nothing", "nothing/"])
def test_who_has_no_key_learns_nothing_about_paths(gateway: Gateway, path: str, key: str) -> None:
    answer = gateway.get(path, key=key)
    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize("path", ["nothing", "apix", "runtime/webhooks/durabletask", "api//health"])
def test_paths_outside_the_api_are_the_hosts_own(gateway: Gateway, path: str) -> None:
    answer = gateway.http.get(f"{gateway.base_url}/{path}", headers={"x-functions-key": gateway.key}, timeout=60)
    assert (answer.status_code, answer.content) == (404, b"")
    assert gateway.http.get(f"{gateway.base_url}/admin/host/ping", timeout=60).status_code == 200


def test_it_stands_in_for_no_other_function(gateway_process: Gateway) -> None:
    routes = [function.route for function in gateway_process.host.functions if function.route]
    router = Router(routes)
    for each in functions():
        for method in each["methods"]:
            path = "" if each["route"] == ROOT else each["route"].replace("{", "").replace("}", "")
            found = router.find(method, f"/api/{path}")
            assert found is not None
            assert found[0].function != "wrong_path", each["route"]
    assert router.routes[-1].function == "wrong_path"


def test_it_needs_no_settings(gateway: Gateway) -> None:
    gateway.configure()
    assert gateway.refused("bookings")["code"] == "UnknownPath"
