"""What `register` says: before anything is made, while it waits, when it is interrupted, and at its end."""

import json
import os
from pathlib import Path

import pytest

from devkit.commands import simulated
from devkit.running import Running
from setup import waiting
from setup.console import Console
from tests.functional.registration import NAME, RegisterRun
from tests.functional.test_register import begin_anew, count_sign_ins
from twin.seeds import sample

pytestmark = [pytest.mark.signs_in, pytest.mark.slow(reason="registers apps many times")]

SECRET = ("--credential", "secret")
CONSENT = "python3 -m setup register consent --tenant contoso.com --unique-name desk-gateway"


@pytest.fixture(autouse=True)
def typed_password(monkeypatch: pytest.MonkeyPatch, registration: RegisterRun) -> None:
    password = registration.tenant.users[sample.SERVICE_USER].password
    monkeypatch.setattr(Console, "ask_hidden", lambda *_: password)


def interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C in the first wait."""

    def press(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(waiting, "sleep", press)


@pytest.mark.parametrize("kind", ["secret", "federated", "password"])
def test_verify_sees_that_consent_was_never_given_and_asks_for_no_token(registration: RegisterRun, kind: str) -> None:
    options = begin_anew(registration, kind)
    registration.do("prepare", *options, "--for", "read", "writes")
    signed_in = count_sign_ins(registration)
    code, text = registration.run("verify", *options, "--for", "read", "writes")
    assert code == 1
    assert "NO consent to Bookings.Read.All and BookingsAppointment.ReadWrite.All" in text
    assert f"{CONSENT} --for read writes" in text
    assert ("Waiting" in text, count_sign_ins(registration)) == (False, signed_in)
    registration.do("consent", *options, "--for", "read", "writes")
    code, text = registration.run("verify", *options, "--for", "read", "writes")
    assert (code, "NO" in text) == (0, False)
    assert "The registration works." in text or kind == "federated"


def test_a_wait_says_why_and_for_how_long_and_that_it_goes_on(
    registration: RegisterRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PAUSE", 5.0)
    monkeypatch.setattr(waiting, "sleep", lambda _: None)
    registration.sign_in(sample.ADMIN_USER, vault_role=None)
    text = registration.stop(*begin_anew(registration, "secret"))
    assert "The vault refuses you. You need the Azure role Key Vault Secrets Officer" in text
    assert "Waiting, for 10 minutes at most. Ctrl-C ends it" in text
    assert "Still waiting, for 8 minutes at most." in text
    assert text.endswith("Nothing was changed.\n")


def test_ctrl_c_says_that_nothing_was_changed(registration: RegisterRun, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt(monkeypatch)
    registration.sign_in(sample.ADMIN_USER, vault_role=None)
    code, text = registration.run(*begin_anew(registration, "secret"), "--apply")
    assert (code, text.endswith("Interrupted.\nNothing was changed.\n")) == (130, True)


def test_ctrl_c_says_what_was_done_and_how_to_go_on(registration: RegisterRun, monkeypatch: pytest.MonkeyPatch) -> None:
    options = begin_anew(registration, "secret")
    registration.sim.directory.switches.secret_requests = 3
    with monkeypatch.context() as patch:
        interrupt(patch)
        code, text = registration.run(*options, "--apply")
    said = text.partition("Interrupted.\n")[2]
    assert code == 130
    assert said.startswith('Done, and stays so:\n  Register the app "Desk gateway"')
    assert said.endswith("The same command looks what is there, and goes on.\n")
    assert "Bookings answers" in registration.do(*options)


def test_a_role_that_is_missing_is_said_before_anything_is_made(registration: RegisterRun) -> None:
    registration.sign_in(sample.ADMIN_USER, "Application Developer")
    code, text = registration.run()
    assert code == 0
    assert "Your active roles do not include the directory role Privileged Role Administrator" in text
    assert "will refuse step 4, and this run ends there" in text
    assert CONSENT in text
    stopped = registration.stop()
    assert stopped.index("Your active roles do not include") < stopped.index("Carrying out the plan")
    assert "Done, and stays so:" in stopped


@pytest.mark.parametrize("role", ["Privileged Role Administrator", "Global Administrator"])
def test_nothing_is_said_of_a_role_that_is_there(registration: RegisterRun, role: str) -> None:
    registration.sign_in(sample.ADMIN_USER, "Application Developer", role)
    assert "do not include" not in registration.run()[1]
    registration.sign_in(sample.ADMIN_USER, "Cloud Application Administrator")
    assert "do not include" not in registration.run(*begin_anew(registration, "password"))[1]


def test_adopting_plans_everything_the_new_name_too(registration: RegisterRun) -> None:
    made = registration.sim.directory.register(registration.tenant, "Made by hand", None, None)
    made.app.multi_tenant = True
    plan = registration.plan("--adopt", made.app.app_id)
    assert [line.split()[0] for line in plan] == ["Take", "Change", "Add", "Trust", "Grant"]
    assert "its name" in plan[1]
    assert "Supported account types" in plan[1]
    text = registration.run("--adopt", made.app.app_id)[1]
    assert 'it is named "Made by hand", and becomes "Desk gateway"' in text
    assert "its list of permissions lacks Bookings.Read.All" in text
    assert f"is to be the app {made.app.app_id}" in text
    assert registration.writes() == []
    registration.do("--adopt", made.app.app_id)
    assert (made.app.name, registration.plan()) == (NAME, [])


def test_where_nothing_was_done_nothing_is_said_to_stay(registration: RegisterRun) -> None:
    text = registration.stop("--adopt", "11111111-1111-1111-1111-111111111111")
    assert "There is no app 11111111-1111-1111-1111-111111111111" in text
    assert text.endswith("Nothing was changed.\n")


def test_a_secret_has_the_description_that_was_given(registration: RegisterRun) -> None:
    options = (*begin_anew(registration, "secret"), "--secret-description", "for the desk")
    registration.do(*options)
    [secret] = registration.app.secrets.values()
    assert secret.name.startswith("graph-gateway 20")
    assert secret.name.endswith(" for the desk")
    assert registration.plan(*options) == []


@pytest.mark.parametrize("kind", ["secret", "certificate"])
def test_a_rotation_ends_with_both_ends_and_the_proof(registration: RegisterRun, kind: str) -> None:
    options = begin_anew(registration, kind)
    registration.do(*options)
    text = registration.do("rotate", *options)
    *_, new, old, _ = text.split("\n")
    assert "Entra ID accepted it before it was stored" in new
    assert "(ends 20" in new
    assert "still works; the next run after 20" in old


def test_consent_ends_with_what_was_granted(registration: RegisterRun) -> None:
    registration.do("prepare", "--for", "read", "writes")
    text = registration.do("consent", "--for", "read", "writes")
    assert text.rstrip().splitlines()[-1] == (
        "Consent is given to Bookings.Read.All, BookingsAppointment.ReadWrite.All. "
        "To prove that it works, run the part `verify`."
    )


def test_what_is_removed_has_its_name(registration: RegisterRun) -> None:
    registration.do()
    assert "Withdraw the application permission Bookings.Read.All" in registration.plan("--remove")
    options = begin_anew(registration, "password")
    registration.do(*options)
    removed = registration.plan("--remove", *options)
    assert any(line.startswith("Withdraw the consent to Bookings.Read.All") for line in removed)


@pytest.fixture
def settings_file(registration: RegisterRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of a running `up`, which --simulated finds and changes."""
    file = tmp_path / "local.settings.json"
    values = {"BOOKINGS_WRITES": "on", "MAILBOXES": "[]", "GRAPH_CLIENT_ID": sample.CLIENT_ID}
    file.write_text(json.dumps({"Values": values}))
    running = Running(
        os.getpid(), "http://127.0.0.1:1", "", "", None, control_url=registration.sim.control_url,
        environment=dict(registration.sim.environment()), settings_file=str(file),
    )  # fmt: skip
    monkeypatch.setattr(simulated, "find_running", lambda: running)
    monkeypatch.setattr(simulated, "_BIN", tmp_path / "bin")  # an `az` for this test's world, and for no other's
    return file


