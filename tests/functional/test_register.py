"""`register` creates what a person would create in the portal, and only what is missing."""

import itertools
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from setup.console import Console
from setup.permissions import GRAPH_APP_ID
from setup.vault import Vault
from shared.transport import Transport
from tests.functional.kill_switch import Killed
from tests.functional.registration import NAME, SECOND_PERSON, UNIQUE_NAME, RegisterRun
from twin.bookings.state import Bookings
from twin.core.faults import Answer, Drop
from twin.directory.az import install_az
from twin.directory.permissions import ROLE_IDS
from twin.entra.state import FederatedCredential
from twin.identity.state import issuer_of
from twin.seeds import sample
from twin.seeds.booking_pages import SYDNEY
from twin.seeds.businesses import seed_business

pytestmark = [pytest.mark.signs_in, pytest.mark.slow(reason="registers apps many times")]

SECRET = ("--credential", "secret")
SECRET_NAME = "graph-client-secret"
KINDS = {
    "federated": ("",),
    "certificate": ("graph-certificate",),
    "secret": (SECRET_NAME,),
    "password": ("graph-service-user",),
}


@pytest.fixture(autouse=True)
def typed_password(monkeypatch: pytest.MonkeyPatch, registration: RegisterRun) -> None:
    password = registration.tenant.users[sample.SERVICE_USER].password
    monkeypatch.setattr(Console, "ask_hidden", lambda *_: password)


def begin_anew(registration: RegisterRun, kind: str) -> tuple[str, ...]:
    """Return the options for one kind of credential, after removing the sample world's secrets of the same names."""
    for (name,) in KINDS.values():
        registration.vault.secrets.pop(name, None)
    more = ("--service-user", sample.SERVICE_USER) if kind == "password" else ()
    return ("--credential", kind, *more)


def seed_partner(registration: RegisterRun) -> None:
    world = registration.sim.world
    day = world.clock.now().date()
    seed_business(world.state(Bookings), SYDNEY, sample.PARTNER_TENANT_ID, day, sample.PARTNER_SERVICE_USER)


def count_sign_ins(registration: RegisterRun) -> int:
    return sum(one.path.endswith("/token") for one in registration.sim.exchanges.all(api="entra"))


def test_without_apply_nothing_is_changed(registration: RegisterRun) -> None:
    plan = registration.plan()
    assert [line.split()[0] for line in plan] == ["Register", "Add", "Trust", "Grant"]
    assert registration.writes() == []


@pytest.mark.parametrize("kind", KINDS)
def test_each_credential_is_made_once_and_the_gateway_answers_with_it(registration: RegisterRun, kind: str) -> None:
    options = begin_anew(registration, kind)
    text = registration.do(*options)
    assert "ok the app signs in with its credential, and Bookings answers" in text
    assert registration.plan(*options) == []
    before = registration.writes()
    assert "nothing to do" in registration.do(*options)
    assert registration.writes() == before
    assert len(registration.ask_as_the_gateway(kind, *KINDS[kind])) == 3


def test_the_app_is_what_the_portal_would_make(registration: RegisterRun) -> None:
    registration.do("--for", "read", "writes")
    app, details = registration.app, registration.registration.details
    assert (app.name, app.multi_tenant, app.is_public_client) == (NAME, False, False)
    assert details["publicClient"] == {"redirectUris": []}
    names = ("Bookings.Read.All", "BookingsAppointment.ReadWrite.All")
    access = [{"id": ROLE_IDS[name], "type": "Role"} for name in names]
    assert details["requiredResourceAccess"] == [{"resourceAppId": GRAPH_APP_ID, "resourceAccess": access}]
    assert registration.principal.roles == set(names)
    assert list(app.federated.values()) == [
        FederatedCredential("graph-gateway", issuer_of(sample.TENANT_ID), sample.IDENTITY_PRINCIPAL_ID)
    ]
    assert (app.secrets, app.certificates) == ({}, {})


