"""The app in the sample world, where every step of the doctor succeeds until a test breaks something."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from composition import services
from doctor import examine
from tests.functional.conftest import Gateway, note_timers
from tests.functional.secrecy import secrets_of
from twin.seeds import sample
from twin.vault.state import Vault

type Name = tuple[str, str]


class Installation:
    """The app in the sample world, with mailboxes of its own that were polled a moment ago."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        gateway.sim.run(lambda: gateway._seed(sample.seed))
        self.mailboxes: list[dict[str, Any]] = json.loads(sample.mail_settings()["MAILBOXES"])
        for mailbox in self.mailboxes:
            mailbox["name"] += f"-{uuid.uuid4().hex[:8]}"
        self.support, self.facilities, self.security = (mailbox["name"] for mailbox in self.mailboxes)
        self.configure()
        now = datetime.now(UTC)
        for mailbox in services.services().mail.mailboxes.values():
            mailbox.ledger.put_state(last_poll=now, last_success=now, failures=0)
        note_timers(services.services())

    def configure(self, **settings: str) -> None:
        """Start the app with the sample's settings, changed as given; "" removes one."""
        usual = sample.settings(self.gateway.sim) | sample.mail_settings() | sample.write_settings()
        self.gateway.configure(**(usual | {"MAILBOXES": json.dumps(self.mailboxes)} | settings))

    @property
    def vault(self) -> Vault:
        return self.gateway.sim.vaults.vault(sample.VAULT)

    def examine(self) -> dict[str, Any]:
        """Return the doctor's report, after asserting that it shows no secret."""
        found = examine()
        text = json.dumps(found)
        assert not [secret for secret in secrets_of(self.gateway) if secret in text]
        assert "eyJ" not in text
        return found

    def find(self, *statuses: str) -> dict[Name, dict[str, Any]]:
        """Return the steps with one of these statuses."""
        steps = {(one["step"], one["about"]): one for one in self.examine()["steps"]}
        return {name: one for name, one in steps.items() if one["status"] in statuses}

    def find_only(self, *names: Name) -> str:
        """Assert that only these steps fail or warn; return their messages and remedies."""
        found = self.find("fail", "warn")
        assert set(found) == set(names), found
        assert all(one["status"] == "fail" and one["remedy"] for one in found.values())
        return " | ".join(f"{one['message']} {one['remedy']}" for one in found.values())


@pytest.fixture
def installation(gateway_process: Gateway) -> Installation:
    return Installation(gateway_process)