def test_a_rehearsal_leaves_the_running_app_all_that_it_does(registration: RegisterRun, settings_file: Path) -> None:
    text = registration.do("--simulated")
    assert registration.principal.roles >= {"Bookings.Read.All", "BookingsAppointment.ReadWrite.All"}
    assert registration.principal.exchange_roles == {"Mail.ReadWrite"}
    assert json.loads(settings_file.read_text())["Values"]["GRAPH_CLIENT_ID"] == registration.app.app_id
    given = text.index("Give the app Mail.ReadWrite in Exchange ...")
    assert given < text.index("Write the ids into", given)
    assert registration.plan("--simulated") == []


def test_a_rehearsal_asks_for_what_for_says_and_no_more(registration: RegisterRun, settings_file: Path) -> None:
    registration.do("--simulated", "--for", "read")
    assert registration.principal.roles == {"Bookings.Read.All"}
    assert registration.principal.exchange_roles == frozenset()
    assert settings_file.exists()


@pytest.mark.usefixtures("settings_file")
def test_lines_for_a_real_tenant_are_marked_in_a_rehearsal(registration: RegisterRun) -> None:
    text = registration.do("--simulated", "--multi-tenant")
    heads = [line for line in text.splitlines() if "Settings: " in line or "Mailboxes: " in line or "tenants: " in line]
    assert len(heads) == 3
    assert all(line.startswith("In a real tenant, not in this rehearsal: ") for line in heads)
    assert "In a real tenant" not in registration.do("--multi-tenant", "--for", "read", "writes", "cancel", "mail")


@pytest.mark.usefixtures("settings_file")
def test_a_rehearsal_as_a_user_says_that_mailboxes_stop(registration: RegisterRun) -> None:
    text = registration.run("--simulated", "--credential", "password")[1]
    assert "who has no mailboxes to read" in text


@pytest.mark.usefixtures("settings_file")
def test_a_person_who_is_not_there_is_answered_with_those_who_are(registration: RegisterRun) -> None:
    code, text = registration.run("--simulated", "--person", "adele.vance@contoso.com")
    assert code == 2
    assert "Nobody named adele.vance@contoso.com" in text
    assert {sample.ADMIN_USER, sample.SERVICE_USER} <= set(text.replace(",", " ").replace(". ", " ").split())
