"""Pictures of a mail's text: where they stand, and which of them are tracking pixels.

`html` puts a mark and a number into the text where it shows an attached picture (the characters are of `quoting.MARKS`,
which are removed from every text before it is shown). So it can be found out in which part of the text a picture is.
"""

import re
import struct
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable

from inbound_mail.content.quoting import HISTORY_BEGIN, QUOTE_BEGIN, strip_marks

_PICTURE, _ZERO = "\ufdd3", 0xFDD4
_NUMBERED = re.compile("\ufdd3([\ufdd4-\ufddd]{1,6})")
_LONGEST_SIGNATURE = 15  # lines below "-- "
_LARGEST_PIXEL = 10_000  # bytes; a picture of one pixel has some dozens
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def mark_picture(number: int) -> str:
    """Return the mark of a picture, by its place among the pictures of the HTML."""
    return _PICTURE + "".join(chr(_ZERO + int(digit)) for digit in str(number))


def find_cut_pictures(marked: str, kept: str) -> frozenset[int]:
    """Return the numbers of the pictures that are only in those lines of the marked text that `kept` does not have."""
    lines = marked.split("\n")
    places: defaultdict[str, list[int]] = defaultdict(list)
    for number, line in enumerate(lines):
        places[strip_marks(line).rstrip()].append(number)
    kept_lines, position = set[int](), 0
    for line in kept.split("\n"):
        found = places.get(line.rstrip(), [])
        index = bisect_left(found, position)
        if line.strip() and index < len(found):
            kept_lines.add(found[index])
            position = found[index] + 1
    shown = _numbers_in(line for number, line in enumerate(lines) if number in kept_lines)
    return _numbers_in(lines) - shown


def find_signed_pictures(marked: str) -> frozenset[int]:
    """Return the numbers of the pictures that are only below a line "-- ", which begins a signature (RFC 3676)."""
    lines = marked.split("\n")
    start = next((number for number, line in enumerate(lines) if strip_marks(line).rstrip() == "--"), len(lines))
    end = start + 1
    for line in lines[end : end + _LONGEST_SIGNATURE]:
        if line.startswith(">") or QUOTE_BEGIN in line or HISTORY_BEGIN in line:
            break
        end += 1
    return _numbers_in(lines[start:end]) - _numbers_in([*lines[:start], *lines[end:]])


def _numbers_in(lines: Iterable[str]) -> frozenset[int]:
    found: set[int] = set()
    for line in lines:
        found |= {int("".join(str(ord(digit) - _ZERO) for digit in each)) for each in _NUMBERED.findall(line)}
    return frozenset(found)


def is_tracking_pixel(data: bytes) -> bool:
    """Return whether these bytes are a picture of 1 by 1: PNG, GIF, BMP or JPEG."""
    return len(data) <= _LARGEST_PIXEL and _read_size(data) == (1, 1)


def _read_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height, or None if the bytes are no such picture."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return struct.unpack_from(">II", data, 16)
        if data.startswith((b"GIF87a", b"GIF89a")):
            return struct.unpack_from("<HH", data, 6)
        if data.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", data, 18)
            return width, abs(height)
        if data.startswith(b"\xff\xd8"):
            return _read_jpeg_size(data)
    except struct.error:
        pass
    return None


def _read_jpeg_size(data: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:  # noqa: PLR2004 - begins each marker
        kind, length = data[position + 1], struct.unpack_from(">H", data, position + 2)[0]
        if kind in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        position += 2 + max(2, length)
    return None
