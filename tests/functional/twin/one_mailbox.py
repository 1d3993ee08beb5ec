"""Helpers of the tests of mailboxes: one mailbox, rounds of its delta, error codes."""

from dataclasses import dataclass
from typing import Any

import requests

from twin.client import RawGraphClient
from twin.mail.permissions import WRITE
from twin.seeds.mails import SUPPORT

BOX = f"/users/{SUPPORT}"
INBOX = f"{BOX}/mailFolders/inbox"
DELTA = f"{INBOX}/messages/delta"
IMMUTABLE = 'IdType="ImmutableId"'
MAIL_WRITE = WRITE
THROTTLED = (429, "ApplicationThrottled")


def safe(item_id: str) -> str:
    """Return an id that can be used in a path."""
    return item_id.replace("/", "-").replace("+", "_")


@dataclass
class Round:
    """One round of a delta: its pages, and the link to the next round."""

    pages: list[list[dict[str, Any]]]
    link: str

    @property
    def items(self) -> list[dict[str, Any]]:
        return [item for page in self.pages for item in page]

    @property
    def subjects(self) -> set[str]:
        return {item["subject"] for item in self.items if "subject" in item}


def walk(
    graph: RawGraphClient, link: str = f"{DELTA}?$select=subject", *, prefer: str = IMMUTABLE, size: int = 50
) -> Round:
    """Follow a round to its delta link."""
    pages = []
    while True:
        answer = graph.get(link, prefer=f"{prefer}, odata.maxpagesize={size}".strip(", "))
        assert answer.status_code == 200, answer.text
        body = answer.json()
        pages.append(body["value"])
        assert ("@odata.nextLink" in body) != ("@odata.deltaLink" in body)
        if "@odata.deltaLink" in body:
            return Round(pages, body["@odata.deltaLink"])
        link = body["@odata.nextLink"]


def read_error(answer: requests.Response) -> tuple[int, str]:
    """Return status and code."""
    return answer.status_code, answer.json()["error"]["code"]


def send_batch(graph: RawGraphClient, *parts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the answers of a batch by id; parts are numbered from 0."""
    numbered = [{"id": str(number), "method": "GET"} | part for number, part in enumerate(parts)]
    answer = graph.request("POST", "/$batch", json={"requests": numbered})
    assert answer.status_code == 200, answer.text
    return {part["id"]: part for part in answer.json()["responses"]}
