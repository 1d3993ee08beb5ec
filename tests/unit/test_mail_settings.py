import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.settings.config import Settings, load_settings
from shared.settings.faults import SettingsError
from shared.settings.mail_settings import SinkSettings
from tests.unit.test_config import GOOD

SINKS = {"desk": {"kind": "easyvista", "url": "https://x.example"}, "hook": {"kind": "webhook"}}
SUPPORT: dict[str, Any] = {"name": "support", "address": "support@contoso.example", "sinks": ["desk"]}


def load(mailboxes: Any, sinks: Any = None, **more: str) -> Settings:
    environ = {"MAILBOXES": json.dumps(mailboxes), "SINKS": json.dumps(sinks or SINKS), "AzureWebJobsStorage": "x"}
    return load_settings(GOOD | environ | more)


def faults(mailboxes: Any, sinks: Any = None, **more: str) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        load(mailboxes, sinks, **more)
    return [fault.setting for fault in raised.value.faults]


def test_a_mailbox_needs_little_and_has_sensible_defaults() -> None:
    mailbox = load([SUPPORT]).mailboxes["support"]
    assert (mailbox.folders, mailbox.connection, mailbox.sinks) == (("inbox",), "default", ("desk",))
    assert (mailbox.attachment_mb, mailbox.page_size, mailbox.alarm_minutes) == (25, 100, 30)
    assert mailbox.quiet_minutes == 5
    assert not mailbox.write_back.is_wanted
    assert mailbox.since is None


@pytest.mark.parametrize(
    ("given", "quiet_minutes"),
    [({"alarm_minutes": 7}, 3), ({"alarm_minutes": 2}, 1), ({"quiet_minutes": 15}, 15), ({"quiet_minutes": 0}, 0)],
)
def test_a_quiet_mailbox_is_polled_twice_at_least_before_it_counts_as_silent(
    given: dict[str, int], quiet_minutes: int
) -> None:
    assert load([SUPPORT | given]).mailboxes["support"].quiet_minutes == quiet_minutes


def test_every_fault_of_a_mailbox_is_reported_at_once() -> None:
    assert faults([SUPPORT | {"quiet_minutes": 99, "page_size": 1}]) == [
        "MAILBOXES[0].quiet_minutes", "MAILBOXES[0].page_size",
    ]  # fmt: skip


def test_all_that_can_be_said_of_a_mailbox_is_read() -> None:
    write_back = {"read": True, "category": "Ticket", "move_to": "archive"}
    more = {"folders": ["inbox", "junkemail"], "since": "2026-11-01T00:00:00+01:00", "write_back": write_back}
    mailbox = load([SUPPORT | more]).mailboxes["support"]
    assert mailbox.folders == ("inbox", "junkemail")
    assert mailbox.since == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert (mailbox.write_back.read, mailbox.write_back.category, mailbox.write_back.move_to) == (
        True,
        "Ticket",
        "archive",
    )


def test_brakes_have_defaults_and_spare_whom_the_settings_name() -> None:
    usual = load([SUPPORT]).mailboxes["support"].brakes
    assert (usual.tickets_per_hour, usual.comments_per_hour) == (20, 40)
    assert not usual.spares("robot@example.com")
    given = {"tickets_per_hour": 5, "exempt": ["Robot@Example.com", "@monitoring.example"]}
    brakes = load([SUPPORT | {"brakes": given}]).mailboxes["support"].brakes
    assert (brakes.tickets_per_hour, brakes.comments_per_hour) == (5, 40)
    spared = [one for one in ("robot@example.com", "a@monitoring.example", "b@example.com", "") if brakes.spares(one)]
    assert spared == ["robot@example.com", "a@monitoring.example"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Support!"}, "name"),
        ({"address": "support"}, "address"),
        ({"address": "a/../b@contoso.example"}, "address"),
        ({"folders": []}, "folders"),
        ({"folders": ["Boîte de réception"]}, "folders"),
        ({"folders": ["../x"]}, "folders"),
        ({"folders": [1]}, "folders"),
        ({"folders": "inbox"}, "folders"),
        ({"connection": "moon"}, "connection"),
        ({"sinks": []}, "sinks"),
        ({"sinks": ["unknown"]}, "sinks"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-11-01"}, "since"),
        ({"attachment_mb": 0}, "attachment_mb"),
        ({"attachment_mb": 151}, "attachment_mb"),
        ({"attachment_mb": True}, "attachment_mb"),
        ({"page_size": 1000}, "page_size"),
        ({"alarm_minutes": "30"}, "alarm_minutes"),
        ({"quiet_minutes": -1}, "quiet_minutes"),
        ({"quiet_minutes": 61}, "quiet_minutes"),
        ({"quiet_minutes": "5"}, "quiet_minutes"),
        ({"quiet_minutes": 16}, "quiet_minutes"),
        ({"quiet_minutes": 3, "alarm_minutes": 5}, "quiet_minutes"),
        ({"write_back": {"read": "yes"}}, "write_back.read"),
        ({"write_back": {"delete": True}}, "write_back.delete"),
        ({"write_back": {"move_to": "inbox"}}, "write_back.move_to"),
        ({"folder": "inbox"}, "folder"),
        ({"own_senders": ["@contoso.com"]}, "own_senders"),
        ({"own_senders": "a@contoso.com"}, "own_senders"),
        ({"brakes": 5}, "brakes"),
        ({"brakes": {"tickets_per_hour": 0}}, "brakes.tickets_per_hour"),
        ({"brakes": {"comments_per_hour": "many"}}, "brakes.comments_per_hour"),
        ({"brakes": {"tickets": 5}}, "brakes.tickets"),
        ({"brakes": {"exempt": ["contoso.com"]}}, "brakes.exempt"),
        ({"brakes": {"exempt": [5]}}, "brakes.exempt"),
    ],
)
def test_a_fault_of_a_mailbox_is_named_by_its_place(change: dict[str, Any], field: str) -> None:
    assert faults([SUPPORT | change]) == [f"MAILBOXES[0].{field}"]


