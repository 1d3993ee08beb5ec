# ruff: noqa: RUF001 - mails of the world bring their own colons and quotation marks

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound_mail.content.quoting import HISTORY_BEGIN, QUOTE_BEGIN, QUOTE_END, find_new_text, strip_marks

HISTORIES = {
    "Outlook": "From: Jane Doe <jane@x.example>\nSent: Monday, 2 Nov 2026 10:00\nTo: Support\nSubject: RE: x\n\nold",
    "Outlook with a rule": "________________________________\nFrom: Jane\nSent: Monday\nTo: Support\nSubject: x\n\nold",
    "Outlook, bold": "*From:* Jane\n*Sent:* Monday\n*To:* Support\n*Cc:* a\n*Subject:* x\n\nold",
    "Outlook, German": "Von: Jane Doe\nGesendet: Montag, 2. November 2026 10:00\nAn: Support\nBetreff: AW: x\n\nalt",
    "Outlook, French": "De : Jane Doe\nEnvoyé : lundi 2 novembre 2026 10:00\nÀ : Support\nObjet : RE: x\n\nvieux",
    "Outlook, Spanish": "De: Jane\nEnviado el: lunes\nPara: Support\nAsunto: x\n\nviejo",
    "Outlook, Italian": "Da: Jane\nInviato: lunedì\nA: Support\nOggetto: x\n\nvecchio",
    "Outlook, Dutch": "Van: Jane\nVerzonden: maandag\nAan: Support\nOnderwerp: x\n\noud",
    "Outlook, Portuguese": "De: Jane\nEnviada em: segunda\nPara: Support\nAssunto: x\n\nvelho",
    "Outlook, Polish": "Od: Jane\nWysłano: poniedziałek\nDo: Support\nTemat: x\n\nstary",
    "Outlook, Swedish": "Från: Jane\nSkickat: måndag\nTill: Support\nÄmne: x\n\ngammal",
    "Outlook, Japanese": "差出人: Jane\n送信日時: 2026年11月2日\n宛先: Support\n件名: x\n\n古い",
    "Outlook, Chinese": "发件人：Jane\n发送时间：2026年11月2日\n收件人：Support\n主题：x\n\n旧",
    "old Outlook": "-----Original Message-----\nFrom: Jane\n\nold",
    "old Outlook, German": "-----Ursprüngliche Nachricht-----\nVon: Jane\n\nalt",
    "old Outlook, French": "-----Message d’origine-----\nDe : Jane\n\nvieux",
    "Gmail": "On Mon, Nov 2, 2026 at 10:00 AM Jane Doe <jane@x.example> wrote:\n\n> old\n> older\n",
    "Gmail, broken in two": "On Mon, Nov 2, 2026 at 10:00 AM Jane Doe\n<jane@x.example> wrote:\n> old\n",
    "Gmail, broken in three": "On Mon, Nov 2, 2026 at 10:00 AM\nJane Doe\n<jane@x.example> wrote:\n> old\n",
    "a phone, unquoted": "On 2 Nov 2026, at 10:00, Jane Doe <jane@x.example> wrote:\n\nold",
    "Apple Mail, German": "Am 02.11.2026 um 10:00 schrieb Jane Doe <jane@x.example>:\n\n> alt",
    "Apple Mail, French": "Le 2 nov. 2026 à 10:00, Jane Doe <jane@x.example> a écrit :\n\n> vieux",
    "Gmail, Spanish": "El lun, 2 nov 2026 a las 10:00, Jane (<j@x.example>) escribió:\n\n> viejo",
    "Gmail, Italian": "Il giorno lun 2 nov 2026 alle ore 10:00 Jane <j@x.example> ha scritto:\n\n> vecchio",
    "Gmail, Dutch": "Op ma 2 nov 2026 om 10:00 schreef Jane <j@x.example>:\n\n> oud",
    "Thunderbird, name first": "Jane Doe schrieb:\n> alt\n>> älter",
    "quotes alone": "> old\n> older",
    "HTML, contained": f"{QUOTE_BEGIN}old\nolder{QUOTE_END}",
    "HTML, nested": f"{QUOTE_BEGIN}old\n{QUOTE_BEGIN}older{QUOTE_END}\nold again{QUOTE_END}",
    "HTML, a start only": f"{HISTORY_BEGIN}From: somebody\n\nold",
    "HTML, attribution outside": f"Jane wrote:\n\n{QUOTE_BEGIN}old{QUOTE_END}",
    "a signature below": "On 2 Nov 2026 10:00 Jane wrote:\n> old\n\n--\nJohn, Fabrikam",
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_the_history_is_cut_below_the_answer(history: str) -> None:
    assert find_new_text(f"It works again.\n\nThank you\nJohn\n\n{history}") == "It works again.\n\nThank you\nJohn"


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_a_mail_that_is_all_history_is_not_cut(history: str) -> None:
    assert find_new_text(f"\n \n{history}") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Just a text.\nWith two lines.",
        "From: the start\nit was slow.",
        "Subject: x\nFrom: y",
        "On Monday I wrote:\nthe printer is broken",
        "He said: 10:00 wrote",
        "Steps:\n--\nA, B",
        "---------- Forwarded message ---------\nFrom: x\nSubject: y\nDate: z\nTo: a\n\nplease see",
    ],
)
def test_a_mail_without_history_is_not_cut(text: str) -> None:
    assert find_new_text(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Hi,\n> Is it on?\nYes.\n> And the cable?\nYes.",
        "Hi\n\nOn 2 Nov 2026 10:00 Jane wrote:\n> Is it on?\n\nYes, it is.",
        "> Is it on?\nYes.",
        f"Hi\n{QUOTE_BEGIN}Is it on?{QUOTE_END}\nYes.",
        f"Hi\n{QUOTE_BEGIN}Is it on?{QUOTE_END} Yes.\n{QUOTE_BEGIN}And the cable?{QUOTE_END}",
        "See below.\n\n-----Original Message-----\nIs it on? YES",
        "Meine Antworten in rot.\n\nVon: J\nGesendet: M\nBetreff: x\n\nGeht es? JA",
    ],
)
def test_answers_between_or_below_the_quotes_keep_the_whole_text(text: str) -> None:
    assert find_new_text(text) is None


