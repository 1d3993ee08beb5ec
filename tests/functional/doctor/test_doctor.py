"""Each fault is found by its own step, the other steps run, and no secret is shown."""

import json
import os
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from composition import services
from doctor import examine
from doctor.step_names import OCCASIONAL, StepName
from inbound_mail.reports.watched import TimerRuns
from inbound_mail.sinks.easyvista.client import Client
from shared import retry
from shared.settings.timers import TIMERS
from shared.storage import file_links
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.file_links import FileLinks
from tests.functional.doctor.conftest import Installation
from twin.bookings.permissions import READ, WRITE
from twin.core.faults import Answer
from twin.entra.state import ServicePrincipal
from twin.mail.permissions import BASIC as MAIL_BASIC
from twin.mail.permissions import READ as MAIL_READ
from twin.mail.permissions import WRITE as MAIL_WRITE
from twin.seeds import mails, sample, service_desks
from twin.seeds.booking_pages import LONDON
from twin.seeds.credentials import make_secret

pytestmark = [pytest.mark.signs_in, pytest.mark.slow(reason="examines a whole installation many times")]

NOBODY = "1de00000-0000-4000-8000-00000000dead"


def principal(installation: Installation) -> ServicePrincipal:
    return installation.gateway.sim.entra.tenants[sample.TENANT_ID].principals[sample.CLIENT_ID]


# -- all is well -------------------------------------------------------------------------------------------------------


def test_in_the_sample_world_every_step_is_ok(installation: Installation) -> None:
    found = installation.examine()
    assert [one for one in found["steps"] if one["status"] != "ok"] == []
    assert found["status"] == "ok"
    steps = [(one["step"], one["about"]) for one in found["steps"]]
    assert len(steps) == len(set(steps))
    assert {step for step, _ in steps} == set(StepName) - OCCASIONAL
    assert list(dict.fromkeys(step for step, _ in steps)) == [name for name in StepName if name not in OCCASIONAL]


@pytest.mark.parametrize("mode", ["federated", "certificate", "password"])
def test_every_step_is_ok_with_every_kind_of_credential(installation: Installation, mode: sample.Credential) -> None:
    principal(installation).consent(
        READ, WRITE, MAIL_WRITE, "BookingsAppointment.ReadWrite.All", user=sample.SERVICE_USER
    )
    usual = sample.settings(installation.gateway.sim, credential=mode)
    installation.configure(
        **usual | {"GRAPH_CREDENTIAL_NAME": usual.get("GRAPH_CREDENTIAL_NAME", ""), "MAILBOXES": "[]"}
    )
    assert installation.find("fail", "warn", "skipped") == {}


def test_a_user_lacks_a_delegated_permission(installation: Installation) -> None:
    principal(installation).consents = {sample.SERVICE_USER: frozenset({READ})}
    usual = sample.settings(installation.gateway.sim, credential="password")
    installation.configure(**usual | {"MAILBOXES": "[]"})
    found = installation.find_only(("bookings-writes", "default"))
    assert "the delegated permission BookingsAppointment.ReadWrite.All is missing" in found
    assert "--credential password --service-user " in found


def test_no_probe_is_left_and_nothing_is_changed_in_graph(installation: Installation) -> None:
    installation.gateway.forget()
    installation.examine()
    asked = [seen for seen in installation.gateway.sim.exchanges.all() if seen.api in ("graph", "bookings", "mail")]
    assert {seen.method for seen in asked} == {"GET"}
    table = services.services().mail.table
    assert list(table.query("$doctor", start="", end="~")) == []


# -- one fault at a time -----------------------------------------------------------------------------------------------


def test_all_wrong_settings_are_listed_and_the_other_steps_are_skipped(installation: Installation) -> None:
    installation.configure(GRAPH_CLOUD="moon", GRAPH_CONCURRENCY="0")
    found = installation.find_only(("settings", "GRAPH_CLOUD"), ("settings", "GRAPH_CONCURRENCY"))
    assert "set GRAPH_CLOUD=global" in found
    assert len(installation.find("skipped")) == len(installation.examine()["steps"]) - 2


