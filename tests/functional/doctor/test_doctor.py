"""Each fault is found by its own step, the rest goes on, and nothing secret is told."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from composition import services
from doctor import steps
from inbound_mail.sinks.easyvista.client import Client
from shared import retry
from tests.functional.doctor.conftest import Clinic
from twin.bookings.permissions import READ, WRITE
from twin.core.faults import Answer
from twin.entra.state import ServicePrincipal
from twin.mail.permissions import BASIC as MAIL_BASIC
from twin.mail.permissions import READ as MAIL_READ
from twin.mail.permissions import WRITE as MAIL_WRITE
from twin.seeds import desk, mails, sample
from twin.seeds.credentials import make_secret
from twin.seeds.desks import LONDON

NOBODY = "1de00000-0000-4000-8000-00000000dead"


def principal(clinic: Clinic) -> ServicePrincipal:
    return clinic.stage.sim.entra.tenants[sample.TENANT_ID].principals[sample.CLIENT_ID]


# -- all is well -------------------------------------------------------------------------------------------------------


def test_in_the_sample_world_every_step_is_ok(clinic: Clinic) -> None:
    found = clinic.examine()
    assert [one for one in found["steps"] if one["status"] != "ok"] == []
    assert found["status"] == "ok"
    steps = [(one["step"], one["about"]) for one in found["steps"]]
    assert len(steps) == len(set(steps))
    assert {step for step, _ in steps} == {
        "settings", "identity", "clock", "vault", "secret", "token", "bookings-list", "bookings-business",
        "bookings-calendar", "bookings-writes", "mail-permission", "mailbox", "folder", "immutable-ids", "storage",
        "sink", "schedule", "poll",
    }  # fmt: skip


@pytest.mark.parametrize("mode", ["federated", "certificate", "password"])
def test_it_is_well_in_every_mode_of_signing_in(clinic: Clinic, mode: sample.Credential) -> None:
    principal(clinic).consent(READ, WRITE, MAIL_WRITE, "BookingsAppointment.ReadWrite.All", user=sample.SERVICE_USER)
    usual = sample.settings(clinic.stage.sim, credential=mode)
    clinic.configure(**usual | {"GRAPH_CREDENTIAL_NAME": usual.get("GRAPH_CREDENTIAL_NAME", ""), "MAILBOXES": "[]"})
    assert clinic.find("fail", "warn", "skipped") == {}


def test_nothing_stays_behind_and_nothing_is_changed_at_graph(clinic: Clinic) -> None:
    clinic.stage.forget()
    clinic.examine()
    asked = [seen for seen in clinic.stage.sim.exchanges.all() if seen.room in ("graph", "bookings", "mail")]
    assert {seen.method for seen in asked} == {"GET"}
    table = services.services().mail.table
    assert list(table.query("$doctor", start="", end="~")) == []


# -- one fault at a time -----------------------------------------------------------------------------------------------


def test_wrong_settings_are_all_told_and_the_rest_is_skipped(clinic: Clinic) -> None:
    clinic.configure(GRAPH_CLOUD="moon", GRAPH_CONCURRENCY="0")
    told = clinic.find_only(("settings", "GRAPH_CLOUD"), ("settings", "GRAPH_CONCURRENCY"))
    assert "--settings GRAPH_CLOUD=" in told
    assert len(clinic.find("skipped")) == len(clinic.examine()["steps"]) - 2


def test_an_identity_that_is_not_assigned(clinic: Clinic) -> None:
    clinic.configure(IDENTITY_CLIENT_ID=NOBODY)
    assert "az functionapp identity assign" in clinic.find_only(("identity", NOBODY))
    skipped = clinic.find("skipped")
    assert skipped["vault", clinic.vault.host]["message"] == f"Skipped because identity {NOBODY} failed."
    assert ("token", "default") in skipped
    assert ("storage", "tables") in clinic.find("ok")


def test_a_vault_that_is_not_there(clinic: Clinic) -> None:
    clinic.configure(KEY_VAULT_URL="https://elsewhere.vault.azure.net")
    assert "KEY_VAULT_URL" in clinic.find_only(("vault", "elsewhere.vault.azure.net"))
    assert {("secret", desk.TOKEN_NAME), ("token", "partner"), ("sink", "desk")} <= set(clinic.find("skipped"))
    assert ("sink", "handover") in clinic.find("ok")


def test_a_vault_that_gives_the_identity_nothing(clinic: Clinic) -> None:
    clinic.vault.remove_role(sample.IDENTITY_PRINCIPAL_ID)
    assert "Key Vault Secrets User" in clinic.find_only(("vault", clinic.vault.host))


def test_a_vault_behind_a_firewall(clinic: Clinic) -> None:
    clinic.vault.network_open = False
    assert "firewall" in clinic.find_only(("vault", clinic.vault.host))


def test_a_secret_that_is_missing(clinic: Clinic) -> None:
    del clinic.vault.secrets[desk.TOKEN_NAME]
    assert f"--name {desk.TOKEN_NAME}" in clinic.find_only(("secret", desk.TOKEN_NAME))
    assert set(clinic.find("skipped")) == {("sink", "desk")}


def test_a_state_key_that_is_missing_leaves_the_vault_well(clinic: Clinic) -> None:
    del clinic.vault.secrets[sample.STATE_KEY_NAME]
    assert "openssl rand" in clinic.find_only(("secret", sample.STATE_KEY_NAME))


def test_a_state_key_that_is_too_short(clinic: Clinic) -> None:
    clinic.vault.set_secret(sample.STATE_KEY_NAME, "c2hvcnQ=")
    assert "32 random bytes" in clinic.find_only(("secret", sample.STATE_KEY_NAME))


@pytest.mark.parametrize(("days", "status"), [(-1, "fail"), (5, "warn"), (40, "ok")])
def test_a_secret_that_expires(clinic: Clinic, days: int, status: str) -> None:
    ends = datetime.now(UTC) + timedelta(days=days, hours=1)
    clinic.vault.set_secret(desk.WEBHOOK_KEY_NAME, desk.webhook_key(), expires=ends)
    assert ("secret", desk.WEBHOOK_KEY_NAME) in clinic.find(status)
    assert set(clinic.find("fail", "warn", "skipped")) <= {("secret", desk.WEBHOOK_KEY_NAME), ("sink", "hook")}


def test_a_client_secret_that_entra_refuses(clinic: Clinic) -> None:
    clinic.vault.set_secret(sample.CLIENT_SECRET_NAME, make_secret("another"))
    told = clinic.find_only(("token", "default"))
    assert "Secret rejected" in told
    assert "AADSTS7000215" in told
    assert ("token", "partner") in clinic.find("ok")


def test_a_permission_for_bookings_that_is_missing(clinic: Clinic) -> None:
    principal(clinic).revoke_roles(READ, WRITE)
    assert "Bookings.Read.All" in clinic.find_only(("bookings-list", "default"))


def test_writes_without_their_permission(clinic: Clinic) -> None:
    principal(clinic).revoke_roles("BookingsAppointment.ReadWrite.All")
    assert "BookingsAppointment.ReadWrite.All" in clinic.find_only(("bookings-writes", "default"))


def test_cancelling_takes_more_and_the_doctor_says_so(clinic: Clinic) -> None:
    principal(clinic).revoke_roles(WRITE)
    found = clinic.find("ok")["bookings-writes", "default"]
    assert found["message"].endswith("to cancel appointments takes Bookings.ReadWrite.All as well.")


def test_a_business_that_does_not_exist(clinic: Clinic) -> None:
    clinic.configure(BOOKINGS_BUSINESSES=f"{LONDON.id},zz@contoso.com")
    assert "BOOKINGS_BUSINESSES" in clinic.find_only(("bookings-business", "default/zz@contoso.com"))


@pytest.mark.parametrize(("instead", "missing"), [(MAIL_READ, "Mail.ReadWrite"), (MAIL_BASIC, "Mail.ReadWrite")])
def test_a_permission_to_change_mails_that_is_missing(clinic: Clinic, instead: str, missing: str) -> None:
    principal(clinic).revoke_roles(MAIL_WRITE)
    principal(clinic).grant_roles(instead)
    assert missing in clinic.find_only(("mail-permission", "default"))


def test_reading_without_texts_is_found_where_nothing_is_written_back(clinic: Clinic) -> None:
    for mailbox in clinic.mailboxes:
        mailbox.pop("write_back", None)
    clinic.configure()
    principal(clinic).revoke_roles(MAIL_WRITE)
    principal(clinic).grant_roles(MAIL_BASIC)
    assert "without their text" in clinic.find_only(("mail-permission", "default"))


def test_a_mailbox_outside_the_scope(clinic: Clinic) -> None:
    sim = clinic.stage.sim
    sim.run(lambda: sim.mail.restrict(sample.CLIENT_ID, sample.TENANT_ID, [mails.SUPPORT, mails.FACILITIES]))
    told = clinic.find_only(("mailbox", clinic.security))
    assert f"Test-ServicePrincipalAuthorization -Identity {sample.CLIENT_ID} -Resource {mails.SECURITY}" in told
    skipped = {("folder", f"{clinic.security}/inbox"), ("immutable-ids", clinic.security)}
    assert set(clinic.find("skipped")) == skipped


def test_a_mailbox_that_does_not_exist(clinic: Clinic) -> None:
    clinic.mailboxes[2]["address"] = "nobody@contoso.com"
    clinic.configure()
    assert "address and connection" in clinic.find_only(("mailbox", clinic.security))


def restrict(clinic: Clinic, *mailboxes: str) -> None:
    sim = clinic.stage.sim
    sim.run(lambda: sim.mail.restrict(sample.CLIENT_ID, sample.TENANT_ID, list(mailboxes)))


def test_a_mailbox_that_must_be_refused_is_proven_to_be(clinic: Clinic) -> None:
    sim, own = clinic.stage.sim, [mails.SUPPORT, mails.FACILITIES, mails.SECURITY]
    sim.run(lambda: sim.mail.add_mailbox(mails.SECOND, sample.TENANT_ID))
    restrict(clinic, *own)
    [proof] = [one for one in steps.look(refused=mails.SECOND)["steps"] if one["step"] == "refused-mailbox"]
    assert (proof["status"], proof["about"]) == ("ok", mails.SECOND)
    restrict(clinic, *own, mails.SECOND)
    found = steps.look(refused=mails.SECOND)
    [proof] = [one for one in found["steps"] if one["step"] == "refused-mailbox"]
    assert (found["status"], proof["status"]) == ("fail", "fail")
    assert "--close-mail" in proof["remedy"]


@pytest.mark.usefixtures("clinic")
def test_a_refused_mailbox_that_does_not_exist_proves_nothing() -> None:
    [proof] = [one for one in steps.look(refused="nobody@contoso.com")["steps"] if one["step"] == "refused-mailbox"]
    assert (proof["status"], "proves nothing" in proof["message"]) == ("fail", True)


def test_folders_that_do_not_exist(clinic: Clinic) -> None:
    clinic.mailboxes[0]["folders"] = ["inbox", "Printers"]
    clinic.mailboxes[0]["write_back"]["move_to"] = "Erledigt"
    clinic.configure()
    told = clinic.find_only(("folder", f"{clinic.support}/Printers"), ("folder", f"{clinic.support}/Erledigt"))
    assert "takes delivered mails" in told


def test_a_sink_that_refuses_its_token(clinic: Clinic) -> None:
    clinic.vault.set_secret(desk.TOKEN_NAME, make_secret("another token"))
    assert "refuses the sign-in" in clinic.find_only(("sink", "desk"))


def test_a_desk_that_ignores_filters(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Client._list

    def spoilt(self: Any, path: str, column: str, value: str, fields: str, **more: Any) -> Any:
        return real(self, path, f"NO_{column}", value, fields, **more)

    monkeypatch.setattr(Client, "_list", spoilt)
    assert "ignored the filter" in clinic.find_only(("sink", "desk"))


def test_storage_that_refuses(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "AzureWebJobsStorage"
    monkeypatch.setenv(name, re.sub(r"AccountKey=[^;]+", "AccountKey=d3Jvbmc=", os.environ[name]))
    kinds = ("tables", "blobs", "queues")
    told = clinic.find_only(*(("storage", kind) for kind in kinds))
    for role in ("Table Data Contributor", "Blob Data Owner", "Queue Data Contributor"):
        assert f"Storage {role}" in told
    polls = {("poll", mailbox["name"]) for mailbox in clinic.mailboxes}
    assert set(clinic.find("skipped")) == polls | {("sink", "handover")}


@pytest.mark.parametrize("schedule", ["* * * * *", "0 60 * * * *", "0 * * * * 7", "@daily", "every minute"])
def test_a_schedule_that_the_platform_refuses(clinic: Clinic, schedule: str) -> None:
    clinic.configure(MAILBOX_POLL_SCHEDULE=schedule)
    assert "MAILBOX_POLL_SCHEDULE" in clinic.find_only(("schedule", "MAILBOX_POLL_SCHEDULE"))


def test_a_schedule_that_is_not_set(clinic: Clinic) -> None:
    clinic.configure(MAILBOX_POLL_SCHEDULE="")
    assert "not set" in clinic.find_only(("schedule", "MAILBOX_POLL_SCHEDULE"))


def test_a_timer_that_does_not_come(clinic: Clinic) -> None:
    ledger = services.services().mail.desks[clinic.support].ledger
    ledger.put_state(last_poll=datetime.now(UTC) - timedelta(minutes=45))
    assert "45 minutes ago" in clinic.find_only(("poll", clinic.support))


def test_a_mailbox_never_polled_and_one_that_fails_are_warnings(clinic: Clinic) -> None:
    services.services().mail.desks[clinic.support].ledger.put_state(failures=2, last_error="Throttled")
    clinic.mailboxes[1]["name"] += "x"
    clinic.configure()
    warned = clinic.find("warn")
    assert set(warned) == {("poll", clinic.support), ("poll", f"{clinic.facilities}x")}
    assert "Throttled. The next one is due at " in warned["poll", clinic.support]["message"]
    assert f"POST mailboxes/{clinic.support}/poll" in warned["poll", clinic.support]["remedy"]
    assert clinic.examine()["status"] == "warn"


@pytest.mark.parametrize(("seconds", "status"), [(30, "ok"), (120, "warn"), (600, "fail")])
def test_a_clock_that_is_wrong(clinic: Clinic, seconds: int, status: str) -> None:
    off = datetime.now(UTC) + timedelta(seconds=seconds)
    told = {"date": f"{off:%a, %d %b %Y %H:%M:%S} GMT"}
    clinic.stage.sim.faults.add(Answer(200, told), path=r"^/v1\.0/$", times=None)
    assert ("clock", "") in clinic.find(status)


def test_graph_that_is_down_stops_neither_storage_nor_sinks(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(retry, "_LONGEST_WAIT", 0.02)
    for room in ("bookings", "mail"):
        clinic.stage.sim.faults.add(Answer(503), room=room, times=None)
    failed = {step for step, _ in clinic.find("fail")}
    assert failed == {"bookings-list", "bookings-business", "mailbox"}
    assert {"sink", "storage", "token", "poll"} <= {step for step, _ in clinic.find("ok")}


# -- the route ---------------------------------------------------------------------------------------------------------


def test_the_route_takes_the_master_key_only(clinic: Clinic) -> None:
    assert clinic.stage.get("doctor", key="").status_code == 401
    assert clinic.stage.get("doctor").status_code == 401
    master = clinic.stage.host.asgi._access.keys.master
    answer = clinic.stage.get("doctor", key=master)
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert set(answer.json()["steps"][0]) == {"step", "about", "status", "message", "remedy"}
    assert clinic.stage.get("doctor", key=master, deep="yes").json()["error"]["code"] == "UnknownParameter"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"refusedMailbox": "ceo"}, "InvalidId"),
        ({"refusedMailbox": mails.SECOND, "connection": "moon"}, "UnknownConnection"),
    ],
)
def test_the_route_tells_a_wrong_question(clinic: Clinic, query: dict[str, str], code: str) -> None:
    master = clinic.stage.host.asgi._access.keys.master
    answer = clinic.stage.get(f"doctor?{urlencode(query)}", key=master)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_the_route_answers_while_settings_are_wrong(clinic: Clinic) -> None:
    clinic.configure(GRAPH_CLOUD="moon")
    master = clinic.stage.host.asgi._access.keys.master
    answer = clinic.stage.get("doctor", key=master)
    assert (answer.status_code, answer.json()["status"]) == (200, "fail")
    assert json.dumps(answer.json()).count("GRAPH_CLOUD") >= 2
