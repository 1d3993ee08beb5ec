"""The API page, in a real browser: the key, forms filled from the running gateway, and how it can be read."""

import json
import subprocess
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import azure.functions as func
import pytest

from blueprints import mail_work
from devkit.connector.answers import load_definition
from devkit.connector.document import build_description
from devkit.foreign import LOCKED
from devkit.installing import OUTSIDE
from shared.version import VERSION
from tests.functional.conftest import Gateway
from tests.functional.console_browser import THE_API_PAGE
from tests.house.tools import find_browser_or_skip, find_or_skip, install_npm_or_skip
from twin.seeds import sample

PLAYWRIGHT = LOCKED / "playwright.txt"
SCRIPT = Path(__file__).with_name("foreign_api_page.py")
APPOINTMENTS = "#operations-Bookings-ListAppointments"
SLOTS = "#operations-Bookings-FindFreeSlots"
MAIL = "#operations-Support_mail-GetMail"
PAGES = {"ithelpdesk@contoso.com", "devicebar@contoso.com", "itbengaluru@contoso.com"}
pytestmark = pytest.mark.slow(reason="starts a browser", seconds=20)

type Seen = dict[str, Any]


@pytest.fixture(scope="module")
def seen(gateway_process: Gateway) -> Seen:
    """What the browser saw of the sample world; one mail has been read."""
    browser, axe = find_browser_or_skip(), install_npm_or_skip("axe")
    python = find_or_skip(PLAYWRIGHT)
    gateway_process.begin(sample.seed, **sample.mail_settings())
    mail_work.poll_mailbox(func.QueueMessage(body=json.dumps({"mailbox": "support"}).encode()))
    done = subprocess.run(
        [str(python), str(SCRIPT), browser, gateway_process.base_url, str(axe)],
        env=OUTSIDE | {"GATEWAY_KEY": gateway_process.key}, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    reported: Seen = json.loads(done.stdout)
    return reported


def list_operations() -> dict[str, str]:
    """Every operation that is described, with the id of its place in the page."""
    return {
        operation["operationId"]: f"operations-{operation['tags'][0].replace(' ', '_')}-{operation['operationId']}"
        for item in build_description()["paths"].values() for key, operation in item.items() if key != "parameters"
    }  # fmt: skip


def test_the_page_asks_nobody_but_the_app_and_keeps_its_policy(seen: Seen, gateway_process: Gateway) -> None:
    asked = {f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in seen["urls"]}
    assert (asked, seen["violations"]) == ({gateway_process.base_url}, [])


def test_it_complains_of_nothing_but_the_wrong_key(seen: Seen) -> None:
    for complaint in seen["complaints"]:
        assert "401" in complaint
        assert "/api/" in complaint
    assert seen["complaints"]


def test_it_lists_every_operation_health_status_and_doctor_among_them(seen: Seen) -> None:
    assert sorted(seen["operations"]) == sorted(list_operations().values())
    assert {"GetHealth", "GetReadiness", "GetGatewayStatus", "ExamineGateway"} <= set(list_operations())
    assert (seen["title"], seen["version"].strip()) == ("Graph gateway: API", VERSION)


def test_what_is_for_designers_is_shown_when_asked_for(seen: Seen) -> None:
    operations = load_definition().operations().values()
    internal = [name for _, _, name in operations if name.get("x-ms-visibility") == "internal"]
    assert seen["designersOpen"] == "false"
    assert seen["shown"] == len(seen["operations"]) - len(internal)


def test_it_asks_for_a_key_and_says_where_one_is(seen: Seen) -> None:
    for word in ("python3 -m devkit up", "App keys", "for one function", "master key"):
        assert word in seen["form"]
    assert "App keys" in seen["said"]["wrong"]
    assert "for one function" in seen["said"]["wrong"]


def test_a_person_with_the_key_gets_an_answer_in_the_page(seen: Seen, gateway_process: Gateway) -> None:
    assert seen["right"]["status"] == 200
    assert seen["right"]["headers"]["x-functions-key"] == gateway_process.key
    assert not [page for page in PAGES if page not in seen["right"]["text"]]


def test_a_wrong_key_is_shown_to_be_wrong(seen: Seen) -> None:
    assert seen["wrong"]["status"] == 401
    assert "401" in seen["wrong"]["text"]
    assert "contoso.com" not in seen["wrong"]["text"]


def test_the_key_is_kept_nowhere_unless_the_tab_may(seen: Seen, gateway_process: Gateway) -> None:
    assert seen["kept"][:3] == [{}, {}, ""]
    for place in (*seen["urls"], seen["kept"][3], seen["text"], seen["keeping"]["kept"][3]):
        assert gateway_process.key not in place
    assert "x-functions-key: YOUR-KEY" in seen["curl"]
    assert seen["keeping"]["kept"][:3] == [{}, {"gateway-key": gateway_process.key}, ""]
    assert seen["keeping"]["forgotten"][:3] == [{}, {}, ""]


def test_forms_offer_what_the_gateway_knows(seen: Seen, gateway_process: Gateway) -> None:
    fields = seen["fields"][APPOINTMENTS]
    assert set(fields["business"]["picks"]) == PAGES
    for name, path in (("service", "services"), ("staff", "staff")):
        page = fields["business"]["value"]
        listed = gateway_process.get(f"bookings/businesses/{page}/{path}").json()["value"]
        assert fields[name]["picks"] == [one["id"] for one in listed]
        assert seen["fields"][SLOTS][name]["picks"] == fields[name]["picks"]
    mails = gateway_process.get("mailboxes/support/mails").json()["value"]
    assert set(seen["fields"][MAIL]["mailbox"]["picks"]) == {"support", "facilities", "security"}
    assert {one["key"] for one in mails} <= set(seen["fields"][MAIL]["key"]["picks"])


def test_a_list_follows_the_page_that_is_picked(seen: Seen, gateway_process: Gateway) -> None:
    listed = gateway_process.get("bookings/businesses/itbengaluru@contoso.com/services").json()["value"]
    assert seen["fields"]["picked"]["service"]["picks"] == [one["id"] for one in listed]


def test_examples_are_of_the_running_gateway_and_lie_ahead(seen: Seen) -> None:
    fields_of_all, body = seen["fields"], seen["body"]
    fields = fields_of_all[SLOTS]
    assert body["service"] == fields["service"]["value"]
    assert body["service"] in seen["fields"][APPOINTMENTS]["service"]["picks"]
    assert seen["fields"][MAIL]["key"]["value"] in seen["fields"][MAIL]["key"]["picks"]
    today = date.fromisoformat(fields_of_all["today"])  # the browser's own: its clock is not the test's
    for text in (fields["start"]["value"], body["start"]):
        assert timedelta(0) <= date.fromisoformat(text[:10]) - today <= timedelta(2)
    assert fields["end"]["value"] > fields["start"]["value"]
    assert isinstance(body["customer"], dict)


def test_what_need_not_be_given_is_left_empty(seen: Seen) -> None:
    for name in ("service", "staff", "customer", "timeZone", "cursor"):
        assert not seen["fields"][APPOINTMENTS][name]["value"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_everybody(seen: Seen, scheme: str) -> None:
    """With operations open and an answer shown, axe finds nothing, whatever its impact."""
    assert seen["looks"][scheme]["faults"] == []


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_nothing_is_cut_off(seen: Seen, size: str) -> None:
    assert seen["overflow"][size] <= 0


def test_it_shows_what_its_picture_is_for(seen: Seen) -> None:
    THE_API_PAGE.hold(seen["text"])


def test_it_is_dark_where_the_browser_is(seen: Seen) -> None:
    dark, light = (seen["looks"][look]["background"] for look in ("dark", "light"))
    assert light == "rgb(255, 255, 255)"
    assert max(map(int, dark.removeprefix("rgb(").rstrip(")").split(","))) < 60
