"""The Graph client itself: batches, pages, the limit of calls. Against the simulator, with real tokens."""

from typing import Any

import pytest

from composition.services import services
from shared import context, retry
from shared.errors import (
    Forbidden,
    GatewayError,
    NotFound,
    OutcomeUnknown,
    Rejected,
    Throttled,
)
from shared.graph.client import GraphClient, SubRequest
from shared.graph.limits import CallLimits
from shared.retry import READ, WRITE
from shared.transport import Transport
from tests.functional.conftest import Gateway
from twin.core.faults import Answer, Drop
from twin.seeds import tiny

pytestmark = pytest.mark.signs_in

ROOT = f"/solutions/bookingBusinesses/{tiny.BUSINESS}"


@pytest.fixture(autouse=True)
def quick_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)


@pytest.fixture
def graph(gateway: Gateway) -> GraphClient:  # noqa: ARG001 - the world it talks to
    return GraphClient(services().authenticator.tokens("default"), Transport(), CallLimits(4))


def ask_for(*paths: str) -> list[SubRequest]:
    return [SubRequest(id=str(number), method="GET", path=path) for number, path in enumerate(paths)]


def batches(gateway: Gateway) -> list[Any]:
    return [seen for seen in gateway.graph_calls() if seen.path.endswith("$batch")]


def test_a_batch_answers_each_request_by_its_id_whatever_the_order(gateway: Gateway, graph: GraphClient) -> None:
    answers = graph.batch(ask_for(f"{ROOT}/services/{tiny.VISIT}", f"{ROOT}/staffMembers/{tiny.ANNE}"), retry=READ)
    assert list(answers) == ["0", "1"]
    names = [answer["displayName"] for answer in answers.values() if isinstance(answer, dict)]
    assert names == ["Visit", "Anne"]
    assert len(gateway.graph_calls()) == 1


def test_what_fails_in_a_batch_fails_by_itself(graph: GraphClient) -> None:
    answers = graph.batch(ask_for(f"{ROOT}/services/unknown", f"{ROOT}/services/{tiny.VISIT}"), retry=READ)
    assert isinstance(answers["0"], NotFound)
    assert isinstance(answers["1"], dict)


def test_more_than_twenty_requests_go_in_several_batches(gateway: Gateway, graph: GraphClient) -> None:
    answers = graph.batch(ask_for(*[f"{ROOT}/services/{tiny.VISIT}"] * 45), retry=READ)
    assert len(answers) == 45
    assert all(isinstance(answer, dict) for answer in answers.values())
    assert [len(seen.request_json["requests"]) for seen in batches(gateway)] == [20, 20, 5]


def test_only_what_was_throttled_in_a_batch_is_sent_again(gateway: Gateway, graph: GraphClient) -> None:
    gateway.sim.faults.add(Answer(429, headers={"Retry-After": "0"}), path=f"/services/{tiny.VISIT}", times=2)
    paths = [f"{ROOT}/services/{tiny.VISIT}", f"{ROOT}/services/{tiny.GROUP}", f"{ROOT}/staffMembers"]
    answers = graph.batch(ask_for(*paths), retry=READ)
    assert all(isinstance(answer, dict) for answer in answers.values())
    assert [[part["id"] for part in seen.request_json["requests"]] for seen in batches(gateway)] == [
        ["0", "1", "2"],
        ["0"],
        ["0"],
    ]


def test_what_stays_throttled_in_a_batch_ends_as_that_and_spares_the_others(
    gateway: Gateway, graph: GraphClient
) -> None:
    gateway.sim.faults.add(Answer(429, headers={"Retry-After": "100"}), path=f"/services/{tiny.VISIT}", times=None)
    answers = graph.batch(ask_for(f"{ROOT}/services/{tiny.VISIT}", f"{ROOT}/staffMembers"), retry=READ)
    assert isinstance(answers["0"], Throttled)
    assert isinstance(answers["1"], dict)
    assert len(batches(gateway)) == 1


def test_a_write_in_a_batch_is_not_repeated_after_an_unknown_outcome(gateway: Gateway, graph: GraphClient) -> None:
    gateway.sim.faults.add(Answer(500), path=f"/services/{tiny.VISIT}", times=None)
    body = {"@odata.type": "#microsoft.graph.bookingService", "notes": "new"}
    answers = graph.batch([SubRequest("a", "PATCH", f"{ROOT}/services/{tiny.VISIT}", body)], retry=WRITE)
    assert isinstance(answers["a"], OutcomeUnknown)
    assert len(batches(gateway)) == 1


