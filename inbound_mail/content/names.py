"""What a mail brings, made safe where it becomes a header."""

import re

OCTETS = "application/octet-stream"
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}")


def safe_media_type(given: str) -> str:
    """Return a media type without parameters, and that of any bytes for a text that is none."""
    plain = given.partition(";")[0].strip(" ")
    return plain if _MEDIA_TYPE.fullmatch(plain) else OCTETS
