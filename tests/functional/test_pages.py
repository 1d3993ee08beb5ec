"""The status page, in a real browser."""

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

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


@pytest.mark.parametrize("page", ["status"])
def test_a_page_asks_nobody_but_the_app(seen: dict[str, Any], gateway_process: Gateway, page: str) -> None:
    assert {f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in seen[page]["urls"]} == {
        gateway_process.base_url
    }


@pytest.mark.parametrize("page", ["status"])
def test_a_page_keeps_its_own_policy(seen: dict[str, Any], page: str) -> None:
    assert seen[page]["violations"] == []


def test_the_status_page_has_nothing_to_complain_of(seen: dict[str, Any]) -> None:
    assert seen["status"]["complaints"] == []


def test_the_status_page_shows_the_mailboxes_and_fits(seen: dict[str, Any]) -> None:
    assert seen["status"]["status"] == 200
    for shown in ("Mailboxes", "support@contoso.com", "No alarm is raised.", "easyvista"):
        assert shown in seen["status"]["text"]
    assert seen["status"]["overflow"] == 0
