"""Says whether the mail system doubts that a mail is from its author.

Two headers count:

- `Authentication-Results`, the first one only. Each server puts its headers above those that it got, so the first one
  is that of our own mail system, and a sender may have written all others. Exchange Online's names no server.
- `X-MS-Exchange-Organization-AuthAs`: Exchange removes it from mails of others, and writes `Internal` for senders who
  signed in, `Anonymous` for all others. A failed result counts if the sender is anonymous, or if nothing says so.

A mail without both, such as one of a server that checks nothing, is not doubted.

Sources: RFC 8601 (5: results of others); Microsoft Learn, "Message headers" of Exchange Online Protection (dmarc,
compauth) and "Header firewall" (AuthAs).
"""

import re

from inbound_mail.content.models import InboundMail

_COMMENT = re.compile(r"\([^()]{0,1000}\)")
_RESULT = re.compile(r"(?:\A|[;\s])(dmarc|compauth)\s{0,9}=\s{0,9}([a-z]{1,20})")
_PROVEN = ("pass", "bestguesspass")
_LONGEST = 10_000


def explain_doubt(mail: InboundMail) -> str | None:
    """Return a sentence that says why the author is not proven, or None if nothing speaks against the author."""
    auth_as = {value.strip().lower() for value in mail.headers("X-MS-Exchange-Organization-AuthAs")}
    if auth_as == {"internal"}:
        return None
    results = _read_results(mail)
    if results.get("dmarc") == "fail":
        return "The author is not proven: the mail failed DMARC."
    if results.get("compauth") == "fail":
        return "The author is not proven: the mail failed Exchange's check of its author."
    is_ours = mail.sender.rpartition("@")[2] == mail.address.lower().rpartition("@")[2]
    if is_ours and "anonymous" in auth_as and results.get("dmarc") not in _PROVEN:
        return "The author is not proven: the address is of our own domain, but Exchange did not know the sender."
    return None


def _read_results(mail: InboundMail) -> dict[str, str]:
    """Return the results of DMARC and Exchange's own check; of a result that is given twice, the first one."""
    first = next(iter(mail.headers("Authentication-Results")), "")
    found = _RESULT.findall(_COMMENT.sub(" ", first[:_LONGEST].lower()))
    return dict(reversed(found))
