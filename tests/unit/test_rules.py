"""Rules of a mailbox: how they are read and checked, and which mails they match."""

from typing import Any

import pytest

from composition.mail import find_shared_sinks
from inbound_mail.content.models import InboundMail
from inbound_mail.content.rules import MatchedRule, find_rule
from shared.settings.mail_settings import Mailbox, read_mailboxes
from tests.unit.graph_message import build_mail

VPN = {"name": "vpn", "any": [{"plus_tag": "vpn"}, {"subject": "vpn"}], "sink": "network"}


def read(*rules: Any, **mailbox: Any) -> tuple[Mailbox | None, dict[str, str]]:
    faults: dict[str, str] = {}
    given = {"name": "support", "address": "support@contoso.com", "sinks": ["tickets"], "rules": list(rules)} | mailbox
    found = read_mailboxes([given], ["default"], ["tickets", "network"], faults.__setitem__)
    return found.get("support"), faults


def match(mail: InboundMail, *conditions: dict[str, Any], needs_all: bool = True, **mailbox: Any) -> bool:
    """Return whether a mail is matched by a rule with these conditions."""
    rule = {"name": "tested", "all" if needs_all else "any": list(conditions), "sink": "network"}
    found, faults = read(rule, **mailbox)
    assert found is not None, faults
    return find_rule(found.rules, mail, "inbox") is not None


def person(address: str) -> dict[str, Any]:
    return {"emailAddress": {"name": "", "address": address}}


def to(*addresses: str, **more: Any) -> InboundMail:
    mail = build_mail(toRecipients=[person(one) for one in addresses], **more)
    return InboundMail(mail.mailbox, "support@contoso.com", mail.key, mail.message)


# -- reading -----------------------------------------------------------------------------------------------------------


def test_a_mailbox_without_rules_has_none_and_its_sinks_are_its_own() -> None:
    mailbox, faults = read()
    assert mailbox is not None
    assert (mailbox.rules, mailbox.all_sinks, faults) == ((), ("tickets",), {})


def test_sinks_of_rules_belong_to_a_mailbox() -> None:
    mailbox, _ = read(VPN)
    assert mailbox is not None
    assert mailbox.all_sinks == ("tickets", "network")


def test_a_sink_that_rules_of_one_mailbox_share_with_another_mailbox_is_shared() -> None:
    ruled, _ = read(VPN)
    other, _ = read(sinks=["network"])
    assert ruled is not None
    assert other is not None
    assert find_shared_sinks([ruled, other]) == {"network"}
    assert find_shared_sinks([ruled]) == frozenset()


@pytest.mark.parametrize(
    ("rule", "paths"),
    [
        ("vpn", [""]),
        ({**VPN, "name": "VPN!"}, ["name"]),
        ({"any": VPN["any"], "sink": "network"}, ["name"]),
        ({**VPN, "name": 7}, ["name"]),
        ({**VPN, "sinks": "network"}, ["sinks"]),
        ({**VPN, "sink": "nowhere"}, ["sink"]),
        ({**VPN, "sink": ["network"]}, ["sink"]),
        ({"name": "x", "sink": "network"}, [""]),
        ({"name": "x", "any": VPN["any"]}, [""]),
        ({**VPN, "any": []}, ["any"]),
        ({**VPN, "any": {"subject": "vpn"}}, ["any"]),
        ({**VPN, "any": ["vpn"]}, ["any[0]"]),
        ({**VPN, "any": [{}]}, ["any[0]"]),
        ({**VPN, "any": [{"subject": "vpn", "from": "@contoso.com"}]}, ["any[0]"]),
        ({**VPN, "any": [{"sender": "x@contoso.com"}]}, ["any[0].sender", "any[0]"]),
        ({**VPN, "any": [{"subject": 5}]}, ["any[0].subject"]),
        ({**VPN, "any": [{"subject": "..."}]}, ["any[0].subject"]),
        ({**VPN, "any": [{"subject": ["vpn", 5, ""]}]}, ["any[0].subject[1]", "any[0].subject[2]"]),
        ({**VPN, "any": [{"subject": []}]}, ["any[0].subject"]),
        ({**VPN, "any": [{"subject": "a" * 201}]}, ["any[0].subject"]),
        ({**VPN, "any": [{"from": "contoso.com"}]}, ["any[0].from"]),
        ({**VPN, "any": [{"from": "@contoso.com.*"}]}, ["any[0].from"]),
        ({**VPN, "any": [{"recipient": "support"}]}, ["any[0].recipient"]),
        ({**VPN, "any": [{"plus_tag": "vpn@"}]}, ["any[0].plus_tag"]),
        ({**VPN, "any": [{"folder": "archive"}]}, ["any[0].folder"]),
        ({**VPN, "any": [{"header": "List-Id:"}]}, ["any[0].header"]),
        ({**VPN, "any": [{"header": ["List-Id"]}]}, ["any[0].header"]),
        ({**VPN, "any": [{"header": "List-Id", "value": "<>"}]}, ["any[0].value"]),
        ({**VPN, "any": [{"subject": "vpn", "value": "x"}]}, ["any[0].value"]),
        ({**VPN, "any": [{"all": [{"any": [{"all": [{"subject": "x"}]}]}]}]}, ["any[0].all[0].any[0].all"]),
        ({**VPN, "urgency": 0}, ["urgency"]),
        ({**VPN, "urgency": "2"}, ["urgency"]),
        ({**VPN, "urgency": True}, ["urgency"]),
        ({**VPN, "catalog_entry": " "}, ["catalog_entry"]),
        ({**VPN, "custom_fields": {"title": "x"}}, ["custom_fields.title"]),
        ({**VPN, "custom_fields": {"e_a": 5, "e_b": "{body}"}}, ["custom_fields.e_a", "custom_fields.e_b"]),
        ({**VPN, "set_aside": "A newsletter."}, ["set_aside"]),
        ({"name": "x", "any": VPN["any"], "set_aside": ""}, ["set_aside"]),
        ({"name": "x", "any": VPN["any"], "urgency": 2, "takes_automatic": True}, ["takes_automatic"]),
        ({"name": "x", "all": [{"from": "@a.example"}], "requestor": "sender"}, ["requestor"]),
        ({"name": "x", "all": [{"subject": "form"}], "requestor": "reply-to"}, ["requestor"]),
        ({"name": "x", "any": [{"from": "@a.example"}, {"subject": "x"}], "requestor": "forwarded"}, ["requestor"]),
    ],
)
def test_every_fault_of_a_rule_is_named_with_its_path(rule: Any, paths: list[str]) -> None:
    good = {**VPN, "name": "good"}
    mailbox, faults = read(good, rule)
    assert mailbox is None
    assert list(faults) == [f"MAILBOXES.support.rules[1].{path}".rstrip(".") for path in paths]
    assert all(sentence.endswith(".") for sentence in faults.values())


