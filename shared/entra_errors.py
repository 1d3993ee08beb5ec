"""Reads Entra ID's refusals of a token: what the gateway does next, and the sentence for the operator.

The OAuth `error` field decides; the AADSTS number only refines the text and marks the few refusals that want another
treatment. Numbers: https://learn.microsoft.com/entra/identity-platform/reference-error-codes (a few, marked there as
missing, come from public reports). `error_description` is never passed on: it can name users and apps.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any
from uuid import UUID


class Cure(Enum):
    """What may help after a refused token request."""

    RELOAD = auto()  # the stored credential may have been replaced: read Key Vault once
    STOP = auto()  # only a person can help
    LATER = auto()  # Entra's own trouble: use the old token, ask again later


# A wrong password counts towards the account's lock-out, so it is not tried again for this long (seconds).
PASSWORD_HOLD = 15 * 60.0
CREDENTIAL_HOLD = 60.0

_NO_TENANT = 90002
_WORD = re.compile(r"[a-z_]{1,40}")
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")


@dataclass(frozen=True)
class Meaning:
    """What some AADSTS numbers mean, as sentences: `what` happened, and who does what to mend it (`remedy`)."""

    numbers: tuple[int, ...]
    cure: Cure
    what: str
    remedy: str

    @property
    def text(self) -> str:
        """Both sentences."""
        return f"{self.what} {self.remedy}"


_RESTORE = "An operator stores a valid one in Key Vault."
_APP_ONLY = "Use an app-only credential for the gateway, or let an administrator except this user."
_AWAY = ("Entra ID is not available.", "Nobody needs to act: the gateway tries again by itself.")

MEANINGS = (
    Meaning(
        (7000215,),
        Cure.RELOAD,
        "Secret rejected: wrong (often the secret's ID instead of its value) or removed.",
        "An administrator makes a new secret and stores its value in Key Vault.",
    ),
    Meaning(
        (7000222,),
        Cure.RELOAD,
        "Secret or certificate expired on the app registration.",
        "An administrator makes a new one and stores it in Key Vault.",
    ),
    Meaning((70002,), Cure.RELOAD, "The credentials do not match this app.", _RESTORE),
    Meaning(
        (700027,),
        Cure.RELOAD,
        "The certificate is not registered on the app, or its key is another one.",
        "An administrator uploads the certificate that is in Key Vault.",
    ),
    Meaning(
        (700024,),
        Cure.RELOAD,
        "The assertion is outside its time window.",
        "An operator checks the clock of its host.",
    ),
    Meaning(
        (7000218,),
        Cure.STOP,
        "A confidential app was called without a credential: no secret or certificate is set.",
        "An operator sets GRAPH_CREDENTIAL and the name of the credential.",
    ),
    Meaning(
        (700025,),
        Cure.STOP,
        "The app is marked as a public client but sent a credential.",
        "An administrator sets 'public client' to No.",
    ),
    Meaning(
        (70021, 700211, 700212, 700213, 7002137, 7002138),
        Cure.STOP,
        "The federated credential does not match issuer, audience or subject.",
        "An administrator checks principal id (case) and tenant of the federated credential.",
    ),
    Meaning(
        (700229,),
        Cure.STOP,
        "The assertion is a user's token; only app-only tokens are accepted.",
        "An operator lets a managed identity sign in.",
    ),
    Meaning(
        (700016,),
        Cure.STOP,
        "The app id is unknown in this tenant: wrong client or tenant id, or the app was not added there yet.",
        "An operator checks both ids; an administrator of the tenant adds the app by giving consent.",
    ),
    Meaning(
        (7000112, 70001, 7000229),
        Cure.STOP,
        "The app is disabled, or has no service principal, in this tenant.",
        "An administrator of the tenant enables it under Enterprise applications, or adds it by giving consent.",
    ),
    Meaning(
        (90002,),
        Cure.STOP,
        "Tenant not found: wrong id, or wrong cloud.",
        "An operator checks GRAPH_TENANT_ID and GRAPH_CLOUD.",
    ),
    Meaning(
        (900382, 900432, 90038),
        Cure.STOP,
        "The tenant belongs to another cloud.",
        "An operator checks GRAPH_CLOUD.",
    ),
    Meaning(
        (65001, 90094),
        Cure.STOP,
        "Consent is missing for a permission.",
        "An administrator of the tenant grants consent for the app, or for its user.",
    ),
    Meaning(
        (650057, 65005, 500011),
        Cure.STOP,
        "The resource is not on the app or not in the tenant: wrong Graph host for the cloud, or no licence.",
        "An operator checks GRAPH_CLOUD; an administrator of the tenant checks the licences.",
    ),
    Meaning(
        (50126, 50056),
        Cure.RELOAD,
        "User name or password wrong. More tries would lock the account, so the next one is in 15 minutes.",
        _RESTORE,
    ),
    Meaning(
        (50053,),
        Cure.STOP,
        "The account is locked, or signs in from a blocked address.",
        "An administrator unblocks it; a lock after wrong passwords ends by itself.",
    ),
    Meaning(
        (50055, 50144, 50135, 50142),
        Cure.STOP,
        "The user's password has expired or must be changed.",
        "An administrator resets it, and an operator stores the new one in Key Vault.",
    ),
    Meaning((50057,), Cure.STOP, "The user account is disabled.", "An administrator enables it."),
    Meaning(
        (50034, 50020, 51004, 90072),
        Cure.STOP,
        "The user is not in this tenant.",
        "An operator checks user name and tenant; guests cannot sign in with a password.",
    ),
    Meaning(
        (50076, 50079, 50072, 50074, 50158),
        Cure.STOP,
        "Multi-factor sign-in is required for this user; the password mode can never satisfy it.",
        _APP_ONLY,
    ),
    Meaning(
        (53003, 53000, 53001, 53002, 53004, 530032, 50131),
        Cure.STOP,
        "Conditional Access blocks this sign-in.",
        "An administrator finds the policy in the sign-in logs by the correlation id, and excepts this sign-in.",
    ),
    Meaning((530035,), Cure.STOP, "Security defaults block this sign-in.", "Use an app-only credential."),
    Meaning(
        (50105,),
        Cure.STOP,
        "The user is not assigned to the app, which requires assignment.",
        "An administrator of the tenant assigns the user under Enterprise applications.",
    ),
    Meaning(
        (9001023,),
        Cure.STOP,
        "The password mode does not work against /common.",
        "An operator sets the tenant's id.",
    ),
    Meaning(
        (50196,),
        Cure.STOP,
        "Entra detected a loop: the gateway asked too often.",
        "Wait some minutes; if it comes back, report it to the makers of the gateway.",
    ),
    Meaning((90055, 90006, 90024, 90033, 50033), Cure.LATER, *_AWAY),
)
_BY_NUMBER = {number: meaning for meaning in MEANINGS for number in meaning.numbers}
_PASSWORD_NUMBERS = frozenset({50126, 50056, 50053})


@dataclass(frozen=True)
class Refusal:
    """One refused token request."""

    error: str
    numbers: tuple[int, ...]
    cure: Cure
    text: str
    correlation_id: str | None
    trace_id: str | None

    @property
    def members(self) -> Mapping[str, str]:
        """Return what an error answer shows of it: the first AADSTS number, and Entra's correlation id."""
        shown = {"entraError": f"AADSTS{self.numbers[0]}"} if self.numbers else {}
        return shown | ({"entraCorrelationId": self.correlation_id} if self.correlation_id else {})

    @property
    def hold(self) -> float:
        """Seconds without a further request with the same credential: it would be useless, or lock the account."""
        return PASSWORD_HOLD if _PASSWORD_NUMBERS & set(self.numbers) else CREDENTIAL_HOLD

    def describe(self) -> str:
        """Return the line for the log: ids and numbers, never Entra's own text."""
        numbers = " ".join(f"AADSTS{number}" for number in self.numbers)
        return (
            f"{self.text} [{numbers or 'no number'} error={self.error} "
            f"correlation_id={self.correlation_id} trace_id={self.trace_id}]"
        )


