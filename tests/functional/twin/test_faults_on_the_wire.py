import time
from collections.abc import Iterator

import pytest
import requests

from twin import Answer, Cut, Delay, Drop, Garble, Hang, Simulator
from twin.client import RawGraphClient
from twin.seeds.sample import TENANT_ID
from twin.seeds.tiny import BUSINESS

QUESTIONS = f"/solutions/bookingBusinesses/{BUSINESS}/customQuestions"


@pytest.fixture
def sim(redirected: Simulator) -> Iterator[Simulator]:
    yield redirected
    assert redirected.faults.unfired() == []


def create_question(graph: RawGraphClient) -> requests.Response:
    return graph.request("POST", QUESTIONS, json={"displayName": "New?"})


def count_questions(sim: Simulator) -> int:
    return len(sim.bookings.business(BUSINESS).questions)


def test_a_status_before_the_work_leaves_no_trace(sim: Simulator, graph: RawGraphClient) -> None:
    fault = sim.faults.add(Answer(503, {"retry-after": "7"}), api="bookings", method="POST")

    answer = create_question(graph)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert answer.json()["error"]["code"] == "ServiceUnavailable"
    assert count_questions(sim) == 1
    assert sim.exchanges.all()[-1].fault == fault.id
    assert create_question(graph).status_code == 201


def test_a_status_after_the_work_hides_that_it_was_done(sim: Simulator, graph: RawGraphClient) -> None:
    body = {"error": {"code": "UnknownError", "message": "staff not available"}}
    sim.faults.add(Answer(500, body=body), method="POST", path="/customQuestions$", when="after")

    answer = create_question(graph)

    assert (answer.status_code, answer.json()) == (500, body)
    assert count_questions(sim) == 2


def test_a_connection_dropped_before_the_work(sim: Simulator, graph: RawGraphClient) -> None:
    sim.faults.add(Drop(), method="POST")

    with pytest.raises(requests.exceptions.ConnectionError):
        create_question(graph)

    assert count_questions(sim) == 1
    assert (sim.exchanges.all()[-1].outcome, sim.exchanges.all()[-1].status) == ("dropped", 0)


def test_a_connection_dropped_after_the_work(sim: Simulator, graph: RawGraphClient) -> None:
    sim.faults.add(Drop(), method="POST", when="after")

    with pytest.raises(requests.exceptions.ConnectionError):
        create_question(graph)

    assert count_questions(sim) == 2


def test_a_body_cut_short(sim: Simulator, graph: RawGraphClient) -> None:
    sim.faults.add(Cut(0.5), method="GET", when="after")

    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        graph.get(QUESTIONS)

    assert sim.exchanges.all()[-1].outcome == "cut"


def test_a_good_status_with_text_that_is_not_json(sim: Simulator, graph: RawGraphClient) -> None:
    sim.faults.add(Garble("<p>Please accept our terms</p>"))

    answer = graph.get(QUESTIONS)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_a_delay_passes(sim: Simulator, graph: RawGraphClient) -> None:
    sim.faults.add(Delay(0.2))
    sim.faults.add(Delay(0.1), when="after")

    began = time.perf_counter()
    answer = graph.get(QUESTIONS)

    assert answer.ok
    assert time.perf_counter() - began >= 0.3


def test_an_answer_that_never_comes(sim: Simulator, graph: RawGraphClient) -> None:
    sim.faults.add(Hang(), when="after")

    with pytest.raises(requests.exceptions.ReadTimeout):
        graph.session.get(f"https://graph.microsoft.com/v1.0{QUESTIONS}", timeout=0.3)

    assert graph.get(QUESTIONS).ok
    assert sim.exchanges.all()[0].outcome == "hung"


def test_a_host_that_cannot_be_reached(sim: Simulator) -> None:
    sim.faults.add(Drop(), method="CONNECT", host="graph.microsoft.com")
    sim.faults.add(Answer(502), method="CONNECT", host="graph.microsoft.com")
    sim.faults.add(Hang(), method="CONNECT", host="graph.microsoft.com")
    sim.faults.add(Delay(0.05), method="CONNECT", host="graph.microsoft.com")

    for expected, seconds in (
        (requests.exceptions.ConnectionError, 60),
        (requests.exceptions.ProxyError, 60),
        (requests.exceptions.Timeout, 0.5),
    ):
        with pytest.raises(expected):
            requests.get("https://graph.microsoft.com/v1.0", timeout=seconds)
    assert requests.get("https://graph.microsoft.com/v1.0", timeout=60).status_code == 401


def test_a_fault_that_stays_until_it_is_withdrawn(sim: Simulator, graph: RawGraphClient) -> None:
    fault = sim.faults.add(Answer(504), times=None)

    assert [graph.get(QUESTIONS).status_code for _ in range(3)] == [504, 504, 504]

    assert sim.faults.remove(fault.id)
    assert graph.get(QUESTIONS).ok


def test_faults_over_the_control_path(sim: Simulator, graph: RawGraphClient) -> None:
    wish = {
        "api": "bookings", "method": "GET", "path": "customQuestions", "times": 1,
        "action": {"kind": "answer", "status": 429, "headers": {"Retry-After": "3"}},
    }  # fmt: skip
    made = requests.post(f"{sim.control_url}/faults", json=wish, timeout=10).json()
    waiting = requests.get(f"{sim.control_url}/faults?unfired=true", timeout=10).json()["faults"]
    answer = graph.get(QUESTIONS)

    assert [fault["id"] for fault in waiting] == [made["id"]]
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert answer.json()["error"]["code"] == "TooManyRequests"
    assert requests.get(f"{sim.control_url}/faults?unfired=true", timeout=10).json()["faults"] == []
    assert requests.get(f"{sim.control_url}/faults", timeout=10).json()["faults"][0]["fired"] == 1

    requests.delete(f"{sim.control_url}/faults/{made['id']}", timeout=10).raise_for_status()
    requests.delete(f"{sim.control_url}/faults", timeout=10).raise_for_status()

    assert sim.faults.all() == []


@pytest.mark.parametrize(
    ("url", "status", "shape"),
    [
        (f"https://login.microsoftonline.com/{TENANT_ID}/v2.0/.well-known/openid-configuration", 503, "error_codes"),
        ("https://contoso-gateway.vault.azure.net/secrets/x?api-version=7.5", 429, "error"),
        ("https://graph.microsoft.com/v1.0/me", 502, "error"),
    ],
)
def test_an_injected_status_has_the_body_of_its_service(sim: Simulator, url: str, status: int, shape: str) -> None:
    sim.faults.add(Answer(status))

    answer = requests.get(url, timeout=10)

    assert answer.status_code == status
    assert shape in answer.json()


def test_an_injected_status_can_have_no_body(sim: Simulator, graph: RawGraphClient) -> None:
    sim.faults.add(Answer(502, body=""))

    assert graph.get(QUESTIONS).content == b""
