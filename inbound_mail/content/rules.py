"""Compares mails with the rules of a mailbox, and describes what a rule has decided.

What a rule decides is recorded when the mail is entered in the ledger. So a rule that is changed later changes nothing
for mails that are under way, and every attempt of a delivery sees the same.

Texts are compared letter by letter, whatever their case; words count only as whole words. Nothing here is a regular
expression from the settings, so no rule and no mail makes the comparison slow.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields
from typing import Any, Self

from inbound_mail.content.models import InboundMail
from shared.errors import Refused
from shared.json_text import Json
from shared.settings.rules import Condition, Group, Rule, RuleOutcome

# The cause in quarantine of mails that a rule set aside.
SET_ASIDE = "SetAsideByRule"
# Where the address stands to which a mail was delivered, if To and Cc do not have it: blind copies, lists, forwards.
# Exchange keeps them: Delivered-To and X-Original-To of Postfix and Gmail (RFC 9228), X-Envelope-To of Sendmail's
# filters, Envelope-To of Exim, X-Forwarded-To of Gmail's forwarding, Resent-To and Resent-Cc (RFC 5322).
_RECIPIENT_HEADERS = (
    "Delivered-To",
    "X-Original-To",
    "X-Delivered-To",
    "X-Envelope-To",
    "Envelope-To",
    "X-Forwarded-To",
    "Resent-To",
    "Resent-Cc",
)
_MOST_TEXT = 10_000
_MOST_HEADERS = 20  # of one name
_ADDRESS = re.compile(r"[^\s<>,;\"()]{1,250}@[^\s<>,;\"()]{1,250}")
# Scripts that put no space between words: there a word may have neighbours.
_UNSPACED = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x9FFF), (0xAC00, 0xD7AF))


@dataclass(frozen=True)
class MatchedRule(RuleOutcome):
    """What a rule has decided about one mail."""

    @classmethod
    def of(cls, rule: Rule) -> Self:
        """Return the decision of a rule."""
        return cls(**{one.name: getattr(rule, one.name) for one in fields(RuleOutcome)})

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """Read what `describe` returned, now or in another version."""
        return cls(
            str(given["name"]),
            given.get("sink"),
            given.get("catalogEntry"),
            given.get("urgency"),
            given.get("customFields") or {},
            bool(given.get("takesAutomatic")),
            given.get("setAside"),
            given.get("requestor"),
        )

    @property
    def cause(self) -> tuple[str, str] | None:
        """Code and message with which the mail is set aside, if it is."""
        if not self.set_aside:
            return None
        reason = Refused(
            f"The rule {self.name} sets this mail aside: {self.set_aside.rstrip('.')}. Redeliver it if it is needed.",
            code="SetAsideByRule",
        )
        return reason.code, reason.message

    def describe(self) -> Json:
        """Return it as the ledger, answers and events have it, without members that say nothing."""
        values: Json = {
            "name": self.name,
            "sink": self.sink,
            "catalogEntry": self.catalog_entry,
            "urgency": self.urgency,
            "customFields": dict(self.custom_fields),
            "takesAutomatic": self.takes_automatic,
            "setAside": self.set_aside,
            "requestor": self.requestor,
        }
        return {name: value for name, value in values.items() if value}


def find_rule(rules: Sequence[Rule], mail: InboundMail, folder: str) -> MatchedRule | None:
    """Return what the first rule that matches decides. `folder` is the name under which the settings have it."""
    facts = _Facts(mail, folder)
    return next((MatchedRule.of(rule) for rule in rules if all(map(facts.fit, rule.groups))), None)


class _Facts:
    """What conditions ask about, read from one mail when it is needed."""

    def __init__(self, mail: InboundMail, folder: str) -> None:
        self._mail = mail
        self._folder = folder
        self._recipients: frozenset[str] | None = None
        self._headers: dict[str, list[str]] | None = None

    def fit(self, part: Condition | Group) -> bool:
        """Return whether a condition or a group of them holds."""
        if isinstance(part, Group):
            return all(map(self.fit, part.parts)) if part.needs_all else any(map(self.fit, part.parts))
        if part.kind == "header":
            found = self.headers().get(part.header.lower())
            return found is not None and (not part.values or _contains_any(found[:_MOST_HEADERS], part.values))
        if part.kind == "subject":
            return _contains_any([self._mail.subject], part.values)
        if part.kind == "folder":
            return self._folder in part.values
        return not self._find_names(part.kind).isdisjoint(value.lower() for value in part.values)

    def _find_names(self, kind: str) -> AbstractSet[str]:
        """Return the addresses, domains or tags that conditions of a kind compare, in lower case."""
        if kind == "from":
            sender = self._mail.sender
            return {sender, f"@{sender.rpartition('@')[2]}"} if sender else set()
        return self.recipients() if kind == "recipient" else self._tags()

    def recipients(self) -> frozenset[str]:
        """Return the addresses (lower case) to which the mail was sent or delivered."""
        if self._recipients is None:
            found = [*self._mail.recipients("toRecipients"), *self._mail.recipients("ccRecipients")]
            for name in _RECIPIENT_HEADERS:
                for value in self.headers().get(name.lower(), [])[:_MOST_HEADERS]:
                    found += _ADDRESS.findall(value[:_MOST_TEXT].lower())
            self._recipients = frozenset(found)
        return self._recipients

    def headers(self) -> dict[str, list[str]]:
        """Return the values of all headers by their names in lower case."""
        if self._headers is None:
            self._headers = {}
            for one in self._mail.message.get("internetMessageHeaders") or []:
                self._headers.setdefault(str(one.get("name")).lower(), []).append(str(one.get("value") or ""))
        return self._headers

    def _tags(self) -> set[str]:
        domain = self._mail.address.lower().rpartition("@")[2]
        pairs = [one.rpartition("@") for one in self.recipients()]
        return {local.partition("+")[2] for local, _, its_domain in pairs if "+" in local and its_domain == domain}


def _contains_any(texts: Iterable[str], values: Iterable[str]) -> bool:
    prepared = [_fold(text[:_MOST_TEXT]) for text in texts]
    return any(_contains_words(text, _fold(value)) for value in values for text in prepared)


def _contains_words(text: str, words: str) -> bool:
    """Return whether the words stand in the text, not as parts of longer words. Both are folded."""
    start = text.find(words)
    while start >= 0:
        end = start + len(words)
        if not _is_inside_word(text[start - 1 : start], words[0]) and not _is_inside_word(
            text[end : end + 1], words[-1]
        ):
            return True
        start = text.find(words, start + 1)
    return False


def _is_inside_word(neighbour: str, own: str) -> bool:
    """Return whether a character at the edge of the words is continued by its neighbour."""
    if not neighbour or not own.isalnum() or any(first <= ord(own) <= last for first, last in _UNSPACED):
        return False
    return neighbour.isalnum() or unicodedata.category(neighbour) in ("Mn", "Mc")


def _fold(text: str) -> str:
    """Return the text with single spaces, in one form and one letter case."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())
