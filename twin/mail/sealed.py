"""Signed and encrypted mails: Exchange keeps what is protected as one file, and shows at most its text.

Public source: MS-OXOSMIME 2.1.3.1 (clear-signed: the body is promoted, and the message has exactly one attachment, the
whole multipart/signed with its header Content-Type) and 2.1.3.2 (opaque-signed and encrypted: one attachment, no body).
Graph shows them so: microsoft-graph-docs issue 4585, msgraph-sdk-php issue 1587. The attachment is called smime.p7m.
The standard names S/MIME only, so mails of PGP stay multiparts, whose parts become attachments.
"""

from email.message import Message as Part

from twin.core.wire import stream_of
from twin.mail.contents import Attachment

NAME = "smime.p7m"
CLEAR_CLASS, OPAQUE_CLASS = "IPM.Note.SMIME.MultipartSigned", "IPM.Note.SMIME"
_OPAQUE = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature")


def is_clear_signed(mail: Part) -> bool:
    """Return whether a mail is signed by S/MIME and readable as it is."""
    protocol = str(mail.get_param("protocol") or "").lower()
    inner = mail.get_payload()
    parts = [one for one in inner if isinstance(one, Part)] if isinstance(inner, list) else []
    signature = parts[1].get_content_type() if len(parts) > 1 else ""
    return mail.get_content_type() == "multipart/signed" and (protocol in _SIGNATURES or signature in _SIGNATURES)


def is_opaque(mail: Part) -> bool:
    """Return whether a mail is one CMS structure: signed, encrypted or both."""
    kind = mail.get_content_type()
    named = kind == "application/octet-stream" and str(mail.get_filename() or "").lower().endswith(".p7m")
    return kind in _OPAQUE or named


def keep_clear_signed(raw: bytes) -> Attachment:
    """Return the attachment that a clear-signed mail becomes: its entity, with the one header Content-Type."""
    text = raw.replace(b"\r\n", b"\n")
    head, _, content = text.partition(b"\n\n")
    lines: list[bytes] = []
    is_kept = False
    for line in head.split(b"\n"):
        is_kept = is_kept if line[:1] in (b" ", b"\t") else line.lower().startswith(b"content-type:")
        lines += [line] if is_kept else []
    data = b"\n".join(lines) + b"\n\n" + content
    return Attachment("file", NAME, "multipart/signed", stream_of(data.replace(b"\n", b"\r\n")))
