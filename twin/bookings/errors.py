"""The errors of Bookings. UnknownError with an empty message means bad input or a broken rule.

Sources: the reference pages, and public issue reports quoted in the docstrings.
"""

from twin.graph.errors import GraphRefusal


def refuse_unknown(message: str = "") -> GraphRefusal:
    """500 UnknownError: a broken business rule, a bad id or bad input (many public reports)."""
    return GraphRefusal(500, "UnknownError", message)


def refuse_business() -> GraphRefusal:
    """404: no such booking mailbox in this tenant."""
    return GraphRefusal(404, "ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")


def refuse_folder() -> GraphRefusal:
    """404: the signed-in user is not on the staff (microsoft-graph-docs issue 9850 and others)."""
    return GraphRefusal(404, "ErrorFolderNotFound", "The specified folder could not be found in the store.")


def refuse_item() -> GraphRefusal:
    """404: no such appointment, service, customer and so on."""
    return GraphRefusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def refuse_access() -> GraphRefusal:
    """403: the permission is missing."""
    return GraphRefusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def refuse_token_type(operation: str, kind: str) -> GraphRefusal:
    """403: the operation has no permission of this kind (text: microsoft-graph-docs-contrib issue 8874)."""
    return GraphRefusal(403, "ErrorAccessDenied", f"VASTT: Api {operation} does not support the token type: {kind}")


def refuse_staff() -> GraphRefusal:
    """400: an app's create names no staff (text: microsoft-graph-docs pull request 22029)."""
    return GraphRefusal(400, "BadRequest", "Invalid Staff")


def refuse_request() -> GraphRefusal:
    """400: calendarView without a proper range (microsoft-graph-docs issue 13076)."""
    return GraphRefusal(400, "ErrorInvalidRequest", "The request is invalid.")
