"""The error that a sink raises for an HTTP status of its target."""

from dataclasses import dataclass

from shared.errors import GatewayError


@dataclass(frozen=True)
class StatusError:
    """The error for a status: class, message, and a code if it is not that of the class."""

    kind: type[GatewayError]
    message: str
    code: str | None = None
