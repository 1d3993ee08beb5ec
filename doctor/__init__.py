"""Examines everything that the gateway depends on, and says how to repair what fails."""

from collections.abc import Mapping
from typing import Any


def examine(
    environ: Mapping[str, str] | None = None, *, refused: str | None = None, connection: str | None = None
) -> dict[str, Any]:
    """Examine everything that the settings name; return {"status", "steps"}.

    `environ` replaces the environment of the process. `refused` is the address of a mailbox that the app of this
    connection must not be able to read. Raises Invalid for a connection that the settings do not have.
    """
    from doctor.steps import examine_settings  # it imports most of the gateway

    return examine_settings(environ, refused=refused, connection=connection)
