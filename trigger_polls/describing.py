"""Describes polled triggers for callers."""

from shared.json_text import Json
from shared.time_zones.zones import utc_text
from trigger_polls.poll import NotedTrigger


def describe_trigger(noted: NotedTrigger) -> Json:
    """Return what callers see of a polled trigger."""
    asked, answer = noted.asked, noted.answer
    return {
        "kind": asked.kind,
        "about": asked.about,
        "filters": dict(asked.filters),
        "who": {
            "workflowName": asked.asker.workflow,
            "workflowId": asked.asker.workflow_id,
            "environment": asked.asker.environment,
            "program": asked.asker.program,
        },
        "firstAskedDateTime": utc_text(noted.first_asked),
        "lastAskedDateTime": utc_text(answer.at),
        "lastAnswer": {
            "dateTime": utc_text(answer.at),
            "status": answer.status,
            "items": answer.items,
            "code": answer.code,
            "runId": answer.run,
        },
        "lastItemsDateTime": utc_text(noted.items_at) if noted.items_at else None,
    }
