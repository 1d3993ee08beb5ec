"""Rules of a mailbox: they choose sinks, set fields and set mails aside, once for each mail."""

from dataclasses import replace
from typing import Any

import pytest

from inbound_mail.content.rules import MatchedRule
from inbound_mail.delivery.delivery import DeliveryOutcome
from shared.errors import OutcomeUnknown, Unavailable
from tests.field_mails import load_field_mail
from tests.functional.mail.conftest import MailScenario, OpenScenario
from tests.functional.mail.deliveries import ask_again, causes, change_rules, deliver, failing, taken_in
from tests.functional.mail.test_automatic_mail import ask
from twin.mail.contents import File

pytestmark = [pytest.mark.usefixtures("rows_in_memory"), pytest.mark.slow(reason="long scenarios of mails")]

VPN = {
    "name": "vpn",
    "any": [{"plus_tag": "printer"}, {"subject": "vpn"}],
    "sink": "network",
    "catalog_entry": "VPN",
    "urgency": 2,
    "custom_fields": {"e_channel": "{address}"},
}
NEWS = {"name": "news", "all": [{"header": "List-Id"}], "set_aside": "A newsletter."}
AUTOMATIC_REPLY = {"Auto-Submitted": "auto-replied"}


def sink_of(scenario: MailScenario, name: str) -> str:
    return next(one for one in scenario.sinks if one.startswith(name))


def titles(scenario: MailScenario, name: str) -> list[str]:
    """Return the subjects that a sink got, in order."""
    return [one.mail.subject for one in scenario.sinks[sink_of(scenario, name)].received]


@pytest.fixture
def ruled(open_scenario: OpenScenario) -> MailScenario:
    return open_scenario(rule_sinks=("network",), rules=(NEWS, VPN))


def test_a_rule_chooses_the_sink_and_is_recorded(ruled: MailScenario) -> None:
    ruled.receive(subject="Printer")
    mail = ruled.receive(subject="VPN down", attachments=[File("a.txt", data=b"a")])
    ruled.run()
    assert titles(ruled, "tickets") == ["Printer"]
    assert titles(ruled, "network") == ["VPN down"]
    [prepared] = ruled.sinks[sink_of(ruled, "network")].received
    assert prepared.rule == MatchedRule("vpn", sink_of(ruled, "network"), "VPN", 2, {"e_channel": "{address}"})
    record = ask(ruled, f"/mails/{ruled.mailbox.key(mail.id)}")
    assert record["rule"] == {
        "name": "vpn",
        "sink": sink_of(ruled, "network"),
        "catalogEntry": "VPN",
        "urgency": 2,
        "customFields": {"e_channel": "{address}"},
    }
    items = ruled.gateway.get("connector/previews/mails", kind="arrived", mailbox=ruled.name).json()["value"]
    assert [one.get("rule", {}).get("name") for one in items] == [None, "vpn"]
    assert "rule" not in ask(ruled, "/mails")["value"][0]


def test_a_mail_to_a_plus_address_is_matched_by_its_tag(ruled: MailScenario) -> None:
    ruled.receive(**load_field_mail("t13-plus-address.eml"))
    ruled.run()
    assert titles(ruled, "network") == ["To a plus address"]


@pytest.mark.parametrize("files", [[], [File("a.txt", data=b"a")]])
def test_a_mail_that_a_rule_sets_aside_is_listed_and_can_be_delivered(ruled: MailScenario, files: list[File]) -> None:
    mail = ruled.receive(subject="News", headers={"List-Id": "<news.contoso.com>"}, attachments=files)
    ruled.run()
    [listed] = ask(ruled, "/mails", state="rule")["value"]
    assert listed["key"] == ruled.mailbox.key(mail.id)
    assert listed["rule"] == {"name": "news", "setAside": "A newsletter."}
    [delivery] = listed["deliveries"]
    assert (delivery["cause"], delivery["message"]) == (
        "SetAsideByRule",
        "The rule news sets this mail aside: A newsletter. Redeliver it if it is needed.",
    )
    shown = ask(ruled)
    assert (shown["setAsideByRule"], shown["automatic"], shown["quarantined"]) == (1, 0, 1)
    assert ask(ruled, "/mails", state="automatic")["value"] == []
    assert not mail.categories
    ask_again(ruled, mail)
    ruled.run()
    assert titles(ruled, "tickets") == ["News"]
    assert [one.name for one in ruled.sinks[sink_of(ruled, "tickets")].received[0].mail.attachments] == [
        one.name for one in files
    ]
    assert ask(ruled, "/mails", state="rule")["value"] == []


