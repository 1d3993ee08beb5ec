"""The double of Teams' connector: it records messages, and refuses those without a channel and those over 28 KB."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from devkit.flow_runs.doubles.base import Double, nest_error
from devkit.flow_runs.host import Answer
from devkit.flows.calls import Request

_LARGEST = 28 * 1024


@dataclass(frozen=True)
class Message:
    """One message in a channel."""

    team: str
    channel: str
    body: str


class Teams(Double):
    """Messages in the order in which they were posted."""

    name = "shared_teams"

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []
        self.operations = {"PostMessageToConversation": self._post}

    def refuse(self, status: int, message: str) -> Answer:
        """Return a refusal."""
        return nest_error(status, "Forbidden" if status == HTTPStatus.FORBIDDEN else "BadRequest", message)

    def _post(self, _: Mapping[str, Any], request: Request) -> Answer:
        given: Mapping[str, Any] = request.body or {}
        place: Mapping[str, Any] = given.get("recipient") or {}
        team, channel, body = place.get("groupId"), place.get("channelId"), str(given.get("messageBody") or "")
        if not team or not channel:
            return self.refuse(HTTPStatus.BAD_REQUEST, "Bad format of conversation ID")
        if not body:
            return self.refuse(HTTPStatus.BAD_REQUEST, "Missing body content")
        if len(body.encode()) > _LARGEST:
            return nest_error(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RequestEntityTooLarge", "The message is larger than 28 KB."
            )
        self.messages.append(Message(str(team), str(channel), body))
        return Answer(HTTPStatus.CREATED, {"id": str(len(self.messages))}, {"Content-Type": "application/json"})