def read_refusal(answer: Mapping[str, Any]) -> Refusal:
    """Read msal's error answer: {"error", "error_codes"?, "correlation_id"?, "trace_id"?}."""
    error = _read_word(answer.get("error")) or "unknown"
    codes = answer.get("error_codes")
    numbers = tuple(int(str(code)) for code in codes if _NUMBER.fullmatch(str(code))) if isinstance(codes, list) else ()
    known = next((_BY_NUMBER[number] for number in numbers if number in _BY_NUMBER), None) or _by_error(error)
    return Refusal(
        error=error,
        numbers=numbers,
        cure=known.cure,
        text=known.text,
        correlation_id=_read_id(answer.get("correlation_id")),
        trace_id=_read_id(answer.get("trace_id")),
    )


def read_unknown_tenant(text: str) -> Mapping[str, Any]:
    """Return an answer for `read_refusal` from a text that ends with Entra's answer about an unknown tenant."""
    try:
        found = json.loads(text[text.index("{") :])
    except ValueError:
        found = {}
    ids = {name: found.get(name) for name in ("correlation_id", "trace_id")} if isinstance(found, dict) else {}
    return {"error": "invalid_request", "error_codes": [_NO_TENANT], **ids}


def _read_id(value: object) -> str | None:
    """Return an id that is a GUID, as Entra's are; None for anything else, because it is passed on."""
    try:
        return str(UUID(str(value)))
    except ValueError:
        return None


def _read_word(value: object) -> str | None:
    """Return an OAuth error code; None for anything else, because it is logged."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def _by_error(error: str) -> Meaning:
    match error:
        case "invalid_client":
            return Meaning((), Cure.RELOAD, "Entra ID refused the app's credential.", _RESTORE)
        case "temporarily_unavailable" | "server_error":
            return Meaning((), Cure.LATER, *_AWAY)
        case _:
            remedy = "An administrator finds the reason in the sign-in logs by the correlation id."
            return Meaning((), Cure.STOP, "Entra ID refused the token request.", remedy)
