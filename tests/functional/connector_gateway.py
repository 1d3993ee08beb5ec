"""The platform's gateway in front of a custom connector, as Microsoft documents it, built from the connector's files.

- It answers below the address of a connection, and routes what the definition knows: other paths are 404.
- It adds the connection's key, and tells the backend both addresses (X-MS-APIM-Referrer-Prefix, X-MS-APIM-Referrer).
- Policies, in their order: `dynamichosturl` puts a URL in place of scheme, host and base path; `setqueryparameter`
  overrides a parameter; `updatenextlink` leads the link in a property of the answer through the connection (path and
  query of the link behind the connection's address).

Whoever calls an address on another host gets no key there.
Sources: policy templates of custom connectors; the schemas of microsoft/PowerPlatformConnectors.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from devkit.connector.answers import Definition
from devkit.connector.document import build_definition, build_properties

PREFIX = "https://env.01.common.europe.azure-apihub.net/apim/shared-graph-20gateway/0123456789abcdef"
_VALUE = re.compile(r"@connectionParameters\('(\w+)'(?:,'([^']*)')?\)")
_TIMEOUT = 60
_PARAMETER = "x-ms-apimTemplateParameter"


class ConnectorGateway:
    """One connection to an app: `parameters` are what its maker typed."""

    def __init__(self, http: requests.Session, backend: str, parameters: Mapping[str, str], *more: Any) -> None:
        """`more`: further policies, as in apiProperties.json."""
        self.http = http
        self.backend = backend
        self.parameters = parameters
        self.definition = Definition(build_definition())
        self.policies = [*build_properties()["properties"]["policyTemplateInstances"], *more]
        self.seen: list[requests.PreparedRequest] = []

    def ask(self, address: str) -> requests.Response:
        """GET an address as the engine does: through the connection if it is below its address, or else straight."""
        if not address.startswith(f"{PREFIX}/"):
            return self._send(address, {})
        parts = urlsplit(address.removeprefix(PREFIX))
        operation = self.definition.find("GET", parts.path)
        if operation is None:
            missing = requests.Response()
            missing.status_code = 404
            return missing
        headers = {
            "x-functions-key": self.parameters["api_key"],
            "X-MS-APIM-Referrer-Prefix": PREFIX,
            "X-MS-APIM-Referrer": address,
        }
        base, query = "", dict(parse_qsl(parts.query))
        for policy in self._find_policies("dynamichosturl", operation):
            base = self._fill(policy["urlTemplate"])
        for policy in self._find_policies("setqueryparameter", operation):
            query[policy["name"]] = self._fill(policy["value"])
        answer = self._send(f"{base}{parts.path}?{urlencode(query)}", headers)
        for policy in self._find_policies("updatenextlink", operation):
            _lead_through(answer, policy["nextLinkPropertyName"])
        return answer

    def _find_policies(self, template: str, operation: Mapping[str, Any]) -> list[dict[str, str]]:
        found = []
        for policy in self.policies:
            names = policy["parameters"].get("x-ms-apimTemplate-operationName", [operation["operationId"]])
            if policy["templateId"] == template and operation["operationId"] in names:
                given = policy["parameters"].items()
                found.append({key.removeprefix(f"{_PARAMETER}."): value for key, value in given})
        return found

    def _fill(self, template: str) -> str:
        return _VALUE.sub(lambda found: self.parameters.get(found[1]) or found[2] or "", template)

    def _send(self, address: str, headers: Mapping[str, str]) -> requests.Response:
        """Send a request; the host of the connection is the app under test, which has no certificate."""
        public = f"https://{self.parameters['host']}"
        assert address.startswith((public, self.backend)), address
        answer = self.http.get(address.replace(public, self.backend, 1), headers=dict(headers), timeout=_TIMEOUT)
        self.seen.append(answer.request)
        return answer


def _lead_through(answer: requests.Response, name: str) -> None:
    body = answer.json()
    if name in body:
        link = urlsplit(body[name])
        body[name] = f"{PREFIX}{link.path}?{link.query}"
        answer._content = json.dumps(body).encode()
