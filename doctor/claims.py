"""Reads the claims of a token, without checking it. Nobody documents their form, so there may be none to read."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID


def read_claims(token: str) -> Mapping[str, Any] | None:
    """Return what a token says about its holder; None if it cannot be read."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return None
    return claims if isinstance(claims, dict) else None


def read_permissions(token: str) -> frozenset[str] | None:
    """Return the permissions in a token for Graph; None if it cannot be read."""
    claims = read_claims(token)
    if claims is None:
        return None
    roles = claims.get("roles")
    found = [*(roles if isinstance(roles, list) else ()), *str(claims.get("scp") or "").split()]
    return frozenset(str(one).removesuffix(".Shared") for one in found)


def read_principal(token: str) -> str | None:
    """Return the object id of the identity that a token was issued to; None if it shows none."""
    try:
        return str(UUID(str((read_claims(token) or {}).get("oid"))))
    except ValueError:
        return None
