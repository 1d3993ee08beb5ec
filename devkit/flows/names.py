"""Names and ids of connector, flows and settings in an environment; the same in every build."""

import hashlib
import re
import uuid
from dataclasses import dataclass

PREFIX = "ggw"  # the publisher's; every name of ours in an environment begins with it
PUBLISHER = "GraphGateway"
PUBLISHER_TITLE = "Graph gateway"
OPTION_PREFIX = 47110  # the publisher's number; any from 10000 on
CONNECTOR_SOLUTION = "GraphGatewayConnector"
FLOWS_SOLUTION = "GraphGatewayFlows"  # connector and flows in one, for certification only
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "graph-gateway.example.com")
_WORD = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True)
class Identity:
    """The connector's names: its title, its name in solutions, and its name in one environment."""

    title: str
    logical_name: str
    api_name: str
    id: str

    @property
    def api_id(self) -> str:
        """The connector's resource id."""
        return f"/providers/Microsoft.PowerApps/apis/{self.api_name}"


def make_identity(title: str, api_name: str | None = None) -> Identity:
    """Name the connector after its title.

    The name in an environment ends in a number that the environment makes up; unless it is given, ours stands in its
    place, and the import finds the connector by its logical name.
    """
    logical = f"{PREFIX}_{encode_name(title)}"
    number = hashlib.sha256(logical.encode()).hexdigest()[:16]
    own = f"shared_{encode_name(f'{PREFIX}_{title}_{number}')}"
    return Identity(title, logical, api_name or own, make_guid("connector", logical))


def encode_name(text: str) -> str:
    """Write a title as the platform does in names: small letters and digits, all else as `-` and its number in hex."""
    return "".join(
        letter if letter.isascii() and letter.isalnum() else "".join(f"-{byte:02x}" for byte in letter.encode())
        for letter in text.lower()
    )


def make_guid(*parts: str) -> str:
    """Return an id for a name, in small letters."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


def make_file_name(title: str) -> str:
    """Return a flow's title as the platform writes it into file names: words, without anything between them."""
    return "".join(word[0].upper() + word[1:] for word in _WORD.findall(title))
