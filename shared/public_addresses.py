"""Requests to addresses that callers name: a name that leads to a private address is not connected to.

The name is resolved once for each connection, all of its addresses are judged, and the connection is made to one of
them: so a name that changes between look and use (DNS rebinding) leads nowhere else. Behind a proxy the proxy resolves
names, and has to keep private addresses itself.
"""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import requests.adapters
import urllib3
import urllib3.connection
import urllib3.connectionpool
import urllib3.exceptions

type MayBePrivate = Callable[[str], bool]

# Azure's own host agent (DNS, health, certificates), which has an address of the public range.
_AZURE_HOST_AGENT = ipaddress.ip_address("168.63.129.16")
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # NAT64: the last 32 bits are an IPv4 address
_MOST_HOSTS, _MOST_CONNECTIONS = 32, 32
_LAST_32_BITS = 0xFFFF_FFFF


class PrivateAddressError(urllib3.exceptions.NewConnectionError):
    """The name leads to an address that is not public; nothing was sent."""


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _TRANSLATED:
            ip = ipaddress.ip_address(int(ip) & _LAST_32_BITS)
        elif ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip.sixtofour is not None or ip.teredo is not None:
            return False
    return ip.is_global and not ip.is_multicast and ip != _AZURE_HOST_AGENT


def is_ip_address(host: str) -> bool:
    """Return whether a host is an IP address, in any of the forms that programs read."""
    try:
        socket.inet_aton(host.strip("[]"))
    except OSError:
        return ":" in host
    return True


class PublicAdapter(requests.adapters.HTTPAdapter):
    """An adapter of `requests` that connects to public addresses, and to others where `may_be_private` allows it."""

    def __init__(self, may_be_private: MayBePrivate) -> None:
        self._pool_class = _make_pool_class(may_be_private)
        super().__init__(pool_connections=_MOST_HOSTS, pool_maxsize=_MOST_CONNECTIONS, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Let the pools make guarded connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"https": self._pool_class}


def _make_pool_class(may_be_private: MayBePrivate) -> type[urllib3.connectionpool.HTTPSConnectionPool]:
    class Connection(urllib3.connection.HTTPSConnection):
        """Resolves the name itself and connects to what it has judged."""

        def _new_conn(self) -> socket.socket:
            name = self._dns_host
            addresses = _resolve(self, name, self.port or 443)
            if not may_be_private(name) and not all(map(is_public, addresses)):
                raise PrivateAddressError(self, "the name leads to an address that is not public")
            failure: Exception | None = None
            for address in addresses:
                self._dns_host = address
                try:
                    return super()._new_conn()
                except urllib3.exceptions.HTTPError as error:
                    failure = error
                finally:
                    self._dns_host = name
            raise failure or urllib3.exceptions.NewConnectionError(self, "the name has no address")

    class Pool(urllib3.connectionpool.HTTPSConnectionPool):
        ConnectionCls = Connection

    return Pool


def _resolve(connection: urllib3.connection.HTTPConnection, name: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(name.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise urllib3.exceptions.NewConnectionError(connection, "the name cannot be resolved") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
