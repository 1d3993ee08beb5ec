"""The double of Dataverse's connector: it gives the values of secret environment variables."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from devkit.flow_runs.doubles.base import Double, nest_error
from devkit.flow_runs.host import Answer
from devkit.flows.calls import Request

_ACTION = "RetrieveEnvironmentVariableSecretValue"


class Dataverse(Double):
    """Secrets by the schema names of their variables."""

    name = "shared_commondataserviceforapps"

    def __init__(self, secrets: Mapping[str, str]) -> None:
        super().__init__()
        self.secrets = dict(secrets)
        self.operations = {"PerformUnboundAction": self._perform}

    def refuse(self, status: int, message: str) -> Answer:
        """Return a refusal."""
        return nest_error(status, "0x80040220", message)

    def _perform(self, given: Mapping[str, Any], request: Request) -> Answer:
        name = (request.body or {}).get("EnvironmentVariableName")
        if given.get("actionName") != _ACTION or name not in self.secrets:
            return nest_error(HTTPStatus.NOT_FOUND, "0x80060888", f"Resource not found for the segment '{name}'.")
        return Answer(HTTPStatus.OK, {"EnvironmentVariableSecretValue": self.secrets[name]})
