"""What a 401 wants: a token of another tenant, or one with claims (continuous access evaluation)."""

import base64
import binascii
import re
from collections.abc import Mapping

_CLAIMS = re.compile(r'claims="([^"]+)"')
_TENANT = re.compile(r"""authorization(?:_uri)?="?https://[^/\s"]+/([^/\s",]+)""")


def read_challenge(headers: Mapping[str, str]) -> str | None:
    """Return the claims (JSON text) of a continuous-access challenge, or None.

    Several challenges may come joined in one header; both Base64 alphabets occur, padding may be missing.
    """
    text = _find_text(headers)
    if "insufficient_claims" not in text or not (found := _CLAIMS.search(text)):
        return None
    plain = found[1].replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def read_tenant(headers: Mapping[str, str]) -> str | None:
    """Return the tenant that a service of Azure names, or None."""
    found = _TENANT.search(_find_text(headers))
    return found[1] if found else None


def _find_text(headers: Mapping[str, str]) -> str:
    """Look the header up in any case: batch answers carry theirs in a plain object."""
    return next((value for name, value in headers.items() if name.lower() == "www-authenticate"), "")
