"""What a run of a flow asks the world for: calls of connectors and HTTP requests, and their answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from devkit.flows.calls import Request

LONGEST_CALL = 120.0
"""Seconds after which the engine gives up on one outbound call ("Limits and configuration": 120 seconds)."""


@dataclass(frozen=True)
class Answer:
    """One answer: its body as the engine shows it (see `bodies`). Status 0: the connection broke, nothing came."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 1.0  # how long it took

    @property
    def is_success(self) -> bool:
        """Whether the engine counts it as success."""
        return 0 < self.status < HTTPStatus.BAD_REQUEST


@dataclass(frozen=True)
class Call:
    """One call of a connector: an operation with `parameters` under the names that flows use, or a whole request.

    Workflows of Logic Apps know requests only; the path of one is escaped already.
    """

    step: str
    connector: str
    operation: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    request: Request | None = None


@dataclass(frozen=True)
class HttpCall:
    """One request of the HTTP action."""

    step: str
    method: str
    uri: str
    headers: Mapping[str, str] = field(default_factory=dict)
    queries: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None


class Host(Protocol):
    """Answers the calls of runs."""

    def call(self, call: Call) -> Answer:
        """Call an operation of a connector."""

    def follow(self, call: Call, link: str) -> Answer:
        """Get the next page of an operation's answer."""

    def http(self, call: HttpCall) -> Answer:
        """Send a request of the HTTP action."""
