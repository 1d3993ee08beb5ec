"""HTTP requests on pooled connections, each sent as it is given, without what a `requests.Session` adds to every call.

A session looks for ~/.netrc and puts what it finds in place of a token, merges settings, keeps cookies, prepares
redirects that nobody follows, and reads the environment: a third of the computing time of a call. Here the proxies and
the certificates of the environment are looked up once for each host.
"""

import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import requests.adapters
import requests.utils
import urllib3.exceptions

from shared.redirects import is_redirect, redirect_refused

# More than call at once: the threads of functions (in infra/ up to 108), those for Graph and for storage, and one for
# each lease. A connection is made when a thread needs one, so a larger number costs nothing.
_MOST_CONNECTIONS = 256
_MOST_HOSTS = 32

# Raised before a byte of the request has left. urllib3's ProxyError is no proof of that: it also stands for a line that
# broke behind the proxy after the request was sent; nor are other TLS errors: a line cut mid-answer shows as one, too.
_NOTHING_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    ssl.SSLCertVerificationError,
)
_NO_TUNNEL = "Tunnel connection failed"  # http.client's words when the proxy refuses


class DirectSession:
    """Connections that all threads of a process may share. It keeps nothing else of one request for the next.

    With `who`, the subject of a sentence, an answer that redirects is an error at once: for libraries that take every
    answer for what they expect.
    """

    def __init__(self, *, who: str | None = None) -> None:
        self._who = who
        self._adapter = requests.adapters.HTTPAdapter(
            pool_connections=_MOST_HOSTS, pool_maxsize=_MOST_CONNECTIONS, max_retries=0
        )
        self._headers = requests.utils.default_headers()
        self._surroundings: dict[tuple[str, str], dict[str, Any]] = {}

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
        prepared.prepare_url(url, params)
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
        parts = urlsplit(url)
        host = (parts.scheme, parts.netloc)
        if host not in self._surroundings:
            found: dict[str, Any] = {**requests.Session().merge_environment_settings(url, {}, None, None, None)}
            del found["stream"]
            self._surroundings[host] = found
        return self._surroundings[host]


def is_unsent(error: BaseException) -> bool:
    """Say whether an error of a request proves that not a byte of it has left."""
    return any(isinstance(layer, _NOTHING_SENT) or str(layer).startswith(_NO_TUNNEL) for layer in find_layers(error))


def find_layers(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all causes that requests and urllib3 wrapped into it."""
    yield error
    for inner in (getattr(error, "reason", None), getattr(error, "original_error", None), *error.args):
        if isinstance(inner, BaseException):
            yield from find_layers(inner)
