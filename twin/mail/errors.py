"""The errors of mailboxes: codes of the reference pages, texts as in public reports."""

from twin.core.wire import Call, Json, Reply
from twin.graph.errors import GraphRefusal, describe_error

_OUTAGES = {
    403: ("ErrorAccessDenied", "Access is denied. Check credentials and try again."),
    404: ("ErrorItemNotFound", "The specified object was not found in the store."),
    410: ("SyncStateNotFound", "The sync state generation is not found."),
    412: ("ErrorIrresolvableConflict", "The send or update operation could not be performed."),
    429: ("ApplicationThrottled", "Application is over its MailboxConcurrency limit."),
    500: ("ErrorInternalServerError", "An internal server error occurred. The operation failed."),
    502: ("BadGateway", "Failed to execute backend request."),
    503: ("ErrorServerBusy", "The server cannot service this request right now. Try again later."),
    504: ("UnknownError", ""),
    507: ("ErrorQuotaExceeded", "The process failed because the mailbox is over its quota."),
}


class SyncStateRefusal(GraphRefusal):
    """The cursor is lost. Some answers name the code in the inner error only, some say where to begin again."""

    def __init__(self, status: int, code: str, *, inner_code: str | None, location: str | None) -> None:
        generations = "Sync state generation is not found; generation: 605, first kept: 839, last kept: 841."
        super().__init__(status, code, generations, {"location": location} if location else None)
        self._inner_code = inner_code

    def render(self, call: Call) -> Reply:
        """Write the error document, with the nested code if there is one."""
        reply = super().render(call)
        if self._inner_code is not None and isinstance(reply.body, dict):
            reply.body["error"]["innerError"]["code"] = self._inner_code
        return reply


def describe_mail_outage(call: Call, status: int) -> Json:
    """Describe the document that goes with an injected status."""
    code, message = _OUTAGES.get(status, ("UnknownError", ""))
    return describe_error(call, code, message)


def refuse_item() -> GraphRefusal:
    """404: no such message, attachment or folder, or it has moved and has another id."""
    return GraphRefusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def refuse_malformed() -> GraphRefusal:
    """400: not an id."""
    return GraphRefusal(400, "ErrorInvalidIdMalformed", "Id is malformed.")


def refuse_access() -> GraphRefusal:
    """403: the permission is missing."""
    return GraphRefusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def refuse_scope() -> GraphRefusal:
    """403: the app may not enter this mailbox."""
    return GraphRefusal(403, "ErrorAccessDenied", "Access to OData is disabled.")


def refuse_mailbox() -> GraphRefusal:
    """404: a user without a mailbox in Exchange Online."""
    message = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
    return GraphRefusal(404, "MailboxNotEnabledForRESTAPI", message)


def refuse_user(name: str) -> GraphRefusal:
    """404: no such user in the tenant."""
    return GraphRefusal(404, "ErrorInvalidUser", f"The requested user '{name}' is invalid.")


def refuse_property(name: str, type_name: str) -> GraphRefusal:
    """400: the query names something that the type does not have."""
    message = f"Could not find a property named '{name}' on type 'microsoft.graph.{type_name}'."
    return GraphRefusal(400, "RequestBroker--ParseUri", message)


def refuse_filter(message: str = "The query filter contains one or more invalid nodes.") -> GraphRefusal:
    """400: a filter that is not understood or not supported here."""
    return GraphRefusal(400, "ErrorInvalidUrlQueryFilter", message)


def refuse_sort() -> GraphRefusal:
    """400: ordered properties must be in the filter, first and in the same order."""
    message = "The restriction or sort order is too complex for this operation."
    return GraphRefusal(400, "InefficientFilter", message)


def refuse_change(name: str) -> GraphRefusal:
    """400: a property that cannot be set on a mail that was received."""
    return GraphRefusal(400, "ErrorInvalidPropertySet", f"Set action is invalid for property {name}.")


def refuse_content(name: str) -> GraphRefusal:
    """403: the content of a received mail is changed without Mail-Advanced.ReadWrite; the text is not documented."""
    message = f"Access is denied. Changing the property {name} of a received message needs Mail-Advanced.ReadWrite."
    return GraphRefusal(403, "ErrorAccessDenied", message)


def refuse_conflict() -> GraphRefusal:
    """412: If-Match names an older state."""
    message = "The change key passed in the request does not match the current change key for the item."
    return GraphRefusal(412, "ErrorIrresolvableConflict", message)


def refuse_token() -> GraphRefusal:
    """400: not a delta or skip token of this service."""
    return GraphRefusal(400, "SyncStateInvalid", "The sync state is invalid.")


def refuse_rendering() -> GraphRefusal:
    """500: Exchange cannot make MIME of this item."""
    return GraphRefusal(500, "ErrorContentConversionFailed", "Content conversion failed.")


def refuse_slow() -> GraphRefusal:
    """504: the answer is too large to be made in time."""
    return GraphRefusal(504, *_OUTAGES[504])


def refuse_value() -> GraphRefusal:
    """405: a cloud link has no bytes."""
    return GraphRefusal(405, "ErrorInvalidRequest", "The attachment has no content of its own.")


def refuse_expansion() -> GraphRefusal:
    """500: an expansion that a delta cannot do."""
    return GraphRefusal(500, "ErrorInternalServerError", "An internal server error occurred. The operation failed.")