def test_a_batch_whose_answer_is_lost_leaves_every_write_unknown(gateway: Gateway, graph: GraphClient) -> None:
    graph.get(ROOT, retry=READ)
    gateway.forget()
    gateway.sim.faults.add(Drop(), path="batch$", when="after")
    body = {"@odata.type": "#microsoft.graph.bookingService", "notes": "written"}
    wish = [SubRequest("a", "PATCH", f"{ROOT}/services/{tiny.VISIT}", body), *ask_for(f"{ROOT}/staffMembers")]
    answers = graph.batch(wish, retry=WRITE)
    assert all(isinstance(answer, OutcomeUnknown) for answer in answers.values())
    assert len(batches(gateway)) == 1
    assert gateway.sim.bookings.business(tiny.BUSINESS).services.get(tiny.VISIT)["notes"] == "written"


def test_a_second_sending_makes_the_first_answer_history(gateway: Gateway, graph: GraphClient) -> None:
    """Throttled first, then the line drops: whether the write was done is unknown, and no longer 'throttled'."""
    graph.get(ROOT, retry=READ)
    gateway.sim.faults.add(Answer(429, headers={"Retry-After": "0"}), path=f"/services/{tiny.VISIT}")
    body = {"@odata.type": "#microsoft.graph.bookingService", "notes": "x"}
    calls: list[int] = []
    send = graph._send

    def lose_the_second(*args: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            gateway.sim.faults.add(Drop(), path="batch$", when="after")
        return send(*args, **more)

    graph._send = lose_the_second  # type: ignore[method-assign]
    answers = graph.batch([SubRequest("a", "PATCH", f"{ROOT}/services/{tiny.VISIT}", body)], retry=WRITE)
    assert len(calls) == 2
    assert type(answers["a"]) is OutcomeUnknown


def test_a_batch_that_is_refused_as_a_whole_refuses_each(gateway: Gateway, graph: GraphClient) -> None:
    gateway.sim.faults.add(Answer(403, body={"error": {"code": "Authorization_RequestDenied"}}), path="batch$")
    answers = graph.batch(ask_for(f"{ROOT}/staffMembers"), retry=READ)
    assert isinstance(answers["0"], Forbidden)


def test_a_request_of_a_batch_that_graph_forgot_is_unknown(gateway: Gateway, graph: GraphClient) -> None:
    gateway.sim.faults.add(Answer(200, body={"responses": []}), path="batch$")
    answers = graph.batch(ask_for(f"{ROOT}/staffMembers"), retry=READ)
    assert isinstance(answers["0"], OutcomeUnknown)


def test_pages_without_end_are_given_up(gateway: Gateway, graph: GraphClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.graph.client._MOST_PAGES", 3)
    page = {"value": [], "@odata.nextLink": f"https://graph.microsoft.com/v1.0{ROOT}/services?$skiptoken=x"}
    gateway.sim.faults.add(Answer(200, body=page), path="/services", times=None)
    with pytest.raises(Rejected) as raised:
        list(graph.pages(f"{ROOT}/services", retry=READ))
    assert raised.value.code == "TooManyPages"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1.0/users",
        "http://graph.microsoft.com/v1.0/users",
        "https://graph.microsoft.com.evil.example/v1.0/users",
        "https://graph.microsoft.com@evil.example/v1.0/users",
        "https://graph.microsoft.com:8443/v1.0/users",
        "https://graph.microsoft.com/beta/users",
        "/v1.0/users",
        "",
    ],
)
def test_a_link_elsewhere_is_never_followed(graph: GraphClient, link: str) -> None:
    with pytest.raises(Rejected):
        graph.own_link(link)


def test_a_link_of_graphs_own_is_followed_as_it_is(graph: GraphClient) -> None:
    for link in ("https://graph.microsoft.com/v1.0/x?$skiptoken=a%2Fb", "https://GRAPH.microsoft.com:443/v1.0/x"):
        assert graph.own_link(link) == link


def test_who_waits_for_a_place_at_graph_waits_no_longer_than_the_call() -> None:
    limit = CallLimits(1)
    with limit.hold(), context.call("id", seconds=0.05), pytest.raises(Throttled) as raised, limit.hold():
        pass
    assert raised.value.retry_after


def test_a_place_comes_free_when_the_call_fails() -> None:
    limit = CallLimits(1)
    for _ in range(3):
        with pytest.raises(KeyError), limit.hold():
            raise KeyError


def test_every_request_carries_its_own_trace(gateway: Gateway, graph: GraphClient) -> None:
    with context.call("0b7c2f2e-8d0f-4d57-9a43-2f8a5d1c9e10", seconds=30):
        graph.get(ROOT, retry=READ)
    headers = gateway.graph_calls()[0].request_headers
    assert headers["client-request-id"] == "0b7c2f2e-8d0f-4d57-9a43-2f8a5d1c9e10"
    with pytest.raises(GatewayError) as raised:
        graph.get(f"{ROOT}/services/unknown", retry=READ)
    assert raised.value.upstream_id
