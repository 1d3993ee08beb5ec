"""The branch for failures says in a sentence which step failed and why, and leads to the run."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from devkit.flow_runs.values import Scope, TemplateFailure, evaluate
from devkit.flows.check_failures import load_branch

_, BRANCH = load_branch()
CONNECTOR = {"name": "Create_it", "status": "Failed", "code": "BadRequest"}
ENDINGS: list[tuple[dict[str, Any], str]] = [
    (
        {**CONNECTOR, "outputs": {"statusCode": 409, "body": {"error": {"code": "SlotTaken", "message": "Taken."}}}},
        "The step “Create it” failed: Taken.",
    ),
    (
        {**CONNECTOR, "outputs": {"statusCode": 404, "body": {"status": 404, "message": "No such list."}}},
        "The step “Create it” failed: No such list.",
    ),
    (
        {**CONNECTOR, "outputs": {"statusCode": 400, "body": {"error": "invalid_grant", "message": "Sign in again."}}},
        "The step “Create it” failed: Sign in again.",
    ),
    ({**CONNECTOR, "outputs": {"statusCode": 502, "body": "Bad gateway"}}, "The step “Create it” failed: Bad gateway"),
    (
        {**CONNECTOR, "outputs": {"statusCode": 401}},
        "The step “Create it” failed: the answer had the status 401 and no text.",
    ),
    (
        {**CONNECTOR, "outputs": {"statusCode": 503, "body": "<html>Unavailable</html>"}},
        "The step “Create it” failed: the answer had the status 503 and no text.",
    ),
    (
        {**CONNECTOR, "outputs": {"statusCode": 500, "body": ["a", "b"]}},
        'The step “Create it” failed: ["a","b"]',
    ),
    (
        {"name": "Count", "status": "Failed", "error": {"code": "InvalidTemplate", "message": "Unable to process."}},
        "The step “Count” failed: Unable to process.",
    ),
    ({"name": "Wait_for_it", "status": "TimedOut"}, "The step “Wait for it” took too long."),
    (
        {**CONNECTOR, "status": "TimedOut", "error": {"code": "ActionTimedOut", "message": "Limit PT10M."}},
        "The step “Create it” took too long: Limit PT10M.",
    ),
    (
        {"name": "Each", "status": "Failed", "error": {"code": "ActionFailed", "message": "An action failed."}},
        "The step “Each” failed: a step inside it did. The history of the run shows which one.",
    ),
    ({"name": "Odd", "status": "Failed", "outputs": "text"}, "The step “Odd” failed."),
    ({"name": "Odd", "status": "Aborted"}, "The step “Odd” failed."),
]


def report(
    results: list[dict[str, Any]] | None, workflow: dict[str, Any], *, both: bool, inside: str = "@json('[]')"
) -> dict[str, Any]:
    """Run the steps of the branch that only work on data; return their outputs. `inside`: results inside loops."""
    scope = Scope(
        now=datetime(2026, 5, 5, tzinfo=UTC), results={} if results is None else {"Work": results},
        workflow=workflow, parameters={"Report recipients (ggw_Recipients)": "desk@example.com", "$authentication": {}},
        reads_both_branches=both, actions={"Work": {"name": "Work", "status": "Failed"}},
    )  # fmt: skip
    records: dict[str, Any] = dict(scope.actions)
    for name, action in BRANCH["actions"].items():
        inputs = action["inputs"]

        def read(template: Any, **more: Any) -> Any:
            place = {"actions": records, "reads_both_branches": both, **more}
            return evaluate(template, Scope(**{**vars(scope), **place}))

        if name == "Failed_steps_inside":
            inputs = inputs | {"from": inside}
            try:
                read(inside)
            except TemplateFailure:
                records[name] = {"name": name, "status": "Failed"}
                continue
        if action["type"] == "Query":
            outputs: Any = {"body": [one for one in read(inputs["from"]) if read(inputs["where"], item=one)]}
        elif action["type"] == "Select":
            outputs = {"body": [read(inputs["select"], item=one) for one in read(inputs["from"])]}
        else:
            outputs = read(inputs)
        records[name] = {"name": name, "status": "Succeeded", "outputs": outputs}
    return {name: record.get("outputs") for name, record in records.items()}


RUN = {"name": "4d5f", "run": {"name": "0858"}, "tags": {"environmentName": "Default-1", "flowDisplayName": "Agenda"}}


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(("result", "sentence"), ENDINGS, ids=[sentence for _, sentence in ENDINGS])
def test_each_form_of_a_failure_becomes_a_sentence(result: dict[str, Any], sentence: str, *, both: bool) -> None:
    around = [{"name": "Before", "status": "Succeeded"}, result, {"name": "After", "status": "Skipped"}]
    outputs = report(around, RUN, both=both)
    assert outputs["What_went_wrong"] == sentence
    assert outputs["End_as_failed"]["runError"]["message"] == sentence


def test_several_failures_are_all_named_and_the_mail_leads_to_the_run() -> None:
    outputs = report([ENDINGS[0][0], ENDINGS[8][0]], RUN, both=True)
    mail = outputs["Tell_those_in_charge"]["parameters"]
    assert mail["emailMessage/To"] == "desk@example.com"
    assert mail["emailMessage/Subject"] == "Flow failed: Agenda"
    assert mail["emailMessage/Body"] == (
        "<p>The step “Create it” failed: Taken. The step “Wait for it” took too long.</p>"
        '<p><a href="https://make.powerautomate.com/environments/Default-1/flows/4d5f/runs/0858">Run 0858</a>: '
        "mend the cause, then resubmit the run.</p>"
    )


def test_a_step_inside_a_loop_is_named_instead_of_the_loop() -> None:
    loop = {"name": "Each", "status": "Failed", "error": {"code": "ActionFailed", "message": "An action failed."}}
    inside = f"@json('[{json.dumps(ENDINGS[0][0])}]')"
    assert report([loop], RUN, both=True, inside=inside)["What_went_wrong"] == ENDINGS[0][1]


def test_a_platform_that_shows_nothing_of_a_loop_leaves_the_loop_named() -> None:
    loop, sentence = ENDINGS[10]
    assert report([loop], RUN, both=True, inside="@result('Unknown')")["What_went_wrong"] == sentence


def test_in_azure_the_mail_leads_to_the_workflow() -> None:
    workflow = {"name": "agenda", "id": "/subscriptions/s/workflows/agenda", "run": {"name": "0858"}, "tags": {}}
    outputs = report([], workflow, both=True)
    assert outputs["Address_of_the_run"] == "https://portal.azure.com/#resource/subscriptions/s/workflows/agenda"
    assert outputs["What_went_wrong"] == "The run failed before its first step began."


def test_what_others_wrote_is_text_in_the_mail() -> None:
    evil = {**CONNECTOR, "outputs": {"body": {"error": {"message": "<img src=x> & more"}}}}
    body = report([evil], RUN, both=False)["Tell_those_in_charge"]["parameters"]["emailMessage/Body"]
    assert "&lt;img src=x> &amp; more" in body
