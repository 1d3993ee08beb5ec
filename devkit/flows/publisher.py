"""Who submits the connector to Microsoft, and the connector's files in that name.

The rules are those for independent publishers ("Independent publisher certification process" and "Prepare connector
files for certification"): people who do not own the service behind a connector. Bookings and mailboxes are Microsoft's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from devkit.flows.solution import ConnectorFiles

SUFFIX = " (Independent Publisher)"
COLOUR = "#da3b01"  # that of every independent publisher's connector; Microsoft puts its icon on it
_NAME = re.compile(r"\w[\w ,]*")
_MAIL = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)", re.ASCII)
_EXAMPLE = re.compile(r"(?:.+\.)?(?:example(?:\.\w+)?|invalid|test|localhost)")


@dataclass(frozen=True)
class Publisher:
    """Who submits: a name (several with commas), and addresses that Microsoft publishes in its documentation."""

    name: str
    support_url: str
    support_mail: str
    website: str
    privacy_policy: str


def find_faults(publisher: Publisher) -> Iterator[str]:
    """Return what Microsoft would refuse, as sentences."""
    if not _NAME.fullmatch(publisher.name):
        yield f"The publisher's name “{publisher.name}” may hold letters, digits, blanks and commas only."
    mail = _MAIL.fullmatch(publisher.support_mail)
    if mail is None or _EXAMPLE.fullmatch(mail[1].lower()):
        yield f"“{publisher.support_mail}” is no mail address that somebody reads."
    for address in (publisher.support_url, publisher.website, publisher.privacy_policy):
        parts = urlsplit(address)
        if parts.scheme != "https" or not parts.hostname or _EXAMPLE.fullmatch(parts.hostname):
            yield f"“{address}” is no page that Microsoft can open: an address with https:// is wanted, no example."


def publish(files: ConnectorFiles, publisher: Publisher) -> ConnectorFiles:
    """Return the connector's files as this publisher submits them: title, contact, colour, and no icon."""
    info = files.definition["info"]
    contact = {"name": publisher.name, "url": publisher.support_url, "email": publisher.support_mail}
    given = {"Website": publisher.website, "Privacy policy": publisher.privacy_policy}
    metadata = [
        one | {"propertyValue": given.get(one["propertyName"], one["propertyValue"])}
        for one in files.definition["x-ms-connector-metadata"]
    ]
    definition = files.definition | {
        "info": info | {"title": f"{info['title']}{SUFFIX}", "contact": contact},
        "x-ms-connector-metadata": metadata,
    }
    properties = files.properties["properties"] | {"publisher": publisher.name, "iconBrandColor": COLOUR}
    return replace(files, definition=definition, properties={"properties": properties}, icon=None)
