"""The console's page and files: who may have them, what they may do, and that they cost little."""

import gzip
import re

import pytest

from blueprints import console
from devkit.packaging.contents import list_files
from tests.functional.conftest import Gateway, read_error
from tests.functional.console_browser import CONSOLE
from twin.seeds import sample

FILES = sorted(path.relative_to(CONSOLE).as_posix() for path in CONSOLE.rglob("*") if path.suffix in {".js", ".css"})


def test_the_page_and_all_its_files_come_without_a_key(gateway: Gateway) -> None:
    page = gateway.get("console", key="")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert len(FILES) > 10
    for name in FILES:
        found = gateway.get(f"console/{name}", key="")
        assert found.content == (CONSOLE / name).read_bytes(), name
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        assert found.headers["content-type"].startswith(kind), name
        assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert gateway.sim.exchanges.all() == [], "no request was sent"


def test_the_page_may_run_its_own_scripts_only_and_makes_no_markup_of_texts(gateway: Gateway) -> None:
    policy = dict(
        each.partition(" ")[::2]
        for each in gateway.get("console", key="").headers["Content-Security-Policy"].split("; ")
    )
    assert policy == {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
        "connect-src": "'self'", "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'", "trusted-types": "'none'",
    }  # fmt: skip
    text = (CONSOLE / "index.html").read_text()
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", text)


@pytest.mark.parametrize(
    "name", ["console", "console/app.js", "console/lib/api.js", "console/vendor/htm-preact-3.1.1.js"]
)
def test_who_has_a_file_gets_304_until_it_changes(gateway: Gateway, name: str) -> None:
    plain = gateway.get(name, key="", headers={"Accept-Encoding": "identity"})
    packed = gateway.get(name, key="", headers={"Accept-Encoding": "gzip"})
    assert (packed.headers["Content-Encoding"], packed.content) == ("gzip", plain.content)
    # own files are asked for before each use, or a page would be made of two versions
    expected = "public, max-age=86400" if "vendor" in name else "no-cache"
    assert (plain.headers["Cache-Control"], plain.headers["Vary"]) == (expected, "Accept-Encoding")
    kept = gateway.get(name, key="", headers={"If-None-Match": f'"other", W/{plain.headers["ETag"]}'})
    assert (kept.status_code, kept.content, kept.headers["ETag"]) == (304, b"", plain.headers["ETag"])
    assert gateway.get(name, key="", headers={"If-None-Match": '"other"'}).content == plain.content


def test_files_are_read_and_packed_once(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("console", *(f"console/{each}" for each in FILES)):
        gateway.get(name, key="")
    monkeypatch.setattr(console, "read_file", pytest.fail)
    monkeypatch.setattr(gzip, "compress", pytest.fail)
    for name in ("console", "console/app.js"):
        assert gateway.get(name, key="").status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "index.html", "no-such.js", "vendor/sources.json", "vendor/htm.LICENSE.txt", "lib/..%2fapp.js",
        "..%2fhost.json", "lib/",
    ],
)  # fmt: skip
def test_no_other_file_is_served(gateway: Gateway, name: str) -> None:
    error = read_error(gateway.get(f"console/{name}", key=""))
    assert (error["status"], error["code"]) == (404, "AssetNotFound")


def test_an_address_with_a_slash_at_the_end_leads_to_the_page(gateway: Gateway) -> None:
    answer = gateway.get("console/", key="")
    assert [each.status_code for each in answer.history] == [308]
    assert (answer.status_code, answer.url) == (200, f"{gateway.base_url}/api/console")


def test_it_comes_while_settings_are_wrong(gateway: Gateway) -> None:
    gateway.configure(**sample.settings(gateway.sim) | {"MAILBOXES": "nonsense"})
    assert gateway.get("status").status_code == 500
    for name in ("console", "console/app.js"):
        assert gateway.get(name, key="").status_code == 200


def test_everything_that_is_imported_is_served_and_deployed() -> None:
    deployed = set(list_files())
    for name in (each for each in FILES if each.endswith(".js") and not each.startswith("vendor/")):
        text = (CONSOLE / name).read_text()
        imported = re.findall(r'(?:from|import) "(\.[^"]+)"', text)
        assert "import" not in text or imported or name.startswith("lib/"), name
        for each in imported:
            target = (CONSOLE / name).parent.joinpath(each).resolve()
            assert target.is_file(), f"{name}: {each}"
            assert target.relative_to(CONSOLE.parent).as_posix() in deployed


def test_the_root_leads_to_the_pages(gateway: Gateway) -> None:
    answers = [gateway.http.get(f"{gateway.base_url}/api{end}", timeout=60) for end in ("", "/")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].headers["content-type"].startswith("text/html")
    assert answers[0].text == answers[1].text
    links = re.findall(r'href="(/[^"]*)"', answers[0].text)
    assert {"/api/console", "/api/docs", "/api/health"} < set(links)
    for link in links:
        assert gateway.http.get(f"{gateway.base_url}{link}", timeout=60).status_code == 200, link


def test_the_root_behind_a_front_door_names_the_paths_there(gateway: Gateway) -> None:
    gateway.configure(**sample.settings(gateway.sim) | {"PUBLIC_BASE_URL": "https://desk.example.com/gateway/api"})
    page = gateway.http.get(f"{gateway.base_url}/api", timeout=60).text
    assert 'href="/gateway/api/console"' in page