def test_other_tenants_and_a_native_redirect_are_allowed_only_on_request(registration: RegisterRun) -> None:
    registration.do("--multi-tenant", "--native-redirect")
    assert registration.app.multi_tenant
    redirect = "https://login.microsoftonline.com/common/oauth2/nativeclient"
    assert registration.registration.details["publicClient"] == {"redirectUris": [redirect]}


def test_the_consent_for_a_password_is_for_its_user_alone(registration: RegisterRun) -> None:
    registration.do(*begin_anew(registration, "password"))
    assert registration.principal.roles == frozenset()
    assert set(registration.principal.consents) == {sample.SERVICE_USER}
    assert "Mailboxes" not in registration.do(*begin_anew(registration, "secret"))


def test_a_wrong_password_is_tried_once_and_can_be_typed_again(
    registration: RegisterRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = begin_anew(registration, "password")
    right = registration.tenant.users[sample.SERVICE_USER].password
    typed = iter(["wrong", "wrong again", right])
    monkeypatch.setattr(Console, "ask_hidden", lambda *_: next(typed))
    assert "--new-password" in registration.stop(*options)
    assert count_sign_ins(registration) == 1
    registration.stop(*options, "--new-password")
    assert count_sign_ins(registration) == 2
    assert len(registration.vault.secrets["graph-service-user"]) == 1
    assert registration.plan(*options, "--new-password")[0].startswith("Store a new password of")
    registration.do(*options, "--new-password")
    assert len(registration.app.secrets) == 1
    assert len(registration.ask_as_the_gateway("password", *KINDS["password"])) == 3


def test_a_refusal_of_the_users_account_is_not_retried(registration: RegisterRun) -> None:
    options = begin_anew(registration, "password")
    registration.tenant.force(50076, times=5)
    assert "Multi-factor sign-in is required" in registration.stop(*options)
    assert count_sign_ins(registration) == 1


def test_changes_made_by_hand_are_corrected_and_additions_stay(registration: RegisterRun) -> None:
    registration.do()
    foreign = {"resourceAppId": "00000002-0000-0000-c000-000000000000", "resourceAccess": []}
    registration.registration.details |= {"isFallbackPublicClient": True, "requiredResourceAccess": [foreign]}
    registration.app.is_public_client, registration.app.multi_tenant = True, True
    registration.principal.enabled, registration.principal.roles = False, frozenset({"User.Read.All"})
    plan = registration.plan()
    assert plan[0] == "Change the app: Supported account types, Allow public client flows, API permissions"
    assert plan[1:] == [
        "Enable the app in the tenant",
        "Grant the application permission Bookings.Read.All (admin consent)",
    ]
    registration.do()
    assert registration.registration.details["requiredResourceAccess"][0] == foreign
    assert registration.principal.roles == {"User.Read.All", "Bookings.Read.All"}
    assert not registration.app.is_public_client
    assert len(registration.ask_as_the_gateway("federated")) == 3


def add_identity(registration: RegisterRun, *, system: bool = False) -> str:
    """Add another managed identity to the tenant; return its object id."""
    other = "1de00000-6666-4aaa-8bbb-0000000000ff"
    client_id = "1de00000-5555-4aaa-8bbb-0000000000ff"
    registration.sim.identities.assign(
        "other", client_id=client_id, principal_id=other, tenant_id=sample.TENANT_ID, system=system
    )
    return other


def test_another_deployment_takes_over_the_federated_credential(registration: RegisterRun) -> None:
    registration.do()
    other = add_identity(registration)
    code, text = registration.run("prepare", "--identity", other, "--apply")
    assert (code, "instead of " + sample.IDENTITY_PRINCIPAL_ID in text) == (0, True)
    assert [one.subject for one in registration.app.federated.values()] == [other]


def test_an_identity_is_checked_before_the_app_trusts_it(registration: RegisterRun) -> None:
    """Entra ID itself accepts any subject unchecked."""
    wrong = {
        sample.IDENTITY_CLIENT_ID: "not the client id",
        registration.tenant.principals[sample.CLIENT_ID].object_id: "is an app",
        add_identity(registration, system=True): "system-assigned",
    }
    for identity, sentence in wrong.items():
        code, text = registration.run("--identity", identity)
        assert (code, sentence in text) == (1, True)
    assert registration.writes() == []


def test_the_subject_has_the_spelling_of_the_directory(registration: RegisterRun) -> None:
    registration.do("--identity", sample.IDENTITY_PRINCIPAL_ID.upper())
    assert [one.subject for one in registration.app.federated.values()] == [sample.IDENTITY_PRINCIPAL_ID]


@pytest.mark.parametrize("kind", ["secret", "certificate"])
def test_the_next_run_removes_the_credential_of_a_run_that_died_before_storing_it(
    registration: RegisterRun, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = begin_anew(registration, kind)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Vault, "store", die)
        with pytest.raises(Killed):
            registration.run(*options, "--apply")
    orphans = [*registration.app.secrets, *registration.app.certificates]
    assert len(orphans) == 1
    plan = registration.plan(*options)
    assert plan[0].startswith("Remove the c")
    registration.do(*options)
    left = [*registration.app.secrets, *registration.app.certificates]
    assert len(left) == 1
    assert left != orphans
    assert registration.plan(*options) == []
    assert len(registration.ask_as_the_gateway(kind, *KINDS[kind])) == 3


@pytest.mark.slow(reason="dies after every change")
@pytest.mark.parametrize("kind", ["federated", "secret"])
def test_the_next_run_completes_a_run_that_died_after_any_change(
    registration: RegisterRun, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Transport.send
    for fatal in itertools.count(1):
        name = f"Mortal {fatal}"
        more = ("--credential-name", f"mortal-{fatal}") if kind == "secret" else ()
        options = ("--credential", kind, "--name", name, *more)
        left = iter(range(fatal))

        def send_and_die(self: Transport, method: str, url: str, left: Iterator[int] = left, **sent: Any) -> Any:
            answer = send(self, method, url, **sent)
            if method != "GET" and next(left, None) == fatal - 1:  # noqa: B023 - used within its round only
                raise Killed
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(Transport, "send", send_and_die)
            try:
                registration.run(*options, "--apply")
            except Killed:
                pass
            else:
                break
        registration.do(*options)
        assert registration.plan(*options) == []
        [made] = [app for app in registration.sim.entra.apps.values() if app.name == name]
        assert len(made.secrets) + len(made.federated) == 1
        assert registration.tenant.principals[made.app_id].roles == {"Bookings.Read.All"}
    assert fatal > 4


def test_after_a_lost_answer_a_new_secret_is_not_requested_again_but_removed(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    registration.sim.faults.add(Drop(), api="directory", path="addPassword", when="after")
    assert "Begun, and perhaps done: Make a client secret for 180 days" in registration.stop(*options)
    assert len(registration.app.secrets) == 1
    registration.do(*options)
    assert len(registration.app.secrets) == 1


def test_a_secret_that_cannot_be_stored_is_removed_from_the_app(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    registration.sign_in(sample.ADMIN_USER, "Global Administrator", vault_role="Key Vault Secrets User")
    text = registration.stop(*options)
    assert "Key Vault Secrets Officer" in text
    assert registration.app.secrets == {}


def test_a_closed_network_and_a_missing_role_on_the_vault_give_different_messages(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    registration.vault.network_open = False
    assert "does not let this machine in" in registration.stop(*options)
    registration.vault.network_open = True
    registration.sign_in(sample.ADMIN_USER, "Global Administrator", vault_role=None)
    assert "az role assignment create" in registration.stop(*options)


def test_the_secret_of_another_app_is_not_overwritten(registration: RegisterRun) -> None:
    before = dict(registration.vault.secrets)
    assert f"belongs to the app {sample.CLIENT_ID}" in registration.stop(*SECRET)
    assert "was not stored by this command" in registration.stop(*SECRET, "--credential-name", sample.STATE_KEY_NAME)
    assert registration.vault.secrets == before


def test_a_deleted_secret_of_the_same_name_is_recovered_first(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    registration.do(*options)
    registration.vault.delete_secret(SECRET_NAME)
    registration.do(*options)
    assert registration.plan(*options) == []
    assert len(registration.app.secrets) == 1


def test_a_deleted_app_of_the_same_unique_name_is_restored(registration: RegisterRun) -> None:
    registration.do()
    app_id = registration.app.app_id
    registration.sim.directory.delete(registration.registration)
    assert registration.plan() == ['Bring the app "Desk gateway" back from the recycle bin']
    registration.do()
    assert registration.app.app_id == app_id
    assert registration.plan() == []
    assert len(registration.ask_as_the_gateway("federated")) == 3


def test_slow_propagation_is_waited_for_and_announced(registration: RegisterRun) -> None:
    switches = {"unseen_requests": 2, "secret_requests": 3, "federated_requests": 3}
    registration.sim.directory.switches.set(switches)
    text = registration.do()
    assert "The change has not reached every server of the directory yet.\n    Waiting, for" in text
    assert "Some servers of Entra ID do not accept the new credential or grant yet.\n    Waiting, for" in text
    assert registration.plan() == []


def test_a_policy_that_forbids_secrets_is_explained(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    registration.sim.directory.switches.secrets_allowed = False
    text = registration.stop(*options)
    assert "app management policy forbids client secrets" in text
    assert "--credential federated" in text


def test_a_policy_that_limits_lifetimes_is_explained_and_can_be_obeyed(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    registration.sim.directory.switches.secret_days = 90
    assert "--days" in registration.stop(*options)
    registration.do(*options, "--days", "89")
    [secret], [version] = registration.app.secrets.values(), registration.vault.secrets[SECRET_NAME]
    assert secret.expires == version.expires
    assert version.tags == {"appId": registration.app.app_id, "tenantId": sample.TENANT_ID, "keyId": secret.key_id}


def test_throttled_and_failed_requests_are_repeated(registration: RegisterRun) -> None:
    for method in ("GET", "PATCH", "POST"):
        registration.sim.faults.add(Answer(429, {"Retry-After": "0"}), api="directory", method=method, times=2)
        registration.sim.faults.add(Answer(503), api="directory", method=method, times=1)
    registration.sim.faults.add(Drop(), api="directory", method="PATCH", path="uniqueName", when="after")
    registration.sim.faults.add(Drop(), api="directory", path="appRoleAssignedTo", when="after")
    text = registration.do()
    assert "next in 0.0 s: Throttled | The directory asks us to slow down." in text
    assert registration.sim.faults.unfired() == []
    assert registration.plan() == []


def test_throttled_requests_to_the_vault_are_repeated(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    for method in ("GET", "PUT"):
        registration.sim.faults.add(Answer(429, {"Retry-After": "0"}), api="vault", method=method, times=2)
        registration.sim.faults.add(Answer(503), api="vault", method=method)
    registration.sim.faults.add(Drop(), api="vault", method="PUT", when="after")
    registration.do(*options)
    assert registration.sim.faults.unfired() == []
    assert registration.plan(*options) == []
    assert len(registration.app.secrets) == 1


def test_a_token_that_the_vault_does_not_take_any_more_is_asked_for_anew(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    for method in ("GET", "PUT"):
        registration.sim.faults.add(Answer(401), api="vault", method=method)
    registration.do(*options)
    assert registration.sim.faults.unfired() == []
    assert registration.plan(*options) == []
    assert len(registration.app.secrets) == 1


ROLES: list[tuple[tuple[str, ...], str, tuple[str, ...]]] = [
    ((), "Application Developer", ()),
    (("Application Developer",), "Privileged Role Administrator", ()),
    (("Application Administrator",), "Privileged Role Administrator", ()),
    (("Application Developer",), "Cloud Application Administrator", ("password",)),
]

type Scene = Callable[[RegisterRun], tuple[str, ...]]


def somebody_elses_app(registration: RegisterRun) -> tuple[str, ...]:
    registration.do()
    registration.registration.owners.clear()
    registration.app.multi_tenant = True
    return ()


def somebody_elses_secret(registration: RegisterRun) -> tuple[str, ...]:
    options = begin_anew(registration, "secret")
    registration.do(*options)
    registration.registration.owners.clear()
    return ("rotate", *options)


def somebody_elses_federated_credential(registration: RegisterRun) -> tuple[str, ...]:
    registration.do()
    registration.registration.owners.clear()
    return ("prepare", "--identity", add_identity(registration))


def deleted_app(registration: RegisterRun) -> tuple[str, ...]:
    registration.do()
    registration.sim.directory.delete(registration.registration)
    return ()


def app_made_by_hand(registration: RegisterRun) -> tuple[str, ...]:
    made = registration.sim.directory.register(registration.tenant, NAME, None, None)
    return ("--adopt", made.app.app_id)


def app_to_be_disabled(registration: RegisterRun) -> tuple[str, ...]:
    registration.do()
    registration.registration.owners.clear()
    return ("--remove",)


@pytest.mark.parametrize(
    "scene",
    [
        somebody_elses_app,
        somebody_elses_secret,
        somebody_elses_federated_credential,
        deleted_app,
        app_made_by_hand,
        app_to_be_disabled,
    ],
)
def test_an_app_of_another_owner_needs_an_administrator_of_apps(registration: RegisterRun, scene: Scene) -> None:
    options = scene(registration)
    registration.sign_in(sample.ADMIN_USER, "Application Developer")
    text = registration.stop(*options).partition("Stopped:")[2]
    assert "Cloud Application Administrator, because you do not own the app" in text
    assert "Application Developer" not in text
    registration.sign_in(sample.ADMIN_USER, "Cloud Application Administrator", "Privileged Role Administrator")
    registration.do(*options)


@pytest.mark.parametrize(("roles", "missing", "kind"), ROLES)
def test_a_missing_role_is_named_with_its_remedy(
    registration: RegisterRun, roles: tuple[str, ...], missing: str, kind: tuple[str, ...]
) -> None:
    options = begin_anew(registration, kind[0]) if kind else ()
    registration.sim.directory.switches.users_may_register = False
    registration.sign_in(sample.ADMIN_USER, *roles)
    text = registration.stop(*options)
    assert missing in text.partition("Stopped:")[2]
    if missing != "Application Developer":
        assert "python3 -m setup register consent --tenant contoso.com --unique-name desk-gateway" in text


def test_two_people_one_prepares_the_other_consents(registration: RegisterRun) -> None:
    registration.sign_in(sample.ADMIN_USER, "Cloud Application Administrator")
    text = registration.do("prepare", *SECRET, "--credential-name", "desk-secret")
    assert "Somebody who may give it runs" in text
    assert registration.principal.roles == frozenset()
    registration.sign_in(SECOND_PERSON, "Privileged Role Administrator", vault_role=None)
    code, text = registration.run("consent", "--apply")
    assert code == 0, text
    assert registration.principal.roles == {"Bookings.Read.All"}
    registration.sign_in(sample.ADMIN_USER, "Cloud Application Administrator")
    assert "ok the app signs in" in registration.do("verify", *SECRET, "--credential-name", "desk-secret")


def test_consent_in_another_tenant_needs_the_app_id_only(registration: RegisterRun) -> None:
    registration.do("--multi-tenant")
    app_id = registration.app.app_id
    partner = registration.sim.entra.tenants[sample.PARTNER_TENANT_ID]
    registration.tenant.users.pop(SECOND_PERSON)
    partner.add_user(SECOND_PERSON, "made up").directory_roles = frozenset({"Global Administrator"})
    install_az(registration.folder, registration.sim.loopback_url, SECOND_PERSON)
    code, text = registration.run("consent", "--tenant", "fabrikam.com", "--app", app_id, "--apply")
    assert code == 0, text
    assert partner.principals[app_id].roles == {"Bookings.Read.All"}
    [line] = [line.strip() for line in text.splitlines() if line.startswith('  "<name>": ')]
    entry = json.loads(f"{{{line}}}")["<name>"]
    settings = registration.settings("federated") | {
        "GRAPH_CONNECTIONS": json.dumps({"partner": entry | {"bookings_businesses": SYDNEY.id}})
    }
    registration.gateway.configure(**settings)
    registration.sim.run(lambda: seed_partner(registration))
    assert registration.gateway.get(f"bookings/businesses/{SYDNEY.id}/staff", connection="partner").status_code == 200


def test_for_a_multi_tenant_app_the_command_for_other_tenants_is_printed(registration: RegisterRun) -> None:
    assert "Other tenants" not in registration.do()
    text = registration.do("--multi-tenant", "--for", "read", "writes")
    line = f"register consent --tenant <their tenant id> --app {registration.app.app_id} "
    line += "--name 'Desk gateway' --for read writes --apply"
    assert f"python3 -m setup {line}\n" in text


def test_in_another_tenant_the_missing_role_is_named(registration: RegisterRun) -> None:
    registration.do("--multi-tenant")
    app_id = registration.app.app_id
    partner = registration.sim.entra.tenants[sample.PARTNER_TENANT_ID]
    registration.tenant.users.pop(SECOND_PERSON)
    partner.add_user(SECOND_PERSON, "made up")
    install_az(registration.folder, registration.sim.loopback_url, SECOND_PERSON)
    text = registration.stop("consent", "--tenant", "fabrikam.com", "--app", app_id)
    assert "Cloud Application Administrator" in text.partition("Stopped:")[2]


def test_an_app_made_by_hand_is_taken_over_only_with_adopt(registration: RegisterRun) -> None:
    made = registration.sim.directory.register(registration.tenant, NAME, None, None)
    made.app.multi_tenant = True
    made.app.add_secret(name="from the portal")
    assert f"--adopt {made.app.app_id}" in registration.stop()
    assert registration.plan("--adopt", made.app.app_id)[0].startswith(f"Take over the app {made.app.app_id}")
    text = registration.do("--adopt", made.app.app_id)
    assert 'The client secret "from the portal"' in text
    assert registration.app is made.app
    assert (made.unique_name, made.app.multi_tenant, len(made.app.secrets)) == (UNIQUE_NAME, False, 1)
    assert registration.plan("--adopt", made.app.app_id) == registration.plan() == []


def test_the_app_can_be_removed_and_registered_again(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    registration.do(*options)
    app_id = registration.app.app_id
    registration.do(*options, "--remove")
    assert (registration.principal.enabled, registration.principal.roles, registration.app.secrets) == (
        False,
        frozenset(),
        {},
    )
    assert [version.enabled for version in registration.vault.secrets[SECRET_NAME]] == [False]
    assert registration.plan(*options, "--remove") == []
    registration.do(*options)
    assert registration.app.app_id == app_id
    assert len(registration.ask_as_the_gateway("secret", SECRET_NAME)) == 3
    registration.do(*options, "--remove", "--delete")
    assert next(iter(registration.sim.directory.deleted.values())).unique_name == UNIQUE_NAME


def test_nothing_changes_if_the_person_is_signed_in_to_another_tenant(registration: RegisterRun) -> None:
    code, text = registration.run("--tenant", sample.PARTNER_TENANT_ID, "--apply")
    assert (code, "az login" in text) == (1, True)
    assert registration.writes() == []


def test_without_a_sign_in_the_message_says_how_to_sign_in(registration: RegisterRun) -> None:
    (registration.folder / "az").write_text("#!/bin/sh\necho \"ERROR: Please run 'az login'\" >&2\nexit 1\n")
    assert "az login --tenant contoso.com --allow-no-subscriptions" in registration.stop()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--identity", "not-an-id"), "GUIDs"),
        (("--days", "400"), "--days"),
        (("--delete",), "--remove"),
        (("rotate",), "nothing to rotate"),
        (("--cloud", "china"), "no Bookings"),
        (("--mailbox", "a/b@contoso.com"), "addresses"),
        (("--vault", "https://evil.example"), "--vault"),
        (("--credential", "password"), "--service-user"),
        (("--new-password",), "--credential password"),
    ],
)
def test_wrong_options_are_refused_before_any_request(
    registration: RegisterRun, options: tuple[str, ...], sentence: str
) -> None:
    code, text = registration.run(*options)
    assert (code, sentence in text) == (2, True)
    assert registration.sim.exchanges.all(api="directory") == []


def test_ids_are_written_into_a_settings_file_and_other_values_stay(registration: RegisterRun, tmp_path: Path) -> None:
    file = tmp_path / "local.settings.json"
    file.write_text(json.dumps({"IsEncrypted": False, "Values": {"MAILBOXES": "[]", "GRAPH_CLIENT_ID": "old"}}))
    registration.do("--settings", str(file))
    values = json.loads(file.read_text())["Values"]
    assert (values["GRAPH_CLIENT_ID"], values["MAILBOXES"]) == (registration.app.app_id, "[]")
    assert values["GRAPH_TENANT_ID"] == sample.TENANT_ID
    assert registration.plan("--settings", str(file)) == []


AZD = """#!/bin/sh
cd {folder}
case "$2" in
  get-values) cat values ;;
  set) grep -v "^$3=" values > draft; mv draft values; printf '%s="%s"\\n' "$3" "$4" >> values ;;
esac
"""


def test_the_ids_are_set_in_azds_environment_if_its_outputs_were_read(
    registration: RegisterRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".azure").mkdir()
    outputs = {
        "KEY_VAULT_NAME": sample.VAULT,
        "GATEWAY_IDENTITY_PRINCIPAL_ID": sample.IDENTITY_PRINCIPAL_ID,
        "GATEWAY_URL": "https://func-x.example/api",
        "GATEWAY_NAME": "func-x",
        "AZURE_RESOURCE_GROUP": "rg-x",
    }
    values = tmp_path / "values"
    values.write_text("".join(f'{name}="{value}"\n' for name, value in outputs.items()))
    (registration.folder / "azd").write_text(AZD.format(folder=tmp_path))
    (registration.folder / "azd").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    registration.names_deployment = False
    assert registration.plan()[-1] == "Set the ids in azd's environment, for the next `azd provision`"
    assert "GRAPH_" not in values.read_text()
    text = registration.do("--for", "read", "mail", "--refused-mailbox", "ceo@contoso.com")
    assert "Settings: they are in azd's environment. To bring them to the app, run: azd provision\n" in text
    assert "az functionapp keys list -g rg-x -n func-x " in text
    assert "doctor --url https://func-x.example/api --refused-mailbox ceo@contoso.com\n" in text
    values_set = dict(line.split("=", 1) for line in values.read_text().splitlines())
    assert values_set["GRAPH_CLIENT_ID"] == f'"{registration.app.app_id}"'
    assert values_set["GRAPH_TENANT_ID"] == f'"{sample.TENANT_ID}"'
    assert values_set["GRAPH_CREDENTIAL"] == '"federated"'
    assert registration.plan() == []
    (registration.folder / "azd").write_text('#!/bin/sh\n[ "$2" = get-values ] && cat values\n')
    assert "azd did not store" in registration.stop(
        "--credential", "certificate", "--credential-name", "desk-certificate"
    )


def test_no_secret_is_logged(registration: RegisterRun, caplog: pytest.LogCaptureFixture) -> None:
    options = begin_anew(registration, "secret")
    with caplog.at_level(logging.DEBUG):
        registration.do(*options)
        registration.do("rotate", *options)
    assert caplog.records
    shown = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert not [value for value in registration.secrets() if value in shown]
    assert "eyJ" not in shown


def test_any_app_of_the_tenant_is_found_by_its_client_id_but_not_taken_over_by_it(registration: RegisterRun) -> None:
    given = ("--app", sample.CLIENT_ID, "--for", "read", "mail", "--mailbox", "support@contoso.com")
    assert registration.plan("consent", *given) == []
    text = registration.do("consent", *given)
    assert "-Name 'Sample gateway mailboxes'" in text  # which was made by hand, under a name of its own
    assert "GRAPH_CONNECTIONS" not in text  # that is for apps of other tenants
    unknown = ("--app", "a9900000-0000-4aaa-8bbb-00000000dead", "--credential", "secret")
    assert "There is no app a9900000-0000-4aaa-8bbb-00000000dead in this tenant" in registration.stop(
        "rotate", *unknown
    )
    code, text = registration.run("--app", sample.CLIENT_ID)
    assert (code, "name it with --adopt" in text) == (2, True)