def test_an_identity_that_is_not_assigned(installation: Installation) -> None:
    installation.configure(IDENTITY_CLIENT_ID=NOBODY)
    assert "az functionapp identity assign" in installation.find_only(("identity", NOBODY))
    skipped = installation.find("skipped")
    assert skipped["vault", installation.vault.host]["message"] == f"Skipped because identity {NOBODY} failed."
    assert ("token", "default") in skipped
    assert ("storage", "tables") in installation.find("ok")


def test_a_vault_that_does_not_exist(installation: Installation) -> None:
    installation.configure(KEY_VAULT_URL="https://elsewhere.vault.azure.net")
    assert "KEY_VAULT_URL" in installation.find_only(("vault", "elsewhere.vault.azure.net"))
    assert {("secret", service_desks.TOKEN_NAME), ("token", "partner"), ("sink", "desk")} <= set(
        installation.find("skipped")
    )
    assert ("sink", "handover") in installation.find("ok")


def test_a_vault_that_refuses_the_identity(installation: Installation) -> None:
    installation.vault.remove_role(sample.IDENTITY_PRINCIPAL_ID)
    assert "Key Vault Secrets User" in installation.find_only(("vault", installation.vault.host))


def test_a_vault_behind_a_firewall(installation: Installation) -> None:
    installation.vault.network_open = False
    assert "firewall" in installation.find_only(("vault", installation.vault.host))


def test_a_secret_that_is_missing(installation: Installation) -> None:
    del installation.vault.secrets[service_desks.TOKEN_NAME]
    assert f"--name {service_desks.TOKEN_NAME}" in installation.find_only(("secret", service_desks.TOKEN_NAME))
    assert set(installation.find("skipped")) == {("sink", "desk")}


def test_without_the_state_key_the_step_of_the_vault_is_still_ok(installation: Installation) -> None:
    del installation.vault.secrets[sample.STATE_KEY_NAME]
    assert "openssl rand" in installation.find_only(("secret", sample.STATE_KEY_NAME))


def test_a_state_key_that_is_too_short(installation: Installation) -> None:
    installation.vault.set_secret(sample.STATE_KEY_NAME, "c2hvcnQ=")
    assert "32 random bytes" in installation.find_only(("secret", sample.STATE_KEY_NAME))


@pytest.mark.parametrize(("days", "status"), [(-1, "fail"), (5, "warn"), (40, "ok")])
def test_a_secret_that_expires(installation: Installation, days: int, status: str) -> None:
    ends = datetime.now(UTC) + timedelta(days=days, hours=1)
    installation.vault.set_secret(service_desks.WEBHOOK_KEY_NAME, service_desks.webhook_key(), expires=ends)
    assert ("secret", service_desks.WEBHOOK_KEY_NAME) in installation.find(status)
    assert set(installation.find("fail", "warn", "skipped")) <= {
        ("secret", service_desks.WEBHOOK_KEY_NAME),
        ("sink", "hook"),
    }


def test_a_client_secret_that_entra_refuses(installation: Installation) -> None:
    installation.vault.set_secret(sample.CLIENT_SECRET_NAME, make_secret("another"))
    found = installation.find_only(("token", "default"))
    assert "Secret rejected" in found
    assert "AADSTS7000215" in found
    assert ("token", "partner") in installation.find("ok")


def test_a_permission_for_bookings_that_is_missing(installation: Installation) -> None:
    principal(installation).revoke_roles(READ, WRITE)
    assert "Bookings.Read.All" in installation.find_only(("bookings-list", "default"))


def test_writes_without_their_permission(installation: Installation) -> None:
    principal(installation).revoke_roles("BookingsAppointment.ReadWrite.All")
    assert "BookingsAppointment.ReadWrite.All" in installation.find_only(("bookings-writes", "default"))


def test_a_missing_permission_to_cancel_is_mentioned(installation: Installation) -> None:
    principal(installation).revoke_roles(WRITE)
    found = installation.find("ok")["bookings-writes", "default"]
    assert found["message"].endswith("cancelling appointments also needs Bookings.ReadWrite.All.")


def test_a_business_that_does_not_exist(installation: Installation) -> None:
    installation.configure(BOOKINGS_BUSINESSES=f"{LONDON.id},zz@contoso.com")
    assert "BOOKINGS_BUSINESSES" in installation.find_only(("bookings-business", "default/zz@contoso.com"))