def test_faults_of_rules_are_listed_together_with_those_of_their_mailbox() -> None:
    _, faults = read({**VPN, "any": [{"header": ""}]}, {**VPN, "sink": "x"}, page_size=1)
    assert list(faults) == [
        "MAILBOXES[0].page_size",
        "MAILBOXES.support.rules[0].any[0].header",
        "MAILBOXES.support.rules[1].sink",
    ]


def test_two_rules_of_one_name_are_a_fault() -> None:
    assert list(read(VPN, VPN)[1]) == ["MAILBOXES.support.rules[1].name"]


def test_there_are_bounds() -> None:
    assert list(read(*({**VPN, "name": f"r{number}"} for number in range(101)))[1]) == ["MAILBOXES.support.rules"]
    assert list(read({**VPN, "any": VPN["any"] * 51})[1]) == ["MAILBOXES.support.rules[0].any"]  # type: ignore[operator]
    fields = {f"e_{number}": "x" for number in range(21)}
    assert list(read({**VPN, "custom_fields": fields})[1]) == ["MAILBOXES.support.rules[0].custom_fields"]


# -- matching ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "is_match"),
    [
        ("jane@fabrikam.example", True),
        ("Jane@Fabrikam.Example", True),
        ("@fabrikam.example", True),
        (["x@y.example", "@fabrikam.example"], True),
        ("@example.com", False),
        ("@mail.fabrikam.example", False),
        ("john@fabrikam.example", False),
    ],
)
def test_senders_match_by_address_or_domain(value: Any, is_match: bool) -> None:
    assert match(build_mail(sender="jane@fabrikam.example"), {"from": value}) is is_match


def test_subdomains_and_endings_of_a_domain_are_other_domains() -> None:
    for sender in ("x@evilcontoso.com", "x@a.contoso.com", "x@contoso.com.evil.example"):
        assert not match(build_mail(sender=sender), {"from": "@contoso.com"})


def test_a_mail_without_author_matches_no_sender() -> None:
    assert not match(build_mail(sender=""), {"from": "@contoso.com"})


@pytest.mark.parametrize(
    "mail",
    [
        to("support+vpn@contoso.com"),
        to("Support+VPN@Contoso.com"),
        to("x@contoso.com", ccRecipients=[person("support+vpn@contoso.com")]),
        *(
            to("team@contoso.com", headers={name: "Support <support+vpn@contoso.com>"})
            for name in ("Delivered-To", "X-Original-To", "envelope-to", "X-FORWARDED-TO", "Resent-Cc")
        ),
    ],
)
def test_plus_tags_are_found_wherever_a_recipient_stands(mail: InboundMail) -> None:
    assert match(mail, {"plus_tag": "vpn"})
    assert match(mail, {"recipient": "SUPPORT+vpn@contoso.com"})