@pytest.mark.parametrize("change", ["other sink", "set aside", "gone"])
@pytest.mark.parametrize("error", [Unavailable, OutcomeUnknown])
def test_a_mail_that_waits_goes_where_it_was_to_go_when_a_rule_changes(
    ruled: MailScenario, error: type[Exception], change: str
) -> None:
    network, tickets = sink_of(ruled, "network"), sink_of(ruled, "tickets")
    mail = taken_in(ruled, subject="VPN down")
    failing_once = failing(error("Not now."), times=1)
    sink = ruled.sinks[network]
    sink.before, sink.after = (failing_once, sink.after) if error is Unavailable else (sink.before, failing_once)
    assert deliver(ruled, mail, network) is DeliveryOutcome.WAITING
    change_rules(
        ruled,
        {
            "other sink": lambda rule: replace(rule, sink=tickets, urgency=5),
            "set aside": lambda rule: replace(rule, sink=None, set_aside="No more."),
            "gone": lambda _: None,
        }[change],
    )
    ruled.poll()
    assert deliver(ruled, mail, network) is DeliveryOutcome.DELIVERED
    assert (len(sink.tickets), titles(ruled, "tickets")) == (1, [])
    assert all(one.rule is not None and one.rule.urgency == 2 for one in sink.received)
    ruled.run()
    assert len(sink.tickets) == 1


