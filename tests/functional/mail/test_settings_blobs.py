"""MAILBOXES and SINKS in a blob: taken over without a restart, or refused as a whole while the last good one stays."""

import json
import logging
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from composition import services, settings_source
from composition.settings_source import InForce, SettingsSource
from inbound_mail.ledger.ledger import TABLE
from inbound_mail.sinks import check_sink
from shared.errors import Unavailable
from shared.settings import config
from shared.settings.config import Settings, load_settings
from shared.settings.settings_blobs import BlobContents
from shared.storage.account import Storage
from shared.storage.blobs import Container
from shared.storage.tables import Operation, Table
from tests.functional.blob_settings import HOOK, BlobSettings, recorded_requests
from tests.functional.conftest import Gateway, note_timers_in
from tests.functional.kill_switch import Killed, KillSwitch
from twin.seeds import tiny
from twin.seeds.mails import SUPPORT

pytestmark = pytest.mark.slow(reason="reads settings again and again")

WRONG = [{"name": "Support!", "address": "nobody", "sinks": ["unknown"]}]


@pytest.fixture
def blobs(gateway_process: Gateway, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> BlobSettings:
    note_timers_in(Table(storage, TABLE))
    return BlobSettings(gateway_process, storage, monkeypatch)


def clear_alarms(table: Table) -> None:
    for partition in ("alarms", "$mailboxes"):
        for row in list(table.query(partition, start="", end="~")):
            table.transact([Operation("delete", {"PartitionKey": partition, "RowKey": row.row_key})])


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    texts = [record.getMessage() for record in caplog.records if record.name == "gateway.events"]
    caplog.clear()
    return [json.loads(text.partition(" ")[2]) for text in texts]


# -- taken over --------------------------------------------------------------------------------------------------------


def test_a_changed_blob_is_in_force_without_a_restart(blobs: BlobSettings) -> None:
    blobs.put_good()
    blobs.start()
    assert [one["name"] for one in blobs.gateway.get("mailboxes").json()["value"]] == [blobs.name]
    second = blobs.mailboxes[0] | {"name": f"{blobs.name}-b", "address": "second@contoso.com"}
    blobs.put(mailboxes=[*blobs.mailboxes, second])
    assert len(blobs.gateway.get("mailboxes").json()["value"]) == 2
    assert blobs.gateway.get("connector/connection").json()["mailboxes"] == 2
    blobs.put(mailboxes=[second])
    assert blobs.gateway.get(f"mailboxes/{second['name']}").status_code == 200
    assert blobs.gateway.refused(f"mailboxes/{blobs.name}")["code"] == "UnknownMailbox"


def test_one_blob_changes_both_at_once(blobs: BlobSettings) -> None:
    blobs.put(mail={"mailboxes": blobs.mailboxes, "sinks": blobs.sinks})
    blobs.start(one=True)
    assert list(blobs.mail.sinks) == [blobs.sink]
    other = [blobs.mailboxes[0] | {"sinks": ["other"]}]
    blobs.put(mail={"mailboxes": other, "sinks": {"other": HOOK}})
    assert list(blobs.mail.sinks) == ["other"]
    assert blobs.status()["mailSettings"]["inForce"] == "current"


def test_the_worker_reads_a_mailbox_that_was_just_added(blobs: BlobSettings) -> None:
    """The platform's worker runs the timer and the queue's function before and after the change."""
    blobs.put(mailboxes=[], sinks=blobs.sinks)
    blobs.start()
    request = json.dumps({"mailbox": blobs.name})
    blobs.run("poll_mailbox", request)
    blobs.put(mailboxes=blobs.mailboxes)
    blobs.run("schedule_mailbox_polls")
    blobs.run("poll_mailbox", request)
    [state] = blobs.status()["mailboxes"]
    assert (state["name"], state["lastSuccessDateTime"] is not None) == (blobs.name, True)


def test_a_call_keeps_its_settings_from_start_to_end(blobs: BlobSettings) -> None:
    blobs.put_good()
    blobs.start()
    one_call = services.services()
    assert list(one_call.mail.mailboxes) == [blobs.name]
    blobs.put(mailboxes=[])
    assert list(services.services().mail.mailboxes) == []
    assert list(one_call.mail.mailboxes) == [blobs.name]


def test_an_unchanged_blob_costs_one_request_a_minute_and_is_not_read_again(
    blobs: BlobSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put(mail={"mailboxes": blobs.mailboxes, "sinks": blobs.sinks})
    blobs.start(one=True)
    before = blobs.mail
    parsed: list[str] = []
    monkeypatch.setattr(config, "read_value", lambda *_, **__: parsed.append("parsed"))
    with recorded_requests(monkeypatch) as asked:
        assert blobs.mail is before
        assert asked == [f"GET /{blobs.container_name}/mail.json"]
        monkeypatch.setattr(settings_source, "REREAD_SECONDS", 60.0)
        assert blobs.mail is before
        for _ in range(20):
            assert blobs.mail is before
    assert (len(asked), parsed) == (2, [])


def test_while_one_call_reads_the_blob_the_others_go_on(blobs: BlobSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs.put_good()
    blobs.start()
    before = blobs.mail
    is_reading, may_go_on = threading.Event(), threading.Event()
    read = Container.get_version

    def wait(self: Container, *given: Any, **more: Any) -> Any:
        is_reading.set()
        assert may_go_on.wait(30)
        return read(self, *given, **more)

    monkeypatch.setattr(Container, "get_version", wait)
    reader = threading.Thread(target=lambda: blobs.mail)
    reader.start()
    try:
        assert is_reading.wait(30)
        assert blobs.mail is before
    finally:
        may_go_on.set()
        reader.join()


def test_calls_that_need_no_mail_ask_storage_nothing(blobs: BlobSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs.put_good()
    blobs.start()
    with recorded_requests(monkeypatch) as asked:
        assert blobs.gateway.get("bookings/businesses").status_code == 200
        assert blobs.gateway.get("health", key="").json() == {"status": "ok"}
    assert asked == []


def test_without_a_blob_nothing_is_read(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    with recorded_requests(monkeypatch) as asked:
        assert services.services() is services.services()
        assert services.services().mail is services.services().mail
    assert (asked, services.services().settings_state) == ([], None)
    assert "mailSettings" not in gateway.get("status").json()


def test_a_list_of_300_mailboxes_is_taken_over(blobs: BlobSettings) -> None:
    many = [
        blobs.mailboxes[0] | {"name": f"{blobs.name}-{number}", "write_back": {"category": "x" * 550}}
        for number in range(300)
    ]
    data = json.dumps(many).encode()
    assert len(data) > 200_000
    blobs.put(mailboxes=data, sinks=blobs.sinks)
    blobs.start()
    assert len(blobs.mail.mailboxes) == 300


# -- refused -----------------------------------------------------------------------------------------------------------


def test_what_is_wrong_is_refused_with_every_fault_and_the_last_good_one_stays(
    blobs: BlobSettings, caplog: pytest.LogCaptureFixture
) -> None:
    blobs.put_good()
    blobs.start()
    taken = blobs.mail
    blobs.put(mailboxes=WRONG)
    kept = blobs.mail
    assert (kept.mailboxes, kept.sinks) == (taken.mailboxes, taken.sinks)
    state = blobs.status()["mailSettings"]
    assert state["inForce"] == "lastGood"
    assert [fault["setting"] for fault in state["faults"]] == [
        "MAILBOXES[0].name", "MAILBOXES[0].address", "MAILBOXES[0].sinks",
    ]  # fmt: skip
    assert "takenDateTime" in state
    assert blobs.gateway.get("health", key="").json() == {
        "status": "degraded",
        "settingsRefused": ["MAILBOXES", "SINKS"],
    }
    logged = [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]
    assert len(logged) == 1, "each wrong version is logged once"
    for fault in state["faults"]:
        assert f"{fault['setting']}: {fault['message']}" in logged[0]
    blobs.put(mailboxes=blobs.mailboxes)
    assert blobs.status()["mailSettings"]["inForce"] == "current"
    assert blobs.gateway.get("health", key="").json() == {"status": "ok"}


@pytest.mark.parametrize(
    "content",
    [b"\x00\xff\xfe\x89PNG", b"[" * 200_000, b"null", b" " * 5_000_000],
)
def test_whatever_is_in_the_blob_the_mails_of_the_good_one_go_on(blobs: BlobSettings, content: Any) -> None:
    blobs.put_good()
    blobs.start()
    assert list(blobs.mail.mailboxes) == [blobs.name]
    blobs.put(mailboxes=content)
    assert (list(blobs.mail.mailboxes), blobs.status()["mailSettings"]["inForce"]) == ([blobs.name], "lastGood")
    blobs.run("poll_mailbox", json.dumps({"mailbox": blobs.name}))
    assert blobs.status()["mailboxes"][0]["lastSuccessDateTime"]


def test_a_fault_of_the_reader_itself_stops_no_mail(blobs: BlobSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs.put_good()
    blobs.start()
    assert list(blobs.mail.mailboxes) == [blobs.name]

    def fail(*_: Any, **__: Any) -> Any:
        raise TypeError("secret text of a person")

    monkeypatch.setattr(config, "read_mailboxes", fail)
    blobs.put(mailboxes=[])
    assert list(blobs.mail.mailboxes) == [blobs.name]
    [fault] = blobs.status()["mailSettings"]["faults"]
    assert fault == {"setting": "MAILBOXES and SINKS", "message": "The gateway cannot read this (TypeError)."}


def test_a_pair_that_does_not_fit_is_refused_as_a_whole(blobs: BlobSettings) -> None:
    blobs.put_good()
    blobs.start()
    assert list(blobs.mail.mailboxes) == [blobs.name]
    blobs.put(sinks={"other": HOOK})
    assert list(blobs.mail.sinks) == [blobs.sink], "the mailbox still names it"
    assert [fault["setting"] for fault in blobs.status()["mailSettings"]["faults"]] == ["MAILBOXES[0].sinks"]
    blobs.put(mailboxes=[blobs.mailboxes[0] | {"sinks": ["other"]}])
    assert (list(blobs.mail.sinks), blobs.status()["mailSettings"]["faults"]) == (["other"], [])


def test_a_blob_that_was_deleted_changes_nothing(blobs: BlobSettings) -> None:
    blobs.put_good()
    blobs.start()
    assert list(blobs.mail.mailboxes) == [blobs.name]
    blobs.container.delete("mailboxes.json")
    assert list(blobs.mail.mailboxes) == [blobs.name]
    assert "There is no blob" in blobs.status()["mailSettings"]["faults"][0]["message"]


def test_an_alarm_says_so_and_is_cleared(blobs: BlobSettings, caplog: pytest.LogCaptureFixture) -> None:
    blobs.put_good()
    blobs.start()
    clear_alarms(blobs.mail.table)
    blobs.put(mailboxes=WRONG)
    caplog.set_level(logging.INFO, logger="gateway.events")
    blobs.run("watch_mailboxes")
    [event] = [one for one in events(caplog) if one["event"] == "SettingsRefused"]
    assert (event["about"], event["inForce"], len(event["faults"])) == ("MAILBOXES and SINKS", "lastGood", 3)
    assert event["blobs"] == [f"{blobs.container_name}/{name}.json" for name in ("mailboxes", "sinks")]
    blobs.run("watch_mailboxes")
    assert [one for one in events(caplog) if one["event"] == "SettingsRefused"] == [], "once a day"
    assert "SettingsRefused" in [alarm["event"] for alarm in blobs.status()["alarms"]]
    blobs.put(mailboxes=blobs.mailboxes)
    blobs.run("watch_mailboxes")
    assert "SettingsRefused" in [one["alarm"] for one in events(caplog) if one["event"] == "AlarmCleared"]
    assert "SettingsRefused" not in [alarm["event"] for alarm in blobs.status()["alarms"]]


# -- starts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [None, WRONG])
def test_a_first_start_without_a_good_blob_answers_and_reads_no_mailbox(
    blobs: BlobSettings, content: Any, caplog: pytest.LogCaptureFixture
) -> None:
    blobs.put(mailboxes=content, sinks=blobs.sinks)
    blobs.start()
    assert blobs.gateway.get("bookings/businesses").status_code == 200
    refused = blobs.gateway.refused(f"mailboxes/{blobs.name}")
    assert (refused["status"], refused["code"]) == (500, "GatewayMisconfigured")
    assert blobs.gateway.refused("mailboxes")["message"] == refused["message"]
    caplog.set_level(logging.INFO)
    blobs.run("schedule_mailbox_polls")
    assert "no mailbox is polled" in caplog.text
    blobs.run("poll_mailbox", json.dumps({"mailbox": blobs.name}))
    blobs.run("deliver_mail", json.dumps({"mailbox": blobs.name, "key": "0" * 40, "sink": blobs.sink}))
    blobs.run("watch_mailboxes")
    status = blobs.status()
    assert (status["mailSettings"]["inForce"], status["mailboxes"]) == ("nothing", [])
    assert "SettingsRefused" in [alarm["event"] for alarm in status["alarms"]]
    assert blobs.gateway.get("health", key="").json()["status"] == "degraded"
    blobs.put(mailboxes=blobs.mailboxes)
    assert blobs.gateway.get(f"mailboxes/{blobs.name}").status_code == 200


def test_nothing_in_force_clears_no_alarm(blobs: BlobSettings, caplog: pytest.LogCaptureFixture) -> None:
    blobs.start()
    table = blobs.mail.table
    clear_alarms(table)
    now = datetime.now(UTC)
    row = {"since": now, "told_at": now, "level": 1, "details": "{}"}
    table.upsert({"PartitionKey": "alarms", "RowKey": f"MailboxSilent|{blobs.name}"} | row)
    caplog.set_level(logging.INFO, logger="gateway.events")
    blobs.run("watch_mailboxes")
    assert "AlarmCleared" not in [one["event"] for one in events(caplog)]
    clear_alarms(table)


def test_the_last_good_one_survives_a_restart(blobs: BlobSettings) -> None:
    blobs.put_good()
    blobs.start()
    assert list(blobs.mail.mailboxes) == [blobs.name]
    blobs.put(mailboxes=b"garbage", sinks={"other": HOOK})
    blobs.restart()
    assert (list(blobs.mail.mailboxes), list(blobs.mail.sinks)) == ([blobs.name], [blobs.sink])
    assert blobs.status()["mailSettings"]["inForce"] == "lastGood"
    blobs.restart()
    assert list(blobs.mail.mailboxes) == [blobs.name]


@pytest.mark.parametrize("content", [b"garbage", b"{}", b"[]", json.dumps({"x": "[]"}).encode()])
def test_a_kept_copy_that_is_damaged_is_none(blobs: BlobSettings, content: bytes) -> None:
    blobs.put(mailboxes=WRONG, sinks=blobs.sinks)
    blobs.container.put("mailboxes.json.good", content)
    blobs.start()
    assert blobs.status()["mailSettings"]["inForce"] == "nothing"
    assert blobs.gateway.get("bookings/businesses").status_code == 200


def test_a_copy_that_no_longer_fits_the_other_settings_is_refused(blobs: BlobSettings) -> None:
    blobs.put(mailboxes=[blobs.mailboxes[0] | {"connection": "gone"}], sinks=blobs.sinks)
    blobs.container.put(
        "mailboxes.json.good",
        json.dumps(
            {
                f"{blobs.container_name}/mailboxes.json": json.dumps([blobs.mailboxes[0] | {"connection": "gone"}]),
                f"{blobs.container_name}/sinks.json": json.dumps(blobs.sinks),
            }
        ).encode(),
    )
    blobs.start()
    assert blobs.status()["mailSettings"]["inForce"] == "nothing"


@pytest.mark.parametrize("status", [500, 503])
def test_a_start_while_storage_is_away_ends_by_itself(
    blobs: BlobSettings, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    blobs.put_good()
    blobs.start()
    with recorded_requests(monkeypatch, status=status, only=blobs.container_name):
        refused = blobs.gateway.refused(f"mailboxes/{blobs.name}")
        assert (refused["status"], refused["code"], refused["retryAfter"]) == (503, "UpstreamUnavailable", 1)
        assert blobs.gateway.get("bookings/businesses").status_code == 200
        blobs.run("schedule_mailbox_polls")
        assert blobs.status()["mailSettings"]["inForce"] == "nothing"
    assert blobs.gateway.get(f"mailboxes/{blobs.name}").status_code == 200


def test_a_container_that_refuses_access_is_the_administrators_matter(
    blobs: BlobSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put_good()
    blobs.start()
    with recorded_requests(monkeypatch, status=403, only=blobs.container_name):
        refused = blobs.gateway.refused(f"mailboxes/{blobs.name}")
        assert (refused["status"], refused["code"]) == (500, "GatewayMisconfigured")
        assert "AzureWebJobsStorage" in refused["message"]


def test_storage_that_is_away_for_a_while_changes_nothing(blobs: BlobSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs.put_good()
    blobs.start()
    assert list(blobs.mail.mailboxes) == [blobs.name]
    with recorded_requests(monkeypatch, status=503, only=blobs.container_name):
        assert list(blobs.mail.mailboxes) == [blobs.name]
        state = blobs.status()["mailSettings"]
        assert (state["inForce"], state["faults"]) == ("current", [])
        assert "could not be read" in state["message"]
        assert blobs.gateway.get("health", key="").json() == {"status": "ok"}, "a glitch is no alarm"
    assert "message" not in blobs.status()["mailSettings"]


# -- crashes -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow(reason="dies at every step")
def test_a_process_that_dies_anywhere_in_taking_over_leaves_a_whole_version(blobs: BlobSettings) -> None:
    steps = ((Container, "get_version"), (Container, "put"), (Container, "get"))
    blobs.put_good()
    blobs.start()

    def begin() -> SettingsSource:
        def load(contents: BlobContents) -> Settings:
            return load_settings(check_sink=check_sink, blobs=contents)

        return SettingsSource(services.services().settings, lambda _: blobs.container, load)

    assert list(begin().get()[0].mailboxes) == [blobs.name]
    whole = KillSwitch()
    with whole.watching(steps, also_after=True):
        begin().get()
    assert whole.steps == [
        *["Container.get_version", "after Container.get_version"] * 2, "Container.put", "after Container.put",
    ]  # fmt: skip
    for at in range(1, len(whole.steps) + 1):
        blobs.put(mailboxes=[*blobs.mailboxes, blobs.mailboxes[0] | {"name": f"{blobs.name}-{at}"}])
        switch = KillSwitch(at)
        with switch.watching(steps, also_after=True), pytest.raises(Killed):
            begin().get()
        switch.revive()
        blobs.put(mailboxes=WRONG)
        settings, state = begin().get()
        assert (blobs.name in settings.mailboxes, state.in_force) == (True, InForce.LAST_GOOD)


def test_a_copy_that_could_not_be_kept_is_kept_later(blobs: BlobSettings) -> None:
    blobs.put_good()
    blobs.start()
    switch = KillSwitch(1, error=Unavailable)
    with switch.watching(((Container, "put"),)):
        assert list(blobs.mail.mailboxes) == [blobs.name], "it is in force all the same"
        assert blobs.container.get("mailboxes.json.good") is None
        _ = blobs.mail
    assert blobs.container.get("mailboxes.json.good") is not None


# -- a mailbox or a sink is removed while mails wait -------------------------------------------------------------------


def receive(blobs: BlobSettings, subject: str) -> str:
    """Receive a mail and poll it into the ledger; return its key."""
    sim = blobs.gateway.sim
    sim.run(lambda: sim.mail.mailbox(SUPPORT).receive(subject=subject))
    blobs.run("poll_mailbox", json.dumps({"mailbox": blobs.name, "atOnce": True}))
    return next(mail.key for mail in blobs.mail.mailboxes[blobs.name].ledger.open_mails())


def test_mails_of_a_removed_sink_wait_with_their_cause_and_can_be_delivered_later(blobs: BlobSettings) -> None:
    blobs.put_good()
    blobs.start()
    key = receive(blobs, "Printer")
    other = {"other": HOOK}
    blobs.put(mail=None, mailboxes=[blobs.mailboxes[0] | {"sinks": ["other"]}], sinks=other)
    message = json.dumps({"mailbox": blobs.name, "key": key, "sink": blobs.sink})
    blobs.run("deliver_mail", message)
    [mail] = blobs.gateway.get(f"mailboxes/{blobs.name}/mails", state="quarantined").json()["value"]
    assert (mail["key"], mail["deliveries"][0]["cause"]) == (key, "SinkGone")
    blobs.put(sinks=other | blobs.sinks)
    assert blobs.gateway.post(f"mailboxes/{blobs.name}/mails/{key}/redeliver").status_code == 200
    blobs.run("deliver_mail", message)
    [delivery] = blobs.gateway.get(f"mailboxes/{blobs.name}/mails/{key}").json()["deliveries"]
    assert delivery["state"] == "delivered"


def test_a_sink_that_another_process_knows_already_is_not_taken_for_removed(
    blobs: BlobSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.put_good()
    blobs.start()
    key = receive(blobs, "Scanner")
    mailboxes, sinks = blobs.mailboxes, blobs.sinks
    blobs.put(mailboxes=[mailboxes[0] | {"sinks": ["other"]}], sinks={"other": HOOK})
    assert list(blobs.mail.sinks) == ["other"]
    monkeypatch.setattr(settings_source, "REREAD_SECONDS", 60.0)
    assert list(blobs.mail.sinks) == ["other"], "this process reads again in a minute"
    blobs.put(mailboxes=mailboxes, sinks=sinks)
    blobs.run("deliver_mail", json.dumps({"mailbox": blobs.name, "key": key, "sink": blobs.sink}))
    [delivery] = blobs.gateway.get(f"mailboxes/{blobs.name}/mails/{key}").json()["deliveries"]
    assert delivery["state"] == "delivered"


def test_mails_of_a_removed_mailbox_wait_are_listed_and_go_on_when_it_is_back(
    blobs: BlobSettings, caplog: pytest.LogCaptureFixture
) -> None:
    blobs.put_good()
    blobs.start()
    clear_alarms(blobs.mail.table)
    key = receive(blobs, "Monitor")
    blobs.run("watch_mailboxes")
    blobs.put(mailboxes=[])
    message = json.dumps({"mailbox": blobs.name, "key": key, "sink": blobs.sink})
    blobs.run("deliver_mail", message)
    caplog.set_level(logging.INFO, logger="gateway.events")
    blobs.run("watch_mailboxes")
    [alarm] = blobs.status()["alarms"]
    assert (alarm["event"], alarm["about"], alarm["mails"]) == ("MailboxRemoved", blobs.name, 1)
    assert alarm["keys"] == [key]
    blobs.put(mailboxes=blobs.mailboxes)
    blobs.run("deliver_mail", message)
    blobs.run("poll_mailbox", json.dumps({"mailbox": blobs.name, "atOnce": True}))
    assert blobs.gateway.get(f"mailboxes/{blobs.name}/mails/{key}").json()["state"] == "delivered"
    blobs.run("watch_mailboxes")
    assert "MailboxRemoved" in [one.get("alarm") for one in events(caplog)]
    blobs.put(mailboxes=[])
    blobs.run("watch_mailboxes")
    assert blobs.status()["alarms"] == [], "nothing waits, so nothing is missing"


def test_a_business_is_not_allowed_by_a_blob(blobs: BlobSettings) -> None:
    """Allow-lists stay in app settings: a blob with one is refused."""
    blobs.put(mail={"mailboxes": blobs.mailboxes, "sinks": blobs.sinks, "BOOKINGS_BUSINESSES": "*"})
    blobs.start(one=True)
    assert blobs.status()["mailSettings"]["inForce"] == "nothing"
    assert blobs.gateway.refused("bookings/businesses/other@contoso.com/staff")["code"] == "BusinessNotAllowed"
    assert tiny.BUSINESS in str(services.services().connections["default"].businesses.ids)
