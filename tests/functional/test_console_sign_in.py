"""The console in a real browser, for people who have signed in with Entra ID in front of the app."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blueprints._signed_in import OPERATE, READ
from devkit.foreign import LOCKED
from devkit.installing import OUTSIDE
from tests.functional.conftest import Gateway
from tests.functional.mail.test_signed_in import principal
from tests.house.tools import find_browser_or_skip, find_or_skip
from twin.seeds import sample

SCRIPT = Path(__file__).with_name("foreign_sign_in.py")
PEOPLE: dict[str, dict[str, Any]] = {
    "reader": principal(READ),
    "operator": principal(OPERATE),
    "stranger": principal(),
    "nobody": {"X-MS-CLIENT-PRINCIPAL": None},
}
pytestmark = pytest.mark.slow(reason="starts a browser", seconds=4)


@pytest.fixture(scope="module")
def seen(gateway_process: Gateway) -> Iterator[dict[str, Any]]:
    """What each of them saw."""
    browser, python = find_browser_or_skip(), find_or_skip(LOCKED / "playwright.txt")
    gateway_process.begin(sample.seed, **sample.mail_settings(), CONSOLE_SIGN_IN="on")
    headers = {name: header["X-MS-CLIENT-PRINCIPAL"] for name, header in PEOPLE.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEBSITE_AUTH_ENABLED", "True")
        done = subprocess.run(
            [str(python), str(SCRIPT), browser, gateway_process.base_url, json.dumps(headers)],
            env=OUTSIDE, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        yield json.loads(done.stdout)


@pytest.mark.parametrize("who", ["reader", "operator"])
def test_who_has_a_role_sees_the_console_at_once_and_without_a_key(seen: dict[str, Any], who: str) -> None:
    shown = seen[who]
    assert shown["heading"] == "Overview"
    assert shown["person"].startswith("lee.gu@contoso.com")
    assert "support" in shown["text"]
    assert shown["keys"] == []
    assert any("/api/signed-in/status" in url for url in shown["asked"])
    assert shown["refused"] == []


def test_who_has_no_role_reads_so_and_may_use_a_key(seen: dict[str, Any]) -> None:
    assert "You have signed in as lee.gu@contoso.com, but have no role" in seen["stranger"]["text"]
    assert "Function key" in seen["stranger"]["text"]
    assert not any("/api/signed-in/" in url for url in seen["stranger"]["asked"])


def test_who_has_not_signed_in_is_led_there_and_back(seen: dict[str, Any]) -> None:
    assert seen["nobody"]["signIn"] == "/.auth/login/aad?post_login_redirect_uri=%2Fapi%2Fconsole"
    assert seen["nobody"]["person"] is None
