"""Redirects are never followed: what the gateway sends holds a secret, a token or a mail, and would go elsewhere.

None of the services that it calls redirects the calls that it makes. An answer that does comes from a wrong address in
the settings, or from somebody between: it is refused with an error of its own.
"""

from http import HTTPStatus

from shared.errors import ConfigurationError

_REDIRECTS = frozenset(range(HTTPStatus.MULTIPLE_CHOICES, HTTPStatus.BAD_REQUEST)) - {HTTPStatus.NOT_MODIFIED}


def is_redirect(status: int | None) -> bool:
    """Return whether an answer with this status leads to another address."""
    return status in _REDIRECTS


def redirect_refused(who: str, status: int | None = None) -> ConfigurationError:
    """Return the error for a redirect that was not followed. `who` answered it, as the subject of a sentence."""
    return ConfigurationError(
        f"{who} redirects to another address, and the gateway sends nothing there. Check the address in the settings, "
        "and what stands between: a proxy, a firewall.",
        code="RedirectRefused",
        detail=f"HTTP {status}" if status is not None else None,
    )
