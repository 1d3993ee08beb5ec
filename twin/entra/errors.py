"""The sign-in errors of Entra, read from `aadsts.txt`, and their documents."""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from twin.core.wire import Call, Json, Refusal, Reply


@dataclass(frozen=True, slots=True)
class Kind:
    """One numbered error. `suberror` is None where Entra sends none."""

    error: str
    status: int
    suberror: str | None
    text: str


def _read_table(text: str) -> dict[int, Kind]:
    kinds: dict[int, Kind] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            number, status, error, suberror, words = line.split(maxsplit=4)
            kinds[int(number)] = Kind(error, int(status), None if suberror == "-" else suberror, words)
    return kinds


KINDS = _read_table((Path(__file__).parent / "aadsts.txt").read_text(encoding="utf-8"))
_WITH_CLAIMS = frozenset({50076, 50158, 53003})
"""Conditional access tells the client which policies an interactive sign-in would have to satisfy."""
_RETRY_AFTER = {90055: 30}

_UNNAMED = {
    "app": "this application",
    "tenant": "this tenant",
    "user": "the user",
    "resource": "the resource",
    "issuer": "",
    "audience": "",
    "subject": "",
    "parameter": "",
}


class EntraRefusal(Refusal):
    """An AADSTS answer. Names fill the placeholders of the text; `retry_after` overrides the kind's own."""

    def __init__(self, code: int, *, retry_after: int | None = None, **names: str) -> None:
        self.code = code
        self._kind = KINDS[code]
        self._retry_after = retry_after if retry_after is not None else _RETRY_AFTER.get(code)
        self._names = names
        super().__init__(Reply(self._kind.status))

    def render(self, call: Call) -> Reply:
        """Write the JSON error document of the token endpoint."""
        kind = self._kind
        body = describe_error(call, self.code, kind.error, kind.text.format(**{**_UNNAMED, **self._names}))
        if kind.suberror is not None:
            body["suberror"] = kind.suberror
        if self.code in _WITH_CLAIMS:
            policies = {"essential": True, "values": [str(uuid.uuid4())]}
            body["claims"] = json.dumps({"access_token": {"capolids": policies}})
        headers = {"retry-after": str(self._retry_after)} if self._retry_after is not None else {}
        return Reply(kind.status, body, headers)


def describe_error(call: Call, code: int, error: str, text: str) -> Json:
    """Describe the fields every error document of the token endpoint has."""
    now = datetime.now(UTC)
    correlation = call.headers.get("client-request-id", call.request_id)
    stamp = f"{now:%Y-%m-%d %H:%M:%SZ}"
    return {
        "error": error,
        "error_description": f"AADSTS{code}: {text} Trace ID: {call.request_id} Correlation ID: {correlation} "
        f"Timestamp: {stamp}",
        "error_codes": [code],
        "timestamp": stamp,
        "trace_id": call.request_id,
        "correlation_id": correlation,
        "error_uri": f"https://{call.host}/error?code={code}",
    }


def describe_outage(call: Call, status: int) -> Json:
    """Describe the document that goes with an injected status."""
    too_many = 429
    code = 90055 if status == too_many else 90033
    return describe_error(call, code, KINDS[code].error, KINDS[code].text)