def test_a_mail_whose_files_are_not_fetched_yet_keeps_its_rule(ruled: MailScenario) -> None:
    mail = ruled.receive(subject="VPN down", attachments=[File("a.txt", data=b"a")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inbound_mail.intake.attachments.AttachmentFetcher.fetch", lambda *_: None)
        ruled.poll()
    assert ruled.describe(mail.id)["state"] == "seen"
    change_rules(ruled, lambda _: None)
    ruled.run()
    assert titles(ruled, "network") == ["VPN down"]


def test_new_rules_are_for_mails_that_come_later(ruled: MailScenario) -> None:
    mail = taken_in(ruled, subject="Printer")
    change_rules(ruled, lambda rule: replace(rule, groups=()))
    assert deliver(ruled, mail, sink_of(ruled, "tickets")) is DeliveryOutcome.DELIVERED
    assert "rule" not in ruled.describe(mail.id)
    later = ruled.receive(subject="Printer again")
    ruled.run()
    assert ruled.describe(later.id)["rule"]["name"] == "news"


def test_a_sink_that_is_gone_from_the_settings_leaves_the_mail_in_quarantine(ruled: MailScenario) -> None:
    mail = taken_in(ruled, subject="VPN down")
    del ruled.sinks[sink_of(ruled, "network")]
    key = ruled.mailbox.key(mail.id)
    [delivery] = ruled.mailbox.ledger.deliveries(key)
    assert ruled.deliverer().deliver(ruled.mailbox, key, delivery.sink) is DeliveryOutcome.QUARANTINED
    assert causes(ruled, mail) == ["SinkGone"]


@pytest.mark.parametrize("at_once", [True, False])
def test_an_answer_follows_the_mail_that_it_answers(ruled: MailScenario, at_once: bool) -> None:
    ruled.receive(subject="VPN down", message_id="<first@example.com>", text="Help.")
    ruled.receive(subject="Printer", message_id="<other@example.com>", text="Ink.")
    if not at_once:
        ruled.run()
    ruled.receive(subject="Re: it works again", headers={"In-Reply-To": "<first@example.com>"})
    ruled.receive(subject="Re: Printer and VPN", headers={"References": "<unknown@x> <other@example.com>"})
    ruled.receive(subject="Re: VPN of a stranger", headers={"In-Reply-To": "<unknown@example.com>"})
    ruled.run()
    assert set(titles(ruled, "network")) == {"VPN down", "Re: it works again", "Re: VPN of a stranger"}
    assert set(titles(ruled, "tickets")) == {"Printer", "Re: Printer and VPN"}
    [followed] = [one for one in ruled.mails() if one["subject"] == "Re: Printer and VPN"]
    assert "rule" not in followed


def test_a_rule_sets_answers_aside_too(ruled: MailScenario) -> None:
    ruled.receive(subject="VPN down", message_id="<first@example.com>")
    ruled.run()
    ruled.receive(subject="Re: VPN", headers={"In-Reply-To": "<first@example.com>", "List-Id": "<x>"})
    ruled.run()
    assert titles(ruled, "network") == ["VPN down"]
    assert len(ask(ruled, "/mails", state="rule")["value"]) == 1


def test_an_automatic_mail_stays_automatic(ruled: MailScenario) -> None:
    mail = ruled.receive(subject="Automatic reply: VPN", headers=AUTOMATIC_REPLY)
    ruled.run()
    assert titles(ruled, "network") == []
    assert causes(ruled, mail) == ["AutomaticMail"]
    [listed] = ask(ruled, "/mails", state="automatic")["value"]
    assert listed["rule"]["name"] == "vpn"


def test_an_automatic_mail_becomes_a_note_in_the_sink_of_its_ticket(ruled: MailScenario) -> None:
    ruled.receive(subject="VPN down", message_id="<first@example.com>")
    ruled.run()
    away = AUTOMATIC_REPLY | {"In-Reply-To": "<first@example.com>"}
    ruled.receive(subject="Automatic reply: away", headers=away)
    ruled.run()
    [_, note] = ruled.sinks[sink_of(ruled, "network")].received
    assert note.is_note


def test_a_rule_may_take_automatic_mails_but_never_our_own(open_scenario: OpenScenario) -> None:
    rule = {**VPN, "takes_automatic": True}
    scenario = open_scenario(rule_sinks=("network",), rules=(rule,))
    scenario.receive(subject="VPN report", headers=AUTOMATIC_REPLY)
    own = scenario.receive(subject="VPN", headers={"X-Loop": scenario.mailbox.settings.address})
    scenario.run()
    [prepared] = scenario.sinks[sink_of(scenario, "network")].received
    assert (prepared.mail.subject, prepared.is_note, prepared.screening.may_reply) == ("VPN report", False, False)
    assert causes(scenario, own) == ["AutomaticMail"]


def test_rules_that_cannot_be_applied_to_a_mail_let_it_pass(ruled: MailScenario) -> None:
    def fail(*_: Any) -> None:
        raise RecursionError

    mail = ruled.receive(subject="VPN down")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inbound_mail.intake.routing.find_rule", fail)
        ruled.run()
    assert titles(ruled, "tickets") == ["VPN down"]
    assert "rule" not in ruled.describe(mail.id)


def test_mails_that_claim_to_answer_each_other_are_routed(ruled: MailScenario) -> None:
    ruled.receive(subject="VPN a", message_id="<a@example.com>", headers={"In-Reply-To": "<b@example.com>"})
    ruled.receive(subject="b", message_id="<b@example.com>", headers={"In-Reply-To": "<a@example.com>"})
    ruled.receive(subject="c", message_id="<c@example.com>", headers={"In-Reply-To": "<c@example.com>"})
    ruled.run()
    assert sorted(one.mail.subject for sink in ruled.sinks.values() for one in sink.received) == ["VPN a", "b", "c"]
