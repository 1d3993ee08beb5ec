from datetime import date
from typing import Any

from devkit.fuzzing.findings import ENOUGH, Findings
from devkit.fuzzing.values import blend, read_values, twist

DAY = date(2026, 11, 30)


def answer(operation: str, status: int, *, code: str = "", meant: bool = True) -> dict[str, Any]:
    return {"kind": "answer", "operation": operation, "status": status, "code": code, "meant": meant}


def failure(operation: str, status: int) -> dict[str, Any]:
    texts = {"check": "has_error_shape", "message": "Wrong.", "curl": "curl it", "answer": "{}", "requestId": "7"}
    return {"kind": "failure", "operation": operation, "status": status} | texts


def test_every_answer_is_counted_once() -> None:
    findings = Findings(seed=1)
    for line in (answer("A", 200), answer("A", 400, code="Bad", meant=False), answer("B", 200)):
        findings.read(line)
    assert findings.requests == 3
    assert findings.statuses == {200: 2, 400: 1}
    assert findings.codes == {"Bad": 1}
    assert findings.against_definition == 1
    assert findings.is_good


def test_an_operation_that_never_succeeds_is_a_failure_once_it_was_asked_often_enough() -> None:
    findings = Findings(seed=1)
    for _ in range(ENOUGH - 1):
        findings.read(answer("A", 400))
    assert findings.without_success == []
    findings.read(answer("A", 404))
    assert findings.without_success == ["A"]
    assert not findings.is_good
    findings.read(answer("A", 202))
    assert findings.without_success == []


def test_failures_of_a_kind_are_reported_once_with_their_number() -> None:
    findings = Findings(seed=1)
    for line in (failure("A", 500), failure("A", 500), failure("A", 400)):
        findings.read(line)
    assert not findings.is_good
    assert findings.describe().count("curl it") == 2
    assert "3 failures of 2 kinds" in findings.describe()


def test_a_trouble_is_a_failure() -> None:
    findings = Findings(seed=1)
    findings.read({"kind": "trouble", "text": "It is gone."})
    assert not findings.is_good
    assert "It is gone." in findings.describe()


def test_a_wanted_body_keeps_only_what_cannot_hinder_it() -> None:
    generated = {"service": "x", "location": "\0", "customer": {"name": "Ω", "customerId": "x"}, "other": 1}
    wanted = {"service": "s", "customer": {"emailAddress": "a@example.com"}}
    assert blend(generated, wanted) == {
        "service": "s",
        "location": "\0",
        "customer": {"name": "Ω", "emailAddress": "a@example.com"},
    }
    assert blend(None, wanted) == wanted


def test_one_text_of_a_body_is_twisted_and_nothing_else() -> None:
    body = {"a": "x", "b": {"c": "y"}, "d": [{"e": "z"}], "f": ["v", "w"], "g": 1}
    twisted = [twist(body, index) for index in range(500)]
    assert {name for each in twisted for name in body if each[name] != body[name]} == {"a", "b", "d", "f"}
    assert all(sum(each[name] != body[name] for name in body) <= 1 for each in twisted)
    assert twist({}, 3) == {}


def test_an_empty_world_gives_no_ideas_but_words() -> None:
    values = read_values(lambda _path, **_query: {"value": []}, {"OnCreated": "/triggers/appointments/created"}, DAY)
    assert not any(values.whole.values())
    assert values.reads == 2
    assert "pages" not in values.words
    assert all(values.words.values())
