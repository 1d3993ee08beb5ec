"""The errors of the gateway, classified by what is known to have happened.

Retries, claims and HTTP answers follow from the class of an error, never from a status code:

    GatewayError
     +- ConfigurationError    our settings or grants are wrong; nothing was tried
     |   +- StorageRefused     the gateway's own storage refuses access; roles may be minutes old (`retry_after`)
     +- Refused               nothing was written, and asking again will not help
     |   +- Invalid           the caller's input is wrong (`target` names the field)
     |   |   +- TooLarge
     |   |   +- LengthRequired  the body came without its length, and was lost on the way
     |   +- Forbidden         the gateway or Graph does not allow it
     |   +- NotFound
     |   +- WrongMethod       the path takes other `methods`
     |   +- Conflict
     |   |   +- InProgress    the same is being done by another call (`retry_after` seconds)
     |   +- AnswerTooLarge     it is there, but larger than was asked for
     |   +- Rejected          the other side refused a request of ours: not the caller's fault
     +- Unavailable           nothing was written; try later (`retry_after` seconds, if known)
     |   +- Throttled
     |   +- Unreachable
     +- OutcomeUnknown        sent, but no answer to trust: look before repeating a write
         +- TimedOut
         +- ServerFailed      the other side answered that it failed; it may have done it all the same
"""

import traceback
from collections.abc import Mapping, Sequence

from shared.log_text import as_line, quoted


class GatewayError(Exception):
    """Base of all errors that a caller may see.

    `message` is one or two sentences for the caller: what happened and what to do; it never holds a secret, a token
    or a foreign text. `code` is stable and documented (docs/errors.md), `target` the offending field, `detail` for
    the log only, `upstream_id` the other side's request id. `reason` is what the other side said about a request that
    it refused, for the caller only: it is never logged, because it may quote what was sent. `members` are further
    members of the error object that callers see: ids and numbers.
    """

    code = "GatewayError"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        target: str | None = None,
        detail: str | None = None,
        upstream_id: str | None = None,
        reason: str | None = None,
        members: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.members = members or {}
        self.reason = reason
        self.code = code or type(self).code
        self.target = target
        self.detail = detail
        self.upstream_id = upstream_id

    def restate(self, message: str, *, code: str | None = None, target: str | None = None) -> None:
        """Replace the sentence, and code and target if given, by ones that fit the call. Detail and request id stay."""
        self.args = (message,)
        self.message = message
        self.code = code or self.code
        self.target = target or self.target

    def __str__(self) -> str:
        """Return the line for the log; the platform writes it as well, where a run of a function fails."""
        known = [self.code, self.message]
        known += [f"target={quoted(self.target)}"] if self.target else []
        known += [f"detail={self.detail}"] if self.detail else []
        known += [f"request-id={self.upstream_id}"] if self.upstream_id else []
        return as_line(" | ".join(known))


class ConfigurationError(GatewayError):
    """A setting, secret or grant of the gateway is wrong; only an administrator can mend it."""

    code = "GatewayMisconfigured"


class StorageRefused(ConfigurationError):
    """The gateway's own storage account refuses access.

    After a deployment this ends by itself: a role holds some minutes after it was assigned. So callers try again.
    """

    code = "StorageRefused"
    retry_after: float = 60.0


class Refused(GatewayError):
    """Nothing was written, and asking again will not help."""

    code = "Refused"


class Invalid(Refused):
    """The caller's input is wrong."""

    code = "InvalidParameter"


class TooLarge(Invalid):
    """The caller sent more than the gateway takes."""

    code = "BodyTooLarge"


class LengthRequired(Invalid):
    """The caller sent the body in chunks without its length, so it did not arrive."""

    code = "LengthRequired"


class Forbidden(Refused):
    """The gateway's allow-list or Graph's permissions do not allow it."""

    code = "Forbidden"


class NotFound(Refused):
    """The thing asked for does not exist."""

    code = "NotFound"


class WrongMethod(Refused):
    """The path exists, for other methods."""

    code = "WrongMethod"

    def __init__(self, message: str, *, methods: Sequence[str]) -> None:
        super().__init__(message)
        self.methods = tuple(methods)


class Conflict(Refused):
    """The thing is in a state that does not allow this."""

    code = "Conflict"


class InProgress(Conflict):
    """Another call is doing the same at this moment."""

    code = "InProgress"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AnswerTooLarge(Refused):
    """The answer is larger than the caller is willing to hold; it was not read to its end."""

    code = "AnswerTooLarge"


class Rejected(Refused):
    """The other side refused a request that the gateway itself made up."""

    code = "UpstreamRefused"


class Unavailable(GatewayError):
    """Nothing was written; the same request may work later."""

    code = "UpstreamUnavailable"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        code: str | None = None,
        detail: str | None = None,
        upstream_id: str | None = None,
        members: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, code=code, detail=detail, upstream_id=upstream_id, members=members)
        self.retry_after = retry_after


class Throttled(Unavailable):
    """The other side asks us to slow down."""

    code = "Throttled"


class Unreachable(Unavailable):
    """No connection could be made, so nothing was sent."""

    code = "UpstreamUnreachable"


class OutcomeUnknown(GatewayError):
    """The request was sent and no trustworthy answer came back."""

    code = "UpstreamError"


class TimedOut(OutcomeUnknown):
    """The request was sent and no answer came in time."""

    code = "UpstreamTimeout"


class ServerFailed(OutcomeUnknown):
    """The other side answered that it failed. It may have done what was asked all the same."""


def place_of(error: BaseException) -> str:
    """Return class and place of an unexpected error. Its message is left out: it may quote a mail or a secret."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    way = " < ".join(f"{_file_name(frame.filename)}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} at {way}"


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]
