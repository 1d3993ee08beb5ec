"""Runs in the foreign environment: lets schemathesis call the running app, and prints each answer as a line of JSON.

Arguments: base URL, how many requests, seed, today's date; the key comes in the variable FUZZ_KEY. Requests that read
values are not counted.
"""
# mypy: ignore-errors

import os
import sys
from datetime import date
from typing import Any

import requests
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import StopReason, events, from_schema

from devkit.connector.answers import Definition
from devkit.fuzzing.hooks import Run, name_of, send_line
from devkit.fuzzing.values import BINDINGS, read_values

# Every edge of every parameter once is some 1,500 requests: too many for a short run.
_EDGES_FROM = 3_000
_ROUND = 20  # requests for each operation at a time: triggers have changes to report only in a later round
_LOOK_AGAIN = 1_000  # requests: by then the world has changed
_KEY_HEADER = "x-functions-key"
_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "is_described",
    "has_error_shape",
)


def configure(run: Run, base_url: str, key: str, **of_round: Any) -> SchemathesisConfig:
    """Return the configuration of one round: its seed, requests for each operation, phase, and unknown parameters."""
    words = run.values.words
    return SchemathesisConfig.from_dict(
        {
            "seed": of_round["seed"],
            "base-url": f"{base_url}/api",
            "headers": {_KEY_HEADER: key},
            "continue-on-failure": True,
            "request-timeout": 60,
            "suppress-health-check": ["all"],
            "cache": {"enabled": False},
            "output": {"sanitization": {"keys-to-sanitize": [_KEY_HEADER], "sensitive-markers": [_KEY_HEADER]}},
            "dictionaries": {name: {"values": values} for name, values in words.items()},
            "parameters": {
                parameter: {"dictionary": name, "probability": share}
                for parameter, (name, share) in BINDINGS.items()
                if name in words
            },
            "generation": {
                "database": "none",
                "max-examples": of_round["each"],
                "allow-extra-parameters": of_round["extra"],
                "dictionaries": {"string": {"dictionary": "odd", "probability": 0.1}},
            },
            "checks": {"enabled": False} | {name: {"enabled": True} for name in _CHECKS},
            "phases": {"enabled": False, of_round["phase"]: {"enabled": True}},
        }
    )


def write_event(event: events.EngineEvent) -> None:
    """Send failures and troubles; successes were sent with each answer."""
    if isinstance(event, events.ScenarioFinished):
        for case_id, checks in event.recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    write_failure(event.recorder, case_id, check)
    elif isinstance(event, events.NonFatalError):
        send_line(kind="trouble", text=f"{event.label}: {event.info.title}: {str(event.info.message)[:1000]}")
    elif isinstance(event, events.FatalError):
        send_line(kind="trouble", text=repr(event.exception)[:1000])
    elif isinstance(event, events.EngineFinished) and event.stop_reason is StopReason.SERVER_UNAVAILABLE:
        send_line(kind="trouble", text="The app does not answer any more.")


def write_failure(recorder: Any, case_id: str, check: Any) -> None:
    """Tell one failure, with what reproduces it; the key is left out of that."""
    failure, interaction = check.failure_info.failure, recorder.interactions.get(case_id)
    response = interaction.response if interaction else None
    request_ids = response.headers.get("x-request-id", [""]) if response else [""]
    send_line(
        kind="failure",
        operation=name_of(recorder.cases[case_id].value),
        check=check.name,
        status=response.status_code if response else 0,
        message=f"{failure.title}. {failure.message}".strip(),
        curl=check.failure_info.code_sample,
        answer=response.content[:500].decode(errors="replace") if response else "",
        requestId=request_ids[0],
    )


def main(base_url: str, limit: int, seed: int, day: date) -> None:
    """Ask until the number is reached: the edges first if there is room for them, then rounds of all operations."""
    key = os.environ["FUZZ_KEY"]
    session = requests.Session()
    session.trust_env = False
    session.headers[_KEY_HEADER] = key

    def ask(path: str, **query: Any) -> Any:
        answer = session.get(f"{base_url}/api/{path}", params=query, timeout=60)
        answer.raise_for_status()
        return answer.json()

    document = ask("swagger.json")
    run = Run(limit, Definition(document))
    run.register()
    number, looked = 0, -_LOOK_AGAIN
    while run.sent < limit:
        before = run.sent
        if run.sent - looked >= _LOOK_AGAIN:
            run.values, looked = read_values(ask, run.templates, day), run.sent
            send_line(kind="reads", calls=run.values.reads)
        config = configure(
            run,
            base_url,
            key,
            seed=seed + number,
            each=max(1, min(_ROUND, (limit - run.sent) // len(run.templates))),
            extra=number % 3 == 0,
            phase="coverage" if number == 0 and limit >= _EDGES_FROM else "fuzzing",
        )
        run.stream = from_schema(schemathesis.openapi.from_dict(document, config=config)).execute()
        for event in run.stream:
            write_event(event)
        if run.sent == before:
            raise RuntimeError("schemathesis made no request")
        number += 1


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), date.fromisoformat(sys.argv[4]))
