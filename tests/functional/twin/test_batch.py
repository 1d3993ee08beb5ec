"""JSON batches of the simulated Graph."""

from typing import Any

import pytest

from twin import Answer, Simulator
from twin.client import RawGraphClient
from twin.seeds import tiny

ROOT = f"/solutions/bookingBusinesses/{tiny.BUSINESS}"


def send(graph: RawGraphClient, *requests: Any) -> Any:
    return graph.request("POST", "/$batch", json={"requests": list(requests)})


def part(number: int, path: str, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "method": "GET", "url": path} | more


def test_parts_answer_with_their_own_status_in_any_order(graph: RawGraphClient) -> None:
    answer = send(graph, part(1, ROOT), part(2, f"{ROOT}/services/none"), part(3, "/nowhere"))
    assert answer.status_code == 200
    statuses = {item["id"]: item["status"] for item in answer.json()["responses"]}
    assert statuses == {"1": 200, "2": 404, "3": 400}
    assert [item["id"] for item in answer.json()["responses"]] != ["1", "2", "3"]


def test_a_part_that_depends_on_a_failed_one_is_not_done(graph: RawGraphClient) -> None:
    answer = send(graph, part(1, f"{ROOT}/services/none"), part(2, ROOT, dependsOn=["1"]))
    assert {item["id"]: item["status"] for item in answer.json()["responses"]} == {"1": 404, "2": 424}


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [{"method": "GET", "url": ROOT}],
        [part(1, ROOT), part(1, ROOT)],
        [{"id": "a", "method": "GET", "url": ROOT}, {"id": "A", "method": "GET", "url": ROOT}],
        [part(1, "")],
        [part(1, ROOT, method="FETCH")],
        [part(1, ROOT, method="PATCH", body={})],
        [part(1, ROOT, dependsOn=["2"]), part(2, ROOT)],
        [part(number, ROOT) for number in range(21)],
    ],
)
def test_a_malformed_batch_is_refused_as_a_whole(graph: RawGraphClient, requests: list[Any]) -> None:
    assert send(graph, *requests).status_code == 400


def test_faults_strike_single_parts(sim: Simulator, graph: RawGraphClient) -> None:
    sim.faults.add(Answer(429, {"Retry-After": "3"}), path="/services$")
    answer = send(graph, part(1, f"{ROOT}/services"), part(2, f"{ROOT}/staffMembers"))
    by_id = {item["id"]: item for item in answer.json()["responses"]}
    assert (by_id["1"]["status"], by_id["2"]["status"]) == (429, 200)
    assert by_id["1"]["headers"]["Retry-After"] == "3"


def test_parts_count_against_the_concurrency_limit(sim: Simulator, graph: RawGraphClient) -> None:
    sim.graph_limits.concurrency = 1
    answer = send(graph, part(1, ROOT))
    assert answer.json()["responses"][0]["status"] == 429
    sim.graph_limits.concurrency = 2
    assert {item["status"] for item in send(graph, part(1, ROOT), part(2, ROOT)).json()["responses"]} == {200}
