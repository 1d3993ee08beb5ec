"""Which Bookings businesses callers may use."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.mail_address import is_mail_address


@dataclass(frozen=True)
class AllowList:
    """The businesses that callers may use. Empty allows none."""

    ids: frozenset[str]
    everything: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no business is allowed."""
        return not self.everything and not self.ids

    def allows(self, business: str) -> bool:
        """Return whether this business id (an SMTP address, in any case) is allowed."""
        return self.everything or business.lower() in self.ids


def read_businesses(setting: str, text: str, report: Callable[[str, str], None]) -> AllowList:
    """Read the list; report what is no id of a business under the name of the setting."""
    ids = [part.strip() for part in text.split(",") if part.strip()]
    everything = "*" in ids
    if everything and len(ids) > 1:
        report(setting, "Give either * or a list of ids, not both.")
    for wrong in (part for part in ids if part != "*" and not is_mail_address(part)):
        report(setting, f"{wrong!r} is not a business id. Use its mail address, such as ithelpdesk@contoso.example.")
    return AllowList(frozenset(part.lower() for part in ids if part != "*"), everything=everything)