def test_faults_of_several_mailboxes_are_reported_at_once() -> None:
    second = SUPPORT | {"name": "x y", "since": "then"}
    assert faults([SUPPORT, second, SUPPORT]) == ["MAILBOXES[1].name", "MAILBOXES[1].since", "MAILBOXES[2].name"]


@pytest.mark.parametrize("given", ["[", "5", "{}", '"x"'])
def test_mailboxes_are_a_json_list(given: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(GOOD | {"MAILBOXES": given, "AzureWebJobsStorage": "x"})
    assert [fault.setting for fault in raised.value.faults] == ["MAILBOXES"]


@pytest.mark.parametrize(
    ("sinks", "setting"),
    [([], "SINKS"), ({"A!": {"kind": "x"}}, "SINKS"), ({"a": 1}, "SINKS.a"), ({"a": {"url": "x"}}, "SINKS.a")],
)
def test_a_fault_of_the_sinks_is_named(sinks: Any, setting: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(GOOD | {"SINKS": json.dumps(sinks)})
    assert [fault.setting for fault in raised.value.faults] == [setting]


def test_the_options_of_a_sink_are_judged_by_its_kind() -> None:
    def check(sink: SinkSettings) -> list[tuple[str, str]]:
        return [("url", "No.")] if sink.kind == "easyvista" else []

    with pytest.raises(SettingsError) as raised:
        load_settings(GOOD | {"SINKS": json.dumps(SINKS)}, check_sink=check)
    assert [fault.setting for fault in raised.value.faults] == ["SINKS.desk.url"]


def test_mailboxes_without_storage_cannot_keep_their_state() -> None:
    assert faults([SUPPORT], AzureWebJobsStorage="") == ["AzureWebJobsStorage"]


def test_storage_may_be_opened_by_identity() -> None:
    storage = load([SUPPORT], AzureWebJobsStorage="", AzureWebJobsStorage__accountName="contosostate").storage
    assert storage.table_url == "https://contosostate.table.core.windows.net"
    assert storage.connection_string is None
    own = load([SUPPORT], AzureWebJobsStorage="", AzureWebJobsStorage__tableServiceUri="https://t.example").storage
    assert own.table_url == "https://t.example"


@pytest.mark.parametrize("name", ["graph-secret", "Graph-Secret", "gateway-state-key", "partner-secret"])
@pytest.mark.parametrize("option", ["token", "signing_keys"])
def test_no_sink_sends_away_what_the_gateway_signs_in_with(name: str, option: str) -> None:
    partner = {"tenant_id": "p.example", "client_id": GOOD["GRAPH_CLIENT_ID"], "credential": "secret"}
    partner["credential_name"] = "partner-secret"
    sinks = {"desk": {"kind": "x", option: [name] if option == "signing_keys" else name}}
    assert faults([], sinks, GRAPH_CONNECTIONS=json.dumps({"partner": partner})) == [f"SINKS.desk.{option}"]


def test_a_sink_that_is_given_twice_is_not_lost_silently() -> None:
    twice = '{"desk": {"kind": "a"}, "hook": {"kind": "b"}, "desk": {"kind": "c"}}'
    with pytest.raises(SettingsError) as raised:
        load_settings(GOOD | {"SINKS": twice, "AzureWebJobsStorage": "x"})
    [fault] = raised.value.faults
    assert (fault.setting, "'desk' twice" in fault.message) == ("SINKS", True)
