"""`register` makes what the portal makes by hand, once, and only what is missing."""

import itertools
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from setup.permissions import GRAPH_APP_ID
from setup.screen import Screen
from setup.vault import Vault
from shared.transport import Transport
from tests.functional.registration import NAME, SECOND_PERSON, UNIQUE_NAME, RegisterRun
from twin.bookings.state import Bookings
from twin.core.faults import Answer, Drop
from twin.directory.az import install_az
from twin.directory.permissions import ROLE_IDS
from twin.entra.state import FederatedCredential
from twin.identity.state import issuer_of
from twin.seeds import sample
from twin.seeds.booked import seed_desk
from twin.seeds.booking_pages import SYDNEY

SECRET = ("--credential", "secret")
SECRET_NAME = "graph-client-secret"
KINDS = {
    "federated": ("",),
    "certificate": ("graph-certificate",),
    "secret": (SECRET_NAME,),
    "password": ("graph-service-user",),
}


class Killed(BaseException):
    """The machine is switched off."""


@pytest.fixture(autouse=True)
def typed_password(monkeypatch: pytest.MonkeyPatch, registration: RegisterRun) -> None:
    password = registration.tenant.users[sample.SERVICE_USER].password
    monkeypatch.setattr(Screen, "ask_hidden", lambda *_: password)


def begin_anew(registration: RegisterRun, kind: str) -> tuple[str, ...]:
    """Options for one kind of credential; names that the sample world stored by hand are out of the way."""
    for (name,) in KINDS.values():
        registration.vault.secrets.pop(name, None)
    more = ("--service-user", sample.SERVICE_USER) if kind == "password" else ()
    return ("--credential", kind, *more)


def seed_partner(registration: RegisterRun) -> None:
    world = registration.sim.world
    day = world.clock.now().date()
    seed_desk(world.state(Bookings), SYDNEY, sample.PARTNER_TENANT_ID, day, sample.PARTNER_SERVICE_USER)


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


def test_several_tenants_and_a_native_redirect_only_where_asked_for(registration: RegisterRun) -> None:
    registration.do("--multi-tenant", "--native-redirect")
    assert registration.app.multi_tenant
    redirect = "https://login.microsoftonline.com/common/oauth2/nativeclient"
    assert registration.registration.details["publicClient"] == {"redirectUris": [redirect]}


def test_the_password_works_for_its_user_alone(registration: RegisterRun) -> None:
    registration.do(*begin_anew(registration, "password"))
    assert registration.principal.roles == frozenset()
    assert set(registration.principal.consents) == {sample.SERVICE_USER}
    assert "Mailboxes" not in registration.do(*begin_anew(registration, "secret"))


