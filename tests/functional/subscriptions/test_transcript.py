"""The transcript of docs/api.md: curl subscribes, an event comes, is tried again, and is replayed."""

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta

from shared.time_zones.zones import utc_text
from tests.functional.conftest import ahead
from tests.functional.subscriptions.conftest import URL, Hub
from tests.house.source import ROOT

ADDRESS, KEY, PAGE, SINCE = "https://gateway.example.com", "$KEY", "desk@contoso.com", "2026-05-05T09:00:00Z"
_SHOWN = ("id", "state", "failures", "lastAnswer", "secret", "value", "eventId", "outcome", "answer", "attempts")


def curl(hub: Hub, method: str, path: str, body: object = None) -> tuple[list[str], dict[str, object]]:
    """Call the gateway by curl; return the lines of the transcript, and the answer."""
    command = ["curl", "-s", "-X", method, f"{hub.gateway.base_url}/api/{path}", "-H", "x-functions-key: KEY"]
    command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body is not None else []
    real = [part.replace("key: KEY", f"key: {hub.gateway.key}") for part in command]
    done = subprocess.run([*real, "--noproxy", "*"], capture_output=True, check=True, timeout=60)
    answer: dict[str, object] = json.loads(done.stdout)
    shown = " ".join(f"'{part}'" if " " in part or "{" in part else part for part in command)
    return [
        f"$ {shown}".replace("'x-functions-key: KEY'", f'"x-functions-key: {KEY}"'),
        json.dumps(pick(answer)),
    ], answer


def pick(value: object) -> object:
    """Keep what the transcript shows of an answer."""
    if isinstance(value, list):
        return [pick(one) for one in value]
    if isinstance(value, dict):
        return {name: pick(one) for name, one in value.items() if name in _SHOWN}
    return value


def mask(hub: Hub, text: str, made: dict[str, object], since: str) -> str:
    """Put fixed words in place of what differs from run to run."""
    text = text.replace(str(made["id"]), "0b9d6f…").replace(str(made["secret"]), "whsec_…")
    text = text.replace(hub.gateway.base_url, ADDRESS).replace(hub.page.name, PAGE).replace(since, SINCE)
    return re.sub(r"[0-9a-f]{12}-(\d)", r"3f0e6b2c9d11-\1", text)


def receive(hub: Hub, number: int) -> list[str]:
    """Return what the receiver got, as lines."""
    sent = hub.sent[number]
    return [f"POST {sent.path} webhook-id: {sent.id} {sent.json['type']} -> {sent.status}"]


def test_the_transcript_is_what_curl_shows(hub: Hub) -> None:
    since = utc_text(datetime.now(UTC) - timedelta(minutes=1))
    body: dict[str, object] = {"events": ["appointment.created"], "business": hub.page.name}
    body |= {"target": {"kind": "https", "url": URL}}
    lines, made = curl(hub, "POST", "subscriptions", body)
    hub.gateway.sim.webhooks.answer(503, times=1)
    hub.page.book(ahead(days=2))
    hub.scan()
    hub.pump()
    lines += ["# An appointment is booked; the receiver is away.", *receive(hub, 0)]
    one = f"subscriptions/{made['id']}"
    lines += curl(hub, "GET", one)[0]
    hub.clock.pass_by(minutes=1)
    hub.pump()
    lines += ["# Some seconds later it is tried again, with the same id.", *receive(hub, 1)]
    lines += curl(hub, "GET", f"{one}/deliveries")[0]
    lines += curl(hub, "POST", f"{one}/replay", {"since": since})[0]
    hub.pump()
    lines += ["# It comes once more.", *receive(hub, 2)]
    wanted = mask(hub, "\n".join(lines), made, since)
    document = (ROOT / "docs/api.md").read_text()
    found = re.search(r"\*\*A transcript\.\*\*.*?```text\n(.*?)\n```", document, flags=re.DOTALL)
    assert found is not None, wanted
    assert found[1] == wanted, f"write this into docs/api.md:\n{wanted}"