@pytest.mark.parametrize(
    "mail",
    [
        to("support@contoso.com"),
        to("support+vpn2@contoso.com"),
        to("vpn@contoso.com"),
        to("somebody+vpn@fabrikam.example"),
        to("support@contoso.com", headers={"X-Note": "support+vpn@contoso.com"}),
    ],
)
def test_other_addresses_have_no_such_tag(mail: InboundMail) -> None:
    assert not match(mail, {"plus_tag": "vpn"})
    assert not match(mail, {"recipient": "support+vpn@contoso.com"})


@pytest.mark.parametrize(
    ("subject", "value", "is_match"),
    [
        ("VPN down", "vpn", True),
        ("Re: my VPN-client", "vpn", True),
        ("vpn", "vpn", True),
        ("OpenVPN down", "vpn", False),
        ("vpns", "vpn", False),
        ("remote  access is gone", "remote access", True),
        ("remote and access", "remote access", False),
        ("Zugang für Büro", "büro", True),
        ("Zugang für Bu\u0308ro", "büro", True),
        ("Bürostuhl", "büro", False),
        ("STRASSE gesperrt", "straße", True),
        ("Что-то ПРИНТЕРОМ", "принтером", True),
        ("принтеромания", "принтером", False),
        ("プリンターが壊れた", "プリンター", True),
        ("เครื่องพิมพ์เสีย", "เครื่องพิมพ์", True),
        ("打印机坏了", "打印机", True),
        ("price (c++) list", "c++", True),
        ("", "vpn", False),
    ],
)
def test_words_of_the_subject_match_as_whole_words(subject: str, value: str, is_match: bool) -> None:
    assert match(build_mail(subject=subject), {"subject": value}) is is_match


def test_headers_match_by_name_and_by_words_of_their_value() -> None:
    mail = build_mail(headers={"List-Id": "News of Contoso <news.contoso.com>", "X-Severity": "CRITICAL (1)"})
    assert match(mail, {"header": "list-id"})
    assert match(mail, {"header": "List-Id", "value": "news.contoso.com"})
    assert match(mail, {"header": "x-severity", "value": ["major", "critical"]})
    assert not match(mail, {"header": "X-Severity", "value": "crit"})
    assert not match(mail, {"header": "X-Priority"})
    assert not match(build_mail(headers=None), {"header": "List-Id"})


def test_folders_match_by_the_name_in_the_settings() -> None:
    assert match(build_mail(), {"folder": "inbox"})
    assert not match(build_mail(), {"folder": "junkemail"}, folders=["inbox", "junkemail"])


def test_conditions_are_combined() -> None:
    mail = build_mail(subject="VPN down", sender="jane@fabrikam.example")
    yes, no = {"subject": "vpn"}, {"subject": "printer"}
    assert match(mail, yes, yes)
    assert not match(mail, yes, no)
    assert match(mail, no, yes, needs_all=False)
    assert not match(mail, no, no, needs_all=False)
    assert match(mail, {"any": [no, {"all": [yes, {"from": "@fabrikam.example"}]}]})
    assert not match(mail, {"any": [no, {"all": [yes, no]}]}, yes)


def test_a_rule_with_both_lists_needs_both() -> None:
    both = {**VPN, "all": [{"from": "@fabrikam.example"}]}
    mailbox, _ = read(both)
    assert mailbox is not None
    assert find_rule(mailbox.rules, build_mail(subject="VPN", sender="a@fabrikam.example"), "inbox")
    assert not find_rule(mailbox.rules, build_mail(subject="VPN", sender="a@contoso.com"), "inbox")
    assert not find_rule(mailbox.rules, build_mail(subject="LAN", sender="a@fabrikam.example"), "inbox")


def test_the_first_rule_that_matches_counts() -> None:
    mailbox, _ = read({**VPN, "name": "first", "urgency": 2}, VPN)
    assert mailbox is not None
    assert find_rule(mailbox.rules, build_mail(subject="vpn"), "inbox") == MatchedRule("first", "network", urgency=2)


def test_what_a_rule_decides_is_read_as_it_was_written() -> None:
    decided = MatchedRule("x", "network", "VPN", 3, {"e_a": "{sender}"}, takes_automatic=True)
    assert MatchedRule.from_json(decided.describe()) == decided
    assert MatchedRule("y", set_aside="Why.").describe() == {"name": "y", "setAside": "Why."}


def test_a_hostile_mail_costs_little() -> None:
    hostile = "vp" * 500_000
    headers = {"Delivered-To": "((((" * 100_000 + "@" * 100_000}
    mail = to("x@contoso.com", subject=hostile, headers=headers)
    assert not match(mail, {"subject": "vpn"}, {"plus_tag": "vpn"}, {"header": "Delivered-To", "value": "vpn"})
