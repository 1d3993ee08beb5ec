"""What proves the author of a mail, and whether an answer has the subject of before."""

import pytest

from inbound_mail.content.authentication import explain_doubt
from inbound_mail.content.rendering import read_title
from inbound_mail.content.subjects import is_replaced
from tests.unit.graph_message import build_mail

OURS = "lee@contoso.example"
AUTH_AS = "X-MS-Exchange-Organization-AuthAs"


def explain(*results: str, auth_as: str = "", sender: str = OURS) -> str | None:
    headers = [{"name": "Authentication-Results", "value": value} for value in results]
    headers += [{"name": AUTH_AS, "value": auth_as}] if auth_as else []
    return explain_doubt(build_mail(sender=sender, internetMessageHeaders=headers))


@pytest.mark.parametrize(
    ("results", "auth_as", "words"),
    [
        (["spf=fail (sender IP is 1.2.3.4) smtp.mailfrom=x.example; dmarc=fail action=none"], "", "failed DMARC"),
        (["mx.contoso.com; dkim=none; DMARC = Fail (p=REJECT) header.from=contoso.com"], "", "failed DMARC"),
        (["a; dmarc=fail header.from=contoso.com", "b; dmarc=pass"], "", "failed DMARC"),
        (["a; dmarc=fail; x=y; dmarc=pass"], "", "failed DMARC"),
        (["a; dmarc=fail"], "Anonymous", "failed DMARC"),
        (["spf=none; dmarc=none action=none; compauth=fail reason=001"], "", "Exchange's check"),
        ([], "Anonymous", "of our own domain"),
        (["a; spf=none", "b; dmarc=pass"], "Anonymous", "of our own domain"),
        (["a; dmarc=none"], "anonymous ", "of our own domain"),
    ],
)
def test_an_author_is_doubted_by_what_our_own_mail_system_found(results: list[str], auth_as: str, words: str) -> None:
    assert words in (explain(*results, auth_as=auth_as) or "")


@pytest.mark.parametrize(
    ("results", "auth_as", "sender"),
    [
        ([], "", OURS),
        (["spf=pass smtp.mailfrom=contoso.com; dmarc=pass action=none"], "", OURS),
        (["a; dmarc=pass", "forged; dmarc=fail"], "", OURS),
        (["a; spf=pass", "forged; dmarc=fail"], "", OURS),
        (["a; spf=pass (dmarc=fail) smtp.mailfrom=contoso.com"], "", OURS),
        (["a; x-dmarc=fail; xdmarc=fail"], "", OURS),
        (["a; dmarc=fail"], "Internal", OURS),
        (["a; dmarc=bestguesspass"], "Anonymous", OURS),
        (["a; dmarc=none"], "Anonymous", "zoe@partner.example"),
        (["a; dmarc=temperror"], "Anonymous", "zoe@partner.example"),
    ],
)
def test_an_author_is_not_doubted_without_a_failed_check(results: list[str], auth_as: str, sender: str) -> None:
    assert explain(*results, auth_as=auth_as, sender=sender) is None


def replaces(new: str, old: str, ticket: str = "T-17") -> bool:
    return is_replaced(read_title(new).title, read_title(old).title, ticket)


@pytest.mark.parametrize(
    "subject",
    [
        "Kein Ton", "AW: Kein Ton", "SV: VS: kein  ton", "Odgovor: Kein Ton", "[EXTERNAL] RE: Kein Ton", "RE: T-17 x",
        "回复\uff1aKein Ton", "ตอบ: Kein Ton", "[EXT] ส่งต่อ: Kein Ton", "Trả lời: Kein Ton", "WG: [Ticket] Kein Ton",
        "(External) Kein Ton", "SV: Kein\u00a0Ton", "***SPAM*** Kein Ton", "Re[2]: Kein Ton!", "", "AW:", "\u200b",
    ],
)  # fmt: skip
def test_what_programs_put_before_a_subject_does_not_replace_it(subject: str) -> None:
    assert not replaces(subject, "Kein Ton")
    assert not replaces(subject, "WG: Kein Ton")


@pytest.mark.parametrize(
    "subject", ["RE: Neuer Laptop", "Monitor", "AW: WG: Kein Ton im Saal", "新しいPC", "T-177", "Ton"]
)
def test_a_replaced_subject_is_seen_in_any_language(subject: str) -> None:
    assert replaces(subject, "Kein Ton")


def test_words_added_or_cut_at_the_end_of_a_long_subject_do_not_replace_it() -> None:
    assert not replaces("RE: Headset has no sound - URGENT", "Headset has no sound")
    assert replaces("RE: Headset has no sound", "Headset has no sound and the screen is dark")
    long = "The headset that we got last week has no sound in any meeting"
    assert not replaces(f"RE: {long[:45]}", long)
    assert not replaces("Anything", "")


def test_a_hostile_subject_costs_little_time() -> None:
    for piece in ("a:", "(", "*a", "[", "re: ", "(a)"):
        assert isinstance(replaces(piece * 100_000, piece * 50), bool)
