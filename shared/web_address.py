"""The form of https addresses: of those in settings and secrets, and of the prefix that the connector's gateway sends.

Programs disagree about where an odd address leads: one.example with a backslash and `@two.example` behind it is
two.example to Python, and one.example to browsers and .NET. So an address is not split and judged by its parts: as a
whole it has a plain form, or it is refused.
"""

import re

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"(?P<host>(?:{_LABEL}\.){{0,20}}{_LABEL})"
_PORT = r"(?::(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]))?"
# A segment of dots would lead out of the path.
_PATH = r"(?P<path>(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~%!$&'()*+,;=:@-]+){0,20}/?)"

HTTPS_HOST = re.compile(rf"https://{_HOST}{_PORT}/?", re.ASCII)
HTTPS_PATH = re.compile(rf"https://{_HOST}{_PORT}{_PATH}", re.ASCII)
HTTPS_ADDRESS = re.compile(rf"https://{_HOST}{_PORT}(?:[/?][^\s#\\\x00-\x1f\x7f]*)?", re.ASCII)
# Hosts of the gateway in front of custom connectors; links that lead through it carry the connection's key.
# Public cloud: "IP address configuration", Required endpoints for Power Automate. US government (GCC, GCC High, DoD):
# "Power Automate US Government", required domains. China: redirect addresses of its connections (Azure/logicapps#897).
_CONNECTOR_GATEWAYS = re.compile(r".+\.(?:azure-apihub\.(?:net|us|cn)|azure-apim\.net)", re.IGNORECASE)
_LONGEST = 500
_CREDENTIAL = re.compile(r"[?&](sig|code|token|key|secret)=", re.IGNORECASE)


def holds_credential(address: str) -> bool:
    """Return whether an address has a parameter that is a credential by its name."""
    return _CREDENTIAL.search(address) is not None


def is_connector_gateway(address: str) -> bool:
    """Return whether an address is one of Microsoft's gateway in front of custom connectors, without a query."""
    found = HTTPS_PATH.fullmatch(address) if len(address) <= _LONGEST else None
    return found is not None and _CONNECTOR_GATEWAYS.fullmatch(found["host"]) is not None
