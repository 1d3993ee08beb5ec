"""The Microsoft clouds and their hosts. A token of one cloud is not accepted in another.

Sources: Graph and login hosts, https://learn.microsoft.com/graph/deployments; vault suffixes, the Azure Key Vault RBAC
guide; federated audiences, "Configure an application to trust a managed identity". Graph's metadata for China has no
Bookings types.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cloud:
    """The hosts of one cloud and the audience of its federated credentials."""

    name: str
    login: str
    graph: str
    vault_suffix: str
    federated_audience: str
    has_bookings: bool = True


CLOUDS = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            name="global",
            login="login.microsoftonline.com",
            graph="graph.microsoft.com",
            vault_suffix="vault.azure.net",
            federated_audience="api://AzureADTokenExchange",
        ),
        Cloud(
            name="usgov",
            login="login.microsoftonline.us",
            graph="graph.microsoft.us",
            vault_suffix="vault.usgovcloudapi.net",
            federated_audience="api://AzureADTokenExchangeUSGov",
        ),
        Cloud(
            name="usgov-dod",
            login="login.microsoftonline.us",
            graph="dod-graph.microsoft.us",
            vault_suffix="vault.usgovcloudapi.net",
            federated_audience="api://AzureADTokenExchangeUSGov",
        ),
        Cloud(
            name="china",
            login="login.partner.microsoftonline.cn",
            graph="microsoftgraph.chinacloudapi.cn",
            vault_suffix="vault.azure.cn",
            federated_audience="api://AzureADTokenExchangeChina",
            has_bookings=False,
        ),
    )
}
