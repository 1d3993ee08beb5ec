"""The double of Forms' connector: responses to one form."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from devkit.flow_runs.doubles.base import Double, nest_error
from devkit.flow_runs.host import Answer
from devkit.flows.calls import Request


class Forms(Double):
    """The responses by their ids; a response is answers by the ids of their questions, and who gave them."""

    name = "shared_microsoftforms"

    def __init__(self, form: str, responses: Mapping[int, Mapping[str, Any]]) -> None:
        super().__init__()
        self.form = form
        self.responses = dict(responses)
        self.operations = {"GetFormResponseById": self._get_response}

    def refuse(self, status: int, message: str) -> Answer:
        """Return a refusal."""
        return nest_error(status, "AccessDenied" if status == HTTPStatus.FORBIDDEN else "NotFound", message)

    def _get_response(self, given: Mapping[str, Any], request: Request) -> Answer:
        key = str(request.queries.get("response_id"))
        found = self.responses.get(int(key)) if key.isdecimal() else None
        if given.get("form_id") != self.form or found is None:
            return self.refuse(HTTPStatus.NOT_FOUND, "The requested form or response does not exist.")
        return Answer(HTTPStatus.OK, dict(found), {"Content-Type": "application/json"})