@pytest.mark.parametrize(
    "marker",
    [
        "---------- Forwarded message ---------",
        "Begin forwarded message:",
        "-------- Weitergeleitete Nachricht --------",
        "---------- Message transféré ----------",
        "Anfang der weitergeleiteten Nachricht:",
    ],
)
def test_a_forwarded_mail_is_never_cut(marker: str) -> None:
    assert find_new_text(f"Please look.\n\n{marker}\nFrom: a\nDate: b\nSubject: c\nTo: d\n\nThe message") is None


def test_the_line_above_an_attribution_is_not_part_of_it() -> None:
    text = "On my desk since 10:00.\nOn 2 Nov 2026 at 10:00 Jane wrote:\n> old"
    assert find_new_text(text) == "On my desk since 10:00."
    assert find_new_text("Thanks.\nOn 2 Nov 2026 at 10:00 Jane wrote:\n> old") == "Thanks."


def test_marks_are_removed_from_the_shown_text() -> None:
    assert strip_marks(f"a{QUOTE_BEGIN}b{QUOTE_END}c{HISTORY_BEGIN}") == "abc"


PIECES = st.lists(
    st.sampled_from(
        [
            QUOTE_BEGIN,
            QUOTE_END,
            HISTORY_BEGIN,
            "> ",
            "\n",
            "\n\n",
            "From: a\n",
            "Subject: b\n",
            "On 1 at 10:00 x wrote:",
            "text",
        ]
    )
    | st.text(max_size=5)
)


@pytest.mark.slow(reason="tries many examples")
@given(PIECES.map("".join))
def test_new_text_is_the_beginning_of_the_whole(text: str) -> None:
    new = find_new_text(text)
    assert new is None or new.strip("\n") in strip_marks(text)


@pytest.mark.slow(reason="reads a million characters")
@pytest.mark.parametrize(
    "piece", ["> ", ">\n", "On 1 10:00 wrote\n", "On 1 10:00 ", "From: a\n", QUOTE_BEGIN, QUOTE_END, "-", " ", "\n"]
)
def test_a_million_characters_are_read_in_linear_time(piece: str) -> None:
    find_new_text("Hello\n" + piece * (1_000_000 // len(piece)))
