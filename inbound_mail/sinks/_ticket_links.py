"""Links to tickets: from a template in a sink's options, or as the target's answer has them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from inbound_mail.sinks._options import Option
from shared.web_address import HTTPS_ADDRESS, holds_credential

_PLACE = "{ticket}"
_LONGEST = 500
_FRAGMENT = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:@/?-]*")  # some service desks name the ticket there
# The host stands before the ticket, so that no number of a ticket decides where a link leads.
_TEMPLATE = re.compile(r"https://[^{}/?#]+[/?#][^{}]*\{ticket\}[^{}]*")

TICKET_URL = Option(
    "Address of a ticket for people, https, with `{ticket}` in the place of its number: answers and the "
    "console link to it.",
    pattern=_TEMPLATE,
    wrong="Give an https address with {ticket} once behind the host, such as https://desk.example.com/?ticket={ticket}.",
)


def check_link(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the fault of a template that has the right form but makes no link that may be shown."""
    template = given.get("ticket_url")
    if isinstance(template, str) and _TEMPLATE.fullmatch(template) and not is_link(link_ticket(template, "T-1") or ""):
        yield "ticket_url", "Give a plain https address without user, password or credential."


def link_ticket(template: str | None, ticket: str | None) -> str | None:
    """Return the address of a ticket, None without template or ticket. No ticket can leave its place in the address."""
    if not template or not ticket or set(ticket) == {"."}:  # dots alone would lead to another folder
        return None
    return template.replace(_PLACE, quote(ticket, safe=""))


def is_link(address: str) -> bool:
    """Return whether an address may be shown as the link to a ticket."""
    page, _, place = address.partition("#")
    is_plain = HTTPS_ADDRESS.fullmatch(page) is not None and _FRAGMENT.fullmatch(place) is not None
    return len(address) <= _LONGEST and is_plain and not holds_credential(address)
