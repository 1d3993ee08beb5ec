"""Processes that share nothing but the storage account: one for each group of functions, and two hosts at once."""

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from devkit.rehearsals.app import App, make_settings, open_world
from tests.functional.booking_writes import CLEO, clock
from twin.seeds import mails, service_desks, tiny
from twin.simulator import Simulator

pytestmark = pytest.mark.slow(reason="starts whole processes", seconds=60)

GROUPS = ("http", "function:schedule_mailbox_polls", "function:poll_mailbox", "function:deliver_mail")
PAGE = f"/api/bookings/businesses/{tiny.BUSINESS}"
SUBJECT = re.compile(r"Mail \d{4}")
LONGEST = 900.0  # on a busy machine


@contextmanager
def run_apps(scratch: Path, environments: Mapping[str, Mapping[str, str]]) -> Iterator[dict[str, App]]:
    """Run an app for each environment, each in a process of its own; they listen when the block begins."""
    apps = {}
    with ExitStack() as stack:
        for name, environment in environments.items():
            folder = scratch / name.replace(":", "-")
            folder.mkdir()
            apps[name] = App(folder, environment)
            stack.enter_context(apps[name].running())
        for app in apps.values():
            app.wait_until_it_listens()
        yield apps


def receive(sim: Simulator, number: int) -> None:
    def receive_all() -> None:
        for index in range(number):
            sim.mail.mailbox(mails.SUPPORT).receive(
                subject=f"Mail {index:04}", sender=("Alex Wilber", service_desks.OPEN_TICKET_REQUESTOR), text="Help!"
            )

    sim.run(receive_all)


def count_tickets(sim: Simulator) -> Counter[str]:
    found = (SUBJECT.search(ticket.title) for ticket in sim.easyvista.tickets)
    return Counter(each[0] for each in found if each)


def await_tickets(sim: Simulator, number: int, apps: Mapping[str, App]) -> None:
    """Wait until so many mails are tickets and all are closed, and then a little for what should not come."""
    latest = time.monotonic() + LONGEST
    while len(count_tickets(sim)) < number or count_unread(sim):
        for app in apps.values():
            app.check(is_late=time.monotonic() > latest)
        time.sleep(0.2)
    time.sleep(3)


def count_unread(sim: Simulator) -> int:
    return sum(not message.is_read for message in sim.mail.mailbox(mails.SUPPORT).messages("inbox"))


def test_each_group_of_functions_works_in_a_process_of_its_own() -> None:
    """As Flex Consumption runs them: nothing that one process remembers is known to another."""
    with open_world() as (scratch, storage, sim):
        settings = sim.environment() | make_settings(sim, storage) | {"BOOKINGS_WRITES": "on"}
        groups = {group: settings | {"FUNCTIONS_TARGET_GROUP": group} for group in GROUPS}
        with run_apps(scratch, groups) as apps:
            receive(sim, 10)
            http = apps["http"]
            session = requests.Session()
            session.trust_env = False
            session.headers["x-functions-key"] = http.key
            url = http.wait_until_it_listens() + PAGE
            body = {"service": tiny.VISIT, "start": clock(9), "customers": [CLEO]}
            answers = [
                session.post(f"{url}/appointments", json=body, headers={"Idempotency-Key": "one"}, timeout=60)
                for _ in range(2)
            ]
            assert [answer.status_code for answer in answers] == [201, 201], answers[0].text
            assert answers[0].json()["id"] == answers[1].json()["id"]
            await_tickets(sim, 10, apps)
            assert count_tickets(sim) == Counter(f"Mail {index:04}" for index in range(10))
            logs = {group: app.read_log() for group, app in apps.items()}
    found = {group: set(re.findall(r"(polled) rehearsal|(delivered) to desk", log)) for group, log in logs.items()}
    found["function:schedule_mailbox_polls"] -= {("polled", "")}  # the timer looks at a few quiet mailboxes itself
    assert found == {group: set() for group in GROUPS} | {
        "function:poll_mailbox": {("polled", "")},
        "function:deliver_mail": {("", "delivered")},
    }


def test_two_hosts_with_different_ids_on_one_storage_make_each_mail_one_ticket() -> None:
    """Their timers know nothing of each other, so each runs twice as often (azure-functions-host#2968, #912)."""
    with open_world() as (scratch, storage, sim):
        settings = sim.environment() | make_settings(sim, storage)
        hosts = {name: settings | {"AzureFunctionsWebHost__hostid": name} for name in ("one", "two")}
        with run_apps(scratch, hosts) as apps:
            receive(sim, 120)
            await_tickets(sim, 120, apps)
            assert count_tickets(sim) == Counter(f"Mail {index:04}" for index in range(120))
            for app in apps.values():
                assert re.search("polled rehearsal|delivered to desk", app.read_log()), "one host did all the work"
