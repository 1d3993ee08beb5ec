"""Error answers of Graph: learn.microsoft.com/graph/errors. Code and message may be empty, as on the real service."""

from datetime import UTC, datetime

from twin.core.wire import Call, Json, Refusal, Reply

_OUTAGES = {
    429: ("TooManyRequests", "Too many requests."),
    500: ("InternalServerError", "Internal server error."),
    502: ("BadGateway", "Failed to execute backend request."),
    503: ("ServiceUnavailable", "Service unavailable."),
    504: ("GatewayTimeout", "Gateway timeout."),
}


class GraphRefusal(Refusal):
    """{"error": {"code", "message", "innerError": {...}}} with a status."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.code = code
        self.message = message
        self._headers = headers or {}
        super().__init__(Reply(status))

    def render(self, call: Call) -> Reply:
        """Write the OData error document, naming the request."""
        return Reply(self.status, describe_error(call, self.code, self.message), self._headers)


def describe_error(call: Call, code: str, message: str) -> Json:
    """Describe the error document; `date` carries no zone, as in public samples."""
    return {
        "error": {
            "code": code,
            "message": message,
            "innerError": {
                "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}",
                "request-id": call.request_id,
                "client-request-id": call.headers.get("client-request-id", call.request_id),
            },
        },
    }


def describe_outage(call: Call, status: int) -> Json:
    """Describe the document that goes with an injected status."""
    code, message = _OUTAGES.get(status, ("UnknownError", ""))
    return describe_error(call, code, message)


def refuse_segment(segment: str) -> GraphRefusal:
    """400: the path names something that is not in the model."""
    return GraphRefusal(400, "BadRequest", f"Resource not found for the segment '{segment}'.")


def refuse_option(message: str) -> GraphRefusal:
    """400: the query cannot be understood."""
    return GraphRefusal(400, "BadRequest", message)


def refuse_body(message: str) -> GraphRefusal:
    """400: the body does not fit the model (code as seen in public reports)."""
    return GraphRefusal(400, "RequestBodyRead", message)
