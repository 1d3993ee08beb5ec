"""What a mail brings, made safe."""

import pytest

from inbound_mail.content.names import OCTETS, safe_media_type


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("text/plain", "text/plain"),
        ("Application/PDF", "Application/PDF"),
        ("text/html; charset=utf-8", "text/html"),
        (" image/png ", "image/png"),
        ("", OCTETS),
        ("text", OCTETS),
        ("\ttext/plain", OCTETS),
        ("text/plain\r\nX-Evil: 1", OCTETS),
        ("text/pl\0ain", OCTETS),
        ("text/\x0bplain", OCTETS),
        ("text/plaïn", OCTETS),
        ("текст/обычный", OCTETS),
        ("a/" + "x" * 70_000, OCTETS),
    ],
)
def test_a_media_type_is_one_or_stands_for_any_bytes(given: str, safe: str) -> None:
    assert safe_media_type(given) == safe
