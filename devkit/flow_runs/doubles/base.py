"""What all doubles have in common, and how they fail."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from devkit.flow_runs.host import LONGEST_CALL, Answer
from devkit.flows.calls import Request

GATEWAY_TIMEOUT = 504
_CLIENT_REQUEST = "0f6a9c1e-5d0b-4f55-9d5e-1f7d6b9e2a10"

type Operation = Callable[[Mapping[str, Any], Request], Answer]


class UnknownOperationError(LookupError):
    """A flow calls an operation that the double does not have: add it."""


class Double(ABC):
    """A connector's double: operations by their ids.

    An operation gets the values of the path by name, and the request with queries and body.
    """

    name = ""

    def __init__(self) -> None:
        self.operations: dict[str, Operation] = {}

    def answer(self, operation: str, given: Mapping[str, Any], request: Request) -> Answer:
        """Do what the operation does. Raises UnknownOperationError."""
        if operation not in self.operations:
            raise UnknownOperationError(f"the double of {self.name} has no {operation}")
        return self.operations[operation](given, request)

    @abstractmethod
    def refuse(self, status: int, message: str) -> Answer:
        """Return a refusal in the form of this connector."""


def nest_error(status: int, code: str, message: str) -> Answer:
    """Return the form that most connectors have: an object `error` with code and message."""
    return Answer(status, {"error": {"code": code, "message": message}}, {"Content-Type": "application/json"})


def break_at_the_gateway(status: int, message: str, seconds: float = 1.0) -> Answer:
    """Return what the platform's own gateway answers for a service that does not: the code is a number."""
    body = {
        "error": {
            "code": status,
            "source": "europe-001.azure-apim.net",
            "clientRequestId": _CLIENT_REQUEST,
            "message": "BadGateway",
            "innerError": {"status": status, "message": message, "source": "europe-001.azure-apim.net"},
        }
    }
    return Answer(status, body, {"Content-Type": "application/json"}, seconds)


def time_out() -> Answer:
    """Return what a call gets that took longer than the platform waits."""
    return break_at_the_gateway(GATEWAY_TIMEOUT, "The operation did not complete in time.", LONGEST_CALL)
