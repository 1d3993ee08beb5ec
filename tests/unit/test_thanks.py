"""Mails that say nothing but thanks, and mails that only begin so."""

import pytest

from inbound_mail.content.thanks import AROUND, CLOSINGS, THANKS, says_only_thanks

ALEX = ("Alex Wilber", "alex.wilber")


@pytest.mark.parametrize(
    "text",
    [
        "Thank you, all fine!",
        "THANKS A LOT :-)",
        "Hi Alex,\n\nthank you very much! It works now.\n\nKind regards\nAlex Wilber\nSales | Contoso\n+49 30 1234",
        "Vielen Dank, funktioniert wieder \U0001f600\n\nMit freundlichen Grüßen\nAlex Wilber",
        "Merci beaucoup !\n\nBien cordialement\nAlex",
        "Hallo,\ndanke schön\nLG Alex",
        "ありがとうございました。",
        "Kiitos! Toimii nyt.",
        "Dziękuję za pomoc :)",
        "Спасибо, всё работает.",
        "谢谢\uff01",
        "감사합니다",
        "ขอบคุณครับ",
        "شكرا",
        "Tack så mycket!\n-- \nAlex Wilber\nAny question? Call me!",
        "Thanks!\n\nOn Mon, 23 Nov 2026 at 10:00, Service desk\n<s@x.com> wrote:\n> Closed. Is it ok?",
        "Danke!\n\nVon: Service desk\nGesendet: Montag\nAn: Alex\nBetreff: Ihr Ticket\n\nDrucker geht wieder.",
        "Gracias\n\n-----Original Message-----\nFrom: Support\nTo: Alex\nSubject: x\n\nDone.",
    ],
)
def test_thanks_are_recognised_in_many_languages(text: str) -> None:
    assert says_only_thanks(text, ALEX)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "all fine",
        "Alex",
        "Thank you, but it is broken again.",
        "Thanks\nThe printer is broken again",
        "Thanks for nothing",
        "Thanks in advance",
        "Vielen Dank im Voraus",
        "Danke. Wann kommt der Monitor?",
        "ありがとうございます。まだ動きません。",
        "谢谢\uff0c还是不行",
        "Thank you!\nBest regards\nAlex\nPS: the dock is dead",
        "Thank you!\nRegards\nAlex\nThe dock is dead again.",
        "Thank you!\nRegards\nAlex\nIs the dock in stock?",
        "Thanks, see below\n> Is it ok?\nno",
        "Thanks!\n> Is it ok?\nNo, it is not.",
        "thank you " * 100,
    ],
)
def test_a_mail_with_another_word_is_a_mail_like_any_other(text: str) -> None:
    assert not says_only_thanks(text, ALEX)


def test_every_phrase_of_the_table_is_read() -> None:
    for phrases in THANKS.values():
        assert all(says_only_thanks(f"{one}!", ()) for one in phrases)
    for phrases in (*AROUND.values(), *CLOSINGS.values()):
        assert all(says_only_thanks(f"{one}. Thanks.", ()) for one in phrases)
        assert not any(says_only_thanks(one, ()) for one in phrases)


@pytest.mark.parametrize("piece", ["thanks: ", "a: b\n", "all:\n", "thank you all ", "> ", "thanks:\n"])
def test_a_hostile_text_costs_little_time(piece: str) -> None:
    assert isinstance(says_only_thanks(piece * 100_000, ALEX), bool)
    assert isinstance(says_only_thanks(piece * 30, ALEX), bool)
