"""The app described by itself: both descriptions with the caller's address, and a page to try it."""

import gzip
import re

import pytest
import requests

from blueprints import description
from devkit.connector.answers import load_definition
from devkit.connector.client_answers import load_description
from tests.functional.conftest import Gateway, read_error
from twin.seeds import sample


def test_the_definition_comes_with_the_address_it_was_asked_under(gateway: Gateway) -> None:
    found = gateway.get("swagger.json", key="").json()
    scheme, _, host = gateway.base_url.partition("://")
    assert (found["host"], found["basePath"], found["schemes"]) == (host, "/api", [scheme])
    address = ("host", "basePath", "schemes")
    assert {name: value for name, value in found.items() if name not in address} == {
        name: value for name, value in load_definition().document.items() if name not in address
    }


def test_the_description_for_clients_differs_by_its_address_only(gateway: Gateway) -> None:
    found = gateway.get("openapi.json", key="").json()
    assert found == load_description().document | {"servers": [{"url": f"{gateway.base_url}/api"}]}


def test_behind_a_front_door_the_set_address_is_used(gateway: Gateway) -> None:
    settings = sample.settings(gateway.sim) | {"PUBLIC_BASE_URL": "https://desk.example.com/gateway/api"}
    gateway.configure(**settings)
    found = gateway.get("swagger.json", key="").json()
    assert (found["host"], found["basePath"], found["schemes"]) == ("desk.example.com", "/gateway/api", ["https"])
    assert gateway.get("openapi.json", key="").json()["servers"] == [{"url": "https://desk.example.com/gateway/api"}]


ASSETS = ("swagger-ui-bundle.js", "swagger-ui.css", "initializer.js", "key.js", "page.css", "page.json")
OPEN = ("openapi.json", "swagger.json", "docs", *(f"docs/{name}" for name in ASSETS))


@pytest.mark.parametrize("name", ["openapi.json", "swagger.json"])
def test_who_has_the_text_gets_none(gateway: Gateway, name: str) -> None:
    whole = gateway.get(name, key="")
    assert (whole.status_code, whole.headers["content-type"]) == (200, "application/json")
    again = gateway.get(name, key="", headers={"If-None-Match": f'"other", W/{whole.headers["ETag"]}'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", whole.headers["ETag"])
    assert gateway.get(name, key="", headers={"If-None-Match": '"other"'}).content == whole.content


@pytest.mark.parametrize("name", OPEN)
def test_what_anybody_may_ask_for_is_packed_kept_and_asked_for_anew(gateway: Gateway, name: str) -> None:
    plain = gateway.get(name, key="", headers={"Accept-Encoding": "identity"})
    packed = gateway.get(name, key="", headers={"Accept-Encoding": "gzip"})
    assert (packed.headers["Content-Encoding"], packed.content) == ("gzip", plain.content)
    for answer in (plain, packed):
        assert re.fullmatch(r"public, max-age=(300|86400)", answer.headers["Cache-Control"])
        assert (answer.headers["Vary"], answer.headers["ETag"]) == ("Accept-Encoding", plain.headers["ETag"])
    kept = gateway.get(name, key="", headers={"If-None-Match": plain.headers["ETag"]})
    assert (kept.status_code, kept.content) == (304, b"")


def test_what_anybody_may_ask_for_is_made_once_and_sends_nothing(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OPEN:
        gateway.get(name, key="")
    monkeypatch.setattr(description, "read_file", pytest.fail)
    monkeypatch.setattr(gzip, "compress", pytest.fail)
    for name in (*OPEN, "health"):
        for _ in range(3):
            assert gateway.get(name, key="").status_code == 200
    for number in range(6):  # for addresses that a caller makes up it is made anew, of what is read already
        made_up = {"Host": f"made-up-{number}.example", "Accept-Encoding": "identity"}
        assert gateway.get("openapi.json", key="", headers=made_up).status_code == 200
    assert description._describe.cache_info().currsize <= 4
    assert gateway.sim.exchanges.all() == []


@pytest.mark.parametrize("settings", ["right", "wrong"])
@pytest.mark.parametrize("switch", ["off", "OFF", "no"])
def test_a_setting_turns_it_off(gateway: Gateway, settings: str, switch: str) -> None:
    """Also while other settings are wrong, and where it is wrong itself."""
    gateway.configure(**(sample.settings(gateway.sim) if settings == "right" else {}), API_DOCS=switch)
    for name in (*OPEN, "docs/no-such-file"):
        etag = {"If-None-Match": "*"}
        refused = read_error(gateway.get(name, key="", headers=etag))
        assert (refused["status"], refused["code"]) == (404, "ApiDocsOff")
    is_right = settings == "right" and switch == "off"
    assert gateway.get("bookings/businesses").status_code == (200 if is_right else 500)
    wrong = gateway.get("health", key="").json().get("settings", [])
    assert ("API_DOCS" in wrong) == (switch != "off")


def test_the_definition_comes_while_settings_are_wrong(gateway: Gateway) -> None:
    gateway.configure()
    for name in ("openapi.json", "swagger.json"):
        assert gateway.get(name, key="").status_code == 200
    assert read_error(gateway.get("bookings/businesses"))["code"] == "GatewayMisconfigured"


def test_the_page_may_reach_no_other_host(gateway: Gateway) -> None:
    answer = gateway.get("docs", key="")
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy


@pytest.mark.parametrize("name", ASSETS)
def test_its_files_come_packed_for_who_can_unpack(gateway: Gateway, name: str) -> None:
    plain = gateway.get(f"docs/{name}", key="", headers={"Accept-Encoding": "identity"})
    packed = requests.get(
        f"{gateway.base_url}/api/docs/{name}", headers={"Accept-Encoding": "gzip"}, stream=True, timeout=60,
        proxies={"http": ""},
    )  # fmt: skip
    raw = packed.raw.read(decode_content=False)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content)
    assert "max-age" in plain.headers["Cache-Control"]
    assert "no-store" not in plain.headers["Cache-Control"]


@pytest.mark.parametrize("name", ["index.html", "openapi.json", "sources.json", "..%2fhost.json"])
def test_no_other_file_is_served(gateway: Gateway, name: str) -> None:
    assert read_error(gateway.get(f"docs/{name}", key=""))["status"] == 404
