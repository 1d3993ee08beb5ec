"""Puts messages into one queue.

Source: learn.microsoft.com/rest/api/storageservices/put-message
"""

from typing import Any
from xml.sax.saxutils import escape

from shared.storage.service import Account, Kind, Service, describe_headers, read_code


class MessageWriter:
    """Requests to one queue. Raises AzureErrors: ServiceError, ServiceRequestError and ServiceResponseError."""

    def __init__(self, account: Account, queue: str, transport: Any) -> None:
        self._service = Service(account, _QUEUES, transport)
        self._url = f"{self._service.url}/{queue}"

    def put(self, text: str, *, delay: int, ttl: int) -> None:
        """Add a message. It may be there twice if the first answer was lost: queues deliver more than once anyway."""
        url = f"{self._url}/messages?messagettl={ttl}" + (f"&visibilitytimeout={delay}" if delay else "")
        body = f"<QueueMessage><MessageText>{escape(text)}</MessageText></QueueMessage>"
        self._service.send("POST", url, {"Content-Type": "application/xml"}, body.encode(), is_repeatable=True)


_QUEUES = Kind("2021-12-02", describe_headers, read_code)
