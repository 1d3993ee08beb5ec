"""The console in a real browser, before an app whose timers and queues do not run: key, states, keyboard, refresh."""

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.functional.conftest import Gateway
from tests.functional.console_browser import (
    OF_AN_EMPTY_APP,
    OF_THE_SAMPLE,
    PICTURES,
    find_views,
    take_pictures,
    use_console,
)
from tests.house.source import ROOT
from twin.seeds import sample, tiny

pytestmark = pytest.mark.slow(reason="starts a browser", seconds=10)


class Records(logging.Handler):
    """Every line of every log, whole."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(f"{record.getMessage()} {record.args}")


@pytest.fixture(scope="module")
def records() -> Iterator[list[str]]:
    handler, root = Records(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.texts
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(scope="module")
def seen(gateway_process: Gateway, records: list[str]) -> Mapping[str, Any]:
    """What the browser saw of the sample world."""
    gateway_process.begin(sample.seed, **sample.mail_settings())
    records.clear()
    return use_console(gateway_process.base_url, gateway_process.key, "key", "keyboard", "refresh", "states")


def test_the_key_is_asked_for_before_anything_is_asked(seen: Mapping[str, Any]) -> None:
    asked = seen["key"]["asked"]
    assert asked["heading"] == "Function key"
    assert "host key" in asked["text"]
    paths = {urlsplit(url).path for url in seen["key"]["before"]}
    assert {path for path in paths if not path.startswith("/api/console")} == {"/api/signed-in"}, "who signed in"
    assert seen["key"]["empty"] == "Enter a key first."


def test_a_wrong_key_is_said_to_be_wrong(seen: Mapping[str, Any]) -> None:
    wrong = seen["key"]["wrong"]
    assert wrong["heading"] == "Function key"
    assert (
        "The gateway did not accept this key. A function key of the whole app (a host key) is needed." in wrong["text"]
    )
    assert wrong["kept"][:3] == [{}, {}, ""]


def test_the_right_key_opens_the_overview_and_a_reload_asks_again(seen: Mapping[str, Any]) -> None:
    right = seen["key"]["right"]
    assert right["heading"] == "Overview"
    for mailbox in ("support", "facilities", "security"):
        assert mailbox in right["text"]
    assert right["kept"][:3] == [{}, {}, ""]
    assert seen["key"]["reloaded"]["heading"] == "Function key"


def test_a_key_that_is_kept_is_kept_for_the_tab_until_it_is_forgotten(
    seen: Mapping[str, Any], gateway_process: Gateway
) -> None:
    local, session, cookie, *_ = seen["key"]["kept"]["kept"]
    assert seen["key"]["kept"]["heading"] == "Overview"
    assert (local, list(session.values()), cookie) == ({}, [gateway_process.key], "")
    assert seen["key"]["forgotten"]["heading"] == "Function key"
    assert seen["key"]["forgotten"]["kept"][:3] == [{}, {}, ""]


def test_the_key_is_in_no_address_no_title_no_text_and_no_log(
    seen: Mapping[str, Any], gateway_process: Gateway, records: list[str]
) -> None:
    looks = [each for each in seen["key"].values() if isinstance(each, dict)]
    places = [*seen["key"]["urls"], *(each["text"] for each in looks), *seen["key"]["complaints"]]
    places += [place for each in looks if "kept" in each for place in each["kept"][3:]]
    assert len(records) > 20, "the search itself works"
    assert any("console" in line for line in records)
    for place in (*places, *records):
        assert gateway_process.key not in place
        assert "not-the-key" not in place


def test_it_asks_nobody_but_the_app_keeps_its_policy_and_complains_of_the_wrong_key_alone(
    seen: Mapping[str, Any], gateway_process: Gateway
) -> None:
    key = seen["key"]
    asked = {f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in key["urls"] if not url.startswith("data:")}
    assert asked == {gateway_process.base_url}
    assert key["violations"] == []
    assert key["complaints"]
    assert all("401" in each and "/api/" in each for each in key["complaints"])


def test_everything_can_be_reached_and_seen_by_keyboard(seen: Mapping[str, Any]) -> None:
    walked = seen["keyboard"]["walked"]
    reached = [each for each in walked if each]
    assert all(each["isMarked"] for each in reached), [each for each in reached if not each["isMarked"]]
    assert len(reached) >= seen["keyboard"]["usable"], "something cannot be reached"
    assert None in walked, "the walk does not end"
    assert walked[walked.index(None) + 1]["name"] == "To the contents", "it comes first"
    assert seen["keyboard"]["skipped"] == "main"
    assert seen["keyboard"]["afterLink"] == "main", "who goes to another view reads on there"


def test_it_asks_anew_while_it_is_seen_and_not_while_it_is_hidden(seen: Mapping[str, Any]) -> None:
    first, after_half_a_minute, hidden, seen_again = seen["refresh"]["counts"]
    assert (after_half_a_minute - first, hidden - after_half_a_minute, seen_again - hidden) == (1, 0, 1)


def test_it_shows_that_it_loads_that_it_broke_and_what_was_known(seen: Mapping[str, Any]) -> None:
    states = seen["states"]
    assert "Loading" in states["loading"]
    assert not states["well"]["isFailed"]
    broken = states["broken"]
    assert broken["isFailed"]
    assert (
        "The gateway does not answer. It may be starting or stopped, or this machine has no network." in broken["text"]
    )
    assert "NoAnswer" in broken["text"]
    assert "What follows was last known before that." in broken["text"]
    assert "support" in broken["text"]
    assert not states["again"]["isFailed"]


@pytest.mark.usefixtures("rows_in_memory")  # no alarm that another test has left
def test_an_app_without_mailboxes_shows_empty_views_without_barriers(gateway_process: Gateway) -> None:
    gateway_process.begin(tiny.seed, BOOKINGS_BUSINESSES="")
    examples = {"mailbox": "support", "key": "0" * 40, "business": tiny.BUSINESS}
    views = {name: address for name, address in find_views(**examples).items() if ":" not in name}
    seen = use_console(gateway_process.base_url, gateway_process.key, "once", views=views)["once"]
    assert "name no support mailbox" in seen["views"]["overview"]["text"]
    for name, view in seen["views"].items():
        assert (name, view["isFailed"], view["overflow"] <= 0, view["barriers"]) == (name, False, True, [])
    # the browser notes each refusal, and without an allow-list the list of pages is one
    refused = [each for each in seen["complaints"] if "/api/bookings/businesses" in each and "403" in each]
    assert seen["complaints"] == refused
    take_pictures(gateway_process.base_url, gateway_process.key, OF_AN_EMPTY_APP, views)


def test_every_picture_is_small_and_shown_in_a_document() -> None:
    names = {one.name for one in (*OF_THE_SAMPLE, *OF_AN_EMPTY_APP)}
    files = list(PICTURES.iterdir())
    assert {path.stem for path in files} == names
    documents = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    for path in files:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size <= 150 * 1024, path.name
        assert re.search(rf"!\[[^\]]{{20,}}\]\(pictures/{path.name}\)", documents), path.name


def test_an_app_without_storage_says_what_failed(gateway_process: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway_process.begin(sample.seed, **sample.mail_settings())
    parts = "".join(f"{kind}Endpoint=http://127.0.0.1:1/a;" for kind in ("Blob", "Queue", "Table"))
    monkeypatch.setenv("AzureWebJobsStorage", f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;{parts}")
    found = use_console(gateway_process.base_url, gateway_process.key, "once", views={"overview": "#/"})["once"]
    overview = found["views"]["overview"]
    assert overview["isFailed"]
    assert overview["barriers"] == []
    assert "UpstreamUnavailable" in overview["text"]
    assert "request id" in overview["text"]
    assert "Try again" in overview["text"]
