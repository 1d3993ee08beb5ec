"""The pages for people, in a real browser: the API page and the status page."""

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from devkit.connector.answers import load_definition
from devkit.foreign import LOCKED
from devkit.installing import OUTSIDE
from tests.functional.conftest import Gateway
from tests.house.tools import find_browser_or_skip, find_or_skip
from twin.seeds import sample

PLAYWRIGHT = LOCKED / "playwright.txt"
SCRIPT = Path(__file__).with_name("foreign_browser.py")
pytestmark = pytest.mark.slow(reason="starts a browser", seconds=3)


@pytest.fixture(scope="module")
def seen(gateway_process: Gateway) -> dict[str, Any]:
    """What the browser saw of the sample world."""
    browser = find_browser_or_skip()
    python = find_or_skip(PLAYWRIGHT)
    gateway_process.begin(sample.seed, **sample.mail_settings())
    done = subprocess.run(
        [str(python), str(SCRIPT), browser, gateway_process.base_url],
        env=OUTSIDE | {"GATEWAY_KEY": gateway_process.key}, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    reported: dict[str, Any] = json.loads(done.stdout)
    return reported


@pytest.mark.parametrize("page", ["docs", "status"])
def test_a_page_asks_nobody_but_the_app(seen: dict[str, Any], gateway_process: Gateway, page: str) -> None:
    assert {f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in seen[page]["urls"]} == {
        gateway_process.base_url
    }


@pytest.mark.parametrize("page", ["docs", "status"])
def test_a_page_keeps_its_own_policy(seen: dict[str, Any], page: str) -> None:
    assert seen[page]["violations"] == []


def test_the_api_page_has_nothing_to_complain_of_but_the_wrong_key(seen: dict[str, Any]) -> None:
    [complaint] = seen["docs"]["complaints"]
    assert "401" in complaint
    assert "/api/bookings/businesses" in complaint


def test_the_status_page_has_nothing_to_complain_of(seen: dict[str, Any]) -> None:
    assert seen["status"]["complaints"] == []


def test_the_api_page_lists_every_operation(seen: dict[str, Any]) -> None:
    operations = {
        f"operations-{operation['tags'][0].replace(' ', '_')}-{name}": operation.get("x-ms-visibility") == "internal"
        for name, (_, _, operation) in load_definition().operations().items()
    }
    assert sorted(seen["docs"]["operations"]) == sorted(operations)
    assert seen["docs"]["title"] == "Graph gateway: API"


def test_what_is_for_designers_is_shown_when_asked_for(seen: dict[str, Any]) -> None:
    internal = [
        name for name, (_, _, operation) in load_definition().operations().items()
        if operation.get("x-ms-visibility") == "internal"
    ]  # fmt: skip
    assert seen["docs"]["designersOpen"] == "false"
    assert seen["docs"]["shown"] == len(seen["docs"]["operations"]) - len(internal)


def test_a_person_with_the_key_gets_an_answer_in_the_page(seen: dict[str, Any], gateway_process: Gateway) -> None:
    right = seen["docs"]["right"]
    assert right["status"] == 200
    assert right["headers"]["x-functions-key"] == gateway_process.key
    for page in ("ithelpdesk@contoso.com", "devicebar@contoso.com", "itbengaluru@contoso.com"):
        assert page in right["text"]


def test_a_wrong_key_is_shown_to_be_wrong(seen: dict[str, Any]) -> None:
    assert seen["docs"]["wrong"]["status"] == 401
    assert "401" in seen["docs"]["wrong"]["text"]
    assert "contoso.com" not in seen["docs"]["wrong"]["text"]


def test_the_key_is_kept_nowhere_and_shown_nowhere(seen: dict[str, Any], gateway_process: Gateway) -> None:
    docs = seen["docs"]
    assert docs["kept"][:3] == [{}, {}, ""]
    for place in (*docs["urls"], docs["kept"][3], docs["text"]):
        assert gateway_process.key not in place
    assert "x-functions-key: YOUR-KEY" in docs["curl"]


def test_the_description_s_own_contact_is_not_shown(seen: dict[str, Any]) -> None:
    assert load_definition().document["info"]["contact"]["name"] not in seen["docs"]["text"]
    assert load_definition().document["info"]["title"] in seen["docs"]["text"]


def test_the_status_page_shows_the_mailboxes_and_fits(seen: dict[str, Any]) -> None:
    assert seen["status"]["status"] == 200
    for shown in ("Mailboxes", "support@contoso.com", "No alarm is raised.", "easyvista"):
        assert shown in seen["status"]["text"]
    assert seen["status"]["overflow"] == 0
