"""The errors of subscriptions: codes and texts as in public reports."""

from twin.graph.errors import GraphRefusal


def refuse_request(message: str) -> GraphRefusal:
    """400: a property is missing or wrong."""
    return GraphRefusal(400, "InvalidRequest", message)


def refuse_span(minutes: int) -> GraphRefusal:
    """400: the subscription would live too long."""
    return GraphRefusal(400, "ExtensionError", f"Subscription expiration can only be {minutes} minutes in the future.")


def refuse_endpoint(message: str) -> GraphRefusal:
    """400: the handshake with the notification URL failed."""
    return GraphRefusal(400, "ValidationError", message)


def refuse_by_exchange(operation: str, status: int, name: str, reason: str) -> GraphRefusal:
    """403 or 404 of the mailbox, wrapped by the service of subscriptions; `name` is the status in one word."""
    message = f"Operation: {operation}; Exception: [Status Code: {name}; Reason: {reason}]"
    return GraphRefusal(status, "ExtensionError", message)


def refuse_access(operation: str) -> GraphRefusal:
    """403: the permission to read the resource is missing."""
    return refuse_by_exchange(operation, 403, "Forbidden", "Access is denied. Check credentials and try again.")


def refuse_unknown() -> GraphRefusal:
    """404: no such subscription, or it is another app's, or it has ended."""
    return GraphRefusal(404, "ResourceNotFound", "The object was not found.")
