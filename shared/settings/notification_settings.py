"""The settings of Microsoft Graph's change notifications: whether they are wanted, and where Graph reaches the gateway.

The platform says the function app's own host name in WEBSITE_HOSTNAME. An address that is set goes first: in front of
the app may be a gateway of APIs, or a domain of one's own.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from shared.settings.choices import Switch
from shared.settings.json_fields import Report
from shared.web_address import HTTPS_PATH

_SWITCH, _BOOKINGS, _URL = "GRAPH_NOTIFICATIONS", "GRAPH_NOTIFICATIONS_BOOKINGS", "GRAPH_NOTIFICATIONS_URL"
_HOST_NAME = "WEBSITE_HOSTNAME"
_PREFIX = "/api"  # routePrefix of host.json
_NOT_PUBLIC = re.compile(r"(?:^|\.)(?:localhost|local|internal|lan|home)$|^[^.]*$|^[0-9.]+$")


@dataclass(frozen=True)
class NotificationSettings:
    """`base_url`: the address below which Graph reaches the routes; None if there is none.

    `has_bookings`: whether calendars of booking pages are watched, too.
    """

    is_on: bool
    base_url: str | None
    has_bookings: bool = False


def read_notification_settings(text: Callable[[str], str], report: Report) -> NotificationSettings:
    """Read and check them; an address is needed only while notifications are wanted."""
    is_on = text(_SWITCH) == Switch.ON
    given, host = text(_URL).rstrip("/"), text(_HOST_NAME)
    base_url = given or text("PUBLIC_BASE_URL").rstrip("/") or (f"https://{host}{_PREFIX}" if host else "")
    if given and not HTTPS_PATH.fullmatch(given):
        report(_URL, "Give an https address without query, such as https://gateway.contoso.com/api.")
    elif is_on and not base_url:
        report(_URL, f"Needed with {_SWITCH}: the public address to which Graph posts.")
    elif is_on and not is_public(base_url):
        report(_URL, f"Graph cannot reach {base_url}. Give an https address with a host name of the Internet.")
    return NotificationSettings(is_on, base_url or None, has_bookings=is_on and text(_BOOKINGS) == Switch.ON)


def is_public(address: str) -> bool:
    """Return whether an https address names a host as hosts of the Internet are named."""
    found = HTTPS_PATH.fullmatch(address)
    return found is not None and not _NOT_PUBLIC.search(found["host"].lower())
