"""Reads Entra ID's refusals of a token: what the gateway does next, and the sentence for the operator.

The OAuth `error` field decides; the AADSTS number only refines the text and marks the few refusals that want another
treatment. Numbers: https://learn.microsoft.com/entra/identity-platform/reference-error-codes (a few, marked there as
missing, come from public reports). `error_description` is never passed on: it can name users and apps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any


class Cure(Enum):
    """What may help after a refused token request."""

    RELOAD = auto()  # the stored credential may have been replaced: read Key Vault once
    STOP = auto()  # only a person can help
    LATER = auto()  # Entra's own trouble: use the old token, ask again later


# A wrong password counts towards the account's lock-out, so it is not tried again for this long (seconds).
PASSWORD_HOLD = 15 * 60.0
CREDENTIAL_HOLD = 60.0

_TEXTS: Mapping[tuple[int, ...], tuple[Cure, str]] = {
    (7000215,): (
        Cure.RELOAD,
        "Secret rejected: wrong (often the secret's ID instead of its value) or removed. Store a new secret.",
    ),
    (7000222,): (Cure.RELOAD, "Secret expired on the app registration. Store a new secret."),
    (70002,): (Cure.RELOAD, "The credentials do not match this app."),
    (700027,): (Cure.RELOAD, "The certificate is not registered on the app, or its key is another one."),
    (700024,): (Cure.RELOAD, "The assertion is outside its time window: check the clock."),
    (7000218,): (Cure.STOP, "A confidential app was called without a credential: no secret or certificate is set."),
    (700025,): (Cure.STOP, "The app is marked as a public client but sent a credential: set 'public client' to No."),
    (70021, 700211, 700212, 700213, 7002137, 7002138): (
        Cure.STOP,
        "The federated credential does not match issuer, audience or subject: check principal id (case) and tenant.",
    ),
    (700229,): (Cure.STOP, "The assertion is a user's token; only app-only tokens are accepted."),
    (700016,): (
        Cure.STOP,
        "The app id is unknown in this tenant: wrong client or tenant id, or the app was not added there yet.",
    ),
    (7000112, 70001, 7000229): (Cure.STOP, "The app is disabled, or has no service principal, in this tenant."),
    (90002,): (Cure.STOP, "Tenant not found: wrong id, or wrong cloud."),
    (900382, 900432, 90038): (Cure.STOP, "The tenant belongs to another cloud: check GRAPH_CLOUD."),
    (65001, 90094): (Cure.STOP, "Consent is missing for a delegated permission."),
    (650057, 65005, 500011): (
        Cure.STOP,
        "The resource is not on the app or not in the tenant: wrong Graph host for the cloud, or no licence.",
    ),
    (50126,): (Cure.RELOAD, "User name or password wrong. More tries would lock the account."),
    (50053,): (Cure.STOP, "The account is locked, or signs in from a blocked address."),
    (50055, 50144): (Cure.STOP, "The user's password has expired."),
    (50057,): (Cure.STOP, "The user account is disabled."),
    (50034,): (Cure.STOP, "The user is not in this tenant."),
    (50076, 50079, 50072, 50074, 50158): (
        Cure.STOP,
        "Multi-factor sign-in is required for this user; the password mode can never satisfy it. Use an app-only mode.",
    ),
    (53003, 53000, 53001, 53002, 53004, 530032): (
        Cure.STOP,
        "Conditional Access blocks this sign-in. Look for the correlation id in the sign-in logs.",
    ),
    (530035,): (Cure.STOP, "Security defaults block this sign-in. Use an app-only mode."),
    (50105,): (Cure.STOP, "The user is not assigned to the app, which requires assignment."),
    (9001023,): (Cure.STOP, "The password mode does not work against /common: set the tenant's id."),
    (50196,): (Cure.STOP, "Entra detected a loop: the gateway asked too often."),
    (90055, 90006, 90024, 90033, 50033): (Cure.LATER, "Entra ID is not available. The gateway tries again by itself."),
}
_BY_NUMBER = {number: entry for numbers, entry in _TEXTS.items() for number in numbers}
_PASSWORD_NUMBERS = frozenset({50126, 50053})


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
    def hold(self) -> float:
        """Seconds without a further request with the same credential: it would be useless, or lock the account."""
        return PASSWORD_HOLD if _PASSWORD_NUMBERS & set(self.numbers) else CREDENTIAL_HOLD

    def describe(self) -> str:
        """Return the line for the log: ids and numbers, never Entra's own text."""
        return (
            f"{self.text} [error={self.error} codes={list(self.numbers)} "
            f"correlation_id={self.correlation_id} trace_id={self.trace_id}]"
        )


def read_refusal(answer: Mapping[str, Any]) -> Refusal:
    """Read msal's error answer: {"error", "error_codes"?, "correlation_id"?, "trace_id"?}."""
    error = str(answer.get("error") or "unknown")
    codes: Sequence[Any] = answer.get("error_codes") or ()
    numbers = tuple(int(code) for code in codes)
    known = next((_BY_NUMBER[number] for number in numbers if number in _BY_NUMBER), None)
    cure, text = known or _by_error(error)
    return Refusal(
        error=error,
        numbers=numbers,
        cure=cure,
        text=text,
        correlation_id=answer.get("correlation_id"),
        trace_id=answer.get("trace_id"),
    )


def _by_error(error: str) -> tuple[Cure, str]:
    match error:
        case "invalid_client":
            return Cure.RELOAD, "Entra ID refused the app's credential."
        case "temporarily_unavailable" | "server_error":
            return Cure.LATER, "Entra ID is not available. The gateway tries again by itself."
        case _:
            return Cure.STOP, "Entra ID refused the token request."
