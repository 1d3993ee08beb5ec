"""What sample flows are about: one solution for each topic, with only the connections and values that its flows need.

A flow names its topic in its own file (`properties.topic`). All flows in one solution would ask everybody for
everything, a form and a key in Key Vault too, and a flow whose value is missing cannot be turned on
(microsoft/coe-starter-kit#8892, XrmEnvironmentVariableAttributeNotFound).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """One topic: its name in flows and file names, and the solution of its flows."""

    name: str
    solution: str  # its unique name in an environment
    title: str
    description: str


_AFTER = "import the connector first."

TOPICS: Mapping[str, Topic] = {
    each.name: each
    for each in (
        Topic("appointments", "GraphGatewayAppointments", "appointments", f"Flows about appointments; {_AFTER}"),
        Topic("forms", "GraphGatewayForms", "forms", f"A flow that answers a form with free slots; {_AFTER}"),
        Topic("support-mail", "GraphGatewaySupportMail", "support mail", f"Flows about support mails; {_AFTER}"),
        Topic("plain-http", "GraphGatewayPlainHttp", "plain HTTP", "A flow that needs no custom connector."),
    )
}
