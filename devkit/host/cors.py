"""Cross-origin requests, answered as ASP.NET Core's CORS middleware does for Core Tools.

Source: https://learn.microsoft.com/aspnet/core/security/cors; settings: ``Host.CORS`` (``*`` or origins with commas)
and ``Host.CORSCredentials`` of the settings file.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Cors:
    """Which origins may call. Without origins nothing is added or answered."""

    origins: tuple[str, ...]
    credentials: bool

    def is_preflight(self, method: str, headers: Mapping[str, str]) -> bool:
        """Say whether this request is a browser's question, answered here and not by a function."""
        return (
            bool(self.origins)
            and method == "OPTIONS"
            and "origin" in headers
            and "access-control-request-method" in headers
        )

    def answer(self, headers: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return the headers to add to any answer; none for an origin that is not allowed."""
        origin = headers.get("origin")
        if origin is None or not self._allows(origin):
            return []
        if "*" in self.origins and not self.credentials:
            return [("Access-Control-Allow-Origin", "*")]
        answer = [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
        return [*answer, ("Access-Control-Allow-Credentials", "true")] if self.credentials else answer

    def answer_preflight(self, headers: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return the headers of a preflight's answer (status 204): any method and header that was asked for."""
        answer = self.answer(headers)
        if answer:
            answer.append(("Access-Control-Allow-Methods", headers["access-control-request-method"]))
            if wanted := headers.get("access-control-request-headers"):
                answer.append(("Access-Control-Allow-Headers", wanted))
        return answer

    def _allows(self, origin: str) -> bool:
        return "*" in self.origins or origin.casefold() in {allowed.casefold() for allowed in self.origins}
