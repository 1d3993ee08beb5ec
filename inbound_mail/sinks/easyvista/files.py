"""The files of a mail as EasyVista gets them: which, and under which names; the text names the others."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inbound_mail.content.files import FileChoice, describe_decoration, explain_excess
from inbound_mail.content.models import Attachment, InboundMail
from inbound_mail.content.names import safe_name
from inbound_mail.sinks._files import locate_attachment

_MIB = 1024 * 1024


@dataclass(frozen=True)
class File:
    """An attachment, and the name that it gets in EasyVista."""

    name: str
    attachment: Attachment


@dataclass(frozen=True)
class Handover:
    """The attachments to send, the others as `name (reason)`, and a sentence that counts decoration ("" if none)."""

    attachments: tuple[Attachment, ...]
    left_out: tuple[str, ...]
    decoration: str


def plan_handover(mail: InboundMail, choices: Sequence[FileChoice], most_mib: int, base_url: str) -> Handover:
    """Return what EasyVista gets. A file of more than `most_mib` stays in the gateway, which hands it out."""
    sent: list[Attachment] = []
    left_out: list[str] = []
    for choice in choices:
        one, reason, link = choice.attachment, choice.reason, choice.link
        if reason is None and one.size > most_mib * _MIB:
            place = locate_attachment(mail, one, base_url)
            where = place.get("url") or f"GET {place['path']} of the gateway"
            reason, link = f"{explain_excess(one, most_mib)}; to be had at {where}", mail.web_link
            reason += ", or in the mail" if link else ""
        if reason is None:
            sent.append(one)
        elif not choice.is_decoration:
            named = f"{reason}: {link}" if link else reason
            left_out.append(f"{one.name or f'attachment-{one.number}'} ({named})")
    return Handover(tuple(sent), tuple(left_out), describe_decoration(choices))


def list_files(files: Handover, taken: Iterable[str] = ()) -> list[File]:
    """Return the attachments to send, under safe names that differ from each other and from the names in `taken`.

    The same mail always gives the same names, so a later attempt finds by name which files are already there.
    """
    used = {_fold(name) for name in taken}
    found = []
    for attachment in files.attachments:
        plain = safe_name(attachment)
        name, number = plain, 1
        while _fold(name) in used:
            number += 1
            name = f"{number}-{plain}"
        used.add(_fold(name))
        found.append(File(name, attachment))
    return found


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
