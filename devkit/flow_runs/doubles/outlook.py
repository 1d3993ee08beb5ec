"""The double of Outlook's connector: it records mails, refuses those without an address to go to, and finds them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from devkit.flow_runs.doubles.base import Double, nest_error
from devkit.flow_runs.host import Answer
from devkit.flows.calls import Request

_ADDRESS = re.compile(r"[^@\s;,<>]+@[^@\s;,<>]+\.[^@\s;,<>]+")


@dataclass(frozen=True)
class Mail:
    """One mail that was sent."""

    to: tuple[str, ...]
    subject: str
    body: str
    sender: str = ""  # the shared mailbox; empty for the connection's owner


class Outlook(Double):
    """Mails in the order in which they were sent."""

    name = "shared_office365"

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Mail] = []
        self.operations = {
            "SendEmailV2": self._send,
            "SharedMailboxSendEmailV2": self._send,
            "GetEmailsV3": self._search,
        }

    def refuse(self, status: int, message: str) -> Answer:
        """Return a refusal."""
        code = "ErrorAccessDenied" if status == HTTPStatus.FORBIDDEN else "ErrorInvalidRecipients"
        return nest_error(status, code, message)

    def _send(self, _: Mapping[str, Any], request: Request) -> Answer:
        given: Mapping[str, Any] = request.body or {}
        to = tuple(one.strip() for one in str(given.get("To") or "").split(";") if one.strip())
        if not to or not all(_ADDRESS.fullmatch(one) for one in to):
            return self.refuse(HTTPStatus.BAD_REQUEST, "At least one recipient is not valid.")
        sender = str(given.get("MailboxAddress") or "")
        self.mails.append(Mail(to, str(given.get("Subject") or ""), str(given.get("Body") or ""), sender))
        return Answer(HTTPStatus.OK)

    def _search(self, _: Mapping[str, Any], request: Request) -> Answer:
        """Find mails among the sent ones, the newest first; they count as read, and usually only unread ones come."""
        query = request.queries
        if query.get("folderPath") != "SentItems" or query.get("fetchOnlyUnread") is not False:
            return Answer(HTTPStatus.OK, {"value": []})
        words = str(query.get("searchQuery") or "").strip('"')
        found = [mail for mail in reversed(self.mails) if words in f"{mail.subject} {mail.body}"]
        shown = [{"id": str(number), "subject": mail.subject, "body": mail.body} for number, mail in enumerate(found)]
        return Answer(HTTPStatus.OK, {"value": shown[: int(query.get("top") or 10)]})
