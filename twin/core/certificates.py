"""A certificate authority for one run: its certificate is written to the CA file, its key stays in the process."""

import ssl
from collections.abc import Iterable
from pathlib import Path

import trustme


def make_server_context(names: Iterable[str], ca_file: Path) -> ssl.SSLContext:
    """Make a TLS server context with one certificate for all names; write its authority to `ca_file` as PEM."""
    authority = trustme.CA(organization_name="Graph gateway simulator")
    certificate = authority.issue_cert(*names)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    authority.cert_pem.write_to_path(str(ca_file))
    return context
