"""To which hosts callers may let the gateway send events."""

import re
from collections.abc import Callable
from dataclasses import dataclass

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.){{1,20}}{_LABEL}")
_EVERYTHING = "*"


@dataclass(frozen=True)
class TargetHosts:
    """Host names, each as it is or `*.` and a domain for all below it. Empty allows none.

    `private`: those whose addresses may be private.
    """

    allowed: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()

    def allows(self, host: str) -> bool:
        """Return whether events may be sent to this host."""
        return _EVERYTHING in self.allowed or _fits(host, self.allowed)

    def may_be_private(self, host: str) -> bool:
        """Return whether this host's name may lead to an address that is not public."""
        return _fits(host, self.private)


def read_target_hosts(text: Callable[[str], str], report: Callable[[str, str], None]) -> TargetHosts:
    """Read the two settings; report what is no host."""
    allowed, private = (
        frozenset(part.strip().lower() for part in text(name).split(",") if part.strip())
        for name in ("EVENT_TARGET_HOSTS", "EVENT_TARGET_PRIVATE_HOSTS")
    )
    for name, hosts in (("EVENT_TARGET_HOSTS", allowed - {_EVERYTHING}), ("EVENT_TARGET_PRIVATE_HOSTS", private)):
        for wrong in sorted(host for host in hosts if not _HOST.fullmatch(host)):
            report(name, f"{wrong!r} is no host. Use a name such as hooks.contoso.com, or *.contoso.com.")
    if _EVERYTHING in allowed and len(allowed) > 1:
        report("EVENT_TARGET_HOSTS", "Give either * or a list of hosts, not both.")
    return TargetHosts(allowed, private)


def _fits(host: str, patterns: frozenset[str]) -> bool:
    name = host.lower().rstrip(".")
    parts = name.split(".")
    return name in patterns or any("*." + ".".join(parts[start:]) in patterns for start in range(1, len(parts)))
