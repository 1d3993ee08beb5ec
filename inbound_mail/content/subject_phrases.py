"""Recognises the subjects of automatic mails by the table of `automatic_subjects`, loaded when first needed."""

import functools
import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum

_LONGEST_SUBJECT = 300
_LONGEST_TEXT = 4_000
_TAG = re.compile(r"<[^<>]{0,4000}>")
# What may follow a phrase: nothing, a colon or dash, or the prefix of the subject that is answered.
_AFTER = re.compile(
    r"\s*(?:autoreply|auto-reply|reply|assistant|message|notification|notice)?\s*"
    r"(?:\Z|[:\-(\[]|(?:re|aw|antw|sv|vs|fwd?|wg|tr|rv|odp|res|rif|ynt|ha|ref)\s?:)"
)
# A report also continues with words: "Returned mail: see transcript", "Undelivered Mail Returned to Sender".
_AFTER_REPORT = re.compile(r"(?!\w)")


class SubjectKind(StrEnum):
    """The kinds of automatic mails that have subjects of their own."""

    REPLY = "reply"
    ABSENCE = "absence"
    REPORT = "report"
    RECEIPT = "receipt"


def find_kind(subject: str) -> SubjectKind | None:
    """Return what the beginning of a subject says that the mail is; None for anything else, or after "Re:"."""
    folded = fold(subject[:_LONGEST_SUBJECT])
    for kind, phrases in _phrases().items():
        after = _AFTER_REPORT if kind is SubjectKind.REPORT else _AFTER
        if any(folded.startswith(phrase) and after.match(folded, len(phrase)) for phrase in phrases):
            return kind
    return None


def speaks_of_absence(text: str) -> bool:
    """Return whether the beginning of a text, plain or HTML, says that its author is away."""
    folded = fold(_TAG.sub(" ", text[:_LONGEST_TEXT]))
    return any(phrase in folded for phrase in _absence_texts())


def fold(text: str) -> str:
    """Return a text in lower case, without accents and invisible characters, with single blanks and simple colons."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(one for one in decomposed if unicodedata.category(one) not in ("Mn", "Cf"))
    return " ".join(kept.replace("\u0131", "i").replace("\u2019", "'").split())


@functools.cache
def _phrases() -> Mapping[SubjectKind, tuple[str, ...]]:
    from inbound_mail.content import automatic_subjects as table  # noqa: PLC0415 - most mails need no table

    tables = {
        SubjectKind.REPLY: table.REPLIES,
        SubjectKind.REPORT: table.REPORTS,
        SubjectKind.RECEIPT: table.RECEIPTS,
        SubjectKind.ABSENCE: table.ABSENCES,
    }
    return {kind: _fold_all(phrases) for kind, phrases in tables.items()}


@functools.cache
def _absence_texts() -> tuple[str, ...]:
    from inbound_mail.content import automatic_subjects as table  # noqa: PLC0415 - most mails need no table

    return _fold_all(table.ABSENCE_TEXTS)


def _fold_all(phrases: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the phrases of all languages, the longest first, because one may begin with another."""
    return tuple(sorted({fold(one) for some in phrases.values() for one in some}, key=lambda one: (-len(one), one)))
