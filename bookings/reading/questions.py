"""The custom questions of a business as JSON schemas, from which the flow designer makes tokens and fields.

Each property has the question's key as its name, as answers have, and its text as its title.
"""

from collections.abc import Iterable, Sequence

from bookings.describe import question_key, read_options
from shared.json_text import Json


def answers_schema(questions: Iterable[Json]) -> Json:
    """Return the schema of answers as they are read: {"type": "object", "properties"}."""
    return {"type": "object", "properties": {_key(each): _describe(each) for each in _named(questions)}}


def questions_schema(questions: Sequence[Json], service: Json | None) -> Json:
    """Return the schema of answers as they are written; for a service only its questions, the required ones marked."""
    assigned = {str(each.get("questionId")): bool(each.get("isRequired")) for each in _assigned(service)}
    wanted = [each for each in _named(questions) if service is None or each["id"] in assigned]
    schema: Json = {"type": "object", "properties": {_key(each): _offer(each) for each in wanted}}
    required = [_key(each) for each in wanted if assigned.get(each["id"])]
    return schema | ({"required": required} if required else {})


def _assigned(service: Json | None) -> list[Json]:
    return (service or {}).get("customQuestions") or []


def _named(questions: Iterable[Json]) -> list[Json]:
    return [each for each in questions if each.get("displayName")]


def _key(question: Json) -> str:
    return question_key(question.get("id"), question["displayName"])


def _describe(question: Json) -> Json:
    name = str(question["displayName"])
    return {"type": "string", "title": name, "x-ms-summary": name, "description": f"Answer to the question: {name}"}


def _offer(question: Json) -> Json:
    options, is_choice = read_options(question)
    return _describe(question) | ({"enum": options} if is_choice and options else {})
