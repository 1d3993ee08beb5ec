"""The HTTP transport of Azure's client libraries, with connections enough for all threads of a process.

Left alone, each client has a pool of its own that keeps ten connections: of sixteen threads that call at once, six lose
their connection after each call, and in Azure the next call begins with a TLS handshake. Clients that share a transport
share its connections.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.core.pipeline.transport import RequestsTransport


def build_transport(*, connection_timeout: float, read_timeout: float, who: str | None = None) -> "RequestsTransport":
    """Build a transport that many clients and threads may share. Repetitions are the clients' own.

    With `who`, an answer that redirects is an error at once (`DirectSession`).
    """
    from azure.core.pipeline.transport import RequestsTransport

    from shared.direct_session import DirectSession

    return RequestsTransport(
        session=DirectSession(who=who),
        session_owner=False,
        connection_timeout=connection_timeout,
        read_timeout=read_timeout,
    )
