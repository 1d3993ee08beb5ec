"""HTTP requests on pooled connections, each sent as it is given, without what a `requests.Session` adds to every call.

A session looks for ~/.netrc and puts what it finds in place of a token, merges settings, keeps cookies, prepares
redirects that nobody follows, and reads the environment: a third of the computing time of a call. Here the proxies and
the certificates of the environment are looked up once for each host.
"""

import functools
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import requests
import requests.adapters
import requests.structures
import requests.utils
import urllib3.exceptions
import urllib3.util

from shared.redirects import is_redirect, redirect_refused

# More than call at once: the threads of functions (in infra/ up to 108), those for Graph and for storage, and one for
# each lease. A connection is made when a thread needs one, so a larger number costs nothing.
_MOST_CONNECTIONS = 256
_MOST_HOSTS = 32

# What `requests` would send as it is written: no escapes to correct, no dot segments to resolve, no fragment.
_PLAIN_URL = re.compile(
    r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?/(?!.*/\.)(?:[A-Za-z0-9_.~!$&'()*+,;=:@/?-]|%(?:2[0-9A-CF]|3[A-F]|40|7C))*"
)

# Raised before a byte of the request has left. urllib3's ProxyError is no proof of that: it also stands for a line that
# broke behind the proxy after the request was sent; nor are other TLS errors: a line cut mid-answer shows as one, too.
_NOTHING_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    ssl.SSLCertVerificationError,
)
_NO_TUNNEL = "Tunnel connection failed"  # http.client's words when the proxy refuses
# 403 and 407: its rules do not let this client through to this host. Others may pass, or stand for a host that is away.
_FORBIDDEN_TUNNEL = re.compile(rf"{_NO_TUNNEL}: 40[37]\b")
# The resolver knows that there is no such name; EAI_AGAIN says that it could not be asked.
_NO_NAME = frozenset(
    number for name in ("EAI_NONAME", "EAI_NODATA") if (number := getattr(socket, name, None)) is not None
)

type MakeAdapter = Callable[[], requests.adapters.HTTPAdapter]


class DirectSession:
    """Connections that all threads of a process may share. It keeps nothing else of one request for the next.

    With `who`, the subject of a sentence, an answer that redirects is an error at once: for libraries that take every
    answer for what they expect.
    """

    def __init__(self, *, who: str | None = None, make_adapter: MakeAdapter | None = None) -> None:
        self._who = who
        self._adapter = make_adapter() if make_adapter else _Adapter()
        self._headers = dict(requests.utils.default_headers())
        self._surroundings: dict[str, dict[str, Any]] = {}

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        data: Any = None,
        json: Any = None,
        files: Any = None,
        timeout: tuple[float, float] | None = None,
        stream: bool = False,
        **_given_by_azure: object,
    ) -> requests.Response:
        """Send one request; redirects are not followed. Raises the errors of `requests`.

        Azure's transport gives further options, always with the values that hold here anyway.
        """
        prepared = requests.PreparedRequest()
        prepared.method = method
        if params or not _PLAIN_URL.fullmatch(url):
            prepared.prepare_url(url, params)
        else:
            prepared.url = url
        prepared.prepare_headers({**self._headers, **(headers or {})})
        prepared.prepare_body(data, files, json)
        response = self._adapter.send(prepared, stream=True, timeout=timeout, **self._find_surroundings(prepared))
        if self._who is not None and is_redirect(response.status_code):
            response.close()
            raise redirect_refused(self._who, response.status_code)
        if not stream:
            _ = response.content  # reads it to its end, which gives the connection back
        return response

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._adapter.close()

    def _find_surroundings(self, prepared: requests.PreparedRequest) -> dict[str, Any]:
        """Return proxies, certificates and client certificate for the host, as the machine is set up."""
        url = prepared.url or ""
        origin = _origin_of(url)
        if origin not in self._surroundings:
            found: dict[str, Any] = {**requests.Session().merge_environment_settings(url, {}, None, None, None)}
            del found["stream"]
            self._surroundings[origin] = found
        return self._surroundings[origin]


class _Adapter(requests.adapters.HTTPAdapter):
    """The adapter of `requests` that works out once for each origin what it would for each request.

    `DirectSession` gives the same proxies and certificates for an origin each time.
    """

    def __init__(self) -> None:
        super().__init__(pool_connections=_MOST_HOSTS, pool_maxsize=_MOST_CONNECTIONS, max_retries=0)
        self._pools: dict[str, Any] = {}

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """Return what makes a pool: certificates that were read once, and not for each connection."""
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if verify and host["scheme"] == "https":
            place = requests.utils.DEFAULT_CA_BUNDLE_PATH if verify is True else str(verify)
            tls = {"cert_reqs": "CERT_REQUIRED", "ssl_context": _read_certificates(place, Path(place).stat().st_mtime)}
        return host, tls

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        """Return the pool of the origin."""
        origin = _origin_of(request.url)
        pool = self._pools.get(origin)
        if pool is None or pool.pool is None:  # closed, to make room for one of another origin
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            self._pools[origin] = pool
        return pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do nothing: the pool knows its certificates."""

    def request_url(self, request: Any, proxies: Any) -> str:
        """Return what stands in the first line of the request: a proxy of plain http is told the whole address."""
        origin = _origin_of(request.url)
        if self._pools[origin].proxy is not None and not origin.startswith("https:"):
            return super().request_url(request, proxies)
        path: str = request.url[len(origin) :]
        return path.partition("#")[0]

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        """Return the answer; cookies are not kept."""
        response = requests.Response()
        response.status_code, response.reason, response.raw = resp.status, resp.reason, resp
        response.headers = requests.structures.CaseInsensitiveDict(resp.headers)
        response.encoding = requests.utils.get_encoding_from_headers(response.headers)
        response.url, response.request = req.url, req
        return response


@functools.lru_cache(maxsize=4)
def _read_certificates(place: str, _changed: float) -> ssl.SSLContext:
    """Return what checks servers by the certificates of a file or folder; reading them takes 18 ms."""
    context = urllib3.util.create_urllib3_context()
    context.verify_mode = ssl.CERT_REQUIRED
    is_folder = Path(place).is_dir()
    context.load_verify_locations(cafile=None if is_folder else place, capath=place if is_folder else None)
    return context


def _origin_of(url: str) -> str:
    """Return scheme and authority of an address that was prepared."""
    end = url.find("/", len("https://"))
    return url if end < 0 else url[:end]


def is_unsent(error: BaseException) -> bool:
    """Say whether an error of a request proves that not a byte of it has left."""
    return any(isinstance(layer, _NOTHING_SENT) or str(layer).startswith(_NO_TUNNEL) for layer in find_layers(error))


def leads_nowhere(error: BaseException) -> bool:
    """Say whether a request failed because no such host exists, or the proxy forbids it: waiting does not help."""
    for layer in find_layers(error):
        cause = layer.__cause__ if isinstance(layer, urllib3.exceptions.NameResolutionError) else layer
        if isinstance(cause, socket.gaierror) and cause.errno in _NO_NAME:
            return True
        if _FORBIDDEN_TUNNEL.match(str(layer)):
            return True
    return False


def find_layers(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all causes that requests, urllib3 and Azure's libraries wrapped into it."""
    yield error
    wrapped = (getattr(error, name, None) for name in ("reason", "original_error", "inner_exception"))
    for inner in (*wrapped, *error.args):
        if isinstance(inner, BaseException):
            yield from find_layers(inner)
