"""What a mail brings, made safe where it becomes a file's name, a path, a header or one line of text.

Sources: Microsoft Learn, "Naming Files, Paths, and Namespaces" (reserved characters and names); Microsoft Support,
"Restrictions and limitations in OneDrive and SharePoint"; Unicode Technical Report 36 (characters that change the
direction of text).
"""

import re
import unicodedata

from inbound_mail.content.models import Attachment, AttachmentKind

OCTETS = "application/octet-stream"
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}")
_LONGEST_NAME = 120
_MOST_BYTES_OF_NAME = 240  # in UTF-8; file systems of Linux take 255
_LONGEST_ENDING = 10
_MOST_READ = 1_000  # characters of a name
# Windows forbids the first ones. SharePoint refuses "#", "%" and "~" as names of attachments, or reads them as parts of
# an address. The last five look like separators, and old programs of Windows turn them into such.
_UNSAFE = re.compile(r'[<>:"/\\|?*#%~\u2044\u2215\u29f5\uff0f\uff3c]')
# SharePoint refuses these anywhere in a name, in any letter case.
_RESERVED = re.compile(r"_vti_", re.IGNORECASE)
# Windows opens a device under these names, whatever the ending.
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(?:\.|\Z)", re.IGNORECASE
)
_INVISIBLE = ("Cc", "Cf", "Zl", "Zp", "Cs")
_BREAKING = ("Cc", "Zl", "Zp", "Cs")
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def safe_media_type(given: str) -> str:
    """Return a media type without parameters, and that of any bytes for a text that is none.

    Without its parameter `boundary` no multipart can be read, and HTTP clients complain about it.
    """
    plain = given.partition(";")[0].strip(" ")
    is_whole = _MEDIA_TYPE.fullmatch(plain) and not plain.lower().startswith("multipart/")
    return plain if is_whole else OCTETS


def safe_name(attachment: Attachment) -> str:
    """Return a name that every system takes, SharePoint included: no path, no control characters, no device of Windows.

    It is never empty and has at most 120 characters and 240 bytes. An attached mail gets the ending .eml.
    """
    given = attachment.name
    if len(given) > _MOST_READ:
        given = given[: _MOST_READ - 2 * _LONGEST_ENDING] + given[-2 * _LONGEST_ENDING :]
    text = unicodedata.normalize("NFC", given)
    text = "".join(" " if is_control(one) else one for one in _RESERVED.sub("_vti-", _UNSAFE.sub("_", text)))
    name = " ".join(text.split()).strip(". ") or f"attachment-{attachment.number}"
    if _DEVICE.match(name):
        name = f"_{name}"
    if attachment.kind is AttachmentKind.ITEM and not name.lower().endswith(".eml"):
        name += ".eml"
    return _shorten(name)


def safe_line(text: str) -> str:
    """Return a text as one line: a blank for each line end, control character, half a character and direction sign."""
    if text.isprintable():  # nearly all are, and a search shows many
        return text
    return "".join(" " if _breaks_a_line(one) else one for one in text)


def is_control(one: str) -> bool:
    """Return True for control characters, line ends, and characters that change the direction of text."""
    return unicodedata.category(one) in _INVISIBLE


def _breaks_a_line(one: str) -> bool:
    return unicodedata.category(one) in _BREAKING or one in _DIRECTIONS


def _shorten(name: str) -> str:
    """Cut a name that is too long in front of its ending, if it has one."""
    stem, dot, ending = name.rpartition(".")
    if not (dot and stem and len(ending) <= _LONGEST_ENDING):
        stem, dot, ending = name, "", ""
    while len(stem) + len(dot + ending) > _LONGEST_NAME or len(f"{stem}{dot}{ending}".encode()) > _MOST_BYTES_OF_NAME:
        stem = stem[:-1]
    return f"{stem}{dot}{ending}" if dot else stem.rstrip(". ")
