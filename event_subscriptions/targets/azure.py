"""What the kinds of targets in Azure have in common: one address or name, which the settings must allow."""

from event_subscriptions.subscription import Reason
from event_subscriptions.targets.protocol import NoTargetError
from shared.errors import Forbidden, Invalid
from shared.json_text import Json
from shared.settings.event_targets import AllowedTargets, AzureTarget


class AzureKind:
    """A kind of targets that administrators allow; callers name one in `field`. The app's identity writes to it."""

    is_public = True

    def __init__(self, kind: AzureTarget, field: str, allowed: AllowedTargets) -> None:
        self._kind = kind
        self._field = field
        self._allowed = allowed

    def read(self, given: Json, subscription: str) -> Json:
        """Return the settings of what a caller names. Raises Invalid or Forbidden."""
        del subscription
        field = self._field
        unknown = sorted(given.keys() - {"kind", field})
        if unknown or not isinstance(given.get(field), str):
            raise Invalid(
                f"A target of the kind {self._kind.value} has one field beside kind: {field}. Send it as a text.",
                code="InvalidTarget",
                target=f"target.{unknown[0] if unknown else field}",
            )
        return {field: self._allowed.check(self._kind, given[field])}

    def verify(self, settings: Json, origin: str) -> None:
        """Do nothing: an administrator has allowed the target."""

    def find_address(self, settings: Json) -> str:
        """Return the address or name. Raises NoTargetError if the settings do not allow it any more."""
        try:
            return self._allowed.check(self._kind, str(settings[self._field]))
        except Forbidden:
            raise NoTargetError(Reason.NOT_ALLOWED) from None

    def describe(self, settings: Json) -> Json:
        """Return the address or name."""
        return {self._field: settings[self._field]}

    def show_secret(self, settings: Json, subscription: str) -> str | None:
        """Return None: the target knows the app's identity."""

    def rotate(self, settings: Json, subscription: str) -> Json:
        """Refuse: there is no secret."""
        del settings, subscription
        raise Invalid("A target of this kind has no secret. Leave it as it is.", code="InvalidTarget", target="target")
