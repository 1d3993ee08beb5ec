"""Checks of what happens if a step fails: the run ends as failed, somebody hears of it, and who waits gets an answer.

Limits: "Limits and configuration" (a synchronous call ends after 120 seconds) and "Handle errors and exceptions" (what
is repeated, and how often by default) of Azure Logic Apps.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from devkit.flows.check_repeats import MESSAGES
from devkit.flows.complaints import Complaint
from devkit.flows.durations import measure
from devkit.flows.outcomes import FAILED, SUCCEEDED, TIMED_OUT, Outcome, find_outcome, find_outcomes
from devkit.flows.sources import CONNECTED, Flow, Json, Step, find_branches

ANSWER_LIMIT = 120  # seconds until whoever waits for a Response gets none
CALL_LIMIT = 30  # seconds in which the gateway answers any call (docs/flows.md); assumed of other services, too
_CALLS = (*CONNECTED, "Http")
_GROUPS = ("Scope", "Terminate")

type Found = tuple[str, str, str]  # rule, place, message


def check_outcomes(flow: Flow) -> list[Complaint]:
    """Return each step whose failure would stay unseen, and each way on which a caller waits in vain."""
    found = [*_check_outcomes(flow), *_check_time(flow)]
    first = {(rule, place): message for rule, place, message in sorted(found, reverse=True)}  # one way is enough
    return [Complaint(flow.name, rule, place, message) for (rule, place), message in sorted(first.items())]


def _check_outcomes(flow: Flow) -> Iterator[Found]:
    steps = {step.name: step for step in flow.steps}
    usual = {name for outcome in find_outcomes(flow, {}) for name in outcome.steps if outcome.has_run(name)}
    for name in usual & set(steps):
        for status in _list_endings(steps[name].action):
            yield from _judge_failure(flow, steps, name, status)
    yield from _check_error_branch(flow, steps, usual)
    for outcome in find_outcomes(flow, {}):
        if outcome.has_failed and not any(_is_message(steps[step].action) for step in outcome.steps):
            yield (
                "silent",
                "actions",
                f"a run can end as failed by itself, and nobody is informed{_describe_ways(outcome)}",
            )
    if flow.trigger[1]["type"] == "Request" and _list_answers(steps):
        for outcome in find_outcomes(flow, {}):
            if (count := _count_answers(outcome, steps)) != 1:
                yield "answer", "actions", f"a run can end with {count} Responses{_describe_ways(outcome)}"


def _judge_failure(flow: Flow, steps: Mapping[str, Step], name: str, status: str) -> Iterator[Found]:
    for outcome in find_outcomes(flow, {name: status}):
        if not outcome.has_run(name):
            continue
        if not outcome.has_failed:
            yield "failed", name, f"if it ends as {status}, the run can be green{_describe_ways(outcome)}"
        usual = find_outcome(flow, outcome.ways)
        after = {step for step in outcome.steps if outcome.has_run(step) and not usual.has_run(step)}
        if not any(_is_message(steps[step].action) for step in after):
            yield "silent", name, f"if it ends as {status}, nobody is informed{_describe_ways(outcome)}"
        waits = flow.trigger[1]["type"] == "Request" and _list_answers(steps)
        if _count_answers(outcome, steps) > 1:
            yield "answer", name, f"if it ends as {status}, two Responses are sent{_describe_ways(outcome)}"
        if waits and not _has_answer(outcome, steps) and steps[name].action["type"] != "Response":
            yield "answer", name, f"if it ends as {status}, no Response is sent{_describe_ways(outcome)}"


def _check_error_branch(flow: Flow, steps: Mapping[str, Step], usual: set[str]) -> Iterator[Found]:
    """Find steps that run after a failure only and with which, if they fail too, the run would end well."""
    for name in set(steps) - usual:
        for first in usual:
            outcomes = [one for one in find_outcomes(flow, {first: FAILED, name: FAILED}) if one.has_run(name)]
            if any(not outcome.has_failed for outcome in outcomes):
                yield "failed", name, f"if “{first}” fails and then it, the run can be green"
            if outcomes:
                break


def _list_endings(action: Json) -> tuple[str, ...]:
    if action["type"] in _GROUPS:
        return ()
    return (FAILED, TIMED_OUT) if action["type"] in _CALLS else (FAILED,)


def _is_message(action: Json) -> bool:
    if action["type"] in CONNECTED:
        return action["inputs"]["host"].get("operationId") in MESSAGES
    return bool(action["type"] == "Response")


def _list_answers(steps: Mapping[str, Step]) -> list[str]:
    return [name for name, step in steps.items() if step.action["type"] == "Response"]


def _has_answer(outcome: Outcome, steps: Mapping[str, Step]) -> bool:
    return _count_answers(outcome, steps) > 0


def _count_answers(outcome: Outcome, steps: Mapping[str, Step]) -> int:
    return sum(outcome.steps.get(name) == SUCCEEDED for name in _list_answers(steps))


def _describe_ways(outcome: Outcome) -> str:
    ways = [f"{name} is {'no' if way else 'yes'}" for name, way in outcome.ways.items()]
    return f" ({', '.join(ways)})" if ways else ""


def _check_time(flow: Flow) -> Iterator[Found]:
    """Hold the longest time until a Response, with all retries, against the limit of the platform."""
    if flow.trigger[1]["type"] != "Request":
        return
    for step in flow.steps:
        if step.action["type"] != "Response":
            continue
        seconds = sum(_begin(each.name, each.siblings) for each in (*step.parents, step))
        if seconds >= ANSWER_LIMIT:
            yield "answer", step.name, f"may come after {seconds} seconds or more; {ANSWER_LIMIT} are allowed"


def _begin(name: str, siblings: Mapping[str, Any]) -> int:
    """Return the seconds until a step begins at the latest: those of the longest way to it among its siblings."""
    return max((_end(other, siblings) for other in siblings[name].get("runAfter", {}) if other in siblings), default=0)


def _end(name: str, siblings: Mapping[str, Any]) -> int:
    action = siblings[name]
    inside = [_end(below, branch) for branch in find_branches(action) for below in branch]
    return _begin(name, siblings) + _measure(action) + max(inside, default=0)


def _measure(action: Json) -> int:
    """Return the seconds that a step takes at most, without those inside it.

    A step that is repeated waits as long as the answer's Retry-After says: only a time limit bounds that, and it ends
    no request that is under way.
    """
    if action["type"] == "Wait":
        return ANSWER_LIMIT
    if action["type"] not in _CALLS:
        return 0
    if str(action["inputs"].get("retryPolicy", {}).get("type", "default")).lower() == "none":
        return CALL_LIMIT
    timeout = action.get("limit", {}).get("timeout")
    return round(measure(str(timeout))) + CALL_LIMIT if timeout else ANSWER_LIMIT
