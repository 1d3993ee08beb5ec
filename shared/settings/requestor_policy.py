"""Who becomes the requestor of a mail's ticket: its author, unless the author is listed as one who speaks for others.

Anybody can write any Reply-To and any forward, so both count only for authors that the settings list. A mailbox has one
policy; a rule may set another one for the mails that it matches, because its conditions already choose the authors.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.settings.json_catalogue import REQUESTOR_FIELDS
from shared.settings.json_fields import Report, check_fields

ANYBODY = "*"
_AUTHOR = re.compile(r"[^@\s\"<>,;]{0,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_MOST_AUTHORS = 200


@dataclass(frozen=True)
class RequestorPolicy:
    """Who becomes the requestor. Without any author in it: always the mail's author.

    `reply_to_from`: authors, such as web forms, whose Reply-To becomes the requestor. `forwarded_by`: authors, such as
    technicians, for whose forwards the author of the forwarded mail becomes the requestor. Each is a mail address or
    a domain (`@forms.contoso.com`, without its subdomains), in lower case, or ANYBODY.
    """

    reply_to_from: tuple[str, ...] = ()
    forwarded_by: tuple[str, ...] = ()

    def uses_reply_to(self, author: str) -> bool:
        """Return whether the Reply-To of this author (an address in lower case) becomes the requestor."""
        return _is_listed(author, self.reply_to_from)

    def uses_forwarded(self, author: str) -> bool:
        """Return whether the author of what this one forwards becomes the requestor."""
        return _is_listed(author, self.forwarded_by)


NO_POLICY = RequestorPolicy()
# The policies by name, for rules: `from` (the author), `reply-to`, `forwarded`.
NAMED_POLICIES: Mapping[str, RequestorPolicy] = {
    "from": NO_POLICY,
    "reply-to": RequestorPolicy(reply_to_from=(ANYBODY,)),
    "forwarded": RequestorPolicy(forwarded_by=(ANYBODY,)),
}


def read_requestor_policy(given: Mapping[str, Any], report: Report) -> RequestorPolicy:
    """Read {"reply_to_from": [authors], "forwarded_by": [authors]}. Reports every fault as (field, sentence)."""
    check_fields(given, REQUESTOR_FIELDS, report)
    return RequestorPolicy(*(_read_authors(one.name, given.get(one.name, []), report) for one in REQUESTOR_FIELDS))


def _read_authors(name: str, given: Any, report: Report) -> tuple[str, ...]:
    if not isinstance(given, list):
        return ()
    if len(given) > _MOST_AUTHORS:
        report(name, f"Give at most {_MOST_AUTHORS} mail addresses and domains.")
        return ()
    wrong = [number for number, one in enumerate(given) if not (isinstance(one, str) and _AUTHOR.fullmatch(one))]
    for number in wrong:
        report(f"{name}[{number}]", "Give a mail address such as forms@contoso.com, or a domain such as @contoso.com.")
    return () if wrong else tuple(dict.fromkeys(one.lower() for one in given))


def _is_listed(author: str, authors: tuple[str, ...]) -> bool:
    domain = f"@{author.rpartition('@')[2]}"
    return bool(author) and not {author, domain, ANYBODY}.isdisjoint(authors)