def test_a_wrong_password_is_tried_once_and_typed_anew(
    registration: RegisterRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = begin_anew(registration, "password")
    right = registration.tenant.users[sample.SERVICE_USER].password
    typed = iter(["wrong", "wrong again", right])
    monkeypatch.setattr(Screen, "ask_hidden", lambda *_: next(typed))
    assert "--new-password" in registration.stop(*options)
    assert count_sign_ins(registration) == 1
    registration.stop(*options, "--new-password")
    assert count_sign_ins(registration) == 2
    assert len(registration.vault.secrets["graph-service-user"]) == 1
    assert registration.plan(*options, "--new-password")[0].startswith("Store a new password of")
    registration.do(*options, "--new-password")
    assert len(registration.app.secrets) == 1
    assert len(registration.ask_as_the_gateway("password", *KINDS["password"])) == 3


def test_what_a_tenants_policy_holds_against_the_user_is_not_waited_for(registration: RegisterRun) -> None:
    options = begin_anew(registration, "password")
    registration.tenant.force(50076, times=5)
    assert "Multi-factor sign-in is required" in registration.stop(*options)
    assert count_sign_ins(registration) == 1


def test_what_somebody_changed_by_hand_is_put_right_and_what_they_added_stays(registration: RegisterRun) -> None:
    registration.do()
    foreign = {"resourceAppId": "00000002-0000-0000-c000-000000000000", "resourceAccess": []}
    registration.registration.details |= {"isFallbackPublicClient": True, "requiredResourceAccess": [foreign]}
    registration.app.is_public_client, registration.app.multi_tenant = True, True
    registration.principal.enabled, registration.principal.roles = False, frozenset({"User.Read.All"})
    plan = registration.plan()
    assert plan[0] == "Change the app: isFallbackPublicClient, requiredResourceAccess, signInAudience"
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
    """Another managed identity in the tenant; return its object id."""
    other = "1de00000-6666-4aaa-8bbb-0000000000ff"
    client_id = "1de00000-5555-4aaa-8bbb-0000000000ff"
    registration.sim.identities.assign(
        "other", client_id=client_id, principal_id=other, tenant_id=sample.TENANT_ID, system=system
    )
    return other


def test_another_deployment_takes_the_credential_over(registration: RegisterRun) -> None:
    registration.do()
    other = add_identity(registration)
    code, text = registration.run("prepare", "--identity", other, "--apply")
    assert (code, "instead of " + sample.IDENTITY_PRINCIPAL_ID in text) == (0, True)
    assert [one.subject for one in registration.app.federated.values()] == [other]


def test_an_id_that_is_no_identity_of_this_tenant_is_found_out_before_it_is_trusted(registration: RegisterRun) -> None:
    """Entra ID takes any subject without a word."""
    wrong = {
        sample.IDENTITY_CLIENT_ID: "not the client id",
        registration.tenant.principals[sample.CLIENT_ID].object_id: "is an app",
        add_identity(registration, system=True): "system-assigned",
    }
    for identity, sentence in wrong.items():
        code, text = registration.run("--identity", identity)
        assert (code, sentence in text) == (1, True)
    assert registration.writes() == []


def test_the_subject_is_spelled_as_the_directory_spells_it(registration: RegisterRun) -> None:
    registration.do("--identity", sample.IDENTITY_PRINCIPAL_ID.upper())
    assert [one.subject for one in registration.app.federated.values()] == [sample.IDENTITY_PRINCIPAL_ID]


@pytest.mark.parametrize("kind", ["secret", "certificate"])
def test_a_run_that_dies_between_entra_and_the_vault_is_cleared_up_by_the_next(
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
def test_death_after_any_change_is_made_good_by_the_next_run(
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


def test_a_lost_answer_to_a_new_secret_is_not_repeated_but_cleared_up(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    registration.sim.faults.add(Drop(), api="directory", path="addPassword", when="after")
    assert "goes on from here" in registration.stop(*options)
    assert len(registration.app.secrets) == 1
    registration.do(*options)
    assert len(registration.app.secrets) == 1


def test_a_secret_that_cannot_be_stored_is_taken_back(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    registration.sign_in(sample.ADMIN_USER, "Global Administrator", vault_role="Key Vault Secrets User")
    text = registration.stop(*options)
    assert "Key Vault Secrets Officer" in text
    assert registration.app.secrets == {}


def test_a_vault_that_is_closed_to_this_network_is_told_from_one_without_a_role(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    registration.vault.network_open = False
    assert "closed to this machine's network" in registration.stop(*options)
    registration.vault.network_open = True
    registration.sign_in(sample.ADMIN_USER, "Global Administrator", vault_role=None)
    assert "az role assignment create" in registration.stop(*options)


def test_a_secret_of_somebody_else_is_not_written_over(registration: RegisterRun) -> None:
    before = dict(registration.vault.secrets)
    assert f"belongs to the app {sample.CLIENT_ID}" in registration.stop(*SECRET)
    assert "was not stored by this command" in registration.stop(*SECRET, "--credential-name", sample.STATE_KEY_NAME)
    assert registration.vault.secrets == before


def test_a_deleted_secret_of_the_name_is_brought_back_first(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    registration.do(*options)
    registration.vault.delete_secret(SECRET_NAME)
    registration.do(*options)
    assert registration.plan(*options) == []
    assert len(registration.app.secrets) == 1


def test_a_deleted_namesake_is_restored_not_doubled(registration: RegisterRun) -> None:
    registration.do()
    app_id = registration.app.app_id
    registration.sim.directory.delete(registration.registration)
    assert registration.plan() == ['Bring the app "Desk gateway" back from the recycle bin']
    registration.do()
    assert registration.app.app_id == app_id
    assert registration.plan() == []
    assert len(registration.ask_as_the_gateway("federated")) == 3


def test_slow_propagation_is_waited_out_with_a_sentence(registration: RegisterRun) -> None:
    switches = {"unseen_requests": 2, "secret_requests": 3, "federated_requests": 3}
    registration.sim.directory.switches.turn(switches)
    text = registration.do()
    assert "Not every server of the directory knows of it yet. Waiting" in text
    assert "Entra ID does not accept the new credential or grant everywhere yet. Waiting" in text
    assert registration.plan() == []


def test_a_policy_that_forbids_secrets_is_explained(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    registration.sim.directory.switches.secrets_allowed = False
    text = registration.stop(*options)
    assert "app management policy forbids client secrets" in text
    assert "--credential federated" in text


def test_a_policy_that_limits_their_life_is_explained_and_can_be_kept(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    registration.sim.directory.switches.secret_days = 90
    assert "--days" in registration.stop(*options)
    registration.do(*options, "--days", "89")
    [secret], [version] = registration.app.secrets.values(), registration.vault.secrets[SECRET_NAME]
    assert secret.expires == version.expires
    assert version.tags == {"appId": registration.app.app_id, "tenantId": sample.TENANT_ID, "keyId": secret.key_id}


def test_throttling_and_outages_are_sat_out(registration: RegisterRun) -> None:
    for method in ("GET", "PATCH", "POST"):
        registration.sim.faults.add(Answer(429, {"Retry-After": "0"}), api="directory", method=method, times=2)
        registration.sim.faults.add(Answer(503), api="directory", method=method, times=1)
    registration.sim.faults.add(Drop(), api="directory", method="PATCH", path="uniqueName", when="after")
    registration.sim.faults.add(Drop(), api="directory", path="appRoleAssignedTo", when="after")
    text = registration.do()
    assert "next in 0.0 s: Throttled | The directory asks us to slow down." in text
    assert registration.sim.faults.unfired() == []
    assert registration.plan() == []


def test_a_throttled_vault_is_sat_out(registration: RegisterRun) -> None:
    options = begin_anew(registration, "secret")
    for method in ("GET", "PUT"):
        registration.sim.faults.add(Answer(429, {"Retry-After": "0"}), api="vault", method=method, times=2)
        registration.sim.faults.add(Answer(503), api="vault", method=method)
    registration.sim.faults.add(Drop(), api="vault", method="PUT", when="after")
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
def test_an_app_that_is_not_ones_own_takes_an_administrator_of_apps(registration: RegisterRun, scene: Scene) -> None:
    options = scene(registration)
    registration.sign_in(sample.ADMIN_USER, "Application Developer")
    told = registration.stop(*options).partition("Stopped:")[2]
    assert "Cloud Application Administrator, as the app is not one's own" in told
    assert "Application Developer" not in told
    registration.sign_in(sample.ADMIN_USER, "Cloud Application Administrator", "Privileged Role Administrator")
    registration.do(*options)


@pytest.mark.parametrize(("roles", "missing", "kind"), ROLES)
def test_the_missing_role_is_named_with_the_way_on(
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


def test_consent_in_a_customers_tenant_needs_the_app_id_only(registration: RegisterRun) -> None:
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


def test_an_app_for_several_tenants_says_how_the_others_add_it(registration: RegisterRun) -> None:
    assert "Other tenants" not in registration.do()
    text = registration.do("--multi-tenant", "--for", "read", "writes")
    line = f"register consent --tenant <their tenant id> --app {registration.app.app_id} --for read writes --apply"
    assert f"python3 -m setup {line}\n" in text


def test_a_customers_administrator_of_apps_is_named(registration: RegisterRun) -> None:
    registration.do("--multi-tenant")
    app_id = registration.app.app_id
    partner = registration.sim.entra.tenants[sample.PARTNER_TENANT_ID]
    registration.tenant.users.pop(SECOND_PERSON)
    partner.add_user(SECOND_PERSON, "made up")
    install_az(registration.folder, registration.sim.loopback_url, SECOND_PERSON)
    text = registration.stop("consent", "--tenant", "fabrikam.com", "--app", app_id)
    assert "Cloud Application Administrator" in text.partition("Stopped:")[2]


def test_an_app_made_by_hand_is_taken_over_only_by_name(registration: RegisterRun) -> None:
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


def test_removal_takes_everything_away_and_registering_again_brings_it_back(registration: RegisterRun) -> None:
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


def test_another_tenant_than_the_one_that_is_meant_is_left_alone(registration: RegisterRun) -> None:
    code, text = registration.run("--tenant", sample.PARTNER_TENANT_ID, "--apply")
    assert (code, "az login" in text) == (1, True)
    assert registration.writes() == []


def test_with_nobody_signed_in_it_says_how_to(registration: RegisterRun) -> None:
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
def test_options_that_do_not_fit_are_refused_before_anything_is_asked(
    registration: RegisterRun, options: tuple[str, ...], sentence: str
) -> None:
    code, text = registration.run(*options)
    assert (code, sentence in text) == (2, True)
    assert registration.sim.exchanges.all(api="directory") == []


def test_ids_are_written_into_a_settings_file_beside_what_is_there(registration: RegisterRun, tmp_path: Path) -> None:
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


def test_azd_is_told_the_ids_where_it_told_its_outputs(
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
    assert registration.plan()[-1] == "Tell azd the ids, for its next `azd provision`"
    assert "GRAPH_" not in values.read_text()
    text = registration.do("--for", "read", "mail", "--refused-mailbox", "ceo@contoso.com")
    assert "Settings: azd knows them. To bring them to the app: azd provision\n" in text
    assert "az functionapp keys list -g rg-x -n func-x " in text
    assert "doctor --url https://func-x.example/api --refused-mailbox ceo@contoso.com\n" in text
    told = dict(line.split("=", 1) for line in values.read_text().splitlines())
    assert told["GRAPH_CLIENT_ID"] == f'"{registration.app.app_id}"'
    assert told["GRAPH_TENANT_ID"] == f'"{sample.TENANT_ID}"'
    assert told["GRAPH_CREDENTIAL"] == '"federated"'
    assert registration.plan() == []
    (registration.folder / "azd").write_text('#!/bin/sh\n[ "$2" = get-values ] && cat values\n')
    assert "azd did not take" in registration.stop(
        "--credential", "certificate", "--credential-name", "desk-certificate"
    )


def test_nothing_secret_is_logged_either(registration: RegisterRun, caplog: pytest.LogCaptureFixture) -> None:
    options = begin_anew(registration, "secret")
    with caplog.at_level(logging.DEBUG):
        registration.do(*options)
        registration.do("rotate", *options)
    assert caplog.records
    shown = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert not [value for value in registration.secrets() if value in shown]
    assert "eyJ" not in shown
