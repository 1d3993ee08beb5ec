"""Addresses that are credentials stay out of the log of the HTTP library, which shows path and query."""

import logging


class _NoSecretAddress(logging.Filter):
    """Suppresses the HTTP library's log lines about hosts with secret addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts: frozenset[str] = frozenset()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True if the record may be logged."""
        text = record.getMessage()
        return not any(host in text for host in self.hosts)


_no_secret_address = _NoSecretAddress()


def hide_host(host: str) -> None:
    """Suppress log lines about a host from now on."""
    if host not in _no_secret_address.hosts:
        for name in ("urllib3.connectionpool", "urllib3.util.retry"):
            logging.getLogger(name).addFilter(_no_secret_address)
        _no_secret_address.hosts |= {host}
