"""Each custom question has a key of its own among answers: stable, unique, and safe in flow expressions."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from bookings.describe import question_key
from tests.functional.booking_writes import CLEO, Writer, clock, open_page, refused
from tests.functional.conftest import Gateway
from tests.functional.test_bookings_appointments import ANSWER, book, customer
from twin.seeds import tiny

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SAFE = re.compile(r"[a-z][a-z0-9_]*")
IDS = [f"90e50000-0000-4000-8000-00000000010{number}" for number in range(4)]


def answer(question_id: str | None, text: str, said: str) -> dict[str, Any]:
    return ANSWER | {"questionId": question_id, "question": text, "answer": said}


def ask_only(gateway: Gateway) -> Any:
    return gateway.ask("/appointments", start="2026-05-04", end="2026-05-05", details="true")["value"][0]


def schema_of(gateway: Gateway, name: str) -> Any:
    found = gateway.get(f"connector/schemas/{name}", business=tiny.BUSINESS)
    assert found.status_code == 200, found.text
    return found.json()["schema"]["properties"]


def add_question(gateway: Gateway, text: str) -> str:
    questions = gateway.sim.bookings.business(tiny.BUSINESS).questions
    return gateway.sim.run(lambda: questions.add({"displayName": text, "answerInputType": "text"}))


@pytest.mark.parametrize("text", ["Name?", "Name / Vorname", "名前", 'It\'s "urgent"?', "[A]@{b}", "Größe (cm)"])
def test_two_questions_with_one_text_keep_both_answers(gateway: Gateway, text: str) -> None:
    both = [answer(IDS[number], text, f"said {number}") for number in (0, 1)]
    book(gateway, NOON, customers=[customer("Cleo", "c@example.com", *both)])
    shown = ask_only(gateway)
    assert sorted(shown["answers"].values()) == ["said 0", "said 1"]
    assert [shown["answersText"].count(f"said {number}") for number in (0, 1)] == [1, 1]
    assert all(SAFE.fullmatch(key) for key in shown["answers"])
    given = shown["customers"][0]["customQuestionAnswers"]
    assert {each["key"]: each["answer"] for each in given} == shown["answers"]


def test_the_key_stays_when_the_text_changes(gateway: Gateway) -> None:
    [before] = gateway.ask("/questions")["value"]
    gateway.sim.bookings.business(tiny.BUSINESS).questions.patch(tiny.QUESTION, {"displayName": "Asset number?"})
    [after] = gateway.ask("/questions")["value"]
    assert (before["displayName"], after["displayName"]) == ("Asset tag?", "Asset number?")
    assert before["key"] == after["key"] == question_key(tiny.QUESTION, "anything")


def test_schemas_name_the_keys_that_answers_have(gateway: Gateway) -> None:
    twins = [add_question(gateway, "Which/what?") for _ in range(2)]
    for name in ("answers", "questions"):
        shapes = schema_of(gateway, name)
        titles = {shapes[question_key(each, "")]["title"] for each in twins}
        assert titles == {"Which/what?", "Which/what? (2)"}  # a maker tells them apart
        assert set(shapes) == {each["key"] for each in gateway.ask("/questions")["value"]}
        assert all(SAFE.fullmatch(key) for key in shapes)


def test_an_answer_without_a_question_s_id_has_a_key_of_its_text(gateway: Gateway) -> None:
    book(gateway, NOON, customers=[customer("Cleo", "c@example.com", answer(None, "A/B?", "a"), answer("", "C?", "c"))])
    shown = ask_only(gateway)["answers"]
    assert shown == {question_key(None, "A/B?"): "a", question_key("", "C?"): "c"}


def test_answers_are_written_by_key_id_or_a_text_that_only_one_has(gateway_process: Gateway) -> None:
    writer: Writer = open_page(gateway_process)
    twins = [add_question(writer.gateway, "Floor?") for _ in range(2)]
    keys = [question_key(each, "") for each in twins]
    made = writer.made(customers=[CLEO | {"answers": {keys[0]: "1", twins[1]: "2", "asset tag?": "3"}}])
    assert made["answers"] == {keys[0]: "1", keys[1]: "2", question_key(tiny.QUESTION, ""): "3"}
    few = CLEO | {"answers": {keys[0]: None, twins[1]: "", "asset tag?": "3"}}  # a form that was filled in partly
    blank = writer.made(start=clock(3), customers=[few])
    assert blank["answers"] == {question_key(tiny.QUESTION, ""): "3"}
    ambiguous = writer.create(customers=[CLEO | {"answers": {"Floor?": "1"}}])
    assert refused(ambiguous) == (400, "QuestionNotFound", "answers")
    assert "Several questions have the text" in ambiguous.text