@pytest.mark.parametrize(("instead", "missing"), [(MAIL_READ, "Mail.ReadWrite"), (MAIL_BASIC, "Mail.ReadWrite")])
def test_a_permission_to_change_mails_that_is_missing(installation: Installation, instead: str, missing: str) -> None:
    principal(installation).exchange_roles = frozenset()
    principal(installation).grant_roles(instead)
    assert missing in installation.find_only(("mail-permission", "default"))


def test_a_permission_without_the_texts_of_mails_is_found(installation: Installation) -> None:
    for mailbox in installation.mailboxes:
        mailbox.pop("write_back", None)
    installation.configure()
    principal(installation).exchange_roles = frozenset()
    principal(installation).grant_roles(MAIL_BASIC)
    assert "without their text" in installation.find_only(("mail-permission", "default"))


def test_a_mailbox_outside_the_scope(installation: Installation) -> None:
    sim = installation.gateway.sim
    sim.run(lambda: sim.mail.restrict(sample.CLIENT_ID, sample.TENANT_ID, [mails.SUPPORT, mails.FACILITIES]))
    found = installation.find_only(("mailbox", installation.security))
    assert (
        f"consent --app {sample.CLIENT_ID} --tenant {sample.TENANT_ID} --for mail --mailbox {mails.SECURITY}" in found
    )
    skipped = {("folder", f"{installation.security}/inbox"), ("immutable-ids", installation.security)}
    assert set(installation.find("skipped")) == skipped


def test_a_mailbox_that_does_not_exist(installation: Installation) -> None:
    installation.mailboxes[2]["address"] = "nobody@contoso.com"
    installation.configure()
    assert "address or connection" in installation.find_only(("mailbox", installation.security))


def restrict(installation: Installation, *mailboxes: str) -> None:
    sim = installation.gateway.sim
    sim.run(lambda: sim.mail.restrict(sample.CLIENT_ID, sample.TENANT_ID, list(mailboxes)))


def test_the_refusal_of_a_mailbox_outside_the_scope_is_proven(installation: Installation) -> None:
    sim, own = installation.gateway.sim, [mails.SUPPORT, mails.FACILITIES, mails.SECURITY]
    sim.run(lambda: sim.mail.add_mailbox(mails.SECOND, sample.TENANT_ID))
    restrict(installation, *own)
    [proof] = [one for one in examine(refused=mails.SECOND)["steps"] if one["step"] == "refused-mailbox"]
    assert (proof["status"], proof["about"]) == ("ok", mails.SECOND)
    restrict(installation, *own, mails.SECOND)
    found = examine(refused=mails.SECOND)
    [proof] = [one for one in found["steps"] if one["step"] == "refused-mailbox"]
    assert (found["status"], proof["status"]) == ("fail", "fail")
    assert "--close-mail" in proof["remedy"]


@pytest.mark.usefixtures("installation")
def test_a_refused_mailbox_that_does_not_exist_proves_nothing() -> None:
    [proof] = [one for one in examine(refused="nobody@contoso.com")["steps"] if one["step"] == "refused-mailbox"]
    assert (proof["status"], "proves nothing" in proof["message"]) == ("fail", True)


def test_folders_that_do_not_exist(installation: Installation) -> None:
    installation.mailboxes[0]["folders"] = ["inbox", "Printers"]
    installation.mailboxes[0]["write_back"]["move_to"] = "Erledigt"
    installation.configure()
    found = installation.find_only(
        ("folder", f"{installation.support}/Printers"), ("folder", f"{installation.support}/Erledigt")
    )
    assert "receives delivered mails" in found


def test_a_sink_that_refuses_its_token(installation: Installation) -> None:
    installation.vault.set_secret(service_desks.TOKEN_NAME, make_secret("another token"))
    assert "refuses the sign-in" in installation.find_only(("sink", "desk"))


