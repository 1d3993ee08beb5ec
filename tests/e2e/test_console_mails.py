"""The console's mails, used by keyboard alone in a real browser, against an app that polls and delivers."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from devkit.foreign import LOCKED
from devkit.installing import OUTSIDE
from devkit.rehearsals.app import App, make_settings, open_world
from tests.house.tools import find_browser_or_skip, find_or_skip, install_npm_or_skip
from twin.seeds import mails, service_desks
from twin.simulator import Simulator

pytestmark = pytest.mark.slow(reason="starts an app and a browser", seconds=45)

SCRIPT = Path(__file__).with_name("foreign_console.py")
STRANGERS = {
    "again": "lee@fabrikam.com",
    "join": "kim@fabrikam.com",
    "aside": "robot@fabrikam.com",
    "unknown": "mia@fabrikam.com",
}
LINK = "https://desk.example.com/?ticket={ticket}"
LONGEST = 300.0  # on a busy machine


def receive(sim: Simulator) -> None:
    box = sim.mail.mailbox(mails.SUPPORT)
    known = ("Alex Wilber", service_desks.OPEN_TICKET_REQUESTOR)
    for number in range(3):
        box.receive(subject=f"Printer {number} is on fire", sender=known, text="Help! <b>now</b>")
    for name, address in STRANGERS.items():
        box.receive(subject=f"To be tried: {name}", sender=(name, address), text="Hello.")


def introduce(sim: Simulator) -> None:
    """Let the service desk know the strangers."""
    for name, address in STRANGERS.items():
        sim.easyvista.instance().add_employee(name, address)


def await_mails(app: App, base_url: str) -> dict[str, dict[str, Any]]:
    """Return the mails by their subjects as soon as every one is delivered or in quarantine."""
    latest = time.monotonic() + LONGEST
    while True:
        app.check(is_late=time.monotonic() > latest)
        answer = requests.get(f"{base_url}/api/mails", headers={"x-functions-key": app.key}, timeout=60)
        answer.raise_for_status()
        found = {mail["subject"]: mail for mail in answer.json()["value"]}
        if len(found) == 3 + len(STRANGERS) and not {mail["state"] for mail in found.values()} & {"waiting"}:
            return found
        time.sleep(0.5)


@pytest.fixture(scope="module")
def seen() -> Iterator[dict[str, Any]]:
    """What the browser saw, with the `key`, the `baseUrl`, the mail of the `ticket` and the desk's `titles`."""
    browser, python = find_browser_or_skip(), find_or_skip(LOCKED / "playwright.txt")
    axe = install_npm_or_skip("axe")
    with open_world() as (scratch, storage, sim):
        settings = make_settings(sim, storage)
        sinks = {name: sink | {"ticket_url": LINK} for name, sink in json.loads(settings["SINKS"]).items()}
        app = App(scratch, sim.environment() | settings | {"SINKS": json.dumps(sinks)})
        with app.running():
            base_url = app.wait_until_it_listens()
            sim.run(lambda: receive(sim))
            found = await_mails(app, base_url)
            sim.run(lambda: introduce(sim))
            wanted = found["Printer 1 is on fire"]
            trials = {name: found[f"To be tried: {name}"]["key"] for name in STRANGERS}
            trials["ticket"] = wanted["tickets"][0]["ticket"]
            done = subprocess.run(
                [str(python), str(SCRIPT), browser, base_url],
                env=OUTSIDE | {"GATEWAY_KEY": app.key, "TRIALS": json.dumps(trials), "AXE": str(axe)},
                capture_output=True, text=True, timeout=LONGEST, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr[-3000:]
            more = {"key": app.key, "baseUrl": base_url, "ticket": trials["ticket"], "titles": sim.easyvista.titles()}
            yield json.loads(done.stdout) | more


def test_a_ticket_leads_to_its_mail(seen: dict[str, Any]) -> None:
    found, ticket = seen["found"], seen["ticket"]
    assert ticket in found["row"]
    assert "Printer 1 is on fire" in found["row"]
    assert found["hash"] == f"#/mails?search={ticket.lower()}", "a view can be linked"
    assert found["counts"].startswith("1 mail")
    assert found["link"] == LINK.replace("{ticket}", ticket)
    assert f"The mail became ticket {ticket} of desk." in found["said"]


def test_the_text_of_a_mail_is_text(seen: dict[str, Any]) -> None:
    assert "Help! <b>now</b>" in seen["found"]["text"]
    assert seen["found"]["bold"] == 0


def test_what_is_in_quarantine_is_a_filter(seen: dict[str, Any]) -> None:
    assert sorted(seen["listed"]) == sorted(f"To be tried: {name}" for name in STRANGERS)


def test_older_mails_are_on_pages_of_their_own(seen: dict[str, Any]) -> None:
    newest, older, again = seen["turned"]["pages"]
    assert (len(newest), len(older), set(newest) & set(older)) == (2, 2, set())
    assert again == newest
    assert seen["turned"]["counts"].endswith("; there are older ones.")


def test_a_key_that_may_not_says_which_may_and_another_one_delivers_the_mail(seen: dict[str, Any]) -> None:
    again = seen["again"]
    assert "deliver_mail_by_hand" in again["refused"]
    assert "Nothing was done" in again["refused"]
    assert again["sent"] == 2
    assert again["said"].startswith("● Done:")
    assert "Done:" in again["focused"], "a form that is gone takes no focus along"
    ends = [event for event in again["events"] if event in {"quarantined", "redelivered", "delivered"}]
    assert ends == ["quarantined", "redelivered", "delivered"]
    assert "Anna asked to deliver the mail again to desk." in again["story"]
    assert "Reason: the customer is known." in again["story"]
    assert "Nothing is left to do here." in again["rest"]
    assert seen["titles"].count("To be tried: again") == 1


def test_a_mail_is_added_to_a_ticket_that_exists(seen: dict[str, Any]) -> None:
    refused, done = seen["join"]["seen"]
    assert "TicketNotFound" in refused
    assert "Nothing was done" in refused
    assert done.startswith("● Done:")
    assert f"Anna asked to deliver the mail to ticket {seen['ticket']} of desk." in seen["join"]["story"]
    assert f"The mail was added to ticket {seen['ticket']} of desk." in seen["join"]["story"]
    assert "To be tried: join" not in seen["titles"]


def test_a_mail_is_set_aside_only_after_a_yes(seen: dict[str, Any]) -> None:
    aside = seen["aside"]
    assert aside["by"] == "Anna", "asked for once"
    assert aside["kept"][-1] == "quarantined"
    assert aside["events"][-1] == "setAside"
    assert "Anna set the mail aside, so that it is not delivered to desk. Reason: the robot is known." in aside["story"]
    assert "To be tried: aside" not in seen["titles"]


def test_an_answer_that_is_lost_leads_to_a_look_and_to_one_ticket(seen: dict[str, Any]) -> None:
    unknown = seen["unknown"]
    assert "nobody knows whether it did what was asked" in unknown["failure"]
    assert unknown["buttons"] == ["Read the mail anew"], "nothing that repeats"
    assert unknown["sent"] == [200]
    assert unknown["events"].count("redelivered") == 1
    assert seen["titles"].count("To be tried: unknown") == 1


def test_nothing_lies_beside_a_phones_screen(seen: dict[str, Any]) -> None:
    assert list(seen["wide"].values()) == [0, 0]


def test_axe_finds_no_barrier_in_any_state_of_the_views(seen: dict[str, Any]) -> None:
    assert seen["looks"] == 6
    assert seen["barriers"] == []


def test_the_key_is_in_no_address_and_kept_nowhere(seen: dict[str, Any]) -> None:
    assert not [url for url in seen["urls"] if seen["key"] in url]
    assert {f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in seen["urls"]} == {seen["baseUrl"]}
    assert seen["key"] not in json.dumps(seen["kept"])
    assert (seen["complaints"], seen["violations"]) == ([], [])
