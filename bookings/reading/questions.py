"""The custom questions of a business as JSON schemas, from which the flow designer makes tokens and fields.

Each property has the question's key as its name, as answers have, and its text as its title; of several questions with
one text, the further ones are numbered.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bookings.describe import question_key, read_options
from shared.json_text import Json


def answers_schema(questions: Iterable[Json]) -> Json:
    """Return the schema of answers as they are read: {"type": "object", "properties"}."""
    return {"type": "object", "properties": {_key(each): _describe(each, title) for each, title in _titled(questions)}}


def questions_schema(questions: Sequence[Json], service: Json | None) -> Json:
    """Return the schema of answers as they are written; for a service only its questions, the required ones marked."""
    assigned = {str(each.get("questionId")): bool(each.get("isRequired")) for each in _assigned(service)}
    wanted = [(each, title) for each, title in _titled(questions) if service is None or each["id"] in assigned]
    schema: Json = {"type": "object", "properties": {_key(each): _offer(each, title) for each, title in wanted}}
    required = [_key(each) for each, _ in wanted if assigned.get(each["id"])]
    return schema | ({"required": required} if required else {})


def _assigned(service: Json | None) -> list[Json]:
    return (service or {}).get("customQuestions") or []


def _titled(questions: Iterable[Json]) -> Iterator[tuple[Json, str]]:
    """Yield the questions that have a text, each with a title that no other one of the page has."""
    seen: Counter[str] = Counter()
    for each in questions:
        if name := str(each.get("displayName") or ""):
            seen[name] += 1
            yield each, name if seen[name] == 1 else f"{name} ({seen[name]})"


def _key(question: Json) -> str:
    return question_key(question.get("id"), question["displayName"])


def _describe(question: Json, title: str) -> Json:
    meaning = f"Answer to the question: {question['displayName']}"
    return {"type": "string", "title": title, "x-ms-summary": title, "description": meaning}


def _offer(question: Json, title: str) -> Json:
    options, is_choice = read_options(question)
    return _describe(question, title) | ({"enum": options} if is_choice and options else {})
