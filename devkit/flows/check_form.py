"""Checks of a flow's form: what the platform refuses in any flow.

Limits: "Limits and configuration" of Power Automate and of Logic Apps.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from devkit.flows.complaints import Complaint
from devkit.flows.durations import measure
from devkit.flows.order import find_circle
from devkit.flows.sources import CONNECTED, Flow, Json, Step, find_branches, find_texts, strip_branches

_NAME = 80
_DESCRIPTION = 256
_EXPRESSION = 8192
_ACTIONS = 500
_NESTING = 8
_RETRIES = 90
_WAIT = (5, 86_400)
_LEAST_RECURRENCE = 60
_RUNS = 100
_REPETITIONS = 50
_UNTIL = 5000
_ONE_RUN = "One run at a time"
_SECONDS = {
    "Second": 1,
    "Minute": 60,
    "Hour": 3600,
    "Day": 86_400,
    "Week": 604_800,
    "Month": 2_592_000,
    "Year": 31_536_000,
}
_PLAIN = re.compile(r"[A-Za-z0-9_() -]+")
_STATUSES = {"Succeeded", "Failed", "Skipped", "TimedOut"}
_SECURABLE = {*CONNECTED, "Http", "ApiConnection"}
_AUTHENTICATION = "@parameters('$authentication')"

type Found = tuple[str, str, str]  # rule, place, message
type Check = Callable[[Flow], Iterator[Found]]


def check_form(flow: Flow) -> list[Complaint]:
    """Return every fault of form."""
    return [Complaint(flow.name, *found) for check in _CHECKS for found in check(flow)]


def _check_trigger(flow: Flow) -> Iterator[Found]:
    triggers = flow.definition["triggers"]
    if len(triggers) != 1:
        yield "trigger", "triggers", f"a flow has one trigger, this has {len(triggers)}"
    name, trigger = flow.trigger
    recurrence = trigger.get("recurrence")
    if recurrence is None:
        if trigger["type"] in ("Recurrence", "OpenApiConnection"):
            yield "trigger", name, "says nothing of how often it asks: recurrence"
        return
    every = _SECONDS.get(str(recurrence.get("frequency")), 0) * int(recurrence.get("interval", 0))
    if every < _LEAST_RECURRENCE:
        yield "trigger", name, f"asks every {every} seconds; Power Automate allows no less than {_LEAST_RECURRENCE}"


def _check_order(flow: Flow) -> Iterator[Found]:
    for step in flow.steps:
        for other, statuses in step.action.get("runAfter", {}).items():
            if other not in step.siblings:
                yield "order", step.name, f"runs after “{other}”, which does not stand beside it"
            if unknown := {str(status).capitalize() for status in statuses} - {s.capitalize() for s in _STATUSES}:
                yield "order", step.name, f"runs after “{other}” is {', '.join(sorted(unknown))}: no such outcome"
    for siblings in _list_groups(flow):
        if circle := find_circle(siblings):
            yield "order", ", ".join(circle), "wait for one another"


def _check_names(flow: Flow) -> Iterator[Found]:
    seen: set[str] = set()
    for name in (flow.trigger[0], *(step.name for step in flow.steps)):
        if len(name) > _NAME:
            yield "name", name, f"{len(name)} characters, {_NAME} are allowed"
        if not _PLAIN.fullmatch(name):
            yield "name", name, "names are letters, digits, blanks, dashes, brackets and underscores"
        if name.lower() in seen:
            yield "name", name, "there is another of that name"
        seen.add(name.lower())
    if len(flow.title) > _NAME:
        yield "name", "displayName", f"{len(flow.title)} characters, {_NAME} are allowed"


def _check_descriptions(flow: Flow) -> Iterator[Found]:
    name, trigger = flow.trigger
    places = [("definition", flow.definition), (name, trigger), *((step.name, step.action) for step in flow.steps)]
    for place, thing in places:
        text = str(thing.get("description", ""))
        if not text:
            yield "explained", place, "says nothing of what it is for"
        if len(text) > _DESCRIPTION:
            yield "description", place, f"{len(text)} characters, {_DESCRIPTION} are allowed"


def _check_sizes(flow: Flow) -> Iterator[Found]:
    if len(flow.steps) > _ACTIONS:
        yield "size", "actions", f"{len(flow.steps)} actions, {_ACTIONS} are allowed"
    for step in flow.steps:
        if len(step.parents) >= _NESTING:
            yield "size", step.name, f"stands {len(step.parents)} deep, {_NESTING} levels are allowed"
    for place, text in find_texts(flow.definition):
        if "@" in text and len(text) > _EXPRESSION:
            yield "size", place, f"an expression of {len(text)} characters, {_EXPRESSION} are allowed"


def _check_retries(flow: Flow) -> Iterator[Found]:
    for name, thing in _list_steps(flow):
        inputs = thing.get("inputs")
        policy = inputs.get("retryPolicy") if isinstance(inputs, dict) else None
        if not isinstance(policy, dict):
            continue
        kind = str(policy.get("type")).lower()
        if kind not in ("none", "default", "fixed", "exponential"):
            yield "retry", name, f"there is no retry policy “{policy.get('type')}”"
        elif kind in ("fixed", "exponential"):
            if not 1 <= int(policy.get("count", 0)) <= _RETRIES:
                yield "retry", name, f"{policy.get('count')} retries, 1 to {_RETRIES} are allowed"
            for key in ("interval", "minimumInterval", "maximumInterval"):
                if key in policy and not _WAIT[0] <= measure(str(policy[key])) <= _WAIT[1]:
                    yield "retry", name, f"{key} is {policy[key]}, 5 seconds to a day are allowed"
            if "interval" not in policy:
                yield "retry", name, "says nothing of the time between retries: interval"


def _check_concurrency(flow: Flow) -> Iterator[Found]:
    for name, thing in _list_steps(flow):
        limits = {"runs": _RUNS, "maximumWaitingRuns": _RUNS, "repetitions": _REPETITIONS}
        for key, value in thing.get("runtimeConfiguration", {}).get("concurrency", {}).items():
            if not 1 <= int(value) <= limits.get(key, 0):
                yield "concurrency", name, f"{key} is {value}, 1 to {limits.get(key, 0)} are allowed"
        if thing["type"] == "Until":
            count = int(thing.get("limit", {}).get("count", 0))
            if not 1 <= count <= _UNTIL:
                yield "concurrency", name, f"repeats {count} times at most, 1 to {_UNTIL} are allowed"


def _check_preset(flow: Flow) -> Iterator[Found]:
    """Find triggers that limit how many runs go at once, which the portal never takes back, without a reason."""
    name, trigger = flow.trigger
    concurrency = trigger.get("runtimeConfiguration", {}).get("concurrency", {})
    if "runs" not in concurrency:
        return
    if concurrency["runs"] != 1 or _ONE_RUN not in trigger.get("description", ""):
        yield "preset", name, f"limits its runs, which cannot be taken back: leave it out, or explain “{_ONE_RUN}”"


def _check_security(flow: Flow) -> Iterator[Found]:
    for name, thing in _list_steps(flow):
        inputs = thing.get("inputs")
        if thing["type"] in CONNECTED and (inputs or {}).get("authentication") != _AUTHENTICATION:
            yield "authentication", name, f"needs authentication {_AUTHENTICATION}, or it finds no connection"
        secured = thing.get("runtimeConfiguration", {}).get("secureData", {}).get("properties", [])
        if secured and (thing["type"] not in _SECURABLE or name == flow.trigger[0]):
            yield "secret", name, f"an action of type {thing['type']} cannot keep inputs or outputs secret"


def _check_responses(flow: Flow) -> Iterator[Found]:
    if flow.trigger[1]["type"] == "Request":
        return
    for step in flow.steps:
        if step.action["type"] == "Response":
            yield "trigger", step.name, "answers a request, but none starts this flow"


_CHECKS: tuple[Check, ...] = (
    _check_trigger, _check_order, _check_names, _check_descriptions, _check_sizes, _check_retries, _check_concurrency,
    _check_preset, _check_security, _check_responses,
)  # fmt: skip


def _list_steps(flow: Flow) -> list[tuple[str, Json]]:
    return [flow.trigger, *((step.name, strip_branches(step.action)) for step in flow.steps)]


def _list_groups(flow: Flow) -> list[Any]:
    return [flow.definition["actions"], *(group for step in flow.steps for group in _groups_of(step))]


def _groups_of(step: Step) -> list[Any]:
    return list(find_branches(step.action))
