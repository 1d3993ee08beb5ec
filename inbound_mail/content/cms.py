"""Reads what a CMS structure (RFC 5652) contains, as far as that needs no key. Nothing is verified.

Libraries were tried: cryptography reads certificates out of signed data, and its ASN.1 is DER only, while Outlook and
OpenSSL write BER with pieces of unknown length; asn1crypto needs 90 seconds for 27 MB of such pieces. This reader goes
through the bytes once, and only as deep as the content lies.
"""

from collections.abc import Iterator
from dataclasses import dataclass

_OBJECT_ID, _OCTETS, _PIECES, _SEQUENCE, _EXPLICIT = 0x06, 0x04, 0x24, 0x30, 0xA0
_MOST_DEPTH = 16
_END = b"\0\0"
_LONG_FORM, _LONGEST_LENGTH = 0x80, 4
_MULTI_BYTE_TAG = 0x1F
_DATA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07"  # 1.2.840.113549.1.7, the types of PKCS#7
_AUTH_ENVELOPED = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17"
_SIGNED, _ENCRYPTED = _DATA + b"\x02", (_DATA + b"\x03", _DATA + b"\x06", _AUTH_ENVELOPED)


@dataclass(frozen=True)
class _Element:
    """One element: its tag, where its content begins, and where it ends (None: at an end mark)."""

    tag: int
    start: int
    end: int | None


def is_encrypted(data: bytes) -> bool:
    """Return whether these bytes are an encrypted structure. ValueError if they are no CMS structure."""
    return _read_type(data)[0] in _ENCRYPTED


def read_signed(data: bytes) -> bytes | None:
    """Return what is signed, None if these bytes are not a signed structure that contains it.

    ValueError if they are no CMS structure.
    """
    kind, position = _read_type(data)
    if kind != _SIGNED:
        return None
    explicit = _expect(data, position, _EXPLICIT)
    signed = _expect(data, explicit.start, _SEQUENCE)
    algorithms = _skip(data, signed.start)
    inner = _expect(data, _skip(data, algorithms), _SEQUENCE)
    after_type = _skip(data, inner.start)
    if inner.end == after_type or data[after_type : after_type + 1] != bytes([_EXPLICIT]):
        return None
    return b"".join(_read_octets(data, _expect(data, after_type, _EXPLICIT).start))


def _read_type(data: bytes) -> tuple[bytes, int]:
    """Return the type of the content, and where the content begins."""
    kind = _expect(data, _expect(data, 0, _SEQUENCE).start, _OBJECT_ID)
    return data[kind.start : kind.end], kind.end or 0


def _read_octets(data: bytes, position: int, depth: int = 0) -> Iterator[bytes]:
    """Yield the pieces of an octet string."""
    element = _read(data, position)
    if element.tag == _OCTETS and element.end is not None:
        yield data[element.start : element.end]
        return
    if element.tag != _PIECES or depth >= _MOST_DEPTH:
        raise ValueError("not an octet string")
    for start in _children(data, element):
        yield from _read_octets(data, start, depth + 1)


def _children(data: bytes, element: _Element) -> Iterator[int]:
    """Yield where the elements inside another one begin."""
    position = element.start
    while position != element.end and not (element.end is None and data[position : position + 2] == _END):
        yield position
        position = _skip(data, position)


def _skip(data: bytes, position: int) -> int:
    """Return where the element after this one begins."""
    waiting = 0  # elements of unknown length that have begun and not ended
    while True:
        if waiting and data[position : position + 2] == _END:
            waiting, position = waiting - 1, position + 2
        else:
            element = _read(data, position)
            waiting += element.end is None
            position = element.start if element.end is None else element.end
        if not waiting:
            return position


def _expect(data: bytes, position: int, tag: int) -> _Element:
    element = _read(data, position)
    if element.tag != tag:
        raise ValueError("not the expected element")
    return element


def _read(data: bytes, position: int) -> _Element:
    if position + 2 > len(data) or data[position] & _MULTI_BYTE_TAG == _MULTI_BYTE_TAG:
        raise ValueError("not an element")
    tag, length, start = data[position], data[position + 1], position + 2
    if length == _LONG_FORM:
        return _Element(tag, start, None)
    if length > _LONG_FORM:
        count = length - _LONG_FORM
        if count > _LONGEST_LENGTH:
            raise ValueError("longer than any mail")
        length, start = int.from_bytes(data[start : start + count]), start + count
    if start + length > len(data):
        raise ValueError("cut off")
    return _Element(tag, start, start + length)
