"""The person who runs the command, signed in with the Azure CLI. All calls are made with their rights.

`AzureCliCredential` runs `az` for every token, so tokens are cached here until shortly before they expire.
Source: learn.microsoft.com/python/api/azure-identity/azure.identity.azureclicredential
"""

import time
from typing import Any

from setup.errors import Stopped
from shared.settings.clouds import Cloud

_YOUNG = 300.0
_AZ_SECONDS = 60


class Person:
    """Gets tokens of the Azure CLI's user for one tenant and cloud, and never logs them."""

    def __init__(self, cloud: Cloud, tenant: str | None) -> None:
        self.cloud = cloud
        self._tenant = tenant
        self._tokens: dict[str, Any] = {}

    def authorization(self, resource: str) -> str:
        """Return the Authorization header for a resource. Raises Stopped if no person is signed in."""
        known = self._tokens.get(resource)
        if known is None or known.expires_on < time.time() + _YOUNG:
            known = self._tokens[resource] = self._ask(resource)
        return f"Bearer {known.token}"

    def forget(self, resource: str) -> None:
        """Ask for a new token the next time: the one at hand was not accepted."""
        self._tokens.pop(resource, None)

    def _ask(self, resource: str) -> Any:
        from azure.core.exceptions import ClientAuthenticationError  # noqa: PLC0415 - slow to load
        from azure.identity import AzureCliCredential  # noqa: PLC0415 - slow to load

        credential = AzureCliCredential(tenant_id=self._tenant or "", process_timeout=_AZ_SECONDS)
        try:
            return credential.get_token(f"{resource}/.default")
        except ClientAuthenticationError as error:
            where = f" --tenant {self._tenant}" if self._tenant else ""
            raise Stopped(
                f"The Azure CLI gave no token. Sign in with `az login{where} --allow-no-subscriptions`.",
                detail=type(error).__name__,
            ) from None
