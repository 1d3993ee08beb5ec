"""The HTTP transport of Azure's client libraries, with connections enough for all threads of a process.

Left alone, each client has a pool of its own that keeps ten connections: of sixteen threads that call at once, six lose
their connection after each call, and in Azure the next call begins with a TLS handshake. Clients that share a transport
share its connections.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests
    from azure.core.pipeline.transport import RequestsTransport

# More than call at once: the threads of functions (in infra/ up to 108), those for Graph and for storage, and one for
# each lease. A connection is made when a thread needs one, so a larger number costs nothing.
MOST_CONNECTIONS = 256


def build_transport(*, connection_timeout: float, read_timeout: float) -> "RequestsTransport":
    """Build a transport that many clients and threads may share. Repetitions are the clients' own."""
    import requests
    import requests.adapters
    from azure.core.pipeline.transport import RequestsTransport
    from urllib3 import Retry

    session = requests.Session()
    no_retries = Retry(total=False, redirect=False, raise_on_status=False)  # as in a transport of their own making
    adapter = requests.adapters.HTTPAdapter(pool_maxsize=MOST_CONNECTIONS, max_retries=no_retries)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    # requests would look into ~/.netrc before each call, and put what it finds there in place of the client's token.
    session.auth = _leave_unchanged
    return RequestsTransport(
        session=session, session_owner=False, connection_timeout=connection_timeout, read_timeout=read_timeout
    )


def _leave_unchanged(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
    return request
