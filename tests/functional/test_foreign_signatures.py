"""Signatures of our events, as the reference library of another language judges them."""

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from devkit.installing import OUTSIDE
from devkit.npm_packages import find_program
from tests.functional.prepared_mails import MemoryProgress, Vault, make_prepared_mail, make_sink
from tests.house.source import ROOT
from tests.house.tools import install_npm_or_skip
from twin import Simulator
from twin.client import redirected_to
from twin.seeds import service_desks, tiny
from twin.webhook.state import Delivery

type Sent = dict[str, Any]

SCRIPT = ROOT / "tests/functional/foreign_verifier.js"
OTHER_KEY = "whsec_" + base64.b64encode(bytes(range(32))).decode()
pytestmark = pytest.mark.slow(reason="installs a foreign library", seconds=5)


@pytest.fixture(scope="module")
def events() -> Iterator[list[Sent]]:
    """Events with one signature and with two, as a receiver got them."""
    with Simulator(tiny.build(), latency=0).running() as sim, redirected_to(sim):
        vault = Vault(key=service_desks.webhook_key(), new=OTHER_KEY)
        for keys in (["key"], ["new", "key"]):
            sink = make_sink("webhook", {"url": service_desks.HOOK_URL, "signing_keys": keys}, vault)
            sink.deliver(make_prepared_mail(subject="Zoë's printer 🖨"), MemoryProgress())
        yield [show(service_desks.webhook_key(), one) for one in sim.webhooks.deliveries]


def show(secret: str, delivery: Delivery) -> Sent:
    """What the foreign library is given of a delivery."""
    return {
        "secret": secret,
        "headers": {name: value for name, value in delivery.headers.items() if name.startswith("webhook-")},
        "body": delivery.body.decode(),
        "now": datetime.now(UTC).timestamp(),
    }


def verify(events: list[Sent]) -> list[str | None]:
    library = install_npm_or_skip("verifier").parent
    done = subprocess.run(
        [find_program("node", "the verifier"), SCRIPT, library], input=json.dumps(events), env=OUTSIDE,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    verdicts: list[str | None] = json.loads(done.stdout)
    return verdicts


def change_header(name: str, change: Callable[[str], str]) -> Callable[[Sent], Sent]:
    return lambda sent: sent | {"headers": sent["headers"] | {name: change(sent["headers"][name])}}


ALTERED: dict[str, Callable[[Sent], Sent]] = {
    "body": lambda sent: sent | {"body": sent["body"].replace('"id"', '"ID"', 1)},
    "a blank behind the body": lambda sent: sent | {"body": sent["body"] + " "},
    "id": change_header("webhook-id", lambda text: text + "0"),
    "time": change_header("webhook-timestamp", lambda text: str(int(text) + 1)),
    "signature": change_header("webhook-signature", lambda text: text.replace("v1,", "v1,A")),
    "key": lambda sent: sent | {"secret": "whsec_" + base64.b64encode(bytes(32)).decode()},
    "too late": lambda sent: sent | {"now": sent["now"] + 600},
    "too early": lambda sent: sent | {"now": sent["now"] - 600},
}


def test_a_foreign_library_accepts_what_we_sign_and_refuses_what_was_altered(events: list[Sent]) -> None:
    asked = [*events, *(alter(one) for one in events for alter in ALTERED.values())]
    verdicts = verify(asked)
    assert len(events) == 2
    assert verdicts[:2] == [None, None]
    refused = dict(zip([*ALTERED] * 2, verdicts[2:], strict=False))
    assert [name for name, verdict in refused.items() if verdict is None] == []
    assert None not in verdicts[2:]
