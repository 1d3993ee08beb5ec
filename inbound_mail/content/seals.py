"""What a ticket says about a mail that is signed, encrypted or protected, and who can open it.

S/MIME is recognised when the attachments are read (`unpacking`); the rest shows in the mail itself: the files of
Purview Message Encryption and rights management (message.rpmsg, message_v4.rpmsg), the parts of PGP/MIME (RFC 3156),
and the lines that PGP writes into texts.
"""

import re

from inbound_mail.content.models import AttachmentKind, InboundMail, Seal

_MOST_RECIPIENTS = 20
_RIGHTS_TYPES = ("application/x-microsoft-rpmsg-message", "application/x-rpmsg-message")
_PGP_TYPE, _PGP_SIGNATURE_TYPE = "application/pgp-encrypted", "application/pgp-signature"
_PGP_ENCRYPTED, _PGP_SIGNED = "-----BEGIN PGP MESSAGE-----", "-----BEGIN PGP SIGNED MESSAGE-----"
_LINE_BEGIN = re.compile(r"(?:.*[\n>])?[ \t\xa0]*", re.DOTALL)
_MOST_BEFORE = 100
_MOST_TEXT = 100_000
_NOT_VERIFIED = "The gateway did not verify the signature."


def describe_seal(mail: InboundMail) -> list[str]:
    """Return the sentences that a ticket begins with, none for a mail that is neither signed nor sealed."""
    sentence = _describe_smime(mail) or _describe_other(mail)
    return [sentence] if sentence else []


def _describe_smime(mail: InboundMail) -> str:
    seal = next((one.seal for one in mail.attachments if one.seal), None)
    if seal is Seal.SIGNED:
        return f"This mail is signed with S/MIME. Its text and files were taken out of it. {_NOT_VERIFIED}"
    if seal is Seal.ENCRYPTED:
        return f"This mail is encrypted with S/MIME. {_name_readers(mail, 'with their certificate')}"
    if seal is Seal.UNREADABLE:
        header = " ".join(mail.headers("Content-Type")).lower()
        if "enveloped-data" in header:
            return f"This mail is encrypted with S/MIME. {_name_readers(mail, 'with their certificate')}"
        return (
            "This mail is signed or encrypted with S/MIME, and the gateway cannot unpack it. "
            f"{_name_readers(mail, 'in a mail program')}"
        )
    return ""


def _describe_other(mail: InboundMail) -> str:
    files = [one for one in mail.attachments if one.kind is AttachmentKind.FILE]
    types = {one.content_type.partition(";")[0].strip().lower() for one in files}
    if not types.isdisjoint(_RIGHTS_TYPES) or any(one.name.lower().endswith(".rpmsg") for one in files):
        how = "by signing in, in Outlook or by the link in the mail"
        return f"This mail is protected by Microsoft Purview or rights management. {_name_readers(mail, how)}"
    if _PGP_TYPE in types:
        return f"This mail is encrypted with PGP. {_name_readers(mail, 'with their key')}"
    text = str((mail.message.get("body") or {}).get("content") or "")[:_MOST_TEXT]
    if _begins_a_line(text, _PGP_ENCRYPTED):
        return f"Text of this mail is encrypted with PGP. {_name_readers(mail, 'with their key')}"
    if _begins_a_line(text, _PGP_SIGNED) or _PGP_SIGNATURE_TYPE in types:
        return f"This mail is signed with PGP. {_NOT_VERIFIED}"
    return ""


def _begins_a_line(text: str, words: str) -> bool:
    """Return whether the words stand in a text, plain or HTML, and first at the beginning of a line."""
    position = text.find(words)
    return position >= 0 and _LINE_BEGIN.fullmatch(text[max(0, position - _MOST_BEFORE) : position]) is not None


def _name_readers(mail: InboundMail, how: str) -> str:
    where = f" The mail: {mail.web_link}" if mail.web_link else ""
    people = list(dict.fromkeys([*mail.recipients("toRecipients"), *mail.recipients("ccRecipients")]))
    if not people:
        return f"Only its recipients can open it, {how}; the mail in {mail.address} has it.{where}"
    more = len(people) - _MOST_RECIPIENTS
    shown = ", ".join(people[:_MOST_RECIPIENTS]) + (f" and {more} more" if more > 0 else "")
    return f"Only its recipients can open it, {how}: {shown}.{where}"
