"""Use a running twin from a test: redirect the libraries of this process to it, or call Graph with a bare client."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import requests

from twin.entra.tokens import CAPABLE, Order, issue_token
from twin.simulator import Simulator

_LEADING_ASTRAY = ("AZURE_", "MSAL_", "IDENTITY_", "MSI_")
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
_TRUST = frozenset({"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"})
_CHALLENGES = "azure.keyvault.secrets._shared.http_challenge_cache"
TIMEOUT = 20


@contextmanager
def redirected_to(sim: Simulator, **more: str) -> Iterator[None]:
    """Send the requests of this process's client libraries to a twin and nowhere else, until the end of the block."""
    with redirected_by(sim.environment(), **more):
        yield


@contextmanager
def redirected_by(environment: Mapping[str, str], **more: str) -> Iterator[None]:
    """Send the requests of this process's client libraries to the twin with these variables, until the block ends.

    Other variables that would redirect them are removed meanwhile. `more` are further variables to set.
    """
    before = dict(os.environ)
    for name in before:
        if name.startswith(_LEADING_ASTRAY) or name.lower() in _PROXIES or name in _TRUST:
            del os.environ[name]
    os.environ.update({**environment, **more})
    forget_challenges()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        forget_challenges()


def forget_challenges() -> None:
    """Clear the process-wide cache of the Key Vault client, which holds challenges of another world."""
    module = sys.modules.get(_CHALLENGES)
    if module is not None:
        module.clear()


class RawGraphClient:
    """A bare HTTP client for Graph with a token of its own that has the permissions given.

    Without `user` it acts as the app (`permissions` are roles), with it for that user (they are scopes).
    """

    def __init__(
        self,
        sim: Simulator,
        *permissions: str,
        tenant_id: str,
        app_id: str,
        user: str | None = None,
        capable: bool = False,
    ) -> None:
        self.sim = sim
        tenant = sim.entra.tenants[tenant_id]
        self.cloud = tenant.cloud
        principal = tenant.principals[app_id]
        if user is None:  # what Exchange grants would add to every token: here the token alone shall count
            principal.grant_roles(*principal.exchange_roles)
            principal.exchange_roles = frozenset()
        before = principal.roles
        if user is None:
            principal.roles = frozenset(permissions)
        order = Order(
            tenant,
            sim.entra.app(app_id),
            principal,
            tenant.cloud.graph_resource,
            (CAPABLE,) if capable else (),
            tenant.users[user.lower()] if user else None,
            tuple(permissions) if user else (),
        )
        self.token = issue_token(sim.entra, order)
        principal.roles = before
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.proxies = {"https": sim.proxy_url}
        self.session.verify = sim.ca_file
        self.session.headers["Authorization"] = f"Bearer {self.token}"

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        headers: dict[str, str] | None = None,
        host: str | None = None,
    ) -> requests.Response:
        """Send one request; `path` begins behind /v1.0 and is sent as it is, or is a whole link."""
        url = path if path.startswith("https:") else f"https://{host or self.cloud.graph_host}/v1.0{path}"
        return self.session.request(method, url, json=json, headers=headers, timeout=TIMEOUT)

    def get(self, path: str, **headers: str) -> requests.Response:
        """GET; keyword names become header names with dashes."""
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def pages(self, path: str) -> list[Any]:
        """Follow a list to its end and return all items."""
        items: list[Any] = []
        link: str | None = path
        while link:
            answer = self.get(link)
            answer.raise_for_status()
            body = answer.json()
            items += body["value"]
            link = body.get("@odata.nextLink")
        return items

    def close(self) -> None:
        """Close its connections."""
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
