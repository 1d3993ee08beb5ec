"""How one action ended, as `actions()`, `result()` and the run's history show it.

A failed action has one of three forms. An expression that failed, and what the engine itself refuses, stand in `error`,
without outputs. An answer of a connector stands in `outputs`, whose `body` is whatever the connector says: an object
`error` with a `message`, or a `message` of its own. A scope, loop or condition in which something failed says so in
`error`, and not what it was. (Microsoft Learn, "Handle errors and exceptions"; dev.to/wyattdave, "Exception Handling in
Power Automate"; records of real runs that makers published.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

SUCCEEDED, FAILED, SKIPPED, TIMED_OUT = "Succeeded", "Failed", "Skipped", "TimedOut"
CANCELLED = "Cancelled"  # around a Terminate; no runAfter can name it
FAILING = frozenset({FAILED, TIMED_OUT})
HIDDEN = "Content not shown due to security configuration."

type Record = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How an action ended, and when."""

    end: datetime
    status: str = SUCCEEDED
    inputs: Any = None
    outputs: Any = None
    code: str | None = "OK"
    error: Mapping[str, Any] | None = None

    def describe(self, name: str, start: datetime, tracking_id: str) -> Record:
        """Return the record of an action; what there is not is left out."""
        known = {"inputs": self.inputs, "outputs": self.outputs, "code": self.code, "error": self.error}
        return {
            "name": name,
            **{key: value for key, value in known.items() if value is not None},
            "startTime": write_time(start),
            "endTime": write_time(self.end),
            "trackingId": tracking_id,
            "clientTrackingId": tracking_id,
            "status": self.status,
        }


def write_time(moment: datetime) -> str:
    """Return a moment as the platform writes it, with seven digits of the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}0Z"


def fail(end: datetime, code: str, message: str, inputs: Any = None, status: str = FAILED) -> Outcome:
    """Return a failure that the engine itself reports."""
    return Outcome(end, status, inputs, code=code, error={"code": code, "message": message})


def fail_template(name: str, end: datetime, failure: ValueError, place: str = "in action '{}' inputs") -> Outcome:
    """Return the failure of an action whose expressions cannot be evaluated."""
    where = f"{place.format(name)} at line '0' and column '0'"
    message = f"Unable to process template language expressions {where}: '{failure}'."
    return Outcome(end, FAILED, code="BadRequest", error={"code": "InvalidTemplate", "message": message})


def skip(name: str, at: datetime, before: str, wanted: list[str], found: str) -> Outcome:
    """Return how an action ended that did not begin because of `runAfter`."""
    message = (
        f"The execution of template action '{name}' is skipped: the 'runAfter' condition for action '{before}' is not "
        f"satisfied. Expected status values '{', '.join(wanted)}' and actual value '{found}'."
    )
    return Outcome(at, SKIPPED, code="ActionSkipped", error={"code": "ActionConditionFailed", "message": message})


def skip_branch(name: str, at: datetime) -> Outcome:
    """Return how an action ended in a branch that was not taken, or below an action that was skipped."""
    message = (
        f"The execution of template action '{name}' skipped: the branching condition for this action is not satisfied."
    )
    error = {"code": "ActionBranchingConditionNotSatisfied", "message": message}
    return Outcome(at, SKIPPED, code="ActionSkipped", error=error)


def contain(end: datetime, status: str, inputs: Any = None) -> Outcome:
    """Return how a scope, loop or condition ended, by the status of what is inside."""
    if status == SUCCEEDED:
        return Outcome(end, inputs=inputs, code=None)
    return fail(end, "ActionFailed", "An action failed. No dependent actions succeeded.", inputs)


def name_status(status: int) -> str:
    """Return a status code's name as records have it in `code`."""
    return (
        HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")
        if status in set(HTTPStatus)
        else str(status)
    )
