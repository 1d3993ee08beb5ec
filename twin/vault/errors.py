"""Error answers of Key Vault.

Shapes and codes: learn.microsoft.com/azure/key-vault/general/rest-error-codes (AKV numbers, inner error codes).
"""

from twin.core.wire import Call, Json, Refusal, Reply

_OUTAGES = {
    429: ("Throttled", "Request was not processed because too many requests were received."),
    503: ("ServiceUnavailable", "The service is unavailable."),
}


class VaultRefusal(Refusal):
    """{"error": {"code", "message", "innererror"?: {"code"}}} with a status."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        inner: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(Reply(status, describe_error(code, message, inner), headers or {}))


def describe_error(code: str, message: str, inner: str | None = None) -> Json:
    """Describe the error document."""
    error: Json = {"code": code, "message": message}
    if inner is not None:
        error["innererror"] = {"code": inner}
    return {"error": error}


def describe_outage(call: Call, status: int) -> Json:
    """Describe the document that goes with an injected status."""
    _ = call
    code, message = _OUTAGES.get(status, ("InternalServerError", "An internal error occurred."))
    return describe_error(code, message)


def refuse_bad_parameter(message: str) -> VaultRefusal:
    """400 BadParameter."""
    return VaultRefusal(400, "BadParameter", message)
