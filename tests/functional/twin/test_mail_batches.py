"""Batches over a mailbox: faults of single parts, and how a batch counts against the concurrency limit."""

import threading
import time

import pytest

from tests.functional.twin.conftest import MakeClient
from tests.functional.twin.one_mailbox import BOX, MAIL_WRITE, THROTTLED, send_batch
from twin import Answer, Drop, Simulator
from twin.bookings.permissions import READ as BOOKINGS_READ
from twin.client import RawGraphClient
from twin.mail.mailbox import Mailbox
from twin.seeds.tiny import BUSINESS

HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def graph(make_client: MakeClient) -> RawGraphClient:
    return make_client(MAIL_WRITE, BOOKINGS_READ)


def test_twenty_mails_are_marked_in_one_call(box: Mailbox, graph: RawGraphClient) -> None:
    made = [box.receive(subject=f"Mail {number}") for number in range(20)]

    answers = send_batch(
        graph,
        *(
            {"method": "PATCH", "url": f"{BOX}/messages/{one.id}", "body": {"isRead": True}, "headers": HEADERS}
            for one in made
        ),
    )

    assert {part["status"] for part in answers.values()} == {200}
    assert all(one.is_read for one in made)


def test_faults_strike_the_parts_they_name(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    made = [box.receive(subject=f"Mail {number}") for number in range(20)]
    for number, (status, headers) in enumerate([(429, {"Retry-After": "7"}), (500, {}), (404, {}), (504, {})]):
        sim.faults.add(Answer(status, headers), api="mail", method="GET", path=f"{made[number].id}/attachments$")

    answers = send_batch(graph, *({"url": f"{BOX}/messages/{one.id}/attachments"} for one in made))

    assert [answers[str(number)]["status"] for number in range(5)] == [429, 500, 404, 504, 200]
    assert answers["0"]["headers"]["Retry-After"] == "7"
    assert answers["0"]["body"]["error"]["code"] == "ApplicationThrottled"
    assert answers["2"]["body"]["error"]["code"] == "ErrorItemNotFound"
    assert sim.faults.unfired() == []


def test_a_part_may_be_done_without_saying_so(sim: Simulator, box: Mailbox, graph: RawGraphClient) -> None:
    first, second = box.receive(subject="first"), box.receive(subject="second")
    sim.faults.add(Answer(504), api="mail", method="POST", path=f"{first.id}/move", when="after")
    sim.faults.add(Drop(), api="mail", method="POST", path=f"{second.id}/move", when="after")

    answers = send_batch(
        graph,
        *(
            {
                "method": "POST",
                "url": f"{BOX}/messages/{one.id}/move",
                "body": {"destinationId": "archive"},
                "headers": HEADERS,
            }
            for one in (first, second)
        ),
    )

    assert [answers["0"]["status"], answers["1"]["status"]] == [504, 503]
    assert (first.folder, second.folder) == ("archive", "archive")


def keep_a_request_open(sim: Simulator, graph: RawGraphClient) -> threading.Thread:
    """Send another request of the same app that takes half a second."""

    def ask() -> None:
        graph.session.get(f"https://graph.microsoft.com/v1.0{BOX}/mailFolders", timeout=20)

    sim.server.latency = 0.5
    thread = threading.Thread(target=ask)
    thread.start()
    deadline = time.monotonic() + 60
    while not sim.graph_limits.in_flight and time.monotonic() < deadline:
        time.sleep(0.005)
    sim.server.latency = 0
    return thread


def test_a_batch_needs_all_four_places(
    sim: Simulator, box: Mailbox, graph: RawGraphClient, make_client: MakeClient
) -> None:
    made = [box.receive(subject=f"Mail {number}") for number in range(8)]
    other = keep_a_request_open(sim, make_client(MAIL_WRITE))

    answers = send_batch(graph, *({"url": f"{BOX}/messages/{one.id}"} for one in made))
    other.join()

    refused = [part for part in answers.values() if part["status"] == 429]
    assert len(refused) == 2
    assert {part["body"]["error"]["code"] for part in refused} == {THROTTLED[1]}
    assert sim.graph_limits.in_flight == 0
    again = send_batch(graph, *({"url": f"{BOX}/messages/{one.id}"} for one in made))
    assert {part["status"] for part in again.values()} == {200}


def test_other_requests_are_refused_while_a_batch_is_under_way(
    sim: Simulator, box: Mailbox, graph: RawGraphClient, make_client: MakeClient
) -> None:
    made = [box.receive(subject=f"Mail {number}") for number in range(4)]
    other = make_client(MAIL_WRITE)
    other.get(f"{BOX}/mailFolders")
    sim.server.latency = 0.5
    thread = threading.Thread(target=send_batch, args=(graph, *({"url": f"{BOX}/messages/{one.id}"} for one in made)))
    thread.start()
    deadline = time.monotonic() + 60
    while sim.graph_limits.in_flight < 4 and time.monotonic() < deadline:
        time.sleep(0.005)
    refused = other.get(f"{BOX}/mailFolders")
    thread.join()

    assert refused.status_code == 429
    assert other.get(f"{BOX}/mailFolders").status_code == 200


def test_a_chain_counts_as_one_request_and_other_services_as_none(
    sim: Simulator, box: Mailbox, graph: RawGraphClient, make_client: MakeClient
) -> None:
    made = [box.receive(subject=f"Mail {number}") for number in range(4)]
    sim.graph_limits.concurrency = 2
    other = keep_a_request_open(sim, make_client(MAIL_WRITE))

    chain = send_batch(
        graph,
        *(
            {"url": f"{BOX}/messages/{one.id}"} | ({"dependsOn": [str(number - 1)]} if number else {})
            for number, one in enumerate(made)
        ),
    )
    other.join()
    sim.graph_limits.concurrency = 2
    bookings = send_batch(graph, *({"url": f"/solutions/bookingBusinesses/{BUSINESS}"} for _ in range(8)))

    assert {part["status"] for part in chain.values()} == {200}
    assert {part["status"] for part in bookings.values()} == {200}
