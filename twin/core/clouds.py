"""Host names of the Microsoft clouds, one row per cloud.

Public sources: learn.microsoft.com/graph/deployments (login and Graph hosts), the Key Vault RBAC guide (vault suffixes)
and the Entra page on trusting a managed identity (audience of the token exchange).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cloud:
    """The host names of one cloud. A token of one cloud is not valid in another."""

    name: str
    login_hosts: tuple[str, ...]
    graph_host: str
    vault_suffix: str
    exchange_audience: str
    has_bookings: bool = True
    government: bool = False

    @property
    def login_host(self) -> str:
        """The first, documented sign-in host."""
        return self.login_hosts[0]

    @property
    def graph_resource(self) -> str:
        """The audience of Graph tokens in this cloud."""
        return f"https://{self.graph_host}"

    @property
    def vault_resource(self) -> str:
        """The audience of Key Vault tokens in this cloud."""
        return f"https://{self.vault_suffix}"


GLOBAL = Cloud(
    name="global",
    login_hosts=("login.microsoftonline.com", "login.windows.net", "sts.windows.net"),
    graph_host="graph.microsoft.com",
    vault_suffix="vault.azure.net",
    exchange_audience="api://AzureADTokenExchange",
)
US_GOVERNMENT = Cloud(
    name="usgov",
    login_hosts=("login.microsoftonline.us",),
    graph_host="graph.microsoft.us",
    vault_suffix="vault.usgovcloudapi.net",
    exchange_audience="api://AzureADTokenExchangeUSGov",
    government=True,
)
US_DEFENCE = Cloud(
    name="usgov-dod",
    login_hosts=("login.microsoftonline.us",),
    graph_host="dod-graph.microsoft.us",
    vault_suffix="vault.usgovcloudapi.net",
    exchange_audience="api://AzureADTokenExchangeUSGov",
    government=True,
)
CHINA = Cloud(
    name="china",
    login_hosts=("login.partner.microsoftonline.cn", "login.chinacloudapi.cn"),
    graph_host="microsoftgraph.chinacloudapi.cn",
    vault_suffix="vault.azure.cn",
    exchange_audience="api://AzureADTokenExchangeChina",
    has_bookings=False,
)

CLOUDS = {cloud.name: cloud for cloud in (GLOBAL, US_GOVERNMENT, US_DEFENCE, CHINA)}
LOGIN_HOSTS = tuple(dict.fromkeys(host for cloud in CLOUDS.values() for host in cloud.login_hosts))
GRAPH_HOSTS = tuple(cloud.graph_host for cloud in CLOUDS.values())
VAULT_SUFFIXES = tuple(dict.fromkeys(cloud.vault_suffix for cloud in CLOUDS.values()))


def cloud_of_graph(host: str) -> Cloud:
    """Return the cloud whose Graph answers under this host; KeyError for any other name."""
    return next(cloud for cloud in CLOUDS.values() if cloud.graph_host == host)
