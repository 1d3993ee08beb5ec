import json
import os
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from devkit.foreign import O365, find_python
from devkit.installing import InstallError
from tests.contract.openapi import load_contract
from twin import Simulator, World
from twin.mail.state import Mail
from twin.seeds import mails, sample
from twin.seeds.credentials import make_secret

SCRIPT = Path(__file__).with_name("foreign_mail_client.py")


def run_script(python: Path, sim: Simulator, folder: Path) -> dict[str, Any]:
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    environment = plain | sim.environment() | {"FOREIGN_SECRET": make_secret("contoso")}
    command = [str(python), str(SCRIPT), sample.TENANT_ID, sample.CLIENT_ID, mails.SUPPORT, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def seed(world: World) -> None:
    """Seed the sample world with ids that need no escaping, because python-o365 does not escape them."""
    world.state(Mail).switches.slash_share = 0
    sample.seed(world)


@pytest.mark.slow(reason="installs a foreign client")
def test_python_o365_reads_a_mailbox(tmp_path: Path) -> None:
    contract = load_contract("mail")
    try:
        python = find_python(O365)
    except InstallError as error:
        pytest.skip(str(error))
    with Simulator(World(seed)).running() as sim:
        box = sim.mail.mailbox(mails.SUPPORT)
        before = {one.mutable_id: one for one in box.messages("inbox")}
        was_read = {key: one.is_read for key, one in before.items()}

        printed = run_script(python, sim, tmp_path)

        assert printed["signed_in"]
        assert sorted(one["id"] for one in printed["messages"]) == sorted(before)
        for one in printed["messages"]:
            message = before[one["id"]]
            sender = message.draft.values["sender"]["emailAddress"]["address"]
            assert (one["subject"], one["sender"]) == (message.subject, sender)
            assert datetime.fromisoformat(one["received"]) == message.received.replace(microsecond=0)
            assert one["was_read"] is was_read[one["id"]]
            files = {each.name: each.content.size for each in message.attachments if each.kind == "file"}
            assert one["saved"] == files
        assert any(one["saved"] for one in printed["messages"])
        assert all(message.is_read for message in before.values())
        assert printed["unread"] == []
        assert (printed["moved"], printed["archived"]) == (True, [printed["messages"][0]["subject"]])
        assert [one.subject for one in box.messages("archive")] == printed["archived"]
        assert {"Inbox", "Archive", "Deleted Items"} <= set(printed["folders"])
        assert printed["mime"] > 100
        assert sim.refused == []
        problems = [problem for exchange in sim.exchanges.all(api="mail") for problem in contract.check(exchange)]
        # python-o365 writes it with a small d, as the reference page does
        assert [one for one in problems if not one.endswith("'DestinationId' is a required property")] == []
