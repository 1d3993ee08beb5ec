"""`rotate`: a new credential is accepted before it is stored; the old one is removed after its grace period."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from setup.console import Console
from shared.auth import Authenticator
from shared.errors import GatewayError
from shared.settings.config import load_settings
from tests.functional.registration import RegisterRun
from twin.core.faults import Answer
from twin.seeds import sample

pytestmark = [pytest.mark.signs_in, pytest.mark.slow(reason="rotates credentials under load")]

KINDS = {"secret": "desk-secret", "certificate": "desk-certificate", "password": "desk-user"}


def options(kind: str) -> tuple[str, ...]:
    return ("--credential", kind, "--credential-name", KINDS[kind], "--service-user", sample.SERVICE_USER)


@pytest.fixture(autouse=True)
def typed_once(monkeypatch: pytest.MonkeyPatch, registration: RegisterRun) -> None:
    """Type the service user's password in the first run; a rotation reads it from the vault."""
    typed = [registration.tenant.users[sample.SERVICE_USER].password]
    monkeypatch.setattr(Console, "ask_hidden", lambda *_: typed.pop())


def keys(registration: RegisterRun) -> list[str]:
    return [*registration.app.secrets, *registration.app.certificates]


@pytest.mark.parametrize("kind", KINDS)
def test_the_old_credential_is_removed_after_its_grace_period(registration: RegisterRun, kind: str) -> None:
    registration.do(*options(kind))
    [old] = keys(registration)
    registration.do("rotate", *options(kind))
    assert len(keys(registration)) == 2
    assert registration.plan(*options(kind)) == []
    assert registration.plan("rotate", *options(kind)) == []
    code, text = registration.run("rotate", *options(kind))
    assert (code, "can be removed after" in text) == (0, True)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=25), tick=True):
        assert registration.plan(*options(kind))[0].startswith("Remove the c")
        registration.do(*options(kind))
    assert len(keys(registration)) == 1
    assert old not in keys(registration)
    assert len(registration.ask_as_the_gateway(kind, KINDS[kind])) == 3


def test_a_credential_that_ends_soon_is_replaced_by_a_plain_run(registration: RegisterRun) -> None:
    registration.do(*options("secret"))
    assert registration.plan(*options("secret")) == []
    with time_machine.travel(datetime.now(UTC) + timedelta(days=160), tick=True):
        [line] = registration.plan(*options("secret"))
        assert line.startswith("Make a client secret for 180 days")


def test_a_new_value_is_stored_only_when_entra_accepts_it(registration: RegisterRun) -> None:
    registration.do(*options("secret"))
    registration.sim.directory.switches.secret_requests = 4
    text = registration.do("rotate", *options("secret"))
    assert "Some servers of Entra ID do not accept the new credential yet" in text
    stored = registration.vault.secrets["desk-secret"][-1].value
    assert [secret.unknown_for for secret in registration.app.secrets.values() if secret.value == stored] == [0]


def test_a_secret_that_entra_never_accepts_is_removed_and_not_stored(registration: RegisterRun) -> None:
    registration.do(*options("secret"))
    before = keys(registration)
    registration.sim.faults.add(Answer(503), api="entra", method="POST", times=None)
    text = registration.stop("rotate", *options("secret"))
    registration.sim.faults.clear()
    assert "Removing the credential from the app again" in text
    assert keys(registration) == before
    assert len(registration.vault.secrets["desk-secret"]) == 1


@pytest.mark.slow(reason="calls under load", seconds=10)
@pytest.mark.parametrize("kind", ["secret", "certificate"])
def test_no_call_under_load_fails_while_the_credential_is_rotated_again_and_again(
    registration: RegisterRun, kind: str
) -> None:
    """Tokens live a second, so the app signs in all the time, and each replaced credential is removed at once."""
    registration.do(*options(kind))
    assert len(registration.ask_as_the_gateway(kind, KINDS[kind])) == 3
    registration.app.expires_in = 16
    registration.sim.directory.switches.secret_requests = 3
    statuses: list[int] = []
    is_over = threading.Event()

    def call() -> None:
        while not is_over.is_set():
            statuses.append(
                registration.gateway.get(f"bookings/businesses/{registration.gateway.business}/staff").status_code
            )

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        seen = set(keys(registration))
        for _ in range(3):
            for command in (("rotate",), ()):
                registration.do(*command, *options(kind), "--grace-hours", "0")
                before = len(statuses)
                wait_for(lambda before=before: len(statuses) > before + 40)  # type: ignore[misc]
            assert len(keys(registration)) == 1
            seen |= set(keys(registration))
    finally:
        is_over.set()
        for caller in callers:
            caller.join()
    assert set(statuses) == {200}
    assert len(seen) == 4


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_no_instance_of_the_gateway_notices_a_rotation(registration: RegisterRun) -> None:
    """New instances start all the time, read the vault and sign in; an instance that runs already goes on working."""
    registration.do(*options("secret"))
    registration.sim.directory.switches.secret_requests = 3
    settings = load_settings(registration.settings("secret", "desk-secret"))
    running = Authenticator(settings).tokens("default")
    registration.app.expires_in = 16  # a second later the token is too old to be used
    failures: list[GatewayError] = []
    asked: list[str] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            try:
                asked.append(Authenticator(settings).tokens("default").token())
                asked.append(running.token())
            except GatewayError as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        registration.do("rotate", *options("secret"))
        registration.do("rotate", *options("secret"), "--grace-hours", "0")
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert len(keys(registration)) == 1
    assert failures == []
    assert len(asked) > 10
    running.renew(running.token())
