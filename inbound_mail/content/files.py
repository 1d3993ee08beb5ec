"""Decides which attachments of a mail a ticket gets, and says in words why it does not get the others.

No file is left out for its size alone. Decoration (a logo, a tracking pixel) is recognised by evidence: its bytes came
before from the same author or in the same thread, it is 1 by 1 pixel, or it stands inside a signature or inside quoted
history that the ticket's text does not show. Decoration is counted; every other file that is left out is named.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from inbound_mail.content.models import Attachment, AttachmentKind, InboundMail, Rendering, Seal, read_web_address


class Omission(StrEnum):
    """Why the gateway has no bytes of an attachment, as records, routes and events name it."""

    LINK = "Link"
    TOO_LARGE = "TooLarge"
    UNREADABLE = "Unreadable"


# The same in words, as tickets, routes and events say it.
_IN_WORDS: Mapping[str, str] = {
    Omission.LINK: "a link to a file in the cloud",
    Omission.TOO_LARGE: "{size}, more than the gateway reads from this mailbox",
    Omission.UNREADABLE: "Exchange did not hand over its bytes",
}
_TOO_LARGE_FOR_SINK = "{size}, more than {most} MiB"

_MIB = 1024 * 1024
_LARGEST_DECORATION = 256 * 1024  # bytes; a larger picture inside a signature may be a screenshot that was pasted there
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"\\]{1,2000}")

UNPACKED = "signed, and unpacked: its text and files are here"
IN_THREAD = "already attached to this ticket"
_PIXEL = "of one pixel"
_SEEN = "known from earlier mails of this author"
_TWICE = "in this mail twice"
_SIGNATURE = "in the signature"
_HISTORY = "in the quoted history"


@dataclass(frozen=True)
class SeenFiles:
    """The SHA-256 (hex) of files of earlier mails: pictures of the same author, and files of the same ticket."""

    by_author: frozenset[str] = frozenset()
    in_thread: frozenset[str] = frozenset()


@dataclass(frozen=True)
class FileChoice:
    """An attachment. `reason` says why a ticket does not get it, None if it does; decoration is not worth a mention.

    `link` is where a person finds the bytes that the gateway does not have: the file in the cloud, or the mail.
    """

    attachment: Attachment
    reason: str | None = None
    is_decoration: bool = False
    link: str | None = None


def choose_files(mail: InboundMail, rendering: Rendering, seen: SeenFiles, *, is_cut: bool) -> list[FileChoice]:
    """Decide for every attachment. `is_cut`: the ticket gets the new text only, not the quoted history."""
    choices: list[FileChoice] = []
    before: set[str] = set()
    for one in mail.attachments:
        if one.blob is None:
            words, link = explain_omission(one, mail, rendering)
            choices.append(FileChoice(one, words, link=link))
            continue
        if one.seal is Seal.SIGNED:
            choices.append(FileChoice(one, UNPACKED))
            continue
        reason = _find_decoration(one, rendering, seen, before, is_cut=is_cut)
        if reason is not None:
            choices.append(FileChoice(one, reason, is_decoration=True))
        else:
            choices.append(FileChoice(one, IN_THREAD if one.size and one.sha256 in seen.in_thread else None))
        before |= {one.sha256} if one.sha256 and _is_picture(one, rendering) else set()
    return choices


def describe_decoration(choices: Sequence[FileChoice]) -> str:
    """Return one sentence that counts the pictures left out as decoration, "" if there are none."""
    counts = Counter(choice.reason for choice in choices if choice.is_decoration)
    if not counts:
        return ""
    total = counts.total()
    causes = ", ".join(f"{count} {reason}" for reason, count in counts.items())
    return f"{total} picture{'s' if total > 1 else ''} left out as decoration: {causes}."


def explain_omission(
    attachment: Attachment, mail: InboundMail, rendering: Rendering | None = None
) -> tuple[str, str | None]:
    """Say in words why the gateway has no bytes of an attachment, and return the link to them if there is one."""
    is_link = attachment.kind is AttachmentKind.REFERENCE
    code = Omission.LINK if is_link else attachment.omitted or Omission.UNREADABLE
    words = _IN_WORDS.get(code)
    if words is None:
        return code, None
    reason = words.format(size=describe_size(attachment.size))
    link = attachment.url or (_find_link(attachment.name, rendering.text) if is_link and rendering else None)
    return (reason, link) if link else (f"{reason}; the mail in {mail.address} has it", mail.web_link)


def explain_excess(attachment: Attachment, most_mib: int) -> str:
    """Say in words that a sink takes only smaller files."""
    return _TOO_LARGE_FOR_SINK.format(size=describe_size(attachment.size), most=most_mib)


def describe_size(size: int) -> str:
    """Return a size for people."""
    return f"{size / _MIB:.1f} MiB" if size >= _MIB else f"{max(1, round(size / 1024))} KiB"


def _find_decoration(
    one: Attachment, rendering: Rendering, seen: SeenFiles, before: set[str], *, is_cut: bool
) -> str | None:
    """Return the evidence that an attachment is decoration, or None."""
    if not _is_picture(one, rendering):
        return None
    evidence = {
        _PIXEL: one.is_pixel,
        IN_THREAD: one.sha256 in seen.in_thread,
        _TWICE: one.sha256 in before,
        _SIGNATURE: one.content_id in rendering.signature_content_ids and one.size <= _LARGEST_DECORATION,
        _HISTORY: is_cut and one.content_id in rendering.history_content_ids,
        _SEEN: one.content_id in rendering.referenced_content_ids and one.sha256 in seen.by_author,
    }
    return next((reason for reason, is_found in evidence.items() if is_found), None)


def _is_picture(one: Attachment, rendering: Rendering) -> bool:
    """Return whether an attachment is a picture inside the text."""
    is_inside = one.is_inline or one.content_id in rendering.referenced_content_ids
    return is_inside and one.content_type.lower().startswith("image/")


def _find_link(name: str, text: str) -> str | None:
    """Return the address in the text that leads to a file of this name: the text shows links as `name <address>`."""
    if not name.strip():
        return None
    shown = re.search(re.escape(name) + r"\s{0,3}<(https?://[^\s<>]{1,2000})>", text)
    if shown:
        return read_web_address(shown[1])
    for address in _WEB_ADDRESS.findall(text):
        if unquote(_path_of(address)).rpartition("/")[2] == name:
            return str(address)
    return None


def _path_of(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:  # such as a wrong IPv6 address
        return ""