def test_an_easyvista_that_ignores_filters(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Client._list

    def spoilt(self: Any, path: str, column: str, value: str, fields: str, **more: Any) -> Any:
        return real(self, path, f"NO_{column}", value, fields, **more)

    monkeypatch.setattr(Client, "_list", spoilt)
    assert "ignored the filter" in installation.find_only(("sink", "desk"))


def test_storage_that_refuses(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "AzureWebJobsStorage"
    monkeypatch.setenv(name, re.sub(r"AccountKey=[^;]+", "AccountKey=d3Jvbmc=", os.environ[name]))
    kinds = ("tables", "blobs", "queues")
    found = installation.find_only(*(("storage", kind) for kind in kinds))
    assert "set AzureWebJobsStorage=UseDevelopmentStorage=true" in found
    polls = {("poll", mailbox["name"]) for mailbox in installation.mailboxes}
    timers = {("timer", timer) for timer in TIMERS}
    assert set(installation.find("skipped")) == polls | timers | {("sink", "handover"), ("file-links", "")}


@pytest.mark.parametrize("schedule", ["* * * *", "0 60 * * * *", "0 * * * * 7", "@daily", "every minute"])
def test_a_schedule_that_the_platform_refuses(installation: Installation, schedule: str) -> None:
    installation.configure(MAILBOX_POLL_SCHEDULE=schedule)
    assert "MAILBOX_POLL_SCHEDULE" in installation.find_only(("schedule", "MAILBOX_POLL_SCHEDULE"))


def test_a_schedule_that_is_not_set(installation: Installation) -> None:
    installation.configure(MAILBOX_POLL_SCHEDULE="")
    assert "not set" in installation.find_only(("schedule", "MAILBOX_POLL_SCHEDULE"))


def test_a_timer_that_does_not_fire(installation: Installation) -> None:
    ledger = services.services().mail.mailboxes[installation.support].ledger
    ledger.put_state(last_poll=datetime.now(UTC) - timedelta(minutes=45))
    assert "45 minutes ago" in installation.find_only(("poll", installation.support))


def test_a_mailbox_without_success_and_a_timer_that_does_not_run(installation: Installation) -> None:
    ledger = services.services().mail.mailboxes[installation.support].ledger
    late = datetime.now(UTC) - timedelta(minutes=45, seconds=1)
    ledger.put_state(last_success=late)
    ledger.plan.put(installation.support, late, began=late, is_quiet=False, reads="")
    TimerRuns(services.services().mail.table).note("watch_mailboxes", late)
    found = installation.find_only(("poll", installation.support), ("timer", "watch_mailboxes"))
    assert f"The mailbox {installation.support} has had no successful poll for 45 minutes." in found
    assert "The timer watch_mailboxes has not run for 45 minutes." in found
    assert "AzureWebJobs.watch_mailboxes.Disabled" in found


def test_a_mailbox_never_polled_and_one_that_fails_are_warnings(installation: Installation) -> None:
    error: dict[str, Any] = {
        "last_error": "Throttled",
        "last_error_message": "Too many calls.",
        "last_error_at": datetime.now(UTC),
    }
    services.services().mail.mailboxes[installation.support].ledger.put_state(failures=2, **error)
    installation.mailboxes[1]["name"] += "x"
    installation.configure()
    warned = installation.find("warn")
    assert set(warned) == {("poll", installation.support), ("poll", f"{installation.facilities}x")}
    assert "Throttled. The next one is due at " in warned["poll", installation.support]["message"]
    assert f"POST mailboxes/{installation.support}/poll" in warned["poll", installation.support]["remedy"]
    assert installation.examine()["status"] == "warn"


@pytest.mark.parametrize(("seconds", "status"), [(30, "ok"), (120, "warn"), (600, "fail")])
def test_a_clock_that_is_wrong(installation: Installation, seconds: int, status: str) -> None:
    off = datetime.now(UTC) + timedelta(seconds=seconds)
    headers = {"date": f"{off:%a, %d %b %Y %H:%M:%S} GMT"}
    installation.gateway.sim.faults.add(Answer(200, headers), path=r"^/v1\.0/$", times=None)
    assert ("clock", "") in installation.find(status)


def test_graph_that_is_down_stops_neither_storage_nor_sinks(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(retry, "_LONGEST_WAIT", 0.02)
    for api in ("bookings", "mail"):
        installation.gateway.sim.faults.add(Answer(503), api=api, times=None)
    failed = {step for step, _ in installation.find("fail")}
    assert failed == {"bookings-list", "mailbox"}
    assert {"sink", "storage", "token", "poll"} <= {step for step, _ in installation.find("ok")}


# -- the route ---------------------------------------------------------------------------------------------------------


def test_the_route_takes_the_master_key_only(installation: Installation) -> None:
    assert installation.gateway.get("doctor", key="").status_code == 401
    assert installation.gateway.get("doctor").status_code == 401
    master = installation.gateway.host.asgi._access.keys.master
    answer = installation.gateway.get("doctor", key=master)
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert set(answer.json()["steps"][0]) == {"step", "about", "status", "message", "remedy"}
    assert installation.gateway.get("doctor", key=master, deep="yes").json()["error"]["code"] == "UnknownParameter"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"refusedMailbox": "ceo"}, "InvalidId"),
        ({"refusedMailbox": mails.SECOND, "connection": "moon"}, "UnknownConnection"),
    ],
)
def test_the_route_refuses_wrong_parameters(installation: Installation, query: dict[str, str], code: str) -> None:
    master = installation.gateway.host.asgi._access.keys.master
    answer = installation.gateway.get(f"doctor?{urlencode(query)}", key=master)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_the_route_answers_while_settings_are_wrong(installation: Installation) -> None:
    installation.configure(GRAPH_CLOUD="moon")
    master = installation.gateway.host.asgi._access.keys.master
    answer = installation.gateway.get("doctor", key=master)
    assert (answer.status_code, answer.json()["status"]) == (200, "fail")
    assert json.dumps(answer.json()).count("GRAPH_CLOUD") >= 2


# -- settings in a blob ------------------------------------------------------------------------------------------------


def test_settings_in_a_blob_are_examined_and_then_what_they_name(installation: Installation, storage: Storage) -> None:
    container = Container(storage, f"config-{uuid.uuid4().hex[:10]}")
    place = f"{container._name}/mail.json"
    content = {"mailboxes": installation.mailboxes, "sinks": json.loads(sample.mail_settings()["SINKS"])}
    container.put("mail.json", json.dumps(content).encode())
    installation.configure(MAILBOXES=f"blob:{place}", SINKS=f"blob:{place}")
    assert installation.find("fail", "warn", "skipped") == {}
    found = installation.find("ok")
    assert found["settings-blob", place]["message"] == "The blob is valid: 3 mailboxes, 4 sinks."
    assert ("mailbox", installation.support) in found


def test_every_fault_of_settings_in_a_blob_is_a_line_and_the_last_good_version_is_examined(
    installation: Installation, storage: Storage
) -> None:
    container = Container(storage, f"config-{uuid.uuid4().hex[:10]}")
    place = f"{container._name}/mailboxes.json"
    container.put("mailboxes.json", json.dumps(installation.mailboxes).encode())
    installation.configure(MAILBOXES=f"blob:{place}")
    assert len(services.services().mail.mailboxes) == 3  # which keeps the good version
    container.put("mailboxes.json", json.dumps([{"name": "A B", "address": "x", "sinks": ["desk"]}]).encode())
    found = installation.find("fail", "warn", "skipped")
    assert set(found) == {("settings-blob", name) for name in (place, "MAILBOXES[0].name", "MAILBOXES[0].address")}
    assert all(one["remedy"] for one in found.values())
    assert ("mailbox", installation.support) in installation.find("ok")


def test_a_blob_that_does_not_exist_leaves_the_rest_to_be_examined(installation: Installation) -> None:
    installation.configure(MAILBOXES="blob:nowhere-at-all/mailboxes.json")
    found = installation.find("fail")
    assert set(found) == {("settings-blob", "nowhere-at-all/mailboxes.json"), ("settings-blob", "MAILBOXES")}
    assert "no mailbox is read" in found["settings-blob", "nowhere-at-all/mailboxes.json"]["message"]
    assert ("bookings-list", "default") in installation.find("ok")


def test_links_that_are_not_given_or_not_taken(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    name = ("file-links", "")
    installation.configure(FILE_LINKS="off")
    assert installation.find("ok")[name]["message"].startswith("FILE_LINKS is off")
    installation.configure()
    monkeypatch.setattr(file_links, "LINK_LASTS", timedelta(minutes=-1))  # as if the account did not take it
    assert "answered 403" in installation.find_only(name)
    monkeypatch.setattr(FileLinks, "are_possible", lambda _: False)
    warned = installation.find("warn")[name]
    assert "in parts only" in warned["message"]
    assert "FILE_LINKS" in warned["remedy"]
